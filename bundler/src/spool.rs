//! Layers on their way into a frame. A frame begins with the layer's name, which is its digest, so a layer is known to
//! its end before it is compressed: it waits in memory, or, when it is large, in a nameless file.

use std::io::{self, Read, Seek as _, Write};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;
use wt_keys::Sha256Digest;
use wt_keys::digest::Hasher;

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
    file: SpooledTempFile,
    hasher: Hasher,
    size: u64,
}

impl Spool {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            file: tempfile::spooled_tempfile_in(IN_MEMORY, folder),
            hasher: Hasher::default(),
            size: 0,
        }
    }

    /// Takes all that `reader` has; `origin` is what to call it in an error.
    pub fn fill(mut self, reader: &mut dyn Read, origin: &str) -> Result<Layer> {
        let mut buffer = vec![0; BUFFER];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return self.finish(),
                Ok(got) => self.write_all(&buffer[..got]).map_err(Error::io("write a layer of", origin))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read a layer of", origin)(error)),
            }
        }
    }

    pub fn finish(mut self) -> Result<Layer> {
        self.file.rewind().map_err(Error::io("read", "a temporary file"))?;
        Ok(Layer { digest: self.hasher.finish(), size: self.size, content: self.file })
    }
}

impl Spool {
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
        let written = self.file.write(bytes).map_err(|error| self.named(error))?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
