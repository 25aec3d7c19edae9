//! What is on this host, as it is written down.

use std::path::PathBuf;

use semver::Version;
use serde::{Deserialize, Serialize};
use wt_keys::{Sha256Digest, Utc, durable};

use crate::release::Release;
use crate::{Places, Result, record_file};

/// Written last, when the release is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    pub product: String,
    pub version: Version,
    pub release: String,
    pub home: PathBuf,
    pub data_root: PathBuf,
    pub bundle_signed_by: String,
    /// Of the bundle: the digest of its signed manifest, and when it was built.
    pub manifest: Sha256Digest,
    pub created: Utc,
    /// What the services are called, and where the license lies; for `status` without the bundle.
    pub services: Vec<String>,
    pub license: Option<PathBuf>,
    /// What was installed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Build>,
}

impl Installed {
    pub fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.installed())
    }

    pub fn write(&self, places: &Places) -> Result<bool> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings only: cannot fail
        Ok(durable::write_if_changed(&places.installed(), &bytes, 0o644)?)
    }
}

/// One build of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    pub version: Version,
    pub manifest: Sha256Digest,
}

impl Build {
    pub fn of(release: &Release) -> Self {
        Self { version: release.manifest().version.clone(), manifest: release.digest() }
    }
}

impl From<&Installed> for Build {
    fn from(installed: &Installed) -> Self {
        Self { version: installed.version.clone(), manifest: installed.manifest }
    }
}
