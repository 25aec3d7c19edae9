use wt_keys::console::Progress;

use super::{Need, Step};
use crate::{Installation, Result, trust_store};

/// Pins the roots by which this bundle was verified; later bundles are verified by those or their successors.
pub struct PinTrust;

impl Step for PinTrust {
    fn name(&self) -> &'static str {
        "trust"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let trust = &installation.release.trusted().trust;
        if trust_store::is_pinned(&installation.places, trust) {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("pin trust version {}", trust.document().version)))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let trust = &installation.release.trusted().trust;
        trust_store::pin(&installation.places, trust)?;
        Ok(format!("trust version {} pinned", trust.document().version))
    }
}
