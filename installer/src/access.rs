//! Whose a file is and who may read it, kept where another takes its place.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Gid, Mode, Stat, Uid, fchmod, fchown, lstat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use wt_keys::nameless::Nameless;

use crate::{Error, Result};

/// Owner, group and permission bits; never setuid, setgid or sticky.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    user: Uid,
    group: Gid,
    mode: Mode,
}

impl Access {
    /// Of something new: it is ours.
    pub fn own(mode: u32) -> Self {
        Self { user: geteuid(), group: getegid(), mode: permissions(mode) }
    }

    pub fn of(found: &Stat) -> Self {
        let (user, group) = (Uid::from_raw(found.st_uid), Gid::from_raw(found.st_gid));
        Self { user, group, mode: permissions(found.st_mode) }
    }

    /// Of the file at `path`; `None` where there is none, or a link, which is not followed.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        match lstat(path) {
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::io("read", path)(error.into())),
            Ok(found) => {
                let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
                Ok(is_file.then(|| Self::of(&found)))
            }
        }
    }

    /// For nobody whom one of the two keeps out by its mode; the owner stays.
    #[must_use]
    pub fn narrowed(self, other: Self) -> Self {
        Self { mode: self.mode & other.mode, ..self }
    }

    /// The owner first: what is narrow until then is never open to the wrong one.
    pub fn give(self, to: impl AsFd) -> io::Result<()> {
        fchown(&to, Some(self.user), Some(self.group))?;
        Ok(fchmod(&to, self.mode)?)
    }
}

/// As [`wt_keys::durable::write`]. Nobody but root can read it before it is whole and has its owner and mode.
pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let nameless = Nameless::create(path, 0o600)?;
    let mut file = nameless.file();
    let written = file.write_all(bytes).and_then(|()| access.give(file));
    written.map_err(Error::io("write", path))?;
    Ok(nameless.replace(path)?)
}

/// The same for a file that keeps the owner and mode that it has; one that is not there gets `otherwise`. One that says so
/// already is left alone.
pub fn rewrite(path: &Path, bytes: &[u8], otherwise: Access) -> Result<()> {
    match Access::at(path)? {
        Some(_) if fs::read(path).is_ok_and(|found| found == bytes) => Ok(()),
        found => write(path, bytes, found.unwrap_or(otherwise)),
    }
}

fn permissions(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o777)
}
