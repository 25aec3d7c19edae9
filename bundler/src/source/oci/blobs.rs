//! Where the blobs of an image are: what is different between a folder, an archive and a registry, and no more.

use std::io::{self, Read};

use wt_keys::Sha256Digest;

use super::descriptor::Descriptor;
use crate::hashed::Hashed;
use crate::{Error, Result};

/// A place that has blobs. Nothing that comes from it is believed: sizes and digests are checked by who reads.
pub trait Blobs {
    /// What to call the place in an error.
    fn origin(&self) -> String;

    /// What to call a blob of it in an error.
    fn name(&self, digest: Sha256Digest) -> String;

    /// Opens a document or a layer, as it is stored.
    fn open(&self, blob: &Descriptor) -> Result<Stored<'_>>;

    /// Says which layers will be opened, in their order, so that they may be fetched ahead.
    fn ahead(&self, _layers: &[Descriptor]) -> Result<()> {
        Ok(())
    }
}

/// A place that says in an `index.json` what it has.
pub trait Layout: Blobs {
    /// The bytes of `index.json`, at most [`DOCUMENT_LIMIT`](crate::image::DOCUMENT_LIMIT) of them.
    fn index(&self) -> Result<Vec<u8>>;
}

/// A blob where it is stored, and how large it is there.
pub struct Stored<'a> {
    pub size: u64,
    pub content: Box<dyn Read + 'a>,
}

/// The bytes of a blob as they are stored, still compressed. Only [`Checked::finish`] says that they are right.
pub struct Checked<'a> {
    name: String,
    expected: Sha256Digest,
    stored: Hashed<io::Take<Box<dyn Read + 'a>>>,
}

impl<'a> Checked<'a> {
    /// Opens a blob of exactly the size that its descriptor says.
    pub fn open(blobs: &'a impl Blobs, blob: &Descriptor) -> Result<Self> {
        let expected = blob.digest(&blobs.origin())?;
        let name = blobs.name(expected);
        let Stored { size, content } = blobs.open(blob)?;
        if size != blob.size {
            return Err(Error::Size { what: name, expected: blob.size, found: size });
        }
        Ok(Self { name, expected, stored: Hashed::new(content.take(size)) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads what is left, and compares the digest.
    pub fn finish(self) -> Result<()> {
        let found = self.stored.finish().map_err(Error::io("read", &self.name))?;
        if self.expected == found {
            return Ok(());
        }
        Err(Error::Digest { what: self.name, expected: self.expected, found })
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.stored.read(out)
    }
}
