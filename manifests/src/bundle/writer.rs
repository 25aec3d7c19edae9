//! Writing a bundle: frames one after another behind a gap for the head, then the head. Nothing stands under the
//! final name before all of it is on the disk and was read back.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use wt_keys::digest::Hasher;
use wt_keys::{Chain, Sha256Digest, Signer, Trust, durable};
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

use crate::bundle::head::{self, BODY_ALIGNMENT};
use crate::bundle::nameless::Nameless;
use crate::bundle::split::Split;
use crate::bundle::{Bundle, Incomplete, frame::WINDOW_LOG, tar, unsigned};
use crate::manifest::{Body, CHUNK_SIZE, Entry, Frame, Manifest, Mode};
use crate::{Error, RelativePath, Result};

/// How hard a frame is compressed. The same settings give the same bytes, however many threads there are.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    pub level: i32,
    pub threads: u32,
}

/// What one thread compresses at a time. Left to zstd, it would be so large that small layers keep one processor busy.
const JOB: u32 = 16 << 20;

impl Compression {
    /// All that decides the bytes of a frame beside its content: what frames are kept by between builds. The number of
    /// threads does not.
    pub fn settings(&self) -> String {
        let zstd = zstd::zstd_safe::version_number();
        format!("zstd {zstd} level {} window {WINDOW_LOG} job {JOB} long checksum", self.level)
    }
}

/// A finished frame: where its bytes are, and what they hold.
#[derive(Debug)]
pub struct FrameFile {
    pub file: File,
    pub frame: Frame,
    /// Their `frame` is set when the frame is appended to a body.
    pub entries: Vec<Entry>,
}

/// Compresses entries into one frame. Its size must be known before: a decompressor compares it.
pub struct FrameWriter {
    context: CCtx<'static>,
    file: File,
    path: PathBuf,
    out: Vec<u8>,
    frame: Frame,
    announced: u64,
    entries: Vec<Entry>,
}

impl std::fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameWriter").field("frame", &self.frame).finish_non_exhaustive()
    }
}

impl FrameWriter {
    /// Begins a frame in a nameless file in `folder`; `size` is what it will decompress to.
    pub fn new(folder: &Path, compression: Compression, size: u64) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io("create a file in", folder))?;
        let mut context = CCtx::create();
        configure(&mut context, compression, size).map_err(Error::io("compress into", folder))?;
        Ok(Self {
            context,
            file,
            path: folder.to_owned(),
            out: vec![0; CCtx::out_size()],
            frame: Frame { length: 0, size: 0 },
            announced: size,
            entries: Vec::new(),
        })
    }

    /// Adds a file of exactly `size` bytes. Returns its digest.
    pub fn entry(
        &mut self,
        path: RelativePath,
        size: u64,
        mode: Mode,
        content: &mut dyn Read,
    ) -> Result<Sha256Digest> {
        let mut entry = Entry { path, size, mode, sha256: Sha256Digest::of(b""), frame: 0 };
        self.write(&tar::header(&entry))?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 128 << 10];
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let got = content.read(&mut buffer[..wanted]).map_err(super::reader::unwrapped)?;
            if got == 0 {
                let short = io::Error::new(io::ErrorKind::UnexpectedEof, format!("{left} bytes are missing"));
                return Err(Error::io("read", entry.path.as_str())(short));
            }
            hasher.update(&buffer[..got]);
            self.write(&buffer[..got])?;
            left -= got as u64;
        }
        self.write(&[0; 512][..tar::padding(size)])?;
        entry.sha256 = hasher.finish();
        let digest = entry.sha256;
        self.entries.push(entry);
        Ok(digest)
    }

    /// The end of the tar, in the last frame.
    pub fn end_of_archive(&mut self) -> Result<()> {
        self.write(&tar::END)
    }

    pub fn finish(mut self) -> Result<FrameFile> {
        if self.frame.size != self.announced {
            let why = format!("announced {} bytes, got {}", self.announced, self.frame.size);
            return Err(Error::io("compress into", &self.path)(io::Error::other(why)));
        }
        self.compress(&[], ZSTD_EndDirective::ZSTD_e_end)?;
        Ok(FrameFile { file: self.file, frame: self.frame, entries: self.entries })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.frame.size += bytes.len() as u64;
        self.compress(bytes, ZSTD_EndDirective::ZSTD_e_continue)
    }

    fn compress(&mut self, bytes: &[u8], directive: ZSTD_EndDirective) -> Result<()> {
        let failed = |why: String| Error::io("compress into", &self.path)(io::Error::other(why));
        let mut input = InBuffer::around(bytes);
        loop {
            let mut output = OutBuffer::around(&mut self.out[..]);
            let left = self
                .context
                .compress_stream2(&mut output, &mut input, directive)
                .map_err(|code| failed(zstd::zstd_safe::get_error_name(code).to_owned()))?;
            let written = output.pos();
            self.frame.length += written as u64;
            self.file.write_all(&self.out[..written]).map_err(Error::io("write in", &self.path))?;
            let ending = directive == ZSTD_EndDirective::ZSTD_e_end;
            if (ending && left == 0) || (!ending && input.pos() == bytes.len()) {
                return Ok(());
            }
        }
    }
}

