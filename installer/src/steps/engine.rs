use wt_keys::console::Progress;

use super::{Need, Step};
use crate::{Installation, Result, engine_configuration, packages};

/// Installs Docker from the bundle's packages where there is none, and leaves none of them lying about.
#[derive(Debug)]
pub struct InstallEngine;

impl Step for InstallEngine {
    fn name(&self) -> &'static str {
        packages::STEP
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        if installation.find_engine()?.is_some() {
            return Ok(match packages::leftover(&installation.places) {
                Some(folder) => {
                    Need::Work(format!("remove {}, left by a run that was killed", folder.display()))
                }
                None => Need::Nothing,
            });
        }
        let set = packages::for_host(installation.manifest(), installation.places.root())?;
        Ok(Need::Work(format!("install Docker from {} packages for {}", set.packages.len(), set.target)))
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        if installation.find_engine()?.is_some() {
            packages::remove_leftover(&installation.places)?;
            return Ok("what a killed run left is removed".to_owned());
        }
        engine_configuration::complete(&installation.places)?;
        packages::install(installation.release.bundle()?, &installation.places, progress)?;
        // where a killed run's apt has come to its end meanwhile, nothing was missing, and its files still lie there
        packages::remove_leftover(&installation.places)?;
        Ok(format!("Docker {} installed", installation.engine()?.info().version))
    }
}
