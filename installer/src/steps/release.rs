use wt_keys::console::Progress;

use super::{Need, Step};
use crate::installation::Installed;
use crate::{Installation, Result};
use wt_manifests::stack::Stack;

/// Says last of all what is installed.
pub struct RecordRelease;

impl Step for RecordRelease {
    fn name(&self) -> &'static str {
        "release"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let wanted = installed(installation)?;
        if Installed::read(&installation.places)?.as_ref() == Some(&wanted) {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("record {} {}", wanted.product, wanted.version)))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let installed = installed(installation)?;
        installed.write(&installation.places)?;
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
        bundle_signed_by: installation.bundle.trusted().certificate.key.id().to_string(),
        manifest: installation.bundle.trusted().document.payload_digest(),
        created: manifest.created,
        license: installation.license(),
        services: Stack::of(&installation.bundle)?.services(),
    })
}
