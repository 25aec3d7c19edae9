use wt_keys::console::Progress;

use super::{Need, Step};
use crate::schedule::Schedule;
use crate::{Installation, Result};

/// Has the host do by itself what is to be done at every start, every minute and every day.
#[derive(Debug)]
pub struct InstallSchedule;

impl Step for InstallSchedule {
    fn name(&self) -> &'static str {
        "schedule"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let schedule = Schedule::of(installation);
        if schedule.is_installed()? {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("have the host do by itself: {}", schedule.summary())))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let schedule = Schedule::of(installation);
        schedule.install()?;
        Ok(match schedule.caveat() {
            Some(caveat) => format!("{}, but {caveat}", schedule.summary()),
            None => schedule.summary(),
        })
    }
}
