//! Writing a frame: entries compressed one behind the other into a nameless file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;
use wt_keys::digest::Hasher;
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

use crate::bundle::frame::WINDOW_LOG;
use crate::bundle::tar;
use crate::manifest::{Entry, Frame, Mode};
use crate::{Error, RelativePath, Result};

/// How hard a frame is compressed. The same settings give the same bytes, however many threads there are.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    pub level: i32,
    pub threads: u32,
}

/// What one thread compresses at a time. Left to zstd, it would be so large that small layers keep one processor busy.
const JOB: u32 = 16 << 20;
/// Of what stands before a job, this part of half a megabyte is known to it: 2^-2.
const OVERLAP: u32 = 7;
/// One position in 2^8 is remembered for long-distance matches; zstd's own choice, 2^6, costs a tenth of the time more
/// and saves half a percent.
const RATE: u32 = 8;
/// Each has two or three jobs in memory. With as many as this a frame takes about 450 MiB, whatever it holds.
const MOST_THREADS: u32 = 10;

impl Compression {
    /// All that decides the bytes of a frame beside its content: what frames are kept by between builds. The number of
    /// threads does not.
    pub fn settings(&self) -> String {
        let zstd = zstd::zstd_safe::version_number();
        format!(
            "zstd {zstd} level {} window {WINDOW_LOG} job {JOB} overlap {OVERLAP} long {RATE} checksum",
            self.level
        )
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

    /// Adds a file of exactly `size` bytes. Returns its digest. What a reader refuses is the source of [`Error::Io`].
    pub fn entry(
        &mut self,
        path: RelativePath,
        size: u64,
        mode: Mode,
        content: &mut dyn Read,
    ) -> Result<Sha256Digest> {
        let mut hasher = Hasher::default();
        let mut entry = Entry { path, size, mode, sha256: Sha256Digest::of(b""), frame: 0 };
        self.copy(&entry, content, |bytes| hasher.update(bytes))?;
        entry.sha256 = hasher.finish();
        let digest = entry.sha256;
        self.entries.push(entry);
        Ok(digest)
    }

    /// As [`Self::entry`], of a file that was hashed by who gives it, and that nobody else could change since.
    pub fn hashed_entry(
        &mut self,
        path: RelativePath,
        size: u64,
        mode: Mode,
        sha256: Sha256Digest,
        content: &mut dyn Read,
    ) -> Result<()> {
        let entry = Entry { path, size, mode, sha256, frame: 0 };
        self.copy(&entry, content, |_| {})?;
        self.entries.push(entry);
        Ok(())
    }

    fn copy(&mut self, entry: &Entry, content: &mut dyn Read, mut seen: impl FnMut(&[u8])) -> Result<()> {
        let Entry { path, size, .. } = entry;
        tar::size_of(path, *size)?;
        self.write(&tar::header(entry))?;
        let mut buffer = vec![0; 128 << 10];
        let mut left = *size;
        while left > 0 {
            let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let got = content.read(&mut buffer[..wanted]).map_err(Error::io("read", path.as_str()))?;
            if got == 0 {
                let short = io::Error::new(io::ErrorKind::UnexpectedEof, format!("{left} bytes are missing"));
                return Err(Error::io("read", path.as_str())(short));
            }
            seen(&buffer[..got]);
            self.write(&buffer[..got])?;
            left -= got as u64;
        }
        self.write(&[0; 512][..tar::padding(*size)])
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
    let long = size > 1 << 20 && compression.level > 0;
    let parameters = [
        CParameter::CompressionLevel(compression.level),
        CParameter::WindowLog(window_log(size)),
        CParameter::EnableLongDistanceMatching(long),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(true),
        CParameter::JobSize(JOB),
        CParameter::OverlapSizeLog(OVERLAP),
        CParameter::NbWorkers(compression.threads.clamp(1, MOST_THREADS)),
    ];
    let code = |code| io::Error::other(zstd::zstd_safe::get_error_name(code));
    for parameter in parameters.into_iter().chain(long.then_some(CParameter::LdmHashRateLog(RATE))) {
        context.set_parameter(parameter).map_err(code)?;
    }
    context.set_pledged_src_size(Some(size)).map_err(code)?;
    Ok(())
}

/// The smallest window that holds `size`, between 64 KiB and 128 MiB.
fn window_log(size: u64) -> u32 {
    let log = size.max(1).checked_next_power_of_two().map_or(u64::BITS, u64::trailing_zeros);
    log.clamp(16, WINDOW_LOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that refuses.
    struct Refusing;

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("no")]
    struct Refused;

    impl Read for Refusing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other(Refused))
        }
    }

    fn writer() -> FrameWriter {
        FrameWriter::new(&std::env::temp_dir(), Compression { level: 1, threads: 1 }, 1024).unwrap()
    }

    #[test]
    fn what_a_reader_refuses_comes_out_whole_with_the_name_of_the_entry() {
        let refused = writer().entry("conf/a".parse().unwrap(), 5, Mode::Data, &mut Refusing).unwrap_err();
        assert_eq!(refused.to_string(), "cannot read `conf/a`");
        let Error::Io { source, .. } = refused else { panic!("{refused}") };
        assert_eq!(source.downcast::<Refused>().unwrap(), Refused);
    }

    #[test]
    fn a_size_that_no_tar_holds_is_refused() {
        for size in [u64::MAX, u64::MAX - 511, u64::MAX - 1022] {
            let refused = writer().entry("a".parse().unwrap(), size, Mode::Data, &mut &b""[..]);
            assert!(matches!(refused, Err(Error::EntrySize { found, .. }) if found == size), "{size}");
        }
    }

    #[test]
    fn the_window_holds_the_frame_and_stays_within_128_mib() {
        for (size, log) in [
            (0, 16),
            (1, 16),
            (1 << 16, 16),
            ((1 << 16) + 1, 17),
            (1 << 27, 27),
            (1 << 40, 27),
            ((1 << 63) + 1, 27),
            (u64::MAX, 27),
        ] {
            assert_eq!(window_log(size), log, "{size}");
        }
    }
}
