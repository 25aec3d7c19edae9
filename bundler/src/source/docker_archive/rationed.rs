use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

/// A stream of which its reader takes no more than it was given.
///
/// The tar reader keeps what stands between two files (long names, pax headers) in memory, as much as there is of it.
pub struct Rationed<'a, R> {
    pub stream: R,
    pub ration: &'a Cell<u64>,
}

impl<R: Read> Read for Rationed<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.ration.get()).map_or(out.len(), |left| left.min(out.len()));
        if most == 0 && !out.is_empty() {
            return Err(io::Error::other("names and headers that are too long"));
        }
        let got = self.stream.read(&mut out[..most])?;
        self.ration.set(self.ration.get() - got as u64);
        Ok(got)
    }
}

/// What is skipped is not read.
impl<R: Seek> Seek for Rationed<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream.seek(to)
    }
}
