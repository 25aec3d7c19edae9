use wt_keys::console::Progress;

use super::{Need, Step};
use crate::{Installation, Result, wrappers};

/// Puts the scripts of old into the product's folder; each is one call of this program.
#[derive(Debug)]
pub struct WriteWrappers;

impl Step for WriteWrappers {
    fn name(&self) -> &'static str {
        "scripts"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let home = installation.home();
        if wrappers::are_there(&home) {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("write the scripts in {}", home.display())))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let home = installation.home();
        wrappers::write(&home)?;
        Ok(format!("{} scripts in {}", wrappers::WRAPPERS.len(), home.display()))
    }
}
