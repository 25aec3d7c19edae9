//! The host snapshot: what the host says about itself to the containers that cannot see it.
//!
//! `wt-install` writes it as root to a folder under `/run`, which containers have read-only. It carries the boot id, so
//! that one from another host, or from before a reboot, is noticed: a container sees the boot id of its host. What only
//! the host can remember is in it, too: the latest time it has seen, and since when it differs from which license
//! ([`crate::drift`]). So a container keeps nothing.
//!
//! It has one spelling, that of [`Snapshot::to_bytes`]. Version 1 had neither `latest` nor `drift`, and is still read.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wt_keys::{PublicKey, Utc, capped, durable, folder_of};

use crate::drift::Drift;
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
    /// The latest time that this host has seen, by whatever clock; at least `taken_at`.
    pub latest: Utc,
    /// Of each license that this host has drifted from.
    pub drift: Vec<Drift>,
    pub components: Vec<Component>,
}

/// Version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    schema: String,
    product: String,
    boot_id: String,
    taken_at: Utc,
    components: Vec<Component>,
}

impl Snapshot {
    pub const SCHEMA: &str = "wt.snapshot.v2";
    const FIRST_SCHEMA: &str = "wt.snapshot.v1";

    /// Of the host below `sysroot`, whose product has its data below `data_root`; what it remembers is for
    /// [`Self::remembering`].
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
            latest: now,
            drift: vec![],
            components,
        })
    }

    /// With what the host remembers: the latest time it has seen, and its drift.
    #[must_use]
    pub fn remembering(self, latest: Utc, drift: Vec<Drift>) -> Self {
        Self { latest: latest.max(self.taken_at), drift, ..self }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        spelt(self)
    }

    /// Replaces `path`, mode 0444 in a folder of mode 0755. Containers mount the folder: the file is a new one each time.
    pub fn write(&self, path: &Path) -> Result<()> {
        durable::create_folder(&folder_of(path), 0o755)?;
        Ok(durable::write(path, &self.to_bytes(), 0o444)?)
    }

    pub fn read(path: &Path) -> Result<Self> {
        let bytes = capped::read(path, "a host snapshot", LARGEST_FILE)?;
        Self::parse(&bytes, path)
    }

    /// `path` is for messages.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let not_one = |_| Error::Snapshot { path: path.to_owned() };
        let schema = serde_json::from_slice::<Schema>(bytes).map_err(not_one)?.schema;
        let (snapshot, spelling) = match schema.as_str() {
            Self::SCHEMA => serde_json::from_slice::<Self>(bytes).map(|found| (found.clone(), spelt(&found))),
            Self::FIRST_SCHEMA => {
                serde_json::from_slice::<First>(bytes).map(|found| (Self::of_first(&found), spelt(&found)))
            }
            _ => {
                let found = schema.chars().take(40).collect();
                return Err(Error::SnapshotSchema { path: path.to_owned(), expected: Self::SCHEMA, found });
            }
        }
        .map_err(not_one)?;
        if spelling == bytes { Ok(snapshot) } else { Err(Error::Snapshot { path: path.to_owned() }) }
    }

    fn of_first(first: &First) -> Self {
        Self {
            schema: Self::SCHEMA.to_owned(),
            product: first.product.clone(),
            boot_id: first.boot_id.clone(),
            taken_at: first.taken_at,
            latest: first.taken_at,
            drift: vec![],
            components: first.components.clone(),
        }
    }
}

/// Which version it is.
#[derive(Deserialize)]
struct Schema {
    schema: String,
}

fn spelt(snapshot: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(snapshot).unwrap_or_default(); // our own struct: cannot fail
    bytes.push(b'\n');
    bytes
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
        snapshot.schema = "wt.snapshot.v3".into();
        snapshot.write(&path).unwrap();
        assert!(matches!(Snapshot::read(&path), Err(Error::SnapshotSchema { .. })));
    }

    #[test]
    fn a_snapshot_of_version_1_is_read_and_one_of_another_spelling_is_not() {
        let path = Path::new("host.json");
        let first = include_str!("../tests/golden/snapshot-1.json");
        let read = Snapshot::parse(first.as_bytes(), path).unwrap();
        assert_eq!((read.latest, read.drift.len(), read.components.len()), (read.taken_at, 0, 6));
        for (from, to) in [
            ("  \"product\"", "   \"product\""),
            ("\"product\"", "\"latest\""),
            ("\"taken_at\"", "\"boot_id\""),
        ] {
            let other = first.replacen(from, to, 1);
            assert!(matches!(Snapshot::parse(other.as_bytes(), path), Err(Error::Snapshot { .. })), "{to}");
        }
    }

    #[test]
    fn what_was_seen_is_never_before_the_snapshot() {
        let machine = Machine::metal();
        let snapshot =
            Snapshot::take(machine.sysroot(), "/".as_ref(), PRODUCT, &install_key(1).public(), now())
                .unwrap();
        assert_eq!(snapshot.clone().remembering(Utc::START, vec![]).latest, now());
        assert_eq!(snapshot.remembering(now().plus_days(2), vec![]).latest, now().plus_days(2));
    }
}
