//! Layers on their way into a frame. A frame begins with the layer's name, which is its digest, so a layer is known to
//! its end before it is compressed: it waits in memory, or, when it is large, in a nameless file.

use std::io::{self, Read, Seek as _, Write};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;
use wt_keys::Sha256Digest;
use wt_keys::digest::Hasher;

use crate::room::Room;
use crate::{Error, Result};

const IN_MEMORY: usize = 16 << 20;
const BUFFER: usize = 256 << 10;

/// An uncompressed layer, hashed.
pub struct Layer {
    pub digest: Sha256Digest,
    pub size: u64,
    pub content: SpooledTempFile,
}

/// Takes the bytes of a layer and hashes them.
pub struct Spool {
    folder: PathBuf,
    origin: String,
    file: SpooledTempFile,
    room: Room,
    hasher: Hasher,
    size: u64,
    largest: u64,
}

impl Spool {
    /// For a layer of at most `largest` bytes; `origin` is what to call it in an error.
    pub fn new(folder: &Path, largest: u64, origin: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            origin: origin.to_owned(),
            file: tempfile::spooled_tempfile_in(IN_MEMORY, folder),
            room: Room::new(folder),
            hasher: Hasher::default(),
            size: 0,
            largest,
        }
    }

    /// Takes all that `reader` has.
    pub fn fill(mut self, reader: &mut dyn Read) -> Result<Layer> {
        let mut buffer = vec![0; BUFFER];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return self.finish(),
                Ok(got) => {
                    let origin = self.origin.clone();
                    self.write_all(&buffer[..got]).map_err(Error::io("write a layer of", origin))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read a layer of", self.origin)(error)),
            }
        }
    }

    pub fn finish(mut self) -> Result<Layer> {
        self.file.rewind().map_err(Error::io("read", "a temporary file"))?;
        Ok(Layer { digest: self.hasher.finish(), size: self.size, content: self.file })
    }

    /// What could not be written is ours, not the source's that is being read.
    fn named(&self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        io::Error::other(Error::io("write a temporary file in", &self.folder)(error))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size + bytes.len() as u64 > self.largest {
            return Err(io::Error::other(Error::layer_too_large(&self.origin, self.largest)));
        }
        if self.file.is_rolled() {
            self.room.take(bytes.len() as u64).map_err(|error| self.named(error))?;
        }
        let written = self.file.write(bytes).map_err(|error| self.named(error))?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_unpacks_to_more_than_is_allowed_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let bomb = || io::repeat(0).take(1 << 30);
        let refused = Spool::new(folder.path(), 1 << 20, "a.tar: layer").fill(&mut bomb()).err().unwrap();
        assert!(matches!(refused, Error::LayerTooLarge { .. }), "{refused}");
        assert!(refused.to_string().contains("`a.tar: layer`"), "{refused}");
        let fits = Spool::new(folder.path(), 1 << 20, "a").fill(&mut io::repeat(0).take(1 << 20)).unwrap();
        assert_eq!(fits.size, 1 << 20);
    }
}
