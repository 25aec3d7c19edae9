//! What a backup may hold at most. A site that has more is refused before anything is held still, and a list that says more
//! as soon as it is read so far.
//!
//! Attacks: a service that fills its folder with names, or makes folders in folders without an end, until root has no memory,
//! no open files or no stack left; a list that does the same.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use wt_keys::console::Size;

use super::path::BackupPath;
use crate::beneath::Folder;
use crate::{Error, Result};

/// Files, folders and links, and what is left out. The list is held in memory.
pub const MOST_ENTRIES: usize = 400_000;
pub const MOST_ROOTS: usize = 1000;
/// Names in a path: every folder on the way is held open.
pub const DEEPEST: usize = 128;
/// Of `backup.json`.
pub const LIST_LIMIT: u64 = 256 << 20;
/// What an entry takes there beside its path: mode, owner, times, digest.
const ENTRY: u64 = 340;
/// A kind of thing that is left out, in words.
pub const LONGEST_KIND: usize = 100;

/// Counts what a walk through folders comes upon, and ends it where that is too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub entries: usize,
    /// Bytes of the list, about.
    pub list: u64,
}

impl Tally {
    /// Something that lies in no folder of the walk.
    pub fn add_root(&mut self, path: &BackupPath, place: &Path) -> Result<()> {
        if self.entries == MOST_ENTRIES {
            return Err(too_many(place));
        }
        self.entries += 1;
        self.add_to_list(path, place)
    }

    /// What lies in a folder: all of it counts before any of it is looked at.
    pub fn names(&mut self, folder: &Folder, place: &Path) -> Result<Vec<OsString>> {
        let names = folder.names(MOST_ENTRIES - self.entries).map_err(Error::io("read", place))?;
        let names = names.ok_or_else(|| too_many(place))?;
        self.entries += names.len();
        Ok(names)
    }

    /// The path of a thing in a folder.
    pub fn join(&mut self, folder: &BackupPath, name: &OsStr, place: &Path) -> Result<BackupPath> {
        let path = folder.join(name);
        let path = path.ok_or_else(|| refused(place, "its path is too long for a backup".to_owned()))?;
        require_depth(path.depth(), place)?;
        self.add_to_list(&path, place)?;
        Ok(path)
    }

    fn add_to_list(&mut self, path: &BackupPath, place: &Path) -> Result<()> {
        // quotes and backslashes are written with two bytes
        let written = |byte: u8| 1 + u64::from(byte == b'"' || byte == b'\\');
        self.add_listed(ENTRY + path.to_string().bytes().map(written).sum::<u64>(), place)
    }

    /// Bytes that the list takes for a thing, as base64 of them will.
    pub fn add_listed(&mut self, bytes: u64, place: &Path) -> Result<()> {
        self.list = self.list.saturating_add(bytes.saturating_mul(4) / 3);
        if self.list > LIST_LIMIT {
            return Err(refused(
                place,
                format!("with it the list of the backup is larger than {}", Size(LIST_LIMIT)),
            ));
        }
        Ok(())
    }
}

pub fn require_depth(names: usize, place: &Path) -> Result<()> {
    if names <= DEEPEST {
        Ok(())
    } else {
        Err(refused(place, format!("it lies more than {DEEPEST} folders deep")))
    }
}

fn too_many(place: &Path) -> Error {
    refused(place, format!("with what is in it the backup has more than {MOST_ENTRIES} files and folders"))
}

pub fn refused(place: &Path, why: String) -> Error {
    Error::BackupBounds { path: place.to_owned(), why }
}

/// For `deserialize_with`: one more than `MOST` is refused when it is come upon.
pub fn at_most<'de, const MOST: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Bounded<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Bounded<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MOST} of them")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut found = Vec::new();
            while let Some(one) = list.next_element()? {
                if found.len() == MOST {
                    return Err(A::Error::invalid_length(MOST + 1, &self));
                }
                found.push(one);
            }
            Ok(found)
        }
    }

    deserializer.deserialize_seq(Bounded::<T, MOST>(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_where_it_is_too_much() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path();
        for name in ["a", "b"] {
            std::fs::write(place.join(name), "").unwrap();
        }
        let folder = Folder::open(place).unwrap();
        let path: BackupPath = "data/db".parse().unwrap();
        let said = |refused: Result<()>| refused.unwrap_err().to_string();
        let mut tally = Tally { entries: MOST_ENTRIES - 2, list: 0 };
        assert_eq!(tally.names(&folder, place).unwrap().len(), 2);
        let full = said(tally.add_root(&path, place));
        assert!(full.contains(&place.display().to_string()) && full.contains("more than 400000"), "{full}");
        let mut tally = Tally { entries: MOST_ENTRIES - 1, list: 0 };
        assert!(said(tally.names(&folder, place).map(drop)).contains("more than 400000"));
        let deep: BackupPath = vec!["f"; DEEPEST].join("/").parse().unwrap();
        assert!(
            said(Tally::default().join(&deep, OsStr::new("x"), place).map(drop)).contains("128 folders deep")
        );
        let long: BackupPath = vec!["n".repeat(255); 16].join("/").parse().unwrap();
        assert!(said(Tally::default().join(&long, OsStr::new("x"), place).map(drop)).contains("too long"));
        let mut tally = Tally { entries: 0, list: LIST_LIMIT - ENTRY };
        assert!(said(tally.join(&path, OsStr::new("a"), place).map(drop)).contains("256.00 MiB"));
    }

    #[test]
    fn one_more_than_there_may_be_is_refused() {
        #[derive(Debug, Deserialize)]
        struct Two(#[serde(deserialize_with = "at_most::<2, _, _>")] Vec<u8>);
        assert_eq!(serde_json::from_str::<Two>("[1,2]").unwrap().0, [1, 2]);
        let refused = serde_json::from_str::<Two>("[1,2,\"what is never read\"]").unwrap_err().to_string();
        assert!(refused.contains("invalid type"), "{refused}");
        let refused = serde_json::from_str::<Two>("[1,2,3,\"what is never read\"]").unwrap_err().to_string();
        assert!(refused.contains("at most 2 of them"), "{refused}");
    }
}
