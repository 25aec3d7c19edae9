//! What a layer writes and takes away, read from its tar as it goes by.
//!
//! The bytes are authentic, and still somebody's tar (`foreign_tar.rs`); here, besides, more files than memory holds are
//! refused.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::Serialize;
use wt_keys::Sha256Digest;

use crate::foreign_tar::{clean, each_entry, not_a_tar};
use crate::hashed::Hashed;
use crate::{Error, Result};

/// Files, and bytes of their names, of all layers that are read for a comparison.
const MOST_FILES: u64 = 1_000_000;
const MOST_NAMES: u64 = 128 << 20;
/// OCI image specification, "Whiteouts".
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// What stands under a path. When a file was written does not make it another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerFile {
    pub kind: FileKind,
    pub size: u64,
    pub mode: u32,
    pub owner: (u64, u64),
    /// Of regular files without holes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256Digest>,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    File,
    Sparse,
    Link,
    HardLink,
    Device,
    Folder,
}

/// A layer without its contents.
#[derive(Debug, Default)]
pub struct LayerFiles {
    pub files: BTreeMap<String, LayerFile>,
    /// Paths that it takes away from the layers below.
    pub whiteouts: Vec<String>,
    /// Folders of which it shows nothing that lies below.
    pub opaque: Vec<String>,
}

/// How much is still kept.
#[derive(Debug)]
pub struct Budget {
    files: Cell<u64>,
    names: Cell<u64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { files: Cell::new(MOST_FILES), names: Cell::new(MOST_NAMES) }
    }
}

impl Budget {
    fn spend(&self, origin: &str, names: usize) -> Result<()> {
        for (what, left, spent, limit) in
            [("files", &self.files, 1, MOST_FILES), ("bytes of names", &self.names, names as u64, MOST_NAMES)]
        {
            let Some(rest) = left.get().checked_sub(spent) else {
                return Err(Error::ArchiveTooLarge {
                    origin: origin.to_owned(),
                    what,
                    limit,
                    found: limit + 1,
                });
            };
            left.set(rest);
        }
        Ok(())
    }
}

impl LayerFiles {
    /// Reads a tar to its end. What is wrong with the bytes below it comes before what is wrong with the tar.
    pub fn read(content: &mut dyn Read, origin: &str, budget: &Budget) -> Result<Self> {
        let read = Self::read_tar(&mut *content, origin, budget);
        if let Ok(_) | Err(Error::Unusable { .. } | Error::ArchiveTooLarge { .. }) = read {
            io::copy(content, &mut io::sink()).map_err(not_a_tar(origin))?;
        } // else it was the bytes below already, and they say it once
        read
    }

    fn read_tar(content: impl Read, origin: &str, budget: &Budget) -> Result<Self> {
        let mut layer = Self::default();
        each_entry(content, origin, |entry| {
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let path = clean(&path).trim_start_matches('/').to_owned();
            budget.spend(origin, path.len())?;
            layer.take(path, entry, origin, budget)
        })?;
        Ok(layer)
    }

    fn take<R: Read>(
        &mut self,
        path: String,
        entry: &mut tar::Entry<'_, R>,
        origin: &str,
        budget: &Budget,
    ) -> Result<()> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == OPAQUE {
            self.opaque.push(folder.to_owned());
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            let below = if folder.is_empty() { hidden.to_owned() } else { format!("{folder}/{hidden}") };
            self.whiteouts.push(below);
        } else if !path.is_empty() && path != "." {
            let file = file(entry, origin)?;
            budget.spend(origin, file.target.as_ref().map_or(0, String::len))?;
            self.files.insert(path, file);
        }
        Ok(())
    }
}

fn file<R: Read>(entry: &mut tar::Entry<'_, R>, origin: &str) -> Result<LayerFile> {
    let header = entry.header();
    let kind = match header.entry_type() {
        tar::EntryType::Regular | tar::EntryType::Continuous => FileKind::File,
        tar::EntryType::GNUSparse => FileKind::Sparse,
        tar::EntryType::Symlink => FileKind::Link,
        tar::EntryType::Link => FileKind::HardLink,
        tar::EntryType::Directory => FileKind::Folder,
        _ => FileKind::Device,
    };
    let owner = (header.uid().unwrap_or_default(), header.gid().unwrap_or_default());
    let mode = header.mode().unwrap_or_default() & 0o7777;
    let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
    let size = if matches!(kind, FileKind::File | FileKind::Sparse) { entry.size() } else { 0 };
    let sha256 = match kind {
        FileKind::File => Some(Hashed::new(entry).finish().map_err(not_a_tar(origin))?),
        _ => None,
    };
    Ok(LayerFile { kind, size, mode, owner, sha256, target })
}

#[cfg(test)]
mod tests;
