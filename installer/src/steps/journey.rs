use std::time::Duration;

use wt_keys::console::Progress;

use super::{Need, Step};
use crate::{Installation, Result, journey};

const PATIENCE: Duration = Duration::from_mins(1);

/// Walks the user journey at the end of every run, before a release is called installed.
#[derive(Debug)]
pub struct WalkJourney;

impl Step for WalkJourney {
    fn name(&self) -> &'static str {
        "journey"
    }

    fn replaces(&self) -> bool {
        true
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        Ok(match installation.manifest().site.journey.len() {
            0 => Need::Nothing,
            steps => Need::Check(format!("walk the user journey of {steps} steps")),
        })
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let _phase = progress.phase("walking the user journey", None);
        let steps = journey::walk(installation, PATIENCE)?;
        Ok(format!("the user journey passes, all {steps} steps"))
    }
}
