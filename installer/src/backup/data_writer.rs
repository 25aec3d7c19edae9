//! Writing the data file: each file is read once, hashed, put into the tar, compressed, perhaps encrypted, hashed again and
//! written, in pieces. Memory depends on the number of files and on no size.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_keys::digest::Hasher;
use zstd::stream::write::Encoder;

use super::bounds::Tally;
use super::encryption::{self, Recipient};
use super::list::{CHUNK_SIZE, DataFile, Entry, Kind, LeftOut, Mode, Moment, Target};
use super::path::BackupPath;
use super::tar;
use crate::beneath::Folder;
use crate::quiesce::Deadline;
use crate::{Error, Result};

const LEVEL: i32 = 3;
const MOST_THREADS: usize = 4;
const BUFFER: usize = 256 << 10;

/// A data file that grows.
pub struct DataWriter<'a> {
    out: Encoder<'static, Seal>,
    path: PathBuf,
    entries: Vec<Entry>,
    left_out: Vec<LeftOut>,
    /// The files of this root that have several names: device and inode, and the name that came first.
    links: HashMap<(u64, u64), BackupPath>,
    tally: Tally,
    /// When services must go on.
    deadline: Option<Deadline>,
    phase: &'a Phase,
    buffer: Vec<u8>,
}

/// A data file that is on the disk, and what it holds.
#[derive(Debug)]
pub struct Written {
    pub data: DataFile,
    pub entries: Vec<Entry>,
    pub left_out: Vec<LeftOut>,
}

impl std::fmt::Debug for DataWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<'a> DataWriter<'a> {
    /// `file` is new and empty, and lies at `path`.
    pub fn new(file: File, path: &Path, recipients: &[Recipient], phase: &'a Phase) -> Result<Self> {
        let failed = |error| Error::io("write", path)(error);
        let sink =
            Sink { file, whole: Hasher::default(), chunk: Hasher::default(), chunks: Vec::new(), length: 0 };
        let seal = match recipients {
            [] => Seal::Open(Box::new(sink)),
            some => Seal::Encrypted(Box::new(encryption::encrypt(some, sink)?)),
        };
        let mut out = Encoder::new(seal, LEVEL).map_err(failed)?;
        out.include_checksum(true).map_err(failed)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        out.multithread(u32::try_from(threads).unwrap_or(1)).map_err(failed)?;
        let (path, buffer) = (path.to_owned(), vec![0; BUFFER]);
        let (entries, left_out, links, tally) = Default::default();
        Ok(Self { out, path, entries, left_out, links, tally, deadline: None, phase, buffer })
    }

    /// What is added from now on must be there by then.
    pub fn until(&mut self, deadline: Option<Deadline>) {
        self.deadline = deadline;
    }

