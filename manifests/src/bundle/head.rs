//! The head: the empty frame, and the skippable frame with the signed documents. FORMAT.md section 2.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use wt_keys::Chain;

use crate::bundle::lookalike;
use crate::{Error, Result};

/// An empty zstd frame, so that `file` and `tar -tf` know what the file is.
pub const EMPTY_FRAME: [u8; 9] = [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0x00, 0x01, 0x00, 0x00];
const SKIPPABLE_MAGIC: [u8; 4] = 0x184D_2A57_u32.to_le_bytes();
/// Of a bundle that nobody has signed yet: skipped by `zstd` as well.
const UNSIGNED_MAGIC: [u8; 4] = 0x184D_2A56_u32.to_le_bytes();
/// The empty frame, the magic and the length of the skippable frame.
const PREFIX: usize = 17;
/// The body begins at a multiple of this, so that file systems can move it without copying.
pub const BODY_ALIGNMENT: u64 = 64 << 10;
/// The largest head that is read: it describes bundles of some 700 GB.
pub const HEAD_LIMIT: u64 = 16 << 20;

/// The documents of a head and where the body begins.
#[derive(Debug)]
pub struct Head {
    pub chain: Chain,
    pub body_offset: u64,
}

/// Reads the head of a file of `file_length` bytes. Nothing is allocated before its length was checked.
pub fn read(file: &std::fs::File, path: &Path, file_length: u64) -> Result<Head> {
    let (bytes, body_offset) = content(file, path, file_length, SKIPPABLE_MAGIC)?;
    Ok(Head { chain: parse(&bytes)?, body_offset })
}

/// Reads the manifest in front of a bundle that nobody has signed yet, and where its body begins.
#[cfg(feature = "write")]
pub fn read_unsigned(file: &std::fs::File, path: &Path, file_length: u64) -> Result<(Vec<u8>, u64)> {
    let (mut bytes, body_offset) = content(file, path, file_length, UNSIGNED_MAGIC)?;
    bytes.truncate(end_of_documents(&bytes)?);
    Ok((bytes, body_offset))
}

/// The content of the skippable frame with this `magic`.
fn content(file: &std::fs::File, path: &Path, file_length: u64, magic: [u8; 4]) -> Result<(Vec<u8>, u64)> {
    let refuse = |expected, found: String| Error::NotABundle { path: path.to_owned(), expected, found };
    let mut prefix = [0; PREFIX];
    if file_length < PREFIX as u64 {
        return Err(refuse("a bundle's head", lookalike::looks_like(file, file_length)));
    }
    file.read_exact_at(&mut prefix, 0).map_err(Error::io("read", path))?;
    if prefix[..9] == EMPTY_FRAME && prefix[9..13] == UNSIGNED_MAGIC && magic == SKIPPABLE_MAGIC {
        return Err(Error::Unsigned);
    }
    if prefix[..9] != EMPTY_FRAME || prefix[9..13] != magic {
        return Err(refuse("a bundle's head", lookalike::looks_like(file, file_length)));
    }
    let length = u64::from(u32::from_le_bytes([prefix[13], prefix[14], prefix[15], prefix[16]]));
    let body_offset = PREFIX as u64 + length;
    if length > HEAD_LIMIT || !body_offset.is_multiple_of(BODY_ALIGNMENT) {
        return Err(refuse(
            "a head of whole 64 KiB, at most 16 MiB",
            format!("a head of {body_offset} bytes"),
        ));
    }
    if body_offset > file_length {
        return Err(Error::HeadCut { path: path.to_owned(), expected: body_offset, found: file_length });
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, PREFIX as u64).map_err(Error::io("read", path))?;
    Ok((bytes, body_offset))
}

/// Tells by its first 13 bytes whether a file is a bundle that nobody has signed yet.
#[cfg(feature = "write")]
pub fn is_unsigned(start: &[u8; 13]) -> bool {
    start[..9] == EMPTY_FRAME && start[9..] == UNSIGNED_MAGIC
}

/// Everything behind the documents is zeros, and no more of them than the alignment needs.
fn end_of_documents(bytes: &[u8]) -> Result<usize> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if padded(end) == Some(bytes.len()) {
        Ok(end)
    } else {
        Err(wt_keys::Error::Malformed { what: "the head" }.into())
    }
}

fn parse(bytes: &[u8]) -> Result<Chain> {
    Ok(Chain::parse(&bytes[..end_of_documents(bytes)?], "the head")?)
}

/// The length of the skippable frame's content for documents of `length` bytes.
fn padded(length: usize) -> Option<usize> {
    (PREFIX + length).checked_next_multiple_of(usize::try_from(BODY_ALIGNMENT).ok()?).map(|end| end - PREFIX)
}

/// The head as it stands in the file, up to the first byte of the body.
#[cfg(feature = "write")]
pub fn to_bytes(documents: &[u8]) -> Result<Vec<u8>> {
    framed(documents, SKIPPABLE_MAGIC)
}

/// The same with a manifest that nobody has signed yet.
#[cfg(feature = "write")]
pub fn unsigned_to_bytes(manifest: &[u8]) -> Result<Vec<u8>> {
    framed(manifest, UNSIGNED_MAGIC)
}

#[cfg(feature = "write")]
fn framed(documents: &[u8], magic: [u8; 4]) -> Result<Vec<u8>> {
    let too_large = || {
        Error::Keys(wt_keys::Error::TooLarge {
            what: "the head",
            limit: HEAD_LIMIT,
            found: documents.len() as u64,
        })
    };
    let length =
        padded(documents.len()).filter(|length| *length as u64 <= HEAD_LIMIT).ok_or_else(too_large)?;
    let mut bytes = Vec::with_capacity(PREFIX + length);
    bytes.extend_from_slice(&EMPTY_FRAME);
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(&u32::try_from(length).map_err(|_| too_large())?.to_le_bytes());
    bytes.extend_from_slice(documents);
    bytes.resize(PREFIX + length, 0);
    Ok(bytes)
}
