//! Reading a bundle: head, chunks, frames, entries, in that order and never another.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use wt_keys::digest::Hasher;
use wt_keys::{Chain, Sha256Digest, Trust, Trusted};

use crate::bundle::chunk::{Authenticated, Chunks};
use crate::bundle::found::Found;
use crate::bundle::frame::FrameReader;
use crate::bundle::volume_problem::{VolumeProblem, VolumeProblemKind};
use crate::bundle::volumes::Volumes;
use crate::bundle::{head, tar};
use crate::manifest::{CHUNK_SIZE, Entry, Manifest};
use crate::{Error, Result};

/// Chunks that are read ahead of the decompressor.
const READ_AHEAD: usize = 4;

/// An open bundle whose head was verified. Its body is authenticated as it is read.
#[derive(Debug)]
pub struct Bundle {
    volumes: Volumes,
    chain: Chain,
    body_offset: u64,
    trusted: Trusted<Manifest>,
}

/// A bundle whose head was verified, and of which volumes may be missing. It can be verified, not read.
#[derive(Debug)]
pub struct Incomplete(Bundle);

impl Incomplete {
    /// As [`Bundle::open_in`], but goes on where volumes are missing or of a wrong length.
    pub fn open(path: &Path, folders: &[PathBuf], pinned: &Trust) -> Result<Self> {
        Self::found(Found::at(path, folders)?, pinned)
    }

    /// A bundle in a file that may have no name yet; `path` is what it will be called.
    pub fn of_file(file: &std::fs::File, path: &Path, pinned: &Trust) -> Result<Self> {
        Self::found(Found::of_file(file, path)?, pinned)
    }

    fn found(found: Found, pinned: &Trust) -> Result<Self> {
        let (file, first, length) = found.first()?;
        let head = head::read(file, first, length).map_err(|error| found.head_error(error))?;
        let trusted: Trusted<Manifest> = head.chain.verify(pinned)?;
        trusted.document.check()?;
        trusted.trust.check_release(&trusted.document.product, &trusted.document.version)?;
        let total = head.body_offset.saturating_add(trusted.document.body.length);
        let volumes = found.cut(head.body_offset, total)?;
        Ok(Self(Bundle { volumes, chain: head.chain, body_offset: head.body_offset, trusted }))
    }

    pub fn manifest(&self) -> &Manifest {
        self.0.manifest()
    }

    /// The bundle, if all of it is there.
    pub fn complete(self) -> Result<Bundle> {
        match self.0.volumes.problems() {
            [] => Ok(self.0),
            problems => Err(self.0.volumes.refused(problems.to_vec())),
        }
    }

    /// Authenticates every chunk that is there. Everything that is wrong with volumes is listed together.
    pub fn verify_body(self, progress: &(dyn Fn(u64) + Sync)) -> Result<Bundle> {
        self.0.verify_body(progress)?;
        Ok(self.0)
    }
}

impl Bundle {
    /// Opens a bundle and verifies its head by the roots of `pinned`. Reads nothing else.
    pub fn open(path: &Path, pinned: &Trust) -> Result<Self> {
        Self::open_in(path, &[], pinned)
    }

    /// Opens a bundle that may lie in volumes, beside `path` and in `folders`.
    pub fn open_in(path: &Path, folders: &[PathBuf], pinned: &Trust) -> Result<Self> {
        Incomplete::open(path, folders, pinned)?.complete()
    }

    /// What the bundle is called: without a number where it lies in volumes.
    pub fn path(&self) -> &Path {
        self.volumes.name()
    }

    pub fn volumes(&self) -> &Volumes {
        &self.volumes
    }

