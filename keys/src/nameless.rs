//! A file that has no name before it is complete: killed at any moment, nothing is left of it.
//!
//! Where the file system knows no nameless files, it is called `.wt-NAME` beside its place and is locked while it is
//! written. What a killed run left under that name is removed by the next one that writes NAME.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::{Error, Result, Sha256Digest, folder_of};

const DESCRIPTORS: &str = "/proc/self/fd";
/// The longest name that a file can have.
const LONGEST: usize = 255;
/// How often another process may get between two steps.
const TRIES: usize = 16;

#[derive(Debug)]
pub struct Nameless {
    file: File,
    staged: Option<Staged>,
}

/// The name of a file where it must have one; dropping it removes it.
#[derive(Debug)]
struct Staged(PathBuf);

impl Staged {
    fn rename(mut self, rename: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        rename(&self.0)?;
        self.0.clear(); // the name may be another process's already
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.0);
        }
    }
}

impl Nameless {
    /// An empty file in the folder of `path`, which is what it will be called. The umask is taken from `mode`.
    pub fn create(path: &Path, mode: u32) -> Result<Self> {
        let folder = folder_of(path);
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if Path::new(DESCRIPTORS).exists()
            && let Ok(file) = rustix::fs::openat(CWD, &folder, flags, Mode::from_raw_mode(mode))
        {
            return Ok(Self { file: file.into(), staged: None });
        }
        Self::create_staged(path, mode)
    }

    fn create_staged(path: &Path, mode: u32) -> Result<Self> {
        let staged = staged_path(path);
        let failed = |error| Error::io("create a file in", folder_of(path))(error);
        for _ in 0..TRIES {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
            match rustix::fs::openat(CWD, &staged, flags, Mode::from_raw_mode(mode)) {
                Ok(file) => {
                    let file = File::from(file);
                    if lock(&file) && is_at(&file, &staged) {
                        return Ok(Self { file, staged: Some(Staged(staged)) });
                    }
                }
                Err(Errno::EXIST) => remove_abandoned(&staged).map_err(failed)?,
                Err(error) => return Err(failed(error.into())),
            }
        }
        Err(failed(busy()))
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Takes the name `path`, over whatever had it. Content and name are on the disk then.
    pub fn replace(self, path: &Path) -> Result<()> {
        let failed = |error| Error::io("write", path)(error);
        self.file.sync_all().map_err(failed)?;
        self.rename_over(path).map_err(failed)?;
        crate::durable::sync_folder(&folder_of(path))
    }

    /// Takes the name `path`, which nothing may have. The content is on the disk then; the name is on its way, and
    /// [`crate::durable::sync_folder`] awaits it.
    pub fn take_name(self, path: &Path) -> Result<()> {
        let failed = |error| Error::io("create", path)(error);
        self.file.sync_all().map_err(failed)?;
        let taken = match self.staged {
            None => link(&self.file, path),
            Some(staged) => staged.rename(|staged| rename_new(staged, path)),
        };
        taken.map_err(failed)
    }

    /// A link cannot replace a file, a rename can; so a file is renamed only where one is there.
    fn rename_over(self, path: &Path) -> io::Result<()> {
        if let Some(staged) = self.staged {
            return staged.rename(|staged| fs::rename(staged, path));
        }
        let staged = staged_path(path);
        for _ in 0..TRIES {
            match link(&self.file, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                linked => return linked,
            }
            match link(&self.file, &staged).map(|()| fs::rename(&staged, path)) {
                // what another process, killed or not, has between the two steps; it is complete in any case
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove_if_there(&staged)?,
                Err(error) => return Err(error),
                Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(renamed) => return renamed,
            }
        }
        Err(busy())
    }
}

/// `D/.wt-NAME`
pub(crate) fn staged_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let mut staged = std::ffi::OsString::from(".wt-");
    staged.push(name);
    if staged.len() > LONGEST {
        staged = format!(".wt-{}", Sha256Digest::of(name.as_encoded_bytes())).into();
    }
    path.with_file_name(staged)
}

/// Gives a nameless file a name in `folder`, which nobody may have.
pub fn link_in(folder: impl AsFd, file: &File, name: impl rustix::path::Arg) -> rustix::io::Result<()> {
    let descriptor = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, &descriptor, folder, name, AtFlags::SYMLINK_FOLLOW)
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(link_in(CWD, file, path)?)
}

fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

/// Whether nobody else has the lock. A file system without locks cannot say.
fn lock(file: &File) -> bool {
    !matches!(rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK))
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(file), Ok(there)) => identity(file) == identity(there),
        _ => false,
    }
}

/// Removes what nobody writes any more.
fn remove_abandoned(staged: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = match rustix::fs::openat(CWD, staged, flags, Mode::empty()) {
        Ok(file) => file.into(),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !lock(&file) {
        return Err(busy());
    }
    if is_at(&file, staged) { remove_if_there(staged) } else { Ok(()) }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn busy() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "another process writes the same file")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    /// In both ways, whatever the file system of the test knows.
    fn both(path: &Path) -> [Nameless; 2] {
        [Nameless::create(path, 0o600).unwrap(), Nameless::create_staged(path, 0o600).unwrap()]
    }

    #[test]
    fn a_file_takes_a_name_that_is_free_and_replaces_only_when_told() {
        for way in 0..2 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            let file = |text: &str| {
                let nameless = both(&path).into_iter().nth(way).unwrap();
                nameless.file().write_all(text.as_bytes()).unwrap();
                nameless
            };
            file("one").take_name(&path).unwrap();
            let refused = file("two").take_name(&path).unwrap_err();
            let Error::Io { source, .. } = refused else { panic!("{refused}") };
            assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&path).unwrap(), b"one");
            file("three").replace(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"three");
            fs::remove_file(&path).unwrap();
            file("four").replace(&path).unwrap();
            drop(file("five"));
            assert_eq!(names(folder.path()), ["a"], "nothing is left beside it");
        }
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(folder.path().join(".wt-a"), "of a killed run").unwrap();
        fs::write(&path, "before").unwrap();
        Nameless::create(&path, 0o600).unwrap().replace(&path).unwrap();
        assert_eq!(names(folder.path()), ["a"]);
        fs::write(folder.path().join(".wt-a"), "of a killed run").unwrap();
        let first = Nameless::create_staged(&path, 0o600).unwrap();
        assert_eq!(first.file().metadata().unwrap().len(), 0);
        let second = Nameless::create_staged(&path, 0o600).unwrap_err();
        assert!(second.to_string().contains("cannot create"), "{second}");
        first.replace(&path).unwrap();
        assert!(Nameless::create_staged(&path, 0o600).is_ok());
    }

    #[test]
    fn a_link_that_somebody_put_there_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("a"), folder.path().join("elsewhere"));
        fs::write(&elsewhere, "precious").unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join(".wt-a")).unwrap();
        assert!(Nameless::create_staged(&path, 0o600).is_err());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    }

    #[test]
    fn the_longest_name_has_a_place_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(LONGEST));
        for nameless in both(&path) {
            nameless.replace(&path).unwrap();
        }
    }
}
