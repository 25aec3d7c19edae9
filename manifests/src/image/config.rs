//! What wt reads from an image's configuration; the bytes themselves are kept as they are.

use serde::Deserialize;
use wt_keys::Sha256Digest;

use super::ambiguous::refuse_ambiguous_keys;
use crate::{Error, Platform, Result};

/// The keys that are read here and below.
const KEYS: [&str; 5] = ["architecture", "os", "variant", "rootfs", "diff_ids"];

#[derive(Debug, Deserialize)]
pub struct Config {
    pub architecture: String,
    pub os: String,
    pub variant: Option<String>,
    pub rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
pub struct RootFs {
    pub diff_ids: Vec<String>,
}

impl Config {
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        refuse_ambiguous_keys(bytes, &KEYS)
            .and_then(|()| serde_json::from_slice(bytes))
            .map_err(|error| Error::ImageDocument { source: error.into() })
    }

    pub fn is_for(&self, platform: &Platform) -> bool {
        platform.is_met_by(&self.os, &self.architecture, self.variant.as_deref())
    }

    /// As it stands there, for messages.
    pub fn platform(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }

    pub fn layers(&self) -> Result<Vec<Sha256Digest>> {
        Ok(self.rootfs.diff_ids.iter().map(|id| Sha256Digest::from_oci(id)).collect::<Result<_, _>>()?)
    }
}
