//! Reading the data file: each chunk is hashed in memory and compared with the signed list, and that same memory goes on to
//! be decrypted, decompressed and compared with the one tar that the list implies. Nothing is parsed that was not signed,
//! and of the tar nothing is parsed at all.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_keys::digest::Hasher;
use zstd::stream::read::Decoder;

use super::encryption::{self, Decrypted, Identities};
use super::list::{BackupList, CHUNK_SIZE, DataFile, Entry, Kind};
use super::tar;
use crate::{Error, Result};

/// What any zstd takes without being asked twice.
const WINDOW_LOG: u32 = 27;
const BUFFER: usize = 256 << 10;

/// Told of every entry and then of its bytes, in the order of the list.
pub trait Visitor {
    fn entry(&mut self, entry: &Entry) -> Result<()>;
    /// The next bytes of the file that was last told of.
    fn content(&mut self, bytes: &[u8]) -> Result<()>;
    /// All of its bytes were the signed ones.
    fn end(&mut self, entry: &Entry) -> Result<()>;
}

/// Looks at everything and does nothing with it.
#[derive(Debug)]
pub struct Look;

impl Visitor for Look {
    fn entry(&mut self, _: &Entry) -> Result<()> {
        Ok(())
    }

    fn content(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &Entry) -> Result<()> {
        Ok(())
    }
}

/// The data file of a backup whose list was verified.
#[derive(Debug)]
pub struct DataReader<'a> {
    path: PathBuf,
    file: File,
    list: &'a BackupList,
    phase: &'a Phase,
}

impl<'a> DataReader<'a> {
    pub fn open(path: PathBuf, file: File, list: &'a BackupList, phase: &'a Phase) -> Result<Self> {
        let found = file.metadata().map_err(Error::io("read", &path))?;
        if !found.is_file() || found.len() != list.data.length {
            return Err(Error::BackupLength { path, expected: list.data.length, found: found.len() });
        }
        Ok(Self { path, file, list, phase })
    }

    /// Compares every byte of the file with the signed digests, and looks no further.
    pub fn authenticate(self) -> Result<()> {
        let mut chunks = self.chunks();
        let mut buffer = vec![0; BUFFER];
        loop {
            match chunks.read(&mut buffer).map_err(unwrapped(&self.path))? {
                0 => return Ok(()),
                got => self.phase.advance(got as u64),
            }
        }
    }

    /// The same, and compares what is inside.
    pub fn visit(self, identities: Option<&Identities>, visitor: &mut dyn Visitor) -> Result<()> {
        let chunks = self.chunks();
        let source = match (self.list.data.encrypted, identities) {
            (false, _) => Source::Open(chunks),
            (true, None) => return Err(Error::BackupEncrypted),
            (true, Some(identities)) => {
                let opened = encryption::decrypt(identities, chunks);
                Source::Encrypted(Box::new(opened.map_err(not_opened(&self.path))?))
            }
        };
        let failed = |error| unwrapped(&self.path)(error);
        let mut decoder = Decoder::new(source).map_err(failed)?;
        decoder.window_log_max(WINDOW_LOG).map_err(failed)?;
        Tar { path: &self.path, stream: decoder, phase: self.phase, buffer: vec![0; BUFFER] }
            .visit(self.list, visitor)
    }

    fn chunks(&self) -> Chunks<'_> {
        let (file, data, path) = (&self.file, &self.list.data, self.path.as_path());
        Chunks { file, path, data, next: 0, chunk: Vec::new(), at: 0 }
    }
}

/// The bytes of the file, each of which was compared with the list before anybody sees it.
struct Chunks<'a> {
    file: &'a File,
    path: &'a Path,
    data: &'a DataFile,
    next: usize,
    chunk: Vec<u8>,
    at: usize,
}

