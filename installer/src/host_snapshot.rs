//! What the containers are told of the host that they are on, and what of it is remembered.

use std::path::Path;

use wt_keys::{SigningKey, Utc};
use wt_licensor::drift::{Drift, DriftRecord};
use wt_licensor::snapshot::read_boot_id;
use wt_licensor::{Snapshot, install_key, licenses};

use crate::check::record;
use crate::installed::Installed;
use crate::{Installation, Places, Result, trust_store};

/// Takes the snapshot of an installation anew.
pub fn renew(installation: &Installation) -> Result<()> {
    let places = &installation.places;
    let key = install_key::load_or_make(&places.installation_key())?;
    write(places, installation.product(), &installation.site.data_root, &key, (installation.clock)())
}

/// Takes the snapshot anew.
pub fn write(places: &Places, product: &str, data_root: &Path, key: &SigningKey, now: Utc) -> Result<()> {
    let snapshot = take(places, product, data_root, key, now)?;
    let drift = drift(places, &snapshot, snapshot.latest);
    let latest = snapshot.latest;
    Ok(snapshot.remembering(latest, drift).write(&places.snapshot(product))?)
}

/// What it would say now; nothing is written.
pub fn take(
    places: &Places,
    product: &str,
    data_root: &Path,
    key: &SigningKey,
    now: Utc,
) -> Result<Snapshot> {
    let snapshot = Snapshot::take(places.root(), data_root, product, &key.public(), now)?;
    let drift = DriftRecord::read(&places.drift()).unwrap_or_default().into_drift();
    Ok(snapshot.remembering(latest(places).unwrap_or(now), drift))
}

/// The latest time that a check has seen, by whatever clock.
fn latest(places: &Places) -> Option<Utc> {
    record::read(places).map(|last| last.latest)
}

/// Since when this host differs from its licenses, which it writes down: containers keep nothing. Where that fails (no room,
/// a broken file), the snapshot says what is known all the same: without one the product would stop.
fn drift(places: &Places, snapshot: &Snapshot, now: Utc) -> Vec<Drift> {
    let before = DriftRecord::read(&places.drift()).unwrap_or_default();
    let license = Installed::read(places).ok().flatten().and_then(|installed| installed.license);
    let (Some(license), Ok(trust)) = (license, trust_store::load(places, None)) else {
        return before.into_drift();
    };
    let licenses: Vec<Vec<u8>> =
        licenses::read(&license).into_iter().filter_map(|candidate| candidate.content.ok()).collect();
    let record = before.clone().observe(&licenses, &trust, &snapshot.components, now);
    if record != before {
        let _ = record.write(&places.drift());
    }
    record.into_drift()
}

pub fn is_of_this_boot(installation: &Installation) -> Result<bool> {
    let boot_id = read_boot_id(&installation.places.boot_id())?;
    let snapshot = Snapshot::read(&installation.places.snapshot(installation.product()));
    Ok(snapshot.is_ok_and(|snapshot| snapshot.boot_id == boot_id))
}

/// Whether it says of this host that it has seen what nobody remembers any more: the operator said that the clock is right.
pub fn is_ahead(installation: &Installation) -> bool {
    let places = &installation.places;
    let known = latest(places).unwrap_or(Utc::START).max((installation.clock)());
    Snapshot::read(&places.snapshot(installation.product())).is_ok_and(|snapshot| snapshot.latest > known)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use wt_keys::Sha256Digest;

    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../licensor/tests/golden");

    /// A host that has lost the board that its license is bound to.
    fn changed_host(places: &Places) {
        let put = |path: &str, content: &str| {
            let path = places.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        put("proc/sys/kernel/random/boot_id", "6a5b7c1e-0f5c-4f0e-9a37-4a2f5f0c9d11\n");
        put("etc/machine-id", "8f14e45fceea167a5a36dedd4bea2543\n");
        for (name, address) in [("eno1", "3c:ec:ef:12:34:56"), ("eno2", "3c:ec:ef:12:34:57")] {
            put(&format!("sys/class/net/{name}/address"), address);
            put(&format!("sys/class/net/{name}/addr_assign_type"), "0\n");
            put(&format!("sys/class/net/{name}/device/vendor"), "0x8086");
        }
        let golden = |name: &str| fs::read_to_string(Path::new(GOLDEN).join(name)).unwrap();
        put("opt/acme/conf/apps/web/license.json", &golden("license-1.json"));
        fs::create_dir_all(places.state()).unwrap();
        fs::write(places.pinned_trust(), golden("trust.json")).unwrap();
        let installed = Installed {
            product: "acme".into(),
            version: "1.0.0".parse().unwrap(),
            release: String::new(),
            home: "/opt/acme".into(),
            data_root: "/data".into(),
            bundle_signed_by: String::new(),
            manifest: Sha256Digest::of(b""),
            created: Utc::START,
            services: Vec::new(),
            license: Some(places.root().join("opt/acme/conf/apps/web/license.json")),
            previous: None,
        };
        installed.write(places).unwrap();
    }

    #[test]
    fn the_snapshot_says_since_when_the_host_differs_from_its_license() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        changed_host(&places);
        let key = SigningKey::from_seed(&[9; 32]);
        let taken = |moment: &str| {
            write(&places, "acme", Path::new("/data"), &key, moment.parse().unwrap()).unwrap();
            let snapshot = Snapshot::read(&places.snapshot("acme")).unwrap();
            let since = snapshot.drift.iter().map(|drift| drift.since.to_string()).collect::<Vec<_>>();
            (since, snapshot.latest.to_string())
        };
        let first = "2026-11-24T08:00:00Z".to_owned();
        assert_eq!(taken(&first), (vec![first.clone()], first.clone()));
        let later = "2026-11-30T08:00:00Z".to_owned();
        assert_eq!(taken(&later), (vec![first], later.clone()));
        let board = places.root().join("sys/class/dmi/id");
        fs::create_dir_all(&board).unwrap();
        for (name, value) in [
            ("product_uuid", "4c4c4544-0051-3010-8052-b4c04f5a4d32\n"),
            ("board_serial", "CN7475137I00AB"),
            ("product_serial", "PCN7475137I00AB"),
            ("chassis_serial", "51QZM2X"),
        ] {
            fs::write(board.join(name), value).unwrap();
        }
        assert_eq!(taken(&later), (vec![], later), "the board is back");
    }

    #[test]
    fn nothing_that_everybody_can_write_says_which_host_it_is() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        changed_host(&places);
        let key = SigningKey::from_seed(&[9; 32]);
        let taken = || take(&places, "acme", Path::new("/data"), &key, Utc::START).unwrap().components;
        let before = taken();
        assert!(before.iter().any(|component| component.tags.is_empty()), "there is something to be found");
        // what `sysinfo` would take for the board of a machine that does not show one, and the like
        for folder in ["tmp/sysinfo", "tmp", "var/tmp", "dev/shm", "run/lock", "run/user/1000"] {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            for name in
                ["model", "product_uuid", "board_serial", "product_serial", "machine-id", "wwid", "host.json"]
            {
                fs::write(folder.join(name), "4c4c4544-0051-3010-8052-b4c04f5a4d32\n").unwrap();
            }
        }
        assert_eq!(taken(), before);
    }
}
