//! A backup as it lies on a disk: a folder with three files, which has its name when all of it is there.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use semver::Version;
use wt_keys::console::Phase;
use wt_keys::{Envelope, KeyId, PublicKey, SigningKey, Utc, Verified, capped, durable, folder_of};

use super::bounds::LIST_LIMIT;
use super::data_reader::{DataReader, Look};
use super::list::BackupList;
use crate::beneath::Folder;
use crate::{Error, Result};

pub const LIST: &str = "backup.json";
/// The key that the list is signed with: needed on another host, believed on none.
pub const KEY: &str = "installation.pub";
const DATA: &str = "data.tar.zst";
const ENCRYPTED: &str = "data.tar.zst.age";
pub(super) const SUFFIX: &str = ".backup";
/// What the name ends with until all of it is on the disk, and from when it is being removed.
pub(super) const UNFINISHED: &str = "unfinished";
const KEY_LIMIT: u64 = 1 << 12;

/// What a list is called in messages.
const WHAT: &str = "the list of a backup";

/// A backup whose list was verified.
#[derive(Debug)]
pub struct Backup {
    pub folder: PathBuf,
    pub list: Verified<BackupList>,
    pub signer: KeyId,
    /// All of it is read from here, whatever has the name by then.
    opened: Folder,
}

/// What the list of a backup says of all of it.
#[derive(Debug)]
pub struct Summary {
    pub folder: PathBuf,
    pub product: String,
    pub version: Version,
    pub created: Utc,
    pub logs: bool,
    pub encrypted: bool,
    /// Bytes of the data file, and of what it holds.
    pub length: u64,
    pub stored: u64,
}

/// What a backup is called: `worktile-5.2.0-2026-11-24T020000Z.backup`.
pub fn name(product: &str, version: &Version, created: Utc) -> String {
    format!("{product}-{version}-{}{SUFFIX}", created.to_string().replace(':', ""))
}

/// The name of the data file.
pub fn data_name(encrypted: bool) -> &'static str {
    if encrypted { ENCRYPTED } else { DATA }
}

/// What is large goes first, and last what says whose it is: killed in between, the next run still knows it for ours.
pub(super) fn remove(path: &Path) -> Result<()> {
    let failed = |error| Error::io("remove", path)(error);
    let folder = Folder::open(path).map_err(failed)?;
    for name in [DATA, ENCRYPTED, LIST] {
        match folder.remove_file(OsStr::new(name)) {
            // a folder that somebody made goes with the rest
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {}
            removed => removed.map_err(failed)?,
        }
    }
    folder.sync().map_err(failed)?;
    Ok(durable::remove_folder(path)?)
}

/// Whether a run of the installation with this key was killed while it made the backup in this folder, or removed it. One
/// that is killed before the key is written leaves an empty folder, or an empty key; what else lies there may be somebody's.
pub(super) fn is_leftover(path: &Path, own: &PublicKey) -> Result<bool> {
    let folder = open(path, KEY)?;
    let failed = |error| Error::io("read", path)(error);
    let only = |known: &[&str]| {
        let names = folder.names(known.len()).map_err(failed)?;
        Ok(names.is_some_and(|names| names.iter().all(|name| known.iter().any(|known| name == known))))
    };
    match folder.file(OsStr::new(KEY)) {
        Err(error) if error.kind() == ErrorKind::NotFound => only(&[]),
        Ok(Some(file)) if file.metadata().map_err(failed)?.len() == 0 => only(&[DATA, ENCRYPTED, LIST, KEY]),
        _ => Ok(claim(&folder, path)? == *own),
    }
}

/// The key that a backup says it is signed with.
pub fn claimed_signer(folder: &Path) -> Result<PublicKey> {
    claim(&open(folder, KEY)?, folder)
}

pub(super) fn claim(opened: &Folder, folder: &Path) -> Result<PublicKey> {
    let bytes = read(opened, folder, KEY, "a public key", KEY_LIMIT)?;
    Ok(PublicKey::from_pem(std::str::from_utf8(&bytes).unwrap_or_default())?)
}

/// A folder that is to have a file `expected`.
pub(super) fn open(folder: &Path, expected: &'static str) -> Result<Folder> {
    Folder::open(folder).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Error::NoBackup { path: folder.to_owned(), expected }
        }
        _ => Error::io("open", folder)(error),
    })
}

/// Follows nothing, and hangs on nothing, that somebody put there.
fn read(
    opened: &Folder,
    folder: &Path,
    name: &'static str,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>> {
    match opened.file(OsStr::new(name)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::NoBackup { path: folder.to_owned(), expected: name })
        }
        found => {
            let path = folder.join(name);
            Ok(capped::read_file(&regular(found, &path)?, &path, what, limit)?)
        }
    }
}

fn regular(found: io::Result<Option<File>>, path: &Path) -> Result<File> {
    let other = || Error::io("read", path)(io::Error::other("not a regular file"));
    found.map_err(Error::io("open", path))?.ok_or_else(other)
}

