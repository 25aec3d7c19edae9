use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

type Reopen = Box<dyn Fn() -> Box<dyn Read + Send> + Send>;

/// Where bytes stand: they can be read from their beginning as often as one likes, in any thread.
pub struct Place {
    pub size: u64,
    reopen: Reopen,
}

impl Place {
    pub fn new<R: Read + Send + 'static>(size: u64, reopen: impl Fn() -> R + Send + 'static) -> Self {
        Self { size, reopen: Box::new(move || Box::new(reopen())) }
    }

    /// A part of a file.
    pub fn in_file(file: Arc<File>, offset: u64, size: u64) -> Self {
        Self::new(size, move || Window { file: file.clone(), offset })
    }

    pub fn in_memory(bytes: Vec<u8>) -> Self {
        let (size, bytes): (u64, Arc<[u8]>) = (bytes.len() as u64, bytes.into());
        Self::new(size, move || Cursor::new(bytes.clone()))
    }

    /// Reads them, and nothing behind them.
    pub fn reader(&self) -> io::Take<Box<dyn Read + Send>> {
        (self.reopen)().take(self.size)
    }
}

/// The file from an offset on, whoever else reads it.
struct Window {
    file: Arc<File>,
    offset: u64,
}

impl Read for Window {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(out, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}
