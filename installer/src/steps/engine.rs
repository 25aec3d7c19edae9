use wt_keys::console::Progress;

use super::{Need, Step};
use crate::engine::Engine;
use crate::{Installation, Result, packages};

/// Installs Docker from the bundle's packages where there is none.
pub struct InstallEngine;

impl Step for InstallEngine {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        if Engine::find()?.is_some() {
            return Ok(Need::Nothing);
        }
        let set = packages::for_host(installation.manifest(), installation.places.root())?;
        Ok(Need::Work(format!("install Docker from {} packages for {}", set.packages.len(), set.target)))
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        packages::install(&installation.bundle, &installation.places, progress)?;
        let info = installation.engine()?.info()?;
        Ok(format!("Docker {} installed", info.version))
    }
}