impl Chunks<'_> {
    /// Fills the memory with the next chunk.
    fn advance(&mut self) -> Result<()> {
        use std::os::unix::fs::FileExt as _;
        let from = self.next as u64 * CHUNK_SIZE;
        let length = CHUNK_SIZE.min(self.data.length - from);
        self.chunk.resize(usize::try_from(length).unwrap_or_default(), 0);
        self.at = self.chunk.len(); // nothing is handed out of a chunk that fails
        self.file.read_exact_at(&mut self.chunk, from).map_err(Error::io("read", self.path))?;
        let (expected, found) = (self.data.chunks[self.next], Sha256Digest::of(&self.chunk));
        if expected != found {
            let (path, to) = (self.path.to_owned(), from + length - 1);
            return Err(Error::BackupDamaged { path, from, to, expected, found });
        }
        self.next += 1;
        self.at = 0;
        Ok(())
    }
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            if self.next == self.data.chunks.len() {
                return Ok(0);
            }
            self.advance().map_err(io::Error::other)?;
        }
        let rest = &self.chunk[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

enum Source<'a> {
    Open(Chunks<'a>),
    Encrypted(Box<Decrypted<Chunks<'a>>>),
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(chunks) => chunks.read(buffer),
            Self::Encrypted(stream) => stream.read(buffer),
        }
    }
}

/// The tar as it comes out of the decompressor.
struct Tar<'a, R> {
    path: &'a Path,
    stream: R,
    phase: &'a Phase,
    buffer: Vec<u8>,
}

impl<R: Read> Tar<'_, R> {
    fn visit(mut self, list: &BackupList, visitor: &mut dyn Visitor) -> Result<()> {
        for entry in &list.entries {
            self.expect(&tar::header(entry), entry)?;
            visitor.entry(entry)?;
            if let Kind::File { size, sha256, .. } = entry.kind {
                let found = self.content(size, visitor)?;
                if found != sha256 {
                    return Err(self.differs(format!("`{}` has another content", entry.path)));
                }
                self.expect(&[0; 512][..tar::padding(size)], entry)?;
            }
            visitor.end(entry)?;
        }
        let mut end = [0; tar::END.len() + 1];
        let mut got = 0;
        while got < end.len() {
            match self.stream.read(&mut end[got..]).map_err(unwrapped(self.path))? {
                0 => break,
                more => got += more,
            }
        }
        if end[..got] == tar::END {
            Ok(())
        } else {
            Err(self.differs("it does not end where it should".to_owned()))
        }
    }

    fn content(&mut self, size: u64, visitor: &mut dyn Visitor) -> Result<Sha256Digest> {
        let (mut hasher, mut left) = (Hasher::default(), size);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            self.stream.read_exact(&mut self.buffer[..most]).map_err(unwrapped(self.path))?;
            hasher.update(&self.buffer[..most]);
            visitor.content(&self.buffer[..most])?;
            left -= most as u64;
            self.phase.advance(most as u64);
        }
        Ok(hasher.finish())
    }

    fn expect(&mut self, bytes: &[u8], entry: &Entry) -> Result<()> {
        let mut found = vec![0; bytes.len()];
        self.stream.read_exact(&mut found).map_err(unwrapped(self.path))?;
        if found == bytes {
            Ok(())
        } else {
            Err(self.differs(format!("`{}` is not where it should be", entry.path)))
        }
    }

    fn differs(&self, why: String) -> Error {
        Error::BackupDiffers { path: self.path.to_owned(), why }
    }
}

/// What a reader of ours said through others, or what others found wrong with bytes that we had signed.
fn unwrapped(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(theirs) => Error::BackupDiffers { path, why: theirs.to_string() },
    }
}

fn not_opened(path: &Path) -> impl FnOnce(age::DecryptError) -> Error {
    let path = path.to_owned();
    move |error| match error {
        age::DecryptError::NoMatchingKeys => Error::BackupIdentity { path },
        age::DecryptError::Io(error) => unwrapped(&path)(error),
        other => Error::BackupDiffers { path, why: other.to_string() },
    }
}
