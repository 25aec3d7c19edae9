//! The folder in which the backups of a site lie: which are ours, which are left of killed runs, and how many are kept.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wt_keys::{KeyId, PublicKey, SigningKey, Utc};

use super::folder::{
    self, Backup, KEY, LIST, SUFFIX, Summary, UNFINISHED, claim, data_name, is_leftover, open,
};
use crate::{Error, Result};

/// What lies in a folder of backups.
#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    Ours(Summary),
    /// It names this key of another installation as its signer's. Nothing else of it was read.
    Foreign(KeyId),
    Unusable(Error),
}

impl Found {
    fn at(path: PathBuf, own: &PublicKey) -> Self {
        let opened = open(&path, KEY).and_then(|opened| match claim(&opened, &path)? {
            claimed if claimed == *own => Ok(What::Ours(Summary::of(&Backup::read(opened, &path, own)?))),
            other => Ok(What::Foreign(other.id())),
        });
        Self { what: opened.unwrap_or_else(What::Unusable), path }
    }

    fn created(&self) -> Option<Utc> {
        match &self.what {
            What::Ours(summary) => Some(summary.created),
            _ => None,
        }
    }
}

/// The backups of a product in `parent`, newest first. Lists are verified by the key `own`; those of others stay unread.
pub fn all(parent: &Path, product: &str, own: &PublicKey) -> Result<Vec<Found>> {
    let paths = named(parent, product, SUFFIX)?.into_iter();
    let mut found: Vec<Found> = paths.map(|path| Found::at(path, own)).collect();
    found.sort_by(|a, b| (b.created(), &b.path).cmp(&(a.created(), &a.path)));
    Ok(found)
}

/// Those of them that this installation has made of this product, up to now.
pub fn ours(parent: &Path, product: &str, own: &PublicKey, now: Utc) -> Result<Vec<Summary>> {
    let summaries = all(parent, product, own)?.into_iter().filter_map(|found| match found.what {
        What::Ours(summary) => Some(summary),
        What::Foreign(_) | What::Unusable(_) => None,
    });
    Ok(summaries.filter(|summary| summary.product == product && summary.created <= now).collect())
}

/// Removes what killed runs of this installation left.
pub fn remove_leftovers(parent: &Path, product: &str, key: &SigningKey) -> Result<()> {
    let suffix = format!("{SUFFIX}.{UNFINISHED}");
    for path in named(parent, product, &suffix)? {
        if is_leftover(&path, &key.public()).unwrap_or(false) {
            folder::remove(&path)?;
        }
    }
    Ok(())
}

/// Removes all backups of this installation but the newest `keep`, of which the one in the folder `made` is one, whatever
/// the clock said before. What is not a whole backup, is from a time after `now`, is somebody else's, or has more in it than
/// a backup has, stays. Returns the names of those that are gone.
pub fn keep_newest(
    made: &Path,
    now: Utc,
    product: &str,
    key: &SigningKey,
    keep: usize,
) -> Result<Vec<String>> {
    let parent = made.parent().unwrap_or(made);
    let ours = ours(parent, product, &key.public(), now)?.into_iter().filter(|backup| backup.folder != made);
    let mut removed = Vec::new();
    for backup in ours.skip(keep.saturating_sub(1)) {
        if remove(&backup)? {
            removed.push(backup.folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(removed)
}

/// It loses its name first: what is half removed is no backup.
fn remove(backup: &Summary) -> Result<bool> {
    let files = [LIST, KEY, data_name(backup.encrypted)];
    let failed = |error| Error::io("remove", &backup.folder)(error);
    for entry in fs::read_dir(&backup.folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !files.iter().any(|known| name == *known) {
            return Ok(false);
        }
    }
    let going = backup.folder.with_added_extension(UNFINISHED);
    fs::rename(&backup.folder, &going).map_err(failed)?;
    folder::remove(&going)?;
    Ok(true)
}

/// Folders, not links, whose names begin with the product's and end like this.
fn named(parent: &Path, product: &str, suffix: &str) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", parent))?,
    };
    let (mut found, prefix) = (Vec::new(), format!("{product}-"));
    for entry in entries {
        let entry = entry.map_err(Error::io("read", parent))?;
        let name = entry.file_name();
        let fits = name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(suffix));
        if fits && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