/// Long-distance matching within the window that any zstd opens. With at least one worker the bytes do not depend on
/// how many workers there are; without one they would be others.
fn configure(context: &mut CCtx<'static>, compression: Compression, size: u64) -> io::Result<()> {
    let parameters = [
        CParameter::CompressionLevel(compression.level),
        CParameter::WindowLog(window_log(size)),
        CParameter::EnableLongDistanceMatching(size > 1 << 20 && compression.level > 0),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(true),
        CParameter::JobSize(JOB),
        CParameter::NbWorkers(compression.threads.max(1)),
    ];
    let code = |code| io::Error::other(zstd::zstd_safe::get_error_name(code));
    for parameter in parameters {
        context.set_parameter(parameter).map_err(code)?;
    }
    context.set_pledged_src_size(Some(size)).map_err(code)?;
    Ok(())
}

/// The smallest window that holds `size`, between 64 KiB and 128 MiB.
fn window_log(size: u64) -> u32 {
    size.max(1).next_power_of_two().trailing_zeros().clamp(16, WINDOW_LOG)
}

/// The body of a bundle while it grows.
#[derive(Debug)]
pub struct BodyWriter {
    file: Nameless,
    output: PathBuf,
    reserved: u64,
    body: Body,
    entries: Vec<Entry>,
    chunk: Hasher,
    chunk_filled: u64,
}

impl BodyWriter {
    /// Begins a body that will become `output`; `expected_head` is a guess at the length of the head.
    pub fn create(output: &Path, expected_head: u64) -> Result<Self> {
        let folder = durable::folder_of(output);
        let file = Nameless::create(&folder)?;
        let reserved = expected_head.max(1).next_multiple_of(BODY_ALIGNMENT);
        let writer = Self {
            file,
            output: output.to_owned(),
            reserved,
            body: Body { length: 0, chunks: Vec::new(), frames: Vec::new() },
            entries: Vec::new(),
            chunk: Hasher::default(),
            chunk_filled: 0,
        };
        writer.file.file().seek(SeekFrom::Start(reserved)).map_err(Error::io("write", output))?;
        Ok(writer)
    }

    /// Copies a frame behind the others.
    pub fn append(&mut self, mut frame: FrameFile) -> Result<()> {
        frame.file.rewind().map_err(Error::io("read a frame of", &self.output))?;
        let index = self.body.frames.len();
        let mut buffer = vec![0; 1 << 20];
        let mut left = frame.frame.length; // a kept frame has a footer behind it
        while left > 0 {
            let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let got =
                frame.file.read(&mut buffer[..wanted]).map_err(Error::io("read a frame of", &self.output))?;
            if got == 0 {
                let short = io::Error::new(io::ErrorKind::UnexpectedEof, format!("{left} bytes are missing"));
                return Err(Error::io("read a frame of", &self.output)(short));
            }
            left -= got as u64;
            self.file.file().write_all(&buffer[..got]).map_err(Error::io("write", &self.output))?;
            self.hash(&buffer[..got]);
        }
        self.body.length += frame.frame.length;
        self.body.frames.push(frame.frame);
        self.entries.extend(frame.entries.into_iter().map(|entry| Entry { frame: index, ..entry }));
        Ok(())
    }

    fn hash(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(CHUNK_SIZE - self.chunk_filled).unwrap_or(bytes.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.update(now);
            self.chunk_filled += now.len() as u64;
            if self.chunk_filled == CHUNK_SIZE {
                self.end_chunk();
            }
            bytes = later;
        }
    }

    fn end_chunk(&mut self) {
        self.body.chunks.push(std::mem::take(&mut self.chunk).finish());
        self.chunk_filled = 0;
    }

