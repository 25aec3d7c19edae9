use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use wt_keys::{durable, nameless};
use wt_manifests::RelativePath;
use wt_manifests::bundle::reader::unwrapped;
use wt_manifests::manifest::Entry;

use crate::hashed::Hashed;
use crate::{Error, Result};

const FOLDER_MODE: u32 = 0o755;
/// A folder that files are written below.
pub struct Folder {
    root: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens it, and makes it where it is not there.
    pub fn create(path: &Path) -> Result<Self> {
        durable::create_folder(path, FOLDER_MODE)?;
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| Error::io("open the folder", path)(error.into()))?;
        Ok(Self { root, path: path.to_owned() })
    }

    /// Whether the entry is there with its content. Anything else under its name is refused.
    pub fn has(&self, entry: &Entry) -> Result<bool> {
        let Some((parent, name)) = self.parent(&entry.path, false)? else { return Ok(false) };
        let occupied = || Error::Occupied { path: self.path.join(&entry.path) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match rustix::fs::openat(&parent, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(false),
            Err(_) => return Err(occupied()),
        };
        let failed = || Error::io("read", self.path.join(&entry.path));
        let metadata = file.metadata().map_err(failed())?;
        if !metadata.is_file() || metadata.len() != entry.size {
            return Err(occupied());
        }
        let mut content = Hashed::new(file.take(entry.size));
        io::copy(&mut content, &mut io::sink()).map_err(failed())?;
        if content.finish().map_err(failed())? == entry.sha256 { Ok(true) } else { Err(occupied()) }
    }

    /// The file stands under its name when this returns, or nothing does.
    pub fn write(&self, entry: &Entry, content: &mut impl Read) -> Result<()> {
        let failed = |error: io::Error| Error::io("write", self.path.join(&entry.path))(error);
        let Some((parent, name)) = self.parent(&entry.path, true)? else { return Ok(()) };
        let landing = Landing::create(&parent, name).map_err(|error| failed(error.into()))?;
        let mut content = Hashed::new(content);
        copy(&mut content, &landing.file, failed)?;
        let found = content.finish().map_err(unwrapped)?;
        if found != entry.sha256 {
            return Err(Error::Digest { what: entry.path.to_string(), expected: entry.sha256, found });
        }
        let mode = Mode::from_raw_mode(entry.mode.bits());
        rustix::fs::fchmod(&landing.file, mode).map_err(|error| failed(error.into()))?;
        landing.file.sync_all().map_err(failed)?;
        match landing.publish(name) {
            Err(Errno::EXIST) => return Err(Error::Occupied { path: self.path.join(&entry.path) }),
            published => published.map_err(|error| failed(error.into()))?,
        }
        rustix::fs::fsync(&parent).map_err(|error| failed(error.into()))
    }

    /// The folder that `path` is in, and its name there. None where the folder is not there and is not to be made.
    fn parent<'a>(&self, path: &'a RelativePath, make: bool) -> Result<Option<(OwnedFd, &'a str)>> {
        let failed = |error: Errno| Error::io("open the folder", self.path.join(path))(error.into());
        let mut at = self.root.try_clone().map_err(Error::io("open the folder", &self.path))?;
        let (folders, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
        let mut seen = self.path.clone();
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            seen.push(folder);
            if make {
                match rustix::fs::mkdirat(&at, folder, Mode::from_raw_mode(FOLDER_MODE)) {
                    Ok(()) => rustix::fs::fsync(&at).map_err(failed)?,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
            at = match rustix::fs::openat(&at, folder, flags, Mode::empty()) {
                Ok(folder) => folder,
                Err(Errno::NOENT) if !make => return Ok(None),
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(Error::NotAFolder { path: seen }),
                Err(error) => return Err(failed(error)),
            };
        }
        Ok(Some((at, name)))
    }
}

/// Tells apart what could not be read from what could not be written.
fn copy(content: &mut impl Read, mut file: &File, failed: impl Fn(io::Error) -> Error) -> Result<()> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match content.read(&mut buffer).map_err(unwrapped)? {
            0 => return Ok(()),
            got => io::Write::write_all(&mut file, &buffer[..got]).map_err(&failed)?,
        }
    }
}

/// A file on its way to its name: without one where the file system knows such files, else under one of ours.
struct Landing<'a> {
    folder: &'a OwnedFd,
    file: File,
    named: Option<String>,
}

impl<'a> Landing<'a> {
    fn create(folder: &'a OwnedFd, name: &str) -> Result<Self, Errno> {
        let (flags, mode) = (OFlags::WRONLY | OFlags::CLOEXEC, Mode::from_raw_mode(0o600));
        if let Ok(file) = rustix::fs::openat(folder, ".", flags | OFlags::TMPFILE, mode) {
            return Ok(Self { folder, file: file.into(), named: None });
        }
        let staged = format!(".wt-{name}");
        let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file: File = match rustix::fs::openat(folder, &staged, flags, mode) {
            Err(Errno::EXIST) => {
                remove_abandoned(folder, &staged)?;
                rustix::fs::openat(folder, &staged, flags, mode)?.into()
            }
            file => file?.into(),
        };
        let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive); // for who comes after a kill
        Ok(Self { folder, file, named: Some(staged) })
    }

    /// Takes a name that nobody has.
    fn publish(mut self, name: &str) -> Result<(), Errno> {
        let Some(own) = self.named.take() else {
            return nameless::link_in(self.folder, &self.file, name);
        };
        let renamed = rustix::fs::renameat_with(self.folder, &own, self.folder, name, RenameFlags::NOREPLACE);
        if renamed.is_err() {
            self.named = Some(own);
        }
        renamed
    }
}

/// Removes what a killed run left, which nobody has locked.
fn remove_abandoned(folder: &OwnedFd, staged: &str) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, staged, flags, Mode::empty())?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(Errno::BUSY),
        _ => rustix::fs::unlinkat(folder, staged, AtFlags::empty()), // a file system without locks cannot say
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.named {
            let _ = rustix::fs::unlinkat(self.folder, name, AtFlags::empty());
        }
    }
}
