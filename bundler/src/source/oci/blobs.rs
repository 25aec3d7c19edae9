//! Where the blobs of an image are: what is different between a folder, an archive and a registry, and no more.

use std::io::{self, Read};

use wt_keys::Sha256Digest;

use super::descriptor::Descriptor;
use crate::hashed::Hashed;
use crate::place::Place;
use crate::{Error, Result};

/// A place that has blobs. Nothing that comes from it is believed: sizes and digests are checked by who reads.
pub trait Blobs {
    /// What to call the place in an error.
    fn origin(&self) -> String;

    /// What to call a blob of it in an error.
    fn name(&self, digest: Sha256Digest) -> String;

    /// Finds a document or a layer, as it is stored.
    fn find(&self, blob: &Descriptor) -> Result<Place>;

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

pub const INDEX_TOO_LARGE: &str = "its index.json is larger than 4 MiB";

/// A blob where it is stored, with exactly the size that its descriptor says. Its digest is not compared yet.
pub struct Stored {
    pub name: String,
    pub digest: Sha256Digest,
    pub place: Place,
}

impl Stored {
    pub fn find(blobs: &impl Blobs, blob: &Descriptor) -> Result<Self> {
        let digest = blob.digest(&blobs.origin())?;
        let (name, place) = (blobs.name(digest), blobs.find(blob)?);
        if place.size != blob.size {
            return Err(Error::Size { what: name, expected: blob.size, found: place.size });
        }
        Ok(Self { name, digest, place })
    }
}

/// The bytes of a blob as they are stored, still compressed. Only [`Checked::finish`] says that they are right.
pub struct Checked {
    name: String,
    expected: Sha256Digest,
    stored: Hashed<io::Take<Box<dyn Read + Send>>>,
}

impl Checked {
    pub fn open(blobs: &impl Blobs, blob: &Descriptor) -> Result<Self> {
        let Stored { name, digest, place } = Stored::find(blobs, blob)?;
        Ok(Self { name, expected: digest, stored: Hashed::new(place.reader()) })
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

impl Read for Checked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.stored.read(out)
    }
}
