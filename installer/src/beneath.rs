//! Folders that are open, and what lies in them: reached name by name and never through a link, so that nobody who may
//! write there can lead root elsewhere.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, chownat, fchmod, fchown, futimens,
    linkat, mkdirat, openat, readlinkat, statat, symlinkat, utimensat,
};

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

    /// A file, or whatever else has that name now, to be read; a link is an error, and nothing hangs us up.
    pub fn file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// In order of their bytes.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_owned();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(&name).to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub fn look(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub fn stat(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.0)?)
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

    pub fn make_symlink(&self, name: &OsStr, target: &[u8], attributes: &Attributes) -> io::Result<()> {
        symlinkat(target, &self.0, name)?;
        let (user, group) = attributes.owner();
        chownat(&self.0, name, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(utimensat(&self.0, name, &attributes.times(), AtFlags::SYMLINK_NOFOLLOW)?)
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
        assert!(real.file(OsStr::new("alias")).is_err());
        assert!(real.make_file(OsStr::new("alias")).is_err());
        assert_eq!(real.target(OsStr::new("alias")).unwrap(), b"file");
        let mut text = String::new();
        real.file(OsStr::new("file")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert_eq!(real.names().unwrap(), names(&["alias", "file", "inner"]));
    }
}
