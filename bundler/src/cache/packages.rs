//! Packages as they were downloaded, by their digests.
//!
//! What comes from here is compared with its digest like anything else, so nobody who writes here gets a package into a
//! bundle. The folder must be the user's alone all the same: else a link that waits there would say where we write.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;

use super::entry;
use crate::hashed::Hashed;

/// A folder of packages.
#[derive(Clone, Debug)]
pub struct PackageCache {
    folder: PathBuf,
    most: u64,
}

impl PackageCache {
    /// Creates the folder where it is missing. The error says why it cannot be used.
    pub fn open(folder: PathBuf, most: u64) -> Result<Self, String> {
        super::open(&folder, "package")?;
        Ok(Self { folder, most })
    }

    /// Copies a package to `place`, if it is here and whole. A damaged one is removed.
    pub fn lend(&self, package: Sha256Digest, place: &Path) {
        let kept = self.path(package);
        let Ok(file) = File::open(&kept) else { return };
        if copy(&file, File::create(place)).is_ok_and(|found| found == package) {
            entry::used_now(&file);
        } else {
            let _ = (fs::remove_file(place), fs::remove_file(&kept));
        }
    }

    /// Keeps a package; it appears whole or not at all.
    pub fn keep(&self, package: Sha256Digest, file: &Path) -> io::Result<()> {
        let kept = self.path(package);
        if kept.exists() {
            return Ok(());
        }
        let copied = tempfile::tempfile_in(&self.folder)?;
        if copy(&File::open(file)?, copied.try_clone())? == package {
            entry::name(&copied, &kept)?;
        }
        Ok(())
    }

    /// Keeps to the size; what was not used for longest goes first.
    pub fn bound(&self) {
        super::bound(super::list(&self.folder), self.most);
    }

    fn path(&self, package: Sha256Digest) -> PathBuf {
        self.folder.join(format!("{package}.deb"))
    }
}

/// The digest of what was copied.
fn copy(from: &File, to: io::Result<File>) -> io::Result<Sha256Digest> {
    let mut content = Hashed::new(from);
    io::copy(&mut content, &mut to?)?;
    content.finish()
}
