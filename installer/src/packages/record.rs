//! Which packages came with the product, and what the host was before: so that an uninstall can take away these and no
//! others. Written before dpkg begins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wt_keys::durable;
use wt_manifests::manifest::Package;

use crate::{Places, Result, record_file};

const GROUP: &str = "docker";
const FORWARDING: &str = "proc/sys/net/ipv4/ip_forward";

/// What was installed here, and what was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageRecord {
    /// Versions by name.
    pub packages: BTreeMap<String, String>,
    pub before: Before,
}

/// The host before the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// There was a group `docker`.
    pub group: bool,
    /// The host passed packets on.
    pub forwarding: bool,
    /// There was a program to set a firewall with.
    pub iptables: bool,
}

impl PackageRecord {
    pub fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.packages())
    }

    /// Adds what is about to be installed and was not there.
    pub(super) fn add(places: &Places, packages: &[Package]) -> Result<()> {
        let mut record = match Self::read(places)? {
            Some(record) => record,
            None => Self { packages: BTreeMap::new(), before: Before::look(places.root()) },
        };
        let new = packages.iter().map(|package| (package.name.clone(), package.version.clone()));
        record.packages.extend(new);
        let bytes = serde_json::to_vec_pretty(&record).unwrap_or_default(); // strings only: cannot fail
        durable::create_folder(&places.state(), 0o700)?;
        durable::write_if_changed(&places.packages(), &bytes, 0o600)?;
        Ok(())
    }
}

impl Before {
    fn look(root: &Path) -> Self {
        let groups = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
        let forwarding = fs::read_to_string(root.join(FORWARDING)).unwrap_or_default();
        Self {
            group: groups.lines().any(|line| line.split(':').next() == Some(GROUP)),
            forwarding: forwarding.trim() == "1",
            iptables: ["usr/sbin/iptables", "sbin/iptables"].iter().any(|path| root.join(path).exists()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_the_first_package_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::create_dir_all(root.path().join("var/lib")).unwrap();
        fs::write(root.path().join("etc/group"), "root:x:0:\n").unwrap();
        let package = |name: &str| Package {
            name: name.into(),
            version: "1".into(),
            architecture: "amd64".into(),
            path: format!("packages/{name}.deb").parse().unwrap(),
        };
        assert_eq!(PackageRecord::read(&places).unwrap(), None);
        PackageRecord::add(&places, &[package("docker.io"), package("runc")]).unwrap();
        fs::write(root.path().join("etc/group"), "root:x:0:\ndocker:x:101:\n").unwrap();
        PackageRecord::add(&places, &[package("tini")]).unwrap();
        let record = PackageRecord::read(&places).unwrap().unwrap();
        assert_eq!(record.packages.keys().collect::<Vec<_>>(), ["docker.io", "runc", "tini"]);
        assert_eq!(record.before, Before { group: false, forwarding: false, iptables: false });
    }
}
