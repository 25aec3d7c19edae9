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
        let before = wrappers::write(&home)?;
        let words = format!("{} scripts in {}", wrappers::WRAPPERS.len(), home.display());
        if before.is_empty() {
            return Ok(words);
        }
        let names: Vec<String> = before.iter().map(|path| path.display().to_string()).collect();
        Ok(format!("{words}; what was there before is {}", names.join(", ")))
    }
}
