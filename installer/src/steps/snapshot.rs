use std::path::Path;

use wt_keys::console::Progress;
use wt_keys::{SigningKey, Utc};
use wt_licensor::drift::{Drift, DriftRecord};
use wt_licensor::snapshot::read_boot_id;
use wt_licensor::{Snapshot, install_key, licenses};

use super::{Need, Step};
use crate::check::record;
use crate::installation::Installed;
use crate::{Installation, Places, Result, trust_store};

/// Tells the containers which host they are on: nothing inside them could find out.
#[derive(Debug)]
pub struct WriteSnapshot;

impl Step for WriteSnapshot {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        if is_of_this_boot(installation)? {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work("tell the containers which host they are on".to_owned()))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let places = &installation.places;
        let key = install_key::load_or_make(&places.installation_key())?;
        let (product, data_root) = (installation.product(), &installation.site.data_root);
        write(places, product, data_root, &key, (installation.clock)())?;
        Ok(places.snapshot(product).display().to_string())
    }
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
