use std::path::Path;

use wt_keys::console::Progress;
use wt_keys::{SigningKey, Utc};
use wt_licensor::snapshot::read_boot_id;
use wt_licensor::{Snapshot, install_key};

use super::{Need, Step};
use crate::{Installation, Places, Result};

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
    let snapshot = Snapshot::take(places.root(), data_root, product, &key.public(), now)?;
    Ok(snapshot.write(&places.snapshot(product))?)
}

pub fn is_of_this_boot(installation: &Installation) -> Result<bool> {
    let boot_id = read_boot_id(&installation.places.boot_id())?;
    let snapshot = Snapshot::read(&installation.places.snapshot(installation.product()));
    Ok(snapshot.is_ok_and(|snapshot| snapshot.boot_id == boot_id))
}