impl Backup {
    /// Verifies the list by `signer`'s signature before it is read.
    pub fn open(folder: &Path, signer: &PublicKey) -> Result<Self> {
        Self::read(open(folder, LIST)?, folder, signer)
    }

    pub(super) fn read(opened: Folder, folder: &Path, signer: &PublicKey) -> Result<Self> {
        let bytes = read(&opened, folder, LIST, WHAT, LIST_LIMIT)?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let list: Verified<BackupList> = Envelope::parse(line, WHAT)?.verify(signer)?;
        list.check()?;
        Ok(Self { folder: folder.to_owned(), list, signer: signer.id(), opened })
    }

    /// The data file, opened once and read from there only.
    pub fn data<'a>(&'a self, phase: &'a Phase) -> Result<DataReader<'a>> {
        let name = data_name(self.list.data.encrypted);
        let path = self.folder.join(name);
        let file = regular(self.opened.file(OsStr::new(name)), &path)?;
        DataReader::open(path, file, &self.list, phase)
    }

    /// Compares every byte with what was signed, and looks inside where it is not encrypted.
    fn verify(&self, phase: &Phase) -> Result<()> {
        let data = self.data(phase)?;
        if self.list.data.encrypted { data.authenticate() } else { data.visit(None, &mut Look) }
    }

    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Summary {
    pub(super) fn of(backup: &Backup) -> Self {
        let list = &backup.list;
        Self {
            folder: backup.folder.clone(),
            product: list.product.clone(),
            version: list.version.clone(),
            created: list.created,
            logs: list.logs,
            encrypted: list.data.encrypted,
            length: list.data.length,
            stored: list.stored(),
        }
    }
}

/// A backup that is being made. Dropped before it is published, nothing is left of it.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    folder: Folder,
    published: bool,
}

impl Unfinished {
    /// Whose it is stands in it from the start, so that what a killed run left can be told from what others are making.
    pub fn create(parent: &Path, name: &str, key: &SigningKey) -> Result<Self> {
        let path = parent.join(name).with_added_extension(UNFINISHED);
        let failed = |error| Error::io("create the folder", &path)(error);
        // never one that is there: whose it is, and where it leads, others have a say in
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        let folder = Folder::open(&path).map_err(failed)?;
        let this = Self { folder, path, published: false };
        this.write(KEY, key.public().to_pem().as_bytes())?;
        this.require_own()?;
        Ok(this)
    }

    /// A folder that somebody put in place of the one that was made is not whose the files in it are. (On a share, that need
    /// not be root.)
    fn require_own(&self) -> Result<()> {
        let failed = |error| Error::io("create the folder", &self.path)(error);
        let folder = self.folder.stat().map_err(failed)?;
        let file = self.folder.look(OsStr::new(KEY)).map_err(failed)?;
        if folder.st_uid == file.st_uid {
            return Ok(());
        }
        Err(failed(io::Error::other("somebody else put another in its place")))
    }

    /// Where the data file is to lie.
    pub fn data(&self, encrypted: bool) -> PathBuf {
        self.path.join(data_name(encrypted))
    }

    /// Makes that file.
    pub fn make_data(&self, encrypted: bool) -> Result<File> {
        self.make(data_name(encrypted))
    }

    fn make(&self, name: &str) -> Result<File> {
        self.folder.make_file(OsStr::new(name)).map_err(Error::io("write", self.path.join(name)))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.make(name)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(Error::io("write", self.path.join(name)))
    }

    /// Signs the list, reads all of it again as anybody would, and gives the backup its name. It is on the disk then.
    pub fn publish(mut self, list: &BackupList, key: &SigningKey, phase: &Phase) -> Result<Backup> {
        let bytes = [&Envelope::seal(list, &[key])?.to_bytes()[..], b"\n"].concat();
        if bytes.len() as u64 > LIST_LIMIT {
            return Err(wt_keys::Error::TooLarge {
                what: WHAT,
                limit: LIST_LIMIT,
                found: bytes.len() as u64,
            }
            .into());
        }
        self.write(LIST, &bytes)?;
        let opened = self.folder.descend(&[]).map_err(Error::io("open", &self.path))?;
        let mut backup = Backup::read(opened, &self.path, &key.public())?;
        backup.verify(phase)?;
        let folder = self.path.with_extension("");
        self.folder.sync().map_err(Error::io("sync", &self.path))?;
        if folder.symlink_metadata().is_ok() {
            return Err(Error::io("write", folder)(ErrorKind::AlreadyExists.into()));
        }
        fs::rename(&self.path, &folder).map_err(Error::io("write", &folder))?;
        self.published = true;
        if !self.folder.is_at(&folder).map_err(Error::io("open", &folder))? {
            let other = io::Error::other("somebody else put another folder in its place");
            return Err(Error::io("write", folder)(other));
        }
        durable::sync_folder(&folder_of(&folder))?;
        backup.folder = folder;
        Ok(backup)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.published {
            let _ = remove(&self.path);
        }
    }
}
