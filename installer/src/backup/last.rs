//! The last backup that was made where the site's backups lie. What checks ask every minute is on this host's own disk: the
//! folder may be on one that hangs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable};

use super::folder::Backup;
use crate::{Places, Result, record_file};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastBackup {
    pub backup: PathBuf,
    pub created: Utc,
}

impl LastBackup {
    pub fn of(backup: &Backup) -> Self {
        Self { backup: backup.folder.clone(), created: backup.list.created }
    }

    pub fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.last_backup())
    }

    pub fn write(&self, places: &Places) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // a path that site.toml names: UTF-8
        Ok(durable::write(&places.last_backup(), &bytes, 0o600)?)
    }
}
