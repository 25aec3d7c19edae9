//! A kept frame: its bytes, then a footer of fixed length that says what they are. And what all kept files have in common.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{CWD, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;
use wt_keys::digest::Hasher;
use wt_keys::{Sha256Digest, nameless};
use wt_manifests::manifest::Frame;

pub const FOOTER: usize = 24 + 3 * 32;
const BUFFER: usize = 256 << 10;

/// What the footer says.
#[derive(Debug, PartialEq, Eq)]
pub struct Footer {
    /// Of the compressed bytes.
    pub frame: Frame,
    /// Of the layer, uncompressed.
    pub size: u64,
    pub sha256: Sha256Digest,
    /// Of the layer and all settings, so that a file under another's name is not taken for it.
    pub key: Sha256Digest,
}

impl Footer {
    pub fn to_bytes(&self) -> [u8; FOOTER] {
        let mut bytes = [0; FOOTER];
        bytes[..8].copy_from_slice(&self.frame.length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.frame.size.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size.to_le_bytes());
        bytes[24..56].copy_from_slice(self.sha256.as_bytes());
        bytes[56..88].copy_from_slice(self.key.as_bytes());
        let own = Sha256Digest::of(&bytes[..88]);
        bytes[88..].copy_from_slice(own.as_bytes());
        bytes
    }

    /// Reads the footer of `file` and compares all that it says with the file. `None`: it is damaged.
    pub fn read(file: &File, key: Sha256Digest) -> io::Result<Option<Self>> {
        let Some(length) = file.metadata()?.len().checked_sub(FOOTER as u64) else { return Ok(None) };
        let mut bytes = [0; FOOTER];
        file.read_exact_at(&mut bytes, length)?;
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let found = Self {
            frame: Frame { length: number(0), size: number(8) },
            size: number(16),
            sha256: Sha256Digest::from_bytes(std::array::from_fn(|i| bytes[24 + i])),
            key,
        };
        let whole = found.to_bytes() == bytes && found.frame.length == length;
        Ok((whole && digest(file, length)? == found.sha256).then_some(found))
    }
}

/// Of the first `length` bytes.
pub fn digest(file: &File, length: u64) -> io::Result<Sha256Digest> {
    let (mut hasher, mut buffer, mut at) = (Hasher::default(), vec![0; BUFFER], 0);
    while at < length {
        let wanted = usize::try_from(length - at).map_or(BUFFER, |left| left.min(BUFFER));
        file.read_exact_at(&mut buffer[..wanted], at)?;
        hasher.update(&buffer[..wanted]);
        at += wanted as u64;
    }
    Ok(hasher.finish())
}

/// Gives a nameless file its name; one that has it already is as good.
pub fn name(file: &File, path: &Path) -> io::Result<()> {
    match nameless::link_in(CWD, file, path) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What was used last is removed last.
pub fn used_now(file: &File) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let _ = rustix::fs::futimens(file, &Timestamps { last_access: now, last_modification: now });
}
