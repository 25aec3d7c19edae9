//! What an uninstall is about: written down first, since what it is told by goes on the way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable};

use crate::engine::Engine;
use crate::{Places, Result, record_file};

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
    #[serde(rename = "phase")]
    pub stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Begun,
    /// Nothing of ours is in the engine any more, and its packages are on their way out.
    EngineGone,
    /// It went to its end; what is left can still be taken away.
    Done,
}

impl Scope {
    /// The engine, where there is one that may hold something of ours.
    pub(super) fn engine(&self) -> Result<Option<Engine>> {
        if self.stage == Stage::EngineGone { Ok(None) } else { Engine::find() }
    }

    /// Whether one was begun and not finished.
    pub fn is_pending(places: &Places) -> Result<bool> {
        Ok(Self::read(places)?.is_some_and(|scope| scope.stage != Stage::Done))
    }

    pub fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.uninstall())
    }

    pub(super) fn begin(&mut self, places: &Places) -> Result<()> {
        if self.stage == Stage::Done {
            self.stage = Stage::Begun;
        }
        self.write(places)
    }

    pub(super) fn reach(&mut self, stage: Stage, places: &Places) -> Result<()> {
        self.stage = stage;
        self.write(places)
    }

    fn write(&self, places: &Places) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // paths came from JSON or TOML: UTF-8
        durable::create_folder(&places.state(), 0o700)?;
        durable::write_if_changed(&places.uninstall(), &bytes, 0o600)?;
        Ok(())
    }
}
