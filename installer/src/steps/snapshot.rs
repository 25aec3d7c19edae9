use wt_keys::console::Progress;

use super::{Need, Step};
use crate::{Installation, Result, host_snapshot};

/// Tells the containers which host they are on: nothing inside them could find out.
#[derive(Debug)]
pub struct WriteSnapshot;

impl Step for WriteSnapshot {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        if host_snapshot::is_of_this_boot(installation)? {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work("tell the containers which host they are on".to_owned()))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        host_snapshot::renew(installation)?;
        Ok(installation.places.snapshot(installation.product()).display().to_string())
    }
}
