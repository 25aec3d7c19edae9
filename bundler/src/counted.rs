use std::io::{self, Read};

use wt_keys::console::Phase;

/// Tells the progress bar what went by.
pub struct Counted<'a, R> {
    pub inner: R,
    pub phase: &'a Phase,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        self.phase.advance(got as u64);
        Ok(got)
    }
}
