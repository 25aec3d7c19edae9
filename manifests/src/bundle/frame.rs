//! Frames: what a decompressor may be given, and what may come out of it. FORMAT.md section 4.

use std::io::{self, Read};

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_dict_id_from_frame, get_frame_content_size};

use crate::bundle::chunk::Authenticated;
use crate::manifest::Frame;
use crate::{Error, Result};

/// 128 MiB: what any zstd opens without being asked to.
pub const WINDOW_LOG: u32 = 27;
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The longest header of a zstd frame.
const HEADER_LIMIT: usize = 18;

/// Decompresses one frame from authenticated chunks. Yields exactly the signed number of bytes, or an error.
pub struct FrameReader<C> {
    chunks: C,
    chunk: Option<Authenticated>,
    /// The part of the body that the frame is, less what was taken from its chunks.
    rest: std::ops::Range<u64>,
    /// The first bytes of the frame, taken apart to look at its header; they may lie in two chunks.
    header: Vec<u8>,
    header_given: usize,
    context: DCtx<'static>,
    index: usize,
    size_left: u64,
    ended: bool,
}

impl<C> std::fmt::Debug for FrameReader<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameReader").field("index", &self.index).field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl<C: Iterator<Item = Result<Authenticated>>> FrameReader<C> {
    /// `chunks` are those that cover the frame, the first of them perhaps read already for the frame before.
    pub fn new(index: usize, frame: &Frame, offset: u64, first: Option<Authenticated>, chunks: C) -> Result<Self> {
        let mut context = DCtx::create();
        context
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG))
            .map_err(|_| Error::Frame { frame: index, why: "zstd does not take the window limit" })?;
        Ok(Self {
            chunks,
            chunk: first,
            rest: offset..offset + frame.length,
            header: Vec::new(),
            header_given: 0,
            context,
            index,
            size_left: frame.size,
            ended: false,
        })
    }

    /// After the last byte was read: the frame has ended exactly here. Gives back the chunk that the next frame shares.
    pub fn finish(mut self) -> Result<(Option<Authenticated>, C)> {
        if self.size_left > 0 {
            return Err(self.wrong("it was not read to its end"));
        }
        while !self.ended {
            if self.decompress(&mut [0])? > 0 {
                return Err(self.wrong("it decompresses to more than was signed"));
            }
        }
        if !self.rest.is_empty() || self.header_given < self.header.len() {
            return Err(self.wrong("it ends early"));
        }
        Ok((self.chunk, self.chunks))
    }

    fn wrong(&self, why: &'static str) -> Error {
        Error::Frame { frame: self.index, why }
    }

    /// One step of the decompressor; 0 bytes mean that it wants more input, or that the frame has ended.
    fn decompress(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.header.is_empty() {
            self.take_header()?;
        }
        self.next_chunk()?;
        let from_header = self.header_given < self.header.len();
        let part = match (&self.chunk, from_header) {
            (_, true) => &self.header[self.header_given..],
            (Some(chunk), false) => chunk.part(&self.rest),
            (None, false) => &[],
        };
        let mut input = InBuffer::around(part);
        let mut output = OutBuffer::around(out);
        let wrong = |why| Error::Frame { frame: self.index, why };
        let hint = self
            .context
            .decompress_stream(&mut output, &mut input)
            .map_err(|_| wrong("it is not a valid zstd frame"))?;
        let (taken, given) = (input.pos(), output.pos());
        self.ended = hint == 0;
        if taken == 0 && given == 0 && !self.ended {
            return Err(wrong("it is cut short"));
        }
        if from_header {
            self.header_given += taken;
        } else {
            self.rest.start += taken as u64;
        }
        Ok(given)
    }

    /// Moves on to the next chunk where the present one is used up.
    fn next_chunk(&mut self) -> Result<()> {
        let used_up = self.chunk.as_ref().is_none_or(|chunk| chunk.part(&self.rest).is_empty());
        if used_up && !self.rest.is_empty() {
            let next = self.chunks.next().ok_or_else(|| self.wrong("its chunks are missing"))??;
            self.chunk = Some(next);
        }
        Ok(())
    }

    /// Looks at the frame's header before the decompressor does.
    fn take_header(&mut self) -> Result<()> {
        while self.header.len() < HEADER_LIMIT && !self.rest.is_empty() {
            self.next_chunk()?;
            let part = self.chunk.as_ref().map_or(&[][..], |chunk| chunk.part(&self.rest));
            let taken = part.len().min(HEADER_LIMIT - self.header.len());
            self.header.extend_from_slice(&part[..taken]);
            self.rest.start += taken as u64;
        }
        check_header(&self.header, self.size_left).map_err(|why| self.wrong(why))
    }
}

/// The frame says its size, and says the signed one; no dictionary; not a skippable frame.
fn check_header(part: &[u8], size: u64) -> Result<(), &'static str> {
    if !part.starts_with(&MAGIC) {
        return Err("it does not begin as a zstd frame");
    }
    if get_dict_id_from_frame(part).is_some() {
        return Err("it asks for a dictionary");
    }
    match get_frame_content_size(part) {
        Ok(Some(found)) if found == size => Ok(()),
        _ => Err("its size is not the signed one"),
    }
}

impl<C: Iterator<Item = Result<Authenticated>>> Read for FrameReader<C> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.size_left).map_or(out.len(), |left| left.min(out.len()));
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            if self.ended {
                return Err(io::Error::other(self.wrong("it decompresses to less than was signed")));
            }
            let got = self.decompress(&mut out[..wanted]).map_err(io::Error::other)?;
            if got > 0 {
                self.size_left -= got as u64;
                return Ok(got);
            }
        }
    }
}
