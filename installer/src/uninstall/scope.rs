//! What an uninstall is about: written down first, since what it is told by goes on the way.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable};

use crate::engine::Engine;
use crate::installation::Installed;
use crate::operation::Operation;
use crate::release::Release;
use crate::{Places, Result, SiteFile, record_file};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    pub product: String,
    pub home: PathBuf,
    pub data_root: PathBuf,
    /// Below it, those of the product: data, logs, and what says that they were filled.
    pub data_folders: Vec<PathBuf>,
    pub packages: bool,
    pub data: bool,
    pub began: Utc,
    pub phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Begun,
    /// Nothing of ours is in the engine any more, and its packages are on their way out.
    EngineGone,
    /// It went to its end; what is left can still be taken away.
    Done,
}

impl Scope {
    /// The engine, where there is one that may hold something of ours.
    pub(super) fn engine(&self) -> Result<Option<Engine>> {
        if self.phase == Phase::EngineGone { Ok(None) } else { Engine::find() }
    }

    /// What is installed, half installed, or was left by an uninstall before; `None` where there is nothing.
    pub fn of(places: &Places, now: Utc) -> Result<Option<Self>> {
        let before = Self::read(places)?;
        if before.as_ref().is_some_and(|before| before.phase != Phase::Done) {
            return Ok(before);
        }
        let pending = Operation::pending(places)?;
        let installed = Installed::read(places)?;
        let (product, home, data_root) = match (&installed, &pending) {
            (Some(installed), _) => {
                (installed.product.clone(), installed.home.clone(), installed.data_root.clone())
            }
            (None, Some(pending)) => {
                // a run that was killed before it kept the answers has made nothing where they say
                let site = SiteFile::read(&places.site_file()).ok();
                let home = site.as_ref().map(|site| site.home(&pending.product));
                let home = home.unwrap_or_else(|| Path::new("/opt").join(&pending.product));
                (pending.product.clone(), home, site.map_or_else(|| "/data".into(), |site| site.data_root))
            }
            (None, None) => return Ok(before),
        };
        let mut data_folders = vec![data_root.join(format!(".{product}-initialised.json"))];
        for digest in Release::all_kept(places)? {
            let Ok(release) = Release::kept(places, &digest) else { continue };
            let site = &release.manifest().site;
            data_folders
                .extend(site.data.iter().chain(&site.logs).map(|folder| data_root.join(&folder.path)));
        }
        data_folders.sort();
        data_folders.dedup();
        Ok(Some(Self {
            product,
            home,
            data_root,
            data_folders,
            packages: false,
            data: false,
            began: now,
            phase: Phase::Begun,
        }))
    }

    pub fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.uninstall())
    }

    pub(super) fn begin(&mut self, places: &Places) -> Result<()> {
        if self.phase == Phase::Done {
            self.phase = Phase::Begun;
        }
        self.write(places)
    }

    pub(super) fn reach(&mut self, phase: Phase, places: &Places) -> Result<()> {
        self.phase = phase;
        self.write(places)
    }

    fn write(&self, places: &Places) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // paths came from JSON or TOML: UTF-8
        durable::create_folder(&places.state(), 0o700)?;
        durable::write_if_changed(&places.uninstall(), &bytes, 0o600)?;
        Ok(())
    }
}
