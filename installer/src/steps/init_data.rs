use wt_keys::console::Progress;

use super::{Need, Step};
use crate::{Installation, Result, hook};

pub const NAME: &str = "init-data";

/// Fills the data stores, once in the life of the site. Only the journal knows whether it was done: the data belongs
/// to the product. A run that was killed in the middle runs the script again, so the script must bear that.
pub struct InitData;

impl Step for InitData {
    fn name(&self) -> &'static str {
        NAME
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        match &installation.manifest().site.hooks.init_data {
            Some(script) if !installation.journal.was_done(NAME)? => {
                Ok(Need::Work(format!("run {script} once")))
            }
            _ => Ok(Need::Nothing),
        }
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let Some(script) = &installation.manifest().site.hooks.init_data else { return Ok(String::new()) };
        let _phase = progress.phase("initialising the data", None);
        hook::run(installation, script)?;
        Ok(format!("{script} has run"))
    }
}
