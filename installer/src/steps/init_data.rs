use wt_keys::console::Progress;

use super::{Need, Step};
use crate::{Installation, Result, hook, init_data};

/// Fills the data stores, once in the life of the data. A run that was killed in the middle runs the script again, so the
/// script must bear that.
#[derive(Debug)]
pub struct InitData;

impl Step for InitData {
    fn name(&self) -> &'static str {
        "init-data"
    }

    fn replaces(&self) -> bool {
        true
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        match &installation.manifest().site.hooks.init_data {
            Some(script) if !init_data::was_done(installation)? => {
                Ok(Need::Work(format!("run {script} once")))
            }
            _ => Ok(Need::Nothing),
        }
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let Some(script) = &installation.manifest().site.hooks.init_data else { return Ok(String::new()) };
        let _phase = progress.phase("initialising the data", None);
        hook::run(installation, script)?;
        init_data::remember(installation)?;
        Ok(format!("{script} has run"))
    }
}
