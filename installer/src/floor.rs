//! The lowest release that a product may have on this host: the highest that was ever in service. It outlives an uninstall,
//! also one that follows a rollback. While something is installed, that is what counts: a site that went back may have
//! again what it went back from.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable};
use wt_manifests::Manifest;

use crate::installed::Installed;
use crate::{Error, Places, Result, record_file};

/// The highest that was installed of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    pub version: Version,
    /// When that build was made.
    pub created: Utc,
}

impl Floor {
    /// What is not there may be anything; what cannot be read may be nothing.
    pub fn of(places: &Places, product: &str) -> Result<Option<Self>> {
        Ok(read(places)?.remove(product))
    }

    /// An older version, or an older build of the same. `than` says what this one is.
    pub fn refuse_older(&self, manifest: &Manifest, than: &'static str) -> Result<()> {
        self.refuse(&manifest.version, manifest.created, than)
    }

    fn refuse(&self, version: &Version, created: Utc, than: &'static str) -> Result<()> {
        let (lowest, found) = match version.cmp(&self.version) {
            Ordering::Less => (self.version.to_string(), version.to_string()),
            Ordering::Equal if created < self.created => {
                (format!("{}, built {}", self.version, self.created), format!("{version}, built {created}"))
            }
            _ => return Ok(()),
        };
        Err(Error::Older { than, lowest, found })
    }

    /// Raises it to what is installed; it never goes down.
    pub fn raise(places: &Places, installed: &Installed) -> Result<()> {
        let mut floors = read(places)?;
        let new = Self::from(installed);
        let rank = |floor: &Self| (floor.version.clone(), floor.created);
        if floors.get(&installed.product).is_some_and(|old| rank(old) >= rank(&new)) {
            return Ok(());
        }
        floors.insert(installed.product.clone(), new);
        let bytes = serde_json::to_vec_pretty(&floors).unwrap_or_default(); // strings only: cannot fail
        Ok(durable::write(&places.floors(), &bytes, 0o600)?)
    }
}

impl From<&Installed> for Floor {
    fn from(installed: &Installed) -> Self {
        Self { version: installed.version.clone(), created: installed.created }
    }
}

fn read(places: &Places) -> Result<BTreeMap<String, Floor>> {
    Ok(record_file::read(&places.floors())?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use wt_keys::Sha256Digest;

    use super::*;

    fn installed(version: &str, created: &str) -> Installed {
        Installed {
            product: "worktile".into(),
            version: version.parse().unwrap(),
            release: String::new(),
            home: "/opt/worktile".into(),
            data_root: "/data".into(),
            bundle_signed_by: String::new(),
            manifest: Sha256Digest::of(b""),
            created: created.parse().unwrap(),
            services: Vec::new(),
            license: None,
            previous: None,
        }
    }

    #[test]
    fn what_is_older_is_refused_a_build_of_the_same_version_too() {
        let floor = Floor::from(&installed("5.2.0", "2026-11-02T00:00:00Z"));
        let judged = |version: &str, created: &str| {
            floor.refuse(&version.parse().unwrap(), created.parse().unwrap(), "was installed here before")
        };
        for (version, created) in [
            ("5.2.0", "2026-11-02T00:00:00Z"),
            ("5.2.0", "2026-11-03T00:00:00Z"),
            ("5.10.0", "2026-01-01T00:00:00Z"),
        ] {
            judged(version, created).unwrap();
        }
        let refused = judged("5.1.9", "2026-12-01T00:00:00Z").unwrap_err().to_string();
        assert!(refused.contains("older than what was installed here before"), "{refused}");
        assert!(refused.contains("expected at least 5.2.0\n  found    5.1.9"), "{refused}");
        let refused = judged("5.2.0", "2026-11-01T00:00:00Z").unwrap_err().to_string();
        assert!(refused.contains("5.2.0, built 2026-11-02T00:00:00Z"), "{refused}");
    }

    #[test]
    fn a_floor_never_goes_down() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        assert_eq!(Floor::of(&places, "worktile").unwrap(), None);
        for (version, created, floor) in [
            ("5.2.0", "2026-11-02T00:00:00Z", "5.2.0 2026-11-02T00:00:00Z"),
            ("5.1.0", "2026-11-03T00:00:00Z", "5.2.0 2026-11-02T00:00:00Z"),
            ("5.2.0", "2026-11-01T00:00:00Z", "5.2.0 2026-11-02T00:00:00Z"),
            ("5.2.0", "2026-11-04T00:00:00Z", "5.2.0 2026-11-04T00:00:00Z"),
            ("5.10.0", "2026-01-01T00:00:00Z", "5.10.0 2026-01-01T00:00:00Z"),
        ] {
            Floor::raise(&places, &installed(version, created)).unwrap();
            let found = Floor::of(&places, "worktile").unwrap().unwrap();
            assert_eq!(format!("{} {}", found.version, found.created), floor);
        }
        assert_eq!(Floor::of(&places, "other").unwrap(), None);
        std::fs::write(places.floors(), "{").unwrap();
        assert!(Floor::of(&places, "worktile").is_err());
    }
}
