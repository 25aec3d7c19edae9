use wt_keys::console::Progress;
use wt_keys::durable;
use wt_manifests::bundle::Kept;

use super::{Need, Step};
use crate::release::Release;
use crate::{Installation, Result};

/// Keeps what the site needs of the bundle when the bundle is gone: its signed documents and its small files.
#[derive(Debug)]
pub struct KeepRelease;

impl Step for KeepRelease {
    fn name(&self) -> &'static str {
        "keep"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let Release::Bundle(_) = &installation.release else { return Ok(Need::Nothing) };
        let digest = installation.release.digest();
        if Release::kept(&installation.places, &digest).is_ok() {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("keep {} for the time without its bundle", installation.manifest().release)))
    }

    /// What a damaged disk left of an earlier copy is made anew.
    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let digest = installation.release.digest();
        let folder = installation.places.release(&digest);
        durable::create_folder(&installation.places.release_state(&digest), 0o700)?;
        durable::remove_folder(&folder)?;
        Kept::keep(installation.release.bundle()?, &folder)?;
        Ok(folder.display().to_string())
    }
}
