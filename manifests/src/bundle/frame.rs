//! Frames: what a decompressor may be given, and what may come out of it. FORMAT.md section 4.

use std::io::{self, Read};

use zstd::zstd_safe::{
    DCtx, DParameter, InBuffer, OutBuffer, get_dict_id_from_frame, get_frame_content_size,
};

use crate::bundle::chunk::Authenticated;
use crate::manifest::Frame;
use crate::{Error, Result};

/// 128 MiB: what any zstd opens without being asked to.
pub const WINDOW_LOG: u32 = 27;
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The bit of a frame's descriptor that announces a checksum.
const CHECKSUM: u8 = 1 << 2;
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
        f.debug_struct("FrameReader")
            .field("index", &self.index)
            .field("rest", &self.rest)
            .finish_non_exhaustive()
    }
}

impl<C: Iterator<Item = Result<Authenticated>>> FrameReader<C> {
    /// `chunks` are those that cover the frame, the first of them perhaps read already for the frame before.
    pub fn new(
        index: usize,
        frame: &Frame,
        offset: u64,
        first: Option<Authenticated>,
        chunks: C,
    ) -> Result<Self> {
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
    if part.get(4).is_none_or(|descriptor| descriptor & CHECKSUM == 0) {
        return Err("it has no checksum");
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

#[cfg(test)]
mod tests {
    use super::*;
    use wt_keys::Sha256Digest;

    /// A frame of noise, and its body cut into chunks of `chunk` bytes.
    fn frame(size: usize, chunk: usize) -> (Frame, Vec<u8>, Vec<Authenticated>) {
        let noise: Vec<u8> = (0..size as u64)
            .flat_map(|n| *Sha256Digest::of(&n.to_le_bytes()).as_bytes())
            .take(size)
            .collect();
        let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
        compressor.include_checksum(true).unwrap();
        let body = compressor.compress(&noise).unwrap();
        let chunks = (0_u64..)
            .zip(body.chunks(chunk))
            .map(|(n, bytes)| Authenticated::for_test(bytes.to_vec(), n * chunk as u64))
            .collect();
        (Frame { length: body.len() as u64, size: size as u64 }, noise, chunks)
    }

    #[test]
    fn a_frame_is_read_however_its_chunks_cut_it() {
        for chunk in [1, 2, 3, 5, 17, 18, 19, 1000] {
            let (frame, noise, chunks) = frame(5000, chunk);
            let mut reader = FrameReader::new(0, &frame, 0, None, chunks.into_iter().map(Ok)).unwrap();
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            assert!(read == noise, "{chunk}");
            drop(reader.finish().unwrap());
        }
    }

    #[test]
    fn no_byte_behind_a_damaged_chunk_reaches_the_decompressor() {
        let (frame, _, chunks) = frame(200_000, 1000);
        for damaged in [0, 1, 2, 100] {
            let chunks = chunks.iter().enumerate().map(|(index, chunk)| match index {
                _ if index < damaged => Ok(chunk.clone_for_test()),
                _ if index == damaged => Err(Error::Unsigned),
                _ => panic!("read on behind a damaged chunk"),
            });
            let mut reader = FrameReader::new(0, &frame, 0, None, chunks).unwrap();
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
            assert!(matches!(super::super::reader::unwrapped(error), Error::Unsigned));
            assert_eq!(
                reader.rest.start,
                1000 * damaged as u64,
                "all before it, and nothing else, was taken"
            );
        }
    }

    #[test]
    fn a_frame_that_is_not_as_signed_is_refused() {
        let read = |frame: Frame, chunks: Vec<Authenticated>| {
            let mut reader = FrameReader::new(0, &frame, 0, None, chunks.into_iter().map(Ok)).unwrap();
            reader.read_to_end(&mut Vec::new()).map_err(super::super::reader::unwrapped)?;
            reader.finish().map(drop)
        };
        let (good, ..) = frame(5000, 1000);
        assert!(read(good, frame(5000, 1000).2).is_ok());
        assert!(read(Frame { size: 4999, ..good }, frame(5000, 1000).2).is_err());
        assert!(read(Frame { size: 5001, ..good }, frame(5000, 1000).2).is_err());
        assert!(read(Frame { length: good.length - 1, ..good }, frame(5000, 1000).2).is_err());
        let plain = zstd::bulk::compress(b"no checksum", 1).unwrap();
        let length = plain.len() as u64;
        assert!(read(Frame { length, size: 11 }, vec![Authenticated::for_test(plain, 0)]).is_err());
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"1234"].concat();
        let length = skippable.len() as u64;
        assert!(read(Frame { length, size: 0 }, vec![Authenticated::for_test(skippable, 0)]).is_err());
    }
}
