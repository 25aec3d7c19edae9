//! A backup as it lies on a disk: a folder with three files, which has its name when all of it is there.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use wt_keys::console::Phase;
use wt_keys::{Envelope, KeyId, PublicKey, SigningKey, Utc, Verified, capped, durable, folder_of};

use super::data_reader::{DataReader, Look};
use super::list::BackupList;
use crate::{Error, Result};

pub const LIST: &str = "backup.json";
/// The key that the list is signed with: needed on another host, believed on none.
pub const KEY: &str = "installation.pub";
const DATA: &str = "data.tar.zst";
const ENCRYPTED: &str = "data.tar.zst.age";
const SUFFIX: &str = ".backup";
/// What the name ends with until all of it is on the disk, and from when it is being removed.
const UNFINISHED: &str = "unfinished";
const LIST_LIMIT: u64 = 256 << 20;
const KEY_LIMIT: u64 = 1 << 12;

/// What a list is called in messages.
const WHAT: &str = "the list of a backup";

/// A backup whose list was verified.
#[derive(Debug)]
pub struct Backup {
    pub folder: PathBuf,
    pub list: Verified<BackupList>,
    pub signer: KeyId,
}

/// What a backup is called: `worktile-5.2.0-2026-11-24T020000Z.backup`.
pub fn name(product: &str, version: &semver::Version, created: Utc) -> String {
    format!("{product}-{version}-{}{SUFFIX}", created.to_string().replace(':', ""))
}

/// The name of the data file.
pub fn data_name(encrypted: bool) -> &'static str {
    if encrypted { ENCRYPTED } else { DATA }
}

/// The key that a backup says it is signed with.
pub fn claimed_signer(folder: &Path) -> Result<PublicKey> {
    let path = folder.join(KEY);
    if !path.exists() {
        return Err(Error::NoBackup { path: folder.to_owned(), expected: KEY });
    }
    let bytes = capped::read(&path, "a public key", KEY_LIMIT)?;
    Ok(PublicKey::from_pem(std::str::from_utf8(&bytes).unwrap_or_default())?)
}

impl Backup {
    /// Verifies the list by `signer`'s signature before it is read.
    pub fn open(folder: &Path, signer: &PublicKey) -> Result<Self> {
        let path = folder.join(LIST);
        if !path.exists() {
            return Err(Error::NoBackup { path: folder.to_owned(), expected: LIST });
        }
        let bytes = capped::read(&path, WHAT, LIST_LIMIT)?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let list: Verified<BackupList> = Envelope::parse(line, WHAT)?.verify(signer)?;
        list.check()?;
        Ok(Self { folder: folder.to_owned(), list, signer: signer.id() })
    }

    /// The data file, opened once and read from there only.
    pub fn data<'a>(&'a self, phase: &'a Phase) -> Result<DataReader<'a>> {
        let path = self.folder.join(data_name(self.list.data.encrypted));
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&path);
        DataReader::open(path.clone(), file.map_err(Error::io("open", path))?, &self.list, phase)
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

/// A backup that is being made. Dropped before it is published, nothing is left of it.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    published: bool,
}

impl Unfinished {
    /// Whose it is stands in it from the start, so that what a killed run left can be told from what others are making.
    pub fn create(parent: &Path, name: &str, key: &SigningKey) -> Result<Self> {
        let path = parent.join(name).with_added_extension(UNFINISHED);
        durable::remove_folder(&path)?;
        durable::create_folder(&path, 0o700)?;
        let this = Self { path, published: false };
        durable::write(&this.path.join(KEY), key.public().to_pem().as_bytes(), 0o600)?;
        Ok(this)
    }

    pub fn data(&self, encrypted: bool) -> PathBuf {
        self.path.join(data_name(encrypted))
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
        durable::write(&self.path.join(LIST), &bytes, 0o600)?;
        let mut backup = Backup::open(&self.path, &key.public())?;
        backup.verify(phase)?;
        let folder = self.path.with_extension("");
        durable::sync_folder(&self.path)?;
        if folder.symlink_metadata().is_ok() {
            return Err(Error::io("write", folder)(ErrorKind::AlreadyExists.into()));
        }
        fs::rename(&self.path, &folder).map_err(Error::io("write", &folder))?;
        self.published = true;
        durable::sync_folder(&folder_of(&folder))?;
        backup.folder = folder;
        Ok(backup)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// What lies in a folder of backups.
#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    pub opened: Result<Backup>,
}

/// The backups of a product in `parent`, newest first; each verified by the key that it names.
pub fn all(parent: &Path, product: &str) -> Result<Vec<Found>> {
    let mut found: Vec<Found> = named(parent, product, SUFFIX)?
        .into_iter()
        .map(|path| Found { opened: claimed_signer(&path).and_then(|key| Backup::open(&path, &key)), path })
        .collect();
    let created = |found: &Found| found.opened.as_ref().ok().map(|backup| backup.list.created);
    found.sort_by(|a, b| (created(b), &b.path).cmp(&(created(a), &a.path)));
    Ok(found)
}

/// Removes what killed runs of this installation left.
pub fn remove_leftovers(parent: &Path, product: &str, key: &SigningKey) -> Result<()> {
    let suffix = format!("{SUFFIX}.{UNFINISHED}");
    for path in named(parent, product, &suffix)? {
        // one of which not even the key was written is younger than that, or nobody's
        if claimed_signer(&path).is_ok_and(|found| found == key.public()) || is_empty(&path) {
            durable::remove_folder(&path)?;
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
    let ours = all(parent, product)?.into_iter().filter_map(|found| found.opened.ok());
    let ours = ours.filter(|backup| backup.signer == key.public().id() && backup.list.product == product);
    let ours = ours.filter(|backup| backup.folder != made && backup.list.created <= now);
    let mut removed = Vec::new();
    for backup in ours.skip(keep.saturating_sub(1)) {
        if remove(&backup)? {
            removed.push(backup.name());
        }
    }
    Ok(removed)
}

/// It loses its name first: what is half removed is no backup.
fn remove(backup: &Backup) -> Result<bool> {
    let files = [LIST, KEY, data_name(backup.list.data.encrypted)];
    let failed = |error| Error::io("remove", &backup.folder)(error);
    for entry in fs::read_dir(&backup.folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !files.iter().any(|known| name == *known) {
            return Ok(false);
        }
    }
    let going = backup.folder.with_added_extension(UNFINISHED);
    fs::rename(&backup.folder, &going).map_err(failed)?;
    durable::remove_folder(&going)?;
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

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