    /// Adds a folder with all that is in it, or a file, under the name `root`. Tells whether there is such a thing.
    pub fn add(&mut self, root: &BackupPath, place: &Path) -> Result<bool> {
        self.links.clear();
        let parent = place.parent().unwrap_or(Path::new("/"));
        let folder = match Folder::open(parent) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            folder => folder.map_err(Error::io("open", parent))?,
        };
        let name = place.file_name().unwrap_or_default();
        if matches!(folder.look(name), Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(false);
        }
        self.tally.add_root(root, place)?;
        self.add_one(&folder, name, root.clone(), place)?;
        Ok(self.entries.iter().rev().any(|entry| entry.path == *root))
    }

    /// What is gone meanwhile was never there.
    fn add_one(&mut self, folder: &Folder, name: &OsStr, path: BackupPath, place: &Path) -> Result<()> {
        let read = match folder.look(name) {
            Ok(found) => match FileType::from_raw_mode(found.st_mode) {
                FileType::Directory => folder.folder(name).map(Thing::Folder),
                FileType::RegularFile => folder.file(name).map(|file| file.map_or(Thing::Gone, Thing::File)),
                FileType::Symlink => folder.target(name).map(|target| Thing::Symlink(found, target)),
                FileType::Socket => Ok(Thing::Other("a socket")),
                FileType::Fifo => Ok(Thing::Other("a pipe")),
                _ => Ok(Thing::Other("a device")),
            },
            Err(error) => Err(error),
        };
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("read", place)(error)),
            Ok(Thing::Gone) => Ok(()), // something else has its name by now
            Ok(Thing::Folder(found)) => self.add_folder(&found, path, place),
            Ok(Thing::File(file)) => self.add_file(file, path, place),
            Ok(Thing::Symlink(found, target)) => {
                let entry = entry(path, &found, Kind::Symlink(Target(target)));
                self.write_header(entry)
            }
            Ok(Thing::Other(what)) => {
                self.left_out.push(LeftOut { path, what: what.to_owned() });
                Ok(())
            }
        }
    }

    fn add_folder(&mut self, folder: &Folder, path: BackupPath, place: &Path) -> Result<()> {
        let failed = |error| Error::io("read", place)(error);
        let found = folder.stat().map_err(failed)?;
        let names = self.tally.names(folder, place)?;
        self.write_header(entry(path.clone(), &found, Kind::Folder))?;
        for name in names {
            let place = place.join(&name);
            let path = self.tally.join(&path, &name, &place)?;
            self.add_one(folder, &name, path, &place)?;
        }
        Ok(())
    }

    fn add_file(&mut self, file: File, path: BackupPath, place: &Path) -> Result<()> {
        let failed = |error| Error::io("read", place)(error);
        let before = rustix::fs::fstat(&file).map_err(|errno| failed(errno.into()))?;
        if before.st_nlink > 1 {
            if let Some(first) = self.links.get(&(before.st_dev, before.st_ino)) {
                let kind = Kind::Hardlink(first.clone());
                return self.write_header(entry(path, &before, kind));
            }
            self.links.insert((before.st_dev, before.st_ino), path.clone());
        }
        let size = u64::try_from(before.st_size).unwrap_or_default();
        let on_disk = u64::try_from(before.st_blocks).unwrap_or_default().saturating_mul(512);
        let stored = (on_disk < size).then_some(on_disk);
        let unread = Kind::File { size, sha256: Sha256Digest::from_bytes([0; 32]), stored, changed: false };
        self.write_header(entry(path, &before, unread))?;
        let (sha256, short) = self.copy(&file, size, place)?;
        let after = file.metadata().map_err(failed)?;
        let changed = short
            || (after.len(), after.ctime(), after.ctime_nsec())
                != (size, before.st_ctime, nanos(before.st_ctime_nsec));
        if let Some(last) = self.entries.last_mut() {
            last.kind = Kind::File { size, sha256, stored, changed };
        }
        Ok(())
    }

    /// Puts `size` bytes into the tar: those of the file, and zeros where it has become shorter, which is told.
    fn copy(&mut self, mut file: &File, size: u64, place: &Path) -> Result<(Sha256Digest, bool)> {
        let (mut hasher, mut left, mut short) = (Hasher::default(), size, false);
        let mut buffer = std::mem::take(&mut self.buffer);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let mut got = 0;
            if !short {
                got = match file.read(&mut buffer[..most]) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    got => got.map_err(Error::io("read", place))?,
                };
                short = got == 0;
            }
            if short {
                buffer[..most].fill(0);
                got = most;
            }
            hasher.update(&buffer[..got]);
            self.write(&buffer[..got])?;
            left -= got as u64;
            self.phase.advance(got as u64);
        }
        self.buffer = buffer;
        self.write(&[0; 512][..tar::padding(size)])?;
        Ok((hasher.finish(), short))
    }

    fn write_header(&mut self, entry: Entry) -> Result<()> {
        self.write(&tar::header(&entry))?;
        self.entries.push(entry);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.deadline.map_or(Ok(()), Deadline::check)?;
        self.out.write_all(bytes).map_err(Error::io("write", &self.path))
    }

    /// Returns once all of it is on the disk.
    pub fn finish(mut self) -> Result<Written> {
        self.write(&tar::END)?;
        let Self { out, path, entries, left_out, .. } = self;
        let data = out.finish().and_then(Seal::finish).map_err(Error::io("write", path))?;
        Ok(Written { data, entries, left_out })
    }
}

enum Thing {
    Folder(Folder),
    File(File),
    Gone,
    Symlink(Stat, Vec<u8>),
    Other(&'static str),
}

fn entry(path: BackupPath, found: &Stat, kind: Kind) -> Entry {
    let nanos = u32::try_from(found.st_mtime_nsec).unwrap_or_default();
    let modified = Moment { seconds: found.st_mtime, nanos };
    Entry {
        path,
        mode: Mode(found.st_mode & 0o7777),
        user: found.st_uid,
        group: found.st_gid,
        modified,
        kind,
    }
}

fn nanos(found: impl TryInto<i64>) -> i64 {
    found.try_into().unwrap_or_default()
}

/// Where compressed bytes go.
enum Seal {
    Open(Box<Sink>),
    Encrypted(Box<encryption::Encrypted<Sink>>),
}

impl Seal {
    fn finish(self) -> io::Result<DataFile> {
        match self {
            Self::Open(sink) => sink.finish(false),
            Self::Encrypted(stream) => stream.finish()?.finish(true),
        }
    }
}

impl Write for Seal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(sink) => sink.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Open(sink) => sink.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}

/// The file, and the digests of what went into it.
struct Sink {
    file: File,
    whole: Hasher,
    chunk: Hasher,
    chunks: Vec<Sha256Digest>,
    length: u64,
}

impl Sink {
    fn end_chunk(&mut self) {
        self.chunks.push(std::mem::take(&mut self.chunk).finish());
    }

    fn finish(mut self, encrypted: bool) -> io::Result<DataFile> {
        if !self.length.is_multiple_of(CHUNK_SIZE) {
            self.end_chunk();
        }
        self.file.sync_all()?;
        Ok(DataFile { encrypted, length: self.length, sha256: self.whole.finish(), chunks: self.chunks })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_SIZE - self.length % CHUNK_SIZE;
        let most = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let written = self.file.write(&bytes[..most])?;
        self.whole.update(&bytes[..written]);
        self.chunk.update(&bytes[..written]);
        self.length += written as u64;
        if self.length.is_multiple_of(CHUNK_SIZE) && written > 0 {
            self.end_chunk();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
