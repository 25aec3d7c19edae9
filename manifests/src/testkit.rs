//! For tests: what they begin with and change.

use semver::{Version, VersionReq};
use wt_keys::Utc;

use crate::Manifest;
use crate::manifest::{Body, FORMAT};
use crate::site::Site;

/// Of a bundle that holds nothing.
pub fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        features: vec![],
        product: "acme".into(),
        version: Version::new(1, 0, 0),
        release: "v1".into(),
        platform: "linux/amd64".parse().unwrap_or_else(|error| panic!("{error}")),
        created: Utc::START,
        trust_version: None,
        upgrades_from: VersionReq::STAR,
        body: Body { length: 0, chunks: vec![], frames: vec![] },
        entries: vec![],
        images: vec![],
        packages: vec![],
        site: Site::default(),
    }
}