    /// What the body holds; the manifest is made of it.
    pub fn finish(mut self) -> UnsignedBundle {
        if self.chunk_filled > 0 {
            self.end_chunk();
        }
        UnsignedBundle {
            file: self.file,
            output: self.output,
            reserved: self.reserved,
            body: self.body,
            entries: self.entries,
        }
    }
}

/// A body without its head.
#[derive(Debug)]
pub struct UnsignedBundle {
    file: Nameless,
    output: PathBuf,
    reserved: u64,
    pub body: Body,
    pub entries: Vec<Entry>,
}

impl UnsignedBundle {
    /// Signs the manifest and puts the head before the body. It is on the disk and was read back when it gets its name.
    #[inline(never)] // a test looks for this name in what customers get
    pub fn sign(self, manifest: &Manifest, signer: &Signer) -> Result<()> {
        self.seal(manifest, signer, &|_| {})?.publish()
    }

    /// As [`Self::sign`], but leaves the bundle without a name.
    #[inline(never)] // a test looks for this name in what customers get
    pub fn seal(
        mut self,
        manifest: &Manifest,
        signer: &Signer,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<SignedBundle> {
        manifest.check()?;
        let head = head::to_bytes(&Chain::seal(manifest, signer)?.to_bytes())?;
        self.put_head(&head)?;
        SignedBundle::read_back(self.file, self.output, &signer.trust, progress)
    }

    /// Puts the manifest before the body as it is, for `wt-bundle sign`.
    pub fn leave_unsigned(mut self, manifest: &Manifest) -> Result<()> {
        manifest.check()?;
        self.put_head(&head::unsigned_to_bytes(&unsigned::to_bytes(manifest))?)?;
        self.file.publish(&self.output)
    }

    fn put_head(&mut self, head: &[u8]) -> Result<()> {
        self.move_body(head.len() as u64)?;
        let failed = |error| Error::io("write", &self.output)(error);
        self.file.file().write_all_at(head, 0).map_err(failed)?;
        self.file.file().sync_all().map_err(failed)
    }

    /// Makes the gap before the body as long as the head turned out.
    fn move_body(&mut self, head: u64) -> Result<()> {
        let file = self.file.file();
        let moved = match head.cmp(&self.reserved) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Greater => {
                rustix::fs::fallocate(file, FallocateFlags::INSERT_RANGE, 0, head - self.reserved)
            }
            std::cmp::Ordering::Less => {
                rustix::fs::fallocate(file, FallocateFlags::COLLAPSE_RANGE, 0, self.reserved - head)
            }
        };
        if moved.is_err() {
            self.copy_body(head)?; // a file system that cannot
        }
        self.reserved = head;
        Ok(())
    }

    fn copy_body(&mut self, head: u64) -> Result<()> {
        let folder = durable::folder_of(&self.output);
        let failed = |error| Error::io("write", &self.output)(error);
        let copy = Nameless::create(&folder)?;
        self.file.file().seek(SeekFrom::Start(self.reserved)).map_err(failed)?;
        copy.file().seek(SeekFrom::Start(head)).map_err(failed)?;
        io::copy(&mut self.file.file(), &mut copy.file()).map_err(failed)?;
        self.file = copy;
        Ok(())
    }
}

/// A complete bundle that was read back and has no name yet.
#[derive(Debug)]
pub struct SignedBundle {
    file: Nameless,
    output: PathBuf,
    bundle: Bundle,
}

impl SignedBundle {
    fn read_back(
        file: Nameless,
        output: PathBuf,
        trust: &Trust,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Self> {
        let bundle = Incomplete::of_file(file.file(), &output, trust)?.complete()?;
        bundle.verify_body(progress)?;
        Ok(Self { file, output, bundle })
    }

    pub fn publish(self) -> Result<()> {
        self.file.publish(&self.output)
    }

    /// Cuts it into volumes of at most `wanted` bytes. Needs room for one of them, not for all.
    pub fn split(self, wanted: u64, progress: &dyn Fn(u64)) -> Result<Vec<PathBuf>> {
        Split::new(&self.bundle, wanted, &self.output)?.take(self.file, progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_holds_the_frame_and_stays_within_128_mib() {
        for (size, log) in
            [(0, 16), (1, 16), (1 << 16, 16), ((1 << 16) + 1, 17), (1 << 27, 27), (1 << 40, 27)]
        {
            assert_eq!(window_log(size), log, "{size}");
        }
    }
}
