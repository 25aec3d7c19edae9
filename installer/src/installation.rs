//! One release on one site: what every step works with.

use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};
use wt_keys::{Sha256Digest, Utc, durable};
use wt_manifests::Manifest;
use wt_manifests::bundle::Bundle;

use crate::engine::Engine;
use crate::journal::Journal;
use crate::steps::InstallEngine;
use crate::{Error, Places, Result, SiteFile, packages};

#[derive(Debug)]
pub struct Installation {
    pub places: Places,
    pub site: SiteFile,
    pub site_path: PathBuf,
    pub bundle: Bundle,
    pub journal: Journal,
    pub clock: fn() -> Utc,
}

/// What is on this host: written last, when the release is healthy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    pub product: String,
    pub version: Version,
    pub release: String,
    pub home: PathBuf,
    pub data_root: PathBuf,
    pub bundle_signed_by: String,
    /// Of the bundle: the digest of its signed manifest, and when it was built.
    pub manifest: Sha256Digest,
    pub created: Utc,
    /// What the services are called, and where the license lies; for `status` without the bundle.
    pub services: Vec<String>,
    pub license: Option<PathBuf>,
}

impl Installed {
    pub fn read(places: &Places) -> Result<Option<Self>> {
        let path = places.installed();
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| Error::io("read", &path)(error.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(Error::NotRoot),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    pub fn write(&self, places: &Places) -> Result<bool> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings only: cannot fail
        Ok(durable::write_if_changed(&places.installed(), &bytes, 0o644)?)
    }
}

impl Installation {
    pub fn manifest(&self) -> &Manifest {
        self.bundle.manifest()
    }

    pub fn product(&self) -> &str {
        &self.manifest().product
    }

    pub fn stack_name(&self) -> &str {
        self.product()
    }

    /// The product's folder.
    pub fn home(&self) -> PathBuf {
        self.site.home(self.product())
    }

    pub fn engine(&self) -> Result<Engine> {
        Engine::connect()
    }

    /// The engine, where the host has one. What an earlier run of ours began to install, and does not answer, is none
    /// yet: this run goes on with it.
    pub fn find_engine(&self) -> Result<Option<Engine>> {
        match Engine::find() {
            Err(Error::NoEngine { .. }) if self.engine_was_left()? => Ok(None),
            answer => answer,
        }
    }

    fn engine_was_left(&self) -> Result<bool> {
        Ok(self.journal.was_left(InstallEngine::NAME)?
            || packages::is_interrupted(self.manifest(), self.places.root())?)
    }

    /// Where the product looks for its license.
    pub fn license(&self) -> Option<PathBuf> {
        let place = self.manifest().site.license.as_ref()?;
        Some(self.home().join("conf/apps").join(&place.service).join("license.json"))
    }

    pub fn data_folder(&self, path: &impl AsRef<Path>) -> PathBuf {
        self.site.data_root.join(path)
    }

    /// Refuses a release that was withdrawn, or may not follow what is installed.
    pub fn check_version(&self) -> Result<()> {
        self.bundle.trusted().trust.check_release(self.product(), &self.manifest().version)?;
        let Some(installed) = Installed::read(&self.places)? else { return Ok(()) };
        let manifest = self.manifest();
        if installed.product != manifest.product {
            return Err(Error::OtherProduct {
                installed_product: installed.product,
                installed: installed.version.to_string(),
                product: manifest.product.clone(),
                version: manifest.version.to_string(),
            });
        }
        if manifest.version < installed.version {
            return Err(Error::Older {
                lowest: installed.version.to_string(),
                found: manifest.version.to_string(),
            });
        }
        let other_build = installed.manifest != self.bundle.trusted().document.payload_digest();
        if manifest.version == installed.version && other_build && manifest.created < installed.created {
            return Err(Error::Older {
                lowest: format!("{}, built {}", installed.version, installed.created),
                found: format!("{}, built {}", manifest.version, manifest.created),
            });
        }
        if manifest.version > installed.version && !manifest.upgrades_from.matches(&installed.version) {
            return Err(Error::CannotFollow {
                expected: manifest.upgrades_from.to_string(),
                found: installed.version.to_string(),
            });
        }
        Ok(())
    }
}
