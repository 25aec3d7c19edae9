//! How long things took on this host the last time, so that `plan` can say how long they will take.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wt_keys::durable;

use crate::{Places, Result};

/// Until it was measured: what a slow disk takes of images in a second.
const ASSUMED_RATE: u64 = 40 << 20;
/// Until it was measured: the seconds until services are replaced and healthy.
const ASSUMED_DEPLOYING: u64 = 30;
/// A smaller load says nothing of a large one.
const TELLING: u64 = 16 << 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    load_bytes_per_second: Option<u64>,
    deploying_seconds: Option<u64>,
}

impl Measured {
    /// What cannot be read was not measured.
    pub fn read(places: &Places) -> Self {
        let bytes = fs::read(places.measured()).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub fn note_load(places: &Places, bytes: u64, took: Duration) -> Result<()> {
        if bytes < TELLING {
            return Ok(());
        }
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = bytes.saturating_mul(1000) / millis;
        Self { load_bytes_per_second: Some(rate), ..Self::read(places) }.write(places)
    }

    pub fn note_deploying(places: &Places, took: Duration) -> Result<()> {
        Self { deploying_seconds: Some(took.as_secs() + 1), ..Self::read(places) }.write(places)
    }

    fn write(self, places: &Places) -> Result<()> {
        let bytes = serde_json::to_vec(&self).unwrap_or_default(); // numbers only: cannot fail
        Ok(durable::write(&places.measured(), &bytes, 0o600)?)
    }

    pub fn loading(self, bytes: u64) -> u64 {
        bytes / self.load_bytes_per_second.unwrap_or(ASSUMED_RATE).max(1)
    }

    pub fn deploying(self) -> u64 {
        self.deploying_seconds.unwrap_or(ASSUMED_DEPLOYING)
    }

    pub fn is_known(self) -> bool {
        self != Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_used_and_a_small_load_measures_nothing() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        assert_eq!(Measured::read(&places).loading(ASSUMED_RATE * 7), 7);
        Measured::note_load(&places, TELLING - 1, Duration::from_secs(1)).unwrap();
        assert!(!Measured::read(&places).is_known());
        Measured::note_load(&places, 1 << 30, Duration::from_secs(4)).unwrap();
        Measured::note_deploying(&places, Duration::from_secs(9)).unwrap();
        let now = Measured::read(&places);
        assert_eq!((now.loading(1 << 30), now.deploying()), (4, 10));
    }
}
