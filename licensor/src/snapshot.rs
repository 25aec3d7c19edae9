//! The host snapshot: what the host says about itself to the containers that cannot see it.
//!
//! `wt-install` writes it as root to a folder under `/run`, which containers have read-only. It carries the boot id, so
//! that one from another host, or from before a reboot, is noticed: a container sees the boot id of its host.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wt_keys::{PublicKey, Utc, capped, durable, folder_of};

use crate::{Component, Error, Fingerprint, Result, fingerprint};

/// Below the root of a host, and of a container.
pub const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";
const LARGEST_FILE: u64 = 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub schema: String,
    pub product: String,
    pub boot_id: String,
    pub taken_at: Utc,
    pub components: Vec<Component>,
}

impl Snapshot {
    pub const SCHEMA: &str = "wt.snapshot.v1";

    /// Of the host below `sysroot`, whose product has its data below `data_root`.
    pub fn take(
        sysroot: &Path,
        data_root: &Path,
        product: &str,
        install_key: &PublicKey,
        now: Utc,
    ) -> Result<Self> {
        let Fingerprint { components, .. } = fingerprint::collect(sysroot, data_root, product, install_key);
        Ok(Self {
            schema: Self::SCHEMA.to_owned(),
            product: product.to_owned(),
            boot_id: read_boot_id(&sysroot.join(BOOT_ID))?,
            taken_at: now,
            components,
        })
    }

    /// Replaces `path`, mode 0444 in a folder of mode 0755. Containers mount the folder: the file is a new one each time.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // our own struct: cannot fail
        bytes.push(b'\n');
        durable::create_folder(&folder_of(path), 0o755)?;
        Ok(durable::write(path, &bytes, 0o444)?)
    }

    pub fn read(path: &Path) -> Result<Self> {
        let bytes = capped::read(path, "a host snapshot", LARGEST_FILE)?;
        let snapshot: Self = serde_json::from_slice(&bytes)
            .map_err(|source| Error::Snapshot { path: path.to_owned(), source })?;
        if snapshot.schema != Self::SCHEMA {
            let found = snapshot.schema.chars().take(40).collect();
            return Err(Error::SnapshotSchema { path: path.to_owned(), expected: Self::SCHEMA, found });
        }
        Ok(snapshot)
    }
}

/// The kernel's name for the time since it started.
pub fn read_boot_id(path: &Path) -> Result<String> {
    // not `read_capped`: a file of /proc says that it has no size
    let text = fs::read_to_string(path).map_err(wt_keys::Error::io("read", path))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testkit::{Machine, PRODUCT, install_key, now};

    #[test]
    fn a_snapshot_is_readable_by_all_and_writable_by_none() {
        let machine = Machine::metal();
        let path = machine.sysroot().join("run/wt/host.json");
        let snapshot =
            Snapshot::take(machine.sysroot(), "/".as_ref(), PRODUCT, &install_key(1).public(), now())
                .unwrap();
        snapshot.write(&path).unwrap();
        snapshot.write(&path).unwrap();
        assert_eq!(Snapshot::read(&path).unwrap(), snapshot);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o444, 0o755));
    }

    #[test]
    fn a_snapshot_of_another_schema_is_refused() {
        let machine = Machine::metal();
        let path = machine.sysroot().join("host.json");
        let mut snapshot =
            Snapshot::take(machine.sysroot(), "/".as_ref(), PRODUCT, &install_key(1).public(), now())
                .unwrap();
        snapshot.schema = "wt.snapshot.v2".into();
        snapshot.write(&path).unwrap();
        assert!(matches!(Snapshot::read(&path), Err(Error::SnapshotSchema { .. })));
    }
}
