use std::time::Duration;

use wt_keys::console::Progress;

use super::{Need, Step};
use crate::installation::Installed;
use crate::{Installation, Result, journey};

const PATIENCE: Duration = Duration::from_mins(1);

/// Walks the user journey before a release is called installed. Later runs walk it, too, but need not journal it.
pub struct WalkJourney;

impl Step for WalkJourney {
    fn name(&self) -> &'static str {
        "journey"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let manifest = installation.manifest();
        match Installed::read(&installation.places)? {
            Some(installed) if installed.version == manifest.version => Ok(Need::Nothing),
            _ if manifest.site.journey.is_empty() => Ok(Need::Nothing),
            _ => Ok(Need::Work(format!("walk the user journey of {} steps", manifest.site.journey.len()))),
        }
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let _phase = progress.phase("walking the user journey", None);
        let steps = journey::walk(installation.manifest(), &installation.site, PATIENCE)?;
        Ok(format!("{steps} steps passed"))
    }
}
