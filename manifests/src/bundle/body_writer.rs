//! Writing a body: frames one after another behind a gap for the head, hashed in chunks as they go by.

use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use wt_keys::digest::Hasher;
use wt_keys::nameless::Nameless;

use crate::bundle::frame_writer::FrameFile;
use crate::bundle::head::BODY_ALIGNMENT;
use crate::bundle::sealing::HeadlessBundle;
use crate::manifest::{Body, CHUNK_SIZE, Entry};
use crate::{Error, Result};

/// Of every file that a bundle lies in.
pub(super) const MODE: u32 = 0o644;

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
        let file = Nameless::create(output, MODE)?;
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
    pub fn finish(mut self) -> HeadlessBundle {
        if self.chunk_filled > 0 {
            self.end_chunk();
        }
        HeadlessBundle {
            file: self.file,
            output: self.output,
            reserved: self.reserved,
            body: self.body,
            entries: self.entries,
        }
    }
}
