//! Folders that are open, and what lies in them: reached name by name and never through a link, so that nobody who may
//! write there can lead root elsewhere.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, chownat, fchmod, fchown,
    fstat, fsync, futimens, linkat, mkdirat, openat, readlinkat, statat, symlinkat, unlinkat, utimensat,
};

use crate::access::Access;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// Whose something is, who may do what with it, and when it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    pub user: u32,
    pub group: u32,
    pub mode: u32,
    /// Seconds and nanoseconds.
    pub modified: (i64, u32),
}

impl Folder {
    /// The way to it may lead through links of the operator's; it itself is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path, FOLDER, Mode::empty())?))
    }

    pub fn folder(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(openat(&self.0, name, FOLDER, Mode::empty())?))
    }

    /// A regular file, to be read; `None` where something else has that name. What it is is known before it is opened:
    /// to open a device may already set it going.
    pub fn file(&self, name: &OsStr) -> io::Result<Option<File>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = openat(&self.0, name, flags, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&found)?.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        // this leads to what was found, whatever has its name by now
        File::open(format!("/proc/self/fd/{}", found.as_raw_fd())).map(Some)
    }

    /// In order of their bytes; `None` where there are more than `most`, of which no more are held.
    pub fn names(&self, most: usize) -> io::Result<Option<Vec<OsString>>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == most {
                return Ok(None);
            }
            names.push(OsStr::from_bytes(name).to_owned());
        }
        names.sort_unstable();
        Ok(Some(names))
    }

    pub fn look(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub fn stat(&self) -> io::Result<Stat> {
        Ok(fstat(&self.0)?)
    }

    /// Where a link points.
    pub fn target(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }

    /// Root's alone, until it is told otherwise.
    pub fn make_folder(&self, name: &OsStr) -> io::Result<Self> {
        mkdirat(&self.0, name, Mode::RWXU)?;
        self.folder(name)
    }

    /// The same for a file that was not there.
    pub fn make_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    pub fn make_symlink(&self, name: &OsStr, target: &[u8]) -> io::Result<()> {
        Ok(symlinkat(target, &self.0, name)?)
    }

    /// Of a link itself.
    pub fn set_symlink(&self, name: &OsStr, attributes: &Attributes) -> io::Result<()> {
        let (user, group) = attributes.owner();
        chownat(&self.0, name, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(utimensat(&self.0, name, &attributes.times(), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Another name for `file`, which lies in `folder`.
    pub fn make_hardlink(&self, name: &OsStr, folder: &Self, file: &OsStr) -> io::Result<()> {
        Ok(linkat(&folder.0, file, &self.0, name, AtFlags::empty())?)
    }

    /// The last of `names`, each one a folder in the one before.
    pub fn descend(&self, names: &[OsString]) -> io::Result<Self> {
        let mut at = Self(self.0.try_clone()?);
        for name in names {
            at = at.folder(name)?;
        }
        Ok(at)
    }

    pub fn set(&self, attributes: &Attributes) -> io::Result<()> {
        attributes.give(&self.0)
    }

    pub fn set_access(&self, access: Access) -> io::Result<()> {
        access.give(&self.0)
    }

    /// Whether it is the folder that has this path now.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        let (own, there) = (self.stat()?, Self::open(path)?.stat()?);
        Ok((own.st_dev, own.st_ino) == (there.st_dev, there.st_ino))
    }

    /// Returns once the names in it are on the disk.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.0)?)
    }

    /// Returns once all that was written to its file system is on the disk.
    pub fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

impl Attributes {
    /// The mode last of the two: a new owner takes bits away.
    pub fn give(&self, to: impl AsFd) -> io::Result<()> {
        let (user, group) = self.owner();
        fchown(&to, user, group)?;
        fchmod(&to, Mode::from_raw_mode(self.mode))?;
        Ok(futimens(&to, &self.times())?)
    }

    fn owner(&self) -> (Option<Uid>, Option<Gid>) {
        (Some(Uid::from_raw(self.user)), Some(Gid::from_raw(self.group)))
    }

    fn times(&self) -> Timestamps {
        let time = Timespec { tv_sec: self.modified.0, tv_nsec: self.modified.1.into() };
        Timestamps { last_access: time, last_modification: time }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("real/inner")).unwrap();
        fs::write(root.path().join("real/file"), "x").unwrap();
        symlink("real", root.path().join("link")).unwrap();
        symlink("file", root.path().join("real/alias")).unwrap();
        let folder = Folder::open(root.path()).unwrap();
        assert!(Folder::open(&root.path().join("link")).is_err());
        assert!(folder.folder(OsStr::new("link")).is_err());
        let names = |names: &[&str]| names.iter().map(OsString::from).collect::<Vec<_>>();
        let descend = |parts: &[&str]| folder.descend(&names(parts));
        assert!(descend(&["link", "inner"]).is_err());
        let real = descend(&["real"]).unwrap();
        assert!(real.file(OsStr::new("alias")).unwrap().is_none());
        assert!(real.make_file(OsStr::new("alias")).is_err());
        assert_eq!(real.target(OsStr::new("alias")).unwrap(), b"file");
        let mut text = String::new();
        real.file(OsStr::new("file")).unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert_eq!(real.names(3).unwrap(), Some(names(&["alias", "file", "inner"])));
        assert_eq!(real.names(2).unwrap(), None);
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let root = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(CWD, root.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
        let folder = Folder::open(root.path()).unwrap();
        for name in ["pipe", "socket"] {
            assert!(folder.file(OsStr::new(name)).unwrap().is_none(), "{name}");
        }
        let devices = Folder::open(Path::new("/dev")).unwrap();
        assert!(devices.file(OsStr::new("null")).unwrap().is_none());
    }
}