    /// The signed documents of the head.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    pub fn manifest(&self) -> &Manifest {
        &self.trusted.document
    }

    /// The manifest with its signer's certificate, and the trust that is in force after this bundle.
    pub fn trusted(&self) -> &Trusted<Manifest> {
        &self.trusted
    }

    pub fn body_offset(&self) -> u64 {
        self.body_offset
    }

    pub fn file_length(&self) -> u64 {
        self.body_offset + self.manifest().body.length
    }

    pub fn chunks(&self) -> Chunks<'_> {
        Chunks { volumes: &self.volumes, body_offset: self.body_offset, body: &self.manifest().body }
    }

    /// Authenticates every chunk, on all processors. `progress` is told of each one's bytes. A single file is given up
    /// at the first that is damaged; of volumes all that are damaged are listed.
    pub fn verify_body(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<()> {
        let (chunks, next) = (self.chunks(), AtomicUsize::new(0));
        let damaged = Mutex::new(Vec::new());
        let work = || -> Result<()> {
            let mut buffer = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= chunks.body.chunks.len() {
                    return Ok(());
                }
                if !self.volumes.has(self.body_offset + index as u64 * CHUNK_SIZE) {
                    continue;
                }
                match chunks.authenticate_into(index, &mut buffer) {
                    Ok(_) => progress(buffer.len() as u64),
                    Err(Error::Volumes { problems, .. }) => {
                        damaged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(problems);
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mine = work();
            others.into_iter().fold(mine, |result, other| {
                result.and(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })
        })?;
        let damaged = damaged.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut problems = by_volume(damaged);
        problems.extend(self.volumes.problems().iter().cloned());
        problems.sort_by_key(|problem| problem.number);
        if problems.is_empty() { Ok(()) } else { Err(self.volumes.refused(problems)) }
    }

    /// Hands every entry that is `wanted` to `visit`, in order, with a reader of its bytes. Touches only the frames
    /// that hold one. The entry's digest is compared after `visit` has returned: bytes it was given are authentic
    /// (their chunk was), a mismatch means that the bundle was built wrongly.
    pub fn for_each_entry<E: From<Error>>(
        &self,
        wanted: impl Fn(&Entry) -> bool,
        mut visit: impl FnMut(&Entry, &mut dyn Read) -> Result<(), E>,
    ) -> Result<(), E> {
        let entries = &self.manifest().entries;
        let frames: Vec<&[Entry]> = entries.chunk_by(|a, b| a.frame == b.frame).collect();
        let frames: Vec<&[Entry]> = frames.into_iter().filter(|frame| frame.iter().any(&wanted)).collect();
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(READ_AHEAD);
            let needed = self.chunks_of(&frames);
            let chunks = self.chunks();
            scope.spawn(move || {
                for index in needed {
                    let chunk = chunks.authenticate(index);
                    let stop = chunk.is_err();
                    if sender.send(chunk).is_err() || stop {
                        return;
                    }
                }
            });
            let mut source = (None, receiver.into_iter());
            for frame in frames {
                source = self.read_frame(frame, source, &wanted, &mut visit)?;
            }
            Ok(())
        })
    }

    /// The indices of the chunks that cover the frames, ascending, each once.
    fn chunks_of(&self, frames: &[&[Entry]]) -> Vec<usize> {
        let mut needed: Vec<usize> =
            frames.iter().flat_map(|frame| Chunks::covering(&self.frame_range(frame[0].frame))).collect();
        needed.dedup();
        needed
    }

    fn frame_range(&self, index: usize) -> std::ops::Range<u64> {
        let offset = self.manifest().frame_offset(index);
        offset..offset + self.manifest().body.frames[index].length
    }

    fn read_frame<E: From<Error>, C: Iterator<Item = Result<Authenticated>>>(
        &self,
        entries: &[Entry],
        (chunk, chunks): (Option<Authenticated>, C),
        wanted: impl Fn(&Entry) -> bool,
        visit: &mut impl FnMut(&Entry, &mut dyn Read) -> Result<(), E>,
    ) -> Result<(Option<Authenticated>, C), E> {
        let index = entries[0].frame;
        let range = self.frame_range(index);
        let chunk = chunk.filter(|chunk| !chunk.part(&range).is_empty());
        let frame = &self.manifest().body.frames[index];
        let mut reader = FrameReader::new(index, frame, range.start, chunk, chunks)?;
        for entry in entries {
            expect(&mut reader, &tar::header(entry), index)?;
            let mut content = EntryReader { frame: &mut reader, left: entry.size, hasher: Hasher::default() };
            if wanted(entry) {
                visit(entry, &mut content)?;
            }
            content.finish(entry)?;
            expect(&mut reader, &[0; 512][..tar::padding(entry.size)], index)?;
        }
        if index + 1 == self.manifest().body.frames.len() {
            expect(&mut reader, &tar::END, index)?;
        }
        Ok(reader.finish()?)
    }

    /// The whole of one entry of at most `limit` bytes.
    pub fn read_entry(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let entry = self.manifest().entry(path)?;
        if entry.size > limit {
            return Err(Error::EntryTooLarge { path: path.to_owned(), limit, found: entry.size });
        }
        let mut bytes = Vec::new();
        self.for_each_entry(
            |other| other.path == entry.path,
            |_, content| content.read_to_end(&mut bytes).map(drop).map_err(unwrapped),
        )?;
        Ok(bytes)
    }
}

/// The damaged chunks of a volume as one problem: the first of them, and how many more.
fn by_volume(mut chunks: Vec<VolumeProblem>) -> Vec<VolumeProblem> {
    let chunk = |problem: &VolumeProblem| match problem.kind {
        VolumeProblemKind::Damaged { chunk, .. } => chunk,
        _ => 0, // that it is another volume says more than what is damaged
    };
    chunks.sort_by_key(|problem| (problem.number, chunk(problem)));
    let one = |volume: &[VolumeProblem]| {
        let mut problem = volume[0].clone();
        if let VolumeProblemKind::Damaged { more, .. } = &mut problem.kind {
            *more = volume.len() - 1;
        }
        problem
    };
    chunks.chunk_by(|a, b| a.number == b.number).map(one).collect()
}

/// The bytes of an entry, hashed as they go by.
struct EntryReader<'a, R> {
    frame: &'a mut R,
    left: u64,
    hasher: Hasher,
}

impl<R: Read> Read for EntryReader<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(out.len(), |left| left.min(out.len()));
        let got = self.frame.read(&mut out[..wanted])?;
        self.hasher.update(&out[..got]);
        self.left -= got as u64;
        Ok(got)
    }
}

impl<R: Read> EntryReader<'_, R> {
    /// Reads what the visitor left, and compares the digest.
    fn finish(mut self, entry: &Entry) -> Result<()> {
        io::copy(&mut self, &mut io::sink()).map_err(unwrapped)?;
        let (expected, found): (Sha256Digest, _) = (entry.sha256, self.hasher.finish());
        if expected == found {
            Ok(())
        } else {
            Err(Error::Entry { path: entry.path.to_string(), expected, found })
        }
    }
}

/// Reads as many bytes as are `expected`, and compares them.
fn expect(reader: &mut impl Read, expected: &[u8], frame: usize) -> Result<()> {
    let mut found = [0; 1024];
    let found = &mut found[..expected.len()];
    reader.read_exact(found).map_err(unwrapped)?;
    if found == expected {
        Ok(())
    } else {
        Err(Error::Frame { frame, why: "its tar is not the canonical one" })
    }
}

/// Our own error back out of the [`io::Error`] that [`Read`] made us wrap it in.
pub fn unwrapped(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(source) => Error::Unreadable { source },
    }
}
