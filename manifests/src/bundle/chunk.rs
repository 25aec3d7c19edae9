//! Chunks: the unit of authentication. FORMAT.md section 4.

use wt_keys::Sha256Digest;

use crate::bundle::volume_problem::{VolumeProblem, VolumeProblemKind};
use crate::bundle::volumes::Volumes;
use crate::manifest::{Body, CHUNK_SIZE};
use crate::{Error, Result};

/// Bytes of the body whose digest was compared with the signed one, in this memory. Only these reach a decompressor.
#[derive(Debug)]
pub struct Authenticated {
    bytes: Vec<u8>,
    offset: u64,
}

impl Authenticated {
    /// The part of this chunk that lies in `range` of the body.
    pub fn part(&self, range: &std::ops::Range<u64>) -> &[u8] {
        let within = |at: u64| {
            usize::try_from(at.saturating_sub(self.offset))
                .map_or(self.bytes.len(), |at| at.min(self.bytes.len()))
        };
        &self.bytes[within(range.start)..within(range.end)]
    }
}

#[cfg(test)]
impl Authenticated {
    pub(super) fn for_test(bytes: Vec<u8>, offset: u64) -> Self {
        Self { bytes, offset }
    }

    pub(super) fn clone_for_test(&self) -> Self {
        Self { bytes: self.bytes.clone(), offset: self.offset }
    }
}

/// The chunks of an open bundle.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    pub volumes: &'a Volumes,
    pub body_offset: u64,
    pub body: &'a Body,
}

impl Chunks<'_> {
    /// The indices of the chunks that hold `range` of the body.
    pub fn covering(range: &std::ops::Range<u64>) -> std::ops::Range<usize> {
        let index = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        index(range.start / CHUNK_SIZE)..index(range.end.div_ceil(CHUNK_SIZE))
    }

    /// Reads a chunk and compares its digest with the signed one.
    pub fn authenticate(&self, index: usize) -> Result<Authenticated> {
        let mut bytes = Vec::new();
        let offset = self.authenticate_into(index, &mut bytes)?;
        Ok(Authenticated { bytes, offset })
    }

    /// As [`Self::authenticate`], into a buffer that is used again. Returns the chunk's place in the body.
    pub fn authenticate_into(&self, index: usize, bytes: &mut Vec<u8>) -> Result<u64> {
        let offset = index as u64 * CHUNK_SIZE;
        let length = CHUNK_SIZE.min(self.body.length.saturating_sub(offset));
        bytes.resize(usize::try_from(length).unwrap_or_default(), 0);
        let from = self.body_offset + offset;
        self.volumes.read_exact_at(bytes, from)?;
        let (expected, found) = (self.body.chunks[index], Sha256Digest::of(bytes));
        if expected == found {
            return Ok(offset);
        }
        if self.volumes.is_split() {
            return Err(self.volumes.refused(vec![self.problem(index, from, length, found)]));
        }
        Err(Error::Chunk { index, from, to: from + length - 1, expected, found })
    }

    /// A chunk lies in one volume: which, and whether it begins as another one does.
    fn problem(&self, index: usize, offset: u64, length: u64, found: Sha256Digest) -> VolumeProblem {
        let (number, path, from) = self.volumes.locate(offset);
        let place = |chunk: usize| self.volumes.locate(self.body_offset + chunk as u64 * CHUNK_SIZE);
        let other = self.body.chunks.iter().position(|chunk| *chunk == found).map(place);
        let kind = match other {
            Some((holds, _, there)) if holds != number && there == from => {
                VolumeProblemKind::Swapped { holds }
            }
            _ => VolumeProblemKind::Damaged { chunk: index, from, to: from + length - 1, more: 0 },
        };
        VolumeProblem { number, path: path.to_owned(), kind }
    }
}
