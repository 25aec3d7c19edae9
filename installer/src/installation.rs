//! One release on one site: what every step works with.

use std::path::{Path, PathBuf};

use wt_keys::Utc;
use wt_licensor::licenses;
use wt_manifests::Manifest;
use wt_manifests::image::Image;

use crate::engine::Engine;
use crate::floor::Floor;
use crate::installed::Installed;
use crate::journal::{Journal, journaled};
use crate::redact::Redactor;
use crate::release::Release;
use crate::uninstall::scope::Scope;
use crate::{Error, Places, Result, SiteFile, home, packages};

#[derive(Debug)]
pub struct Installation {
    pub places: Places,
    pub site: SiteFile,
    pub site_path: PathBuf,
    pub release: Release,
    /// What is in service on this host now.
    pub installed: Option<Installed>,
    pub journal: Journal,
    pub clock: fn() -> Utc,
    pub purpose: Purpose,
}

/// What is done with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The site is to become what the release and the answers say.
    Install,
    /// What is in service is used as it is.
    Operate,
}

impl Installation {
    /// `release` on this host, with the answers about the site that lie at `site_path`.
    pub fn new(places: &Places, release: Release, site_path: PathBuf, clock: fn() -> Utc) -> Result<Self> {
        let installation = Self {
            site: SiteFile::read(&site_path)?,
            site_path,
            installed: Installed::read(places)?,
            journal: Journal::open(places, &release.manifest().release),
            places: places.clone(),
            release,
            clock,
            purpose: Purpose::Install,
        };
        let domains = &installation.manifest().site.domains;
        installation.site.check_domains(&installation.site_path, domains)?;
        installation.site.check_folders(&installation.site_path, installation.product())?;
        Ok(installation)
    }

    /// What is in service here, as it was kept.
    pub fn current(places: &Places, clock: fn() -> Utc) -> Result<Self> {
        if Scope::is_pending(places)? {
            return Err(Error::UninstallUnderWay);
        }
        let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
        let release = Release::kept(places, &installed.manifest)?;
        let installation = Self::new(places, release, places.site_file(), clock)?;
        Ok(Self { purpose: Purpose::Operate, ..installation })
    }

    /// Another release on the same site.
    #[must_use]
    pub fn with(&self, release: Release) -> Self {
        Self {
            places: self.places.clone(),
            site: self.site.clone(),
            site_path: self.site_path.clone(),
            installed: self.installed.clone(),
            journal: Journal::open(&self.places, &release.manifest().release),
            release,
            clock: self.clock,
            purpose: self.purpose,
        }
    }

    /// The release that was rendered here last, where it is another one.
    pub fn last_release(&self) -> Result<Option<Release>> {
        let other = self.installed.as_ref().filter(|installed| installed.manifest != self.release.digest());
        other.map(|installed| Release::kept(&self.places, &installed.manifest)).transpose()
    }

    /// The images of all releases that were ever brought here and are still kept, this one among them.
    pub fn known_images(&self) -> Result<Vec<Image>> {
        let mut images = self.manifest().images.clone();
        for digest in Release::all_kept(&self.places)? {
            // one that is damaged vouches for nothing
            let kept = Release::kept(&self.places, &digest);
            images.extend(kept.iter().flat_map(|kept| kept.manifest().images.iter().cloned()));
        }
        Ok(images)
    }

    /// Does `work`, which changes something, and writes down that it began and how it ended; `done` says what was done.
    pub fn journaled<T>(
        &self,
        name: &str,
        detail: &str,
        work: impl FnOnce() -> Result<T>,
        done: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        let record = |event, detail: &str| self.journal.record((self.clock)(), name, event, detail);
        journaled(record, &Redactor::of(&self.site), detail, work, done)
    }

    pub fn manifest(&self) -> &Manifest {
        self.release.manifest()
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
        Ok(self.journal.was_left(packages::STEP)?
            || packages::is_interrupted(self.manifest(), self.places.root())?)
    }

    /// Where the product looks for its license.
    pub fn license(&self) -> Option<PathBuf> {
        Some(self.license_folder()?.join("license.json"))
    }

    /// All licenses of the site, in order: a next one may lie there before the first has ended.
    pub fn licenses(&self) -> Result<Vec<PathBuf>> {
        let Some(folder) = self.license_folder() else { return Ok(Vec::new()) };
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("read", &folder))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("read", &folder))?.path();
            if licenses::is_license(&path.file_name().unwrap_or_default().to_string_lossy()) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn license_folder(&self) -> Option<PathBuf> {
        let place = self.manifest().site.license.as_ref()?;
        Some(home::conf(&self.home()).join(&place.service))
    }

    pub fn data_folder(&self, path: &impl AsRef<Path>) -> PathBuf {
        self.site.data_root.join(path)
    }

    /// Refuses a release that was withdrawn, or may not follow what is installed.
    pub fn check_version(&self) -> Result<()> {
        self.release.check_not_withdrawn(&self.release.trusted().trust)?;
        let manifest = self.manifest();
        let Some(installed) = &self.installed else {
            let floor = Floor::of(&self.places, self.product())?;
            return floor.map_or(Ok(()), |floor| floor.refuse_older(manifest, "was installed here before"));
        };
        if installed.product != manifest.product {
            return Err(Error::OtherProduct {
                installed_product: installed.product.clone(),
                installed: installed.version.to_string(),
                product: manifest.product.clone(),
                version: manifest.version.to_string(),
            });
        }
        Floor::from(installed).refuse_older(manifest, "is installed")?;
        if manifest.version > installed.version && !manifest.upgrades_from.matches(&installed.version) {
            return Err(Error::CannotFollow {
                expected: manifest.upgrades_from.to_string(),
                found: installed.version.to_string(),
            });
        }
        Ok(())
    }
}
