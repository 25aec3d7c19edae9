use wt_keys::console::Progress;

use super::{Need, Step};
use crate::floor::Floor;
use crate::installed::{Build, Installed};
use crate::operation::Operation;
use crate::{Installation, Result};

/// Says last of all what is installed.
pub struct RecordRelease;

impl Step for RecordRelease {
    fn name(&self) -> &'static str {
        "release"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let wanted = installed(installation)?;
        if installation.installed.as_ref() == Some(&wanted) {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("record {} {}", wanted.product, wanted.version)))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let installed = installed(installation)?;
        Floor::raise(&installation.places, &installed)?;
        installed.write(&installation.places)?;
        Operation::end(&installation.places)?;
        Ok(format!("{} {} is installed", installed.product, installed.version))
    }
}

fn installed(installation: &Installation) -> Result<Installed> {
    let manifest = installation.manifest();
    Ok(Installed {
        product: manifest.product.clone(),
        version: manifest.version.clone(),
        release: manifest.release.clone(),
        home: installation.home(),
        data_root: installation.site.data_root.clone(),
        bundle_signed_by: installation.release.trusted().certificate.key.id().to_string(),
        manifest: installation.release.digest(),
        created: manifest.created,
        license: installation.license(),
        services: installation.release.stack()?.services(),
        previous: previous(installation),
    })
}

/// What `rollback` returns to: what was installed before an upgrade. After a way back there is nothing behind it.
fn previous(installation: &Installation) -> Option<Build> {
    let installed = installation.installed.as_ref()?;
    let to = Build::of(&installation.release);
    match installed {
        same if same.manifest == to.manifest => same.previous.clone(),
        older if older.version <= to.version => Some(Build::from(older)),
        _ => None,
    }
}
