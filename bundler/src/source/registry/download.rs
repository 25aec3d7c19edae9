use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use wt_keys::console::Phase;

use super::Failure;
use crate::Error;
use crate::room::Room;

/// A blob on its way into a nameless file. It is read while it grows.
pub struct Download {
    pub name: String,
    pub size: u64,
    file: File,
    room: Room,
    phase: Arc<Phase>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    have: u64,
    failure: Option<Failure>,
    ended: bool,
}

impl Download {
    pub fn new(name: String, size: u64, (file, room): (File, Room), phase: Arc<Phase>) -> Self {
        Self { name, size, file, room, phase, state: Mutex::default(), changed: Condvar::new() }
    }

    pub fn have(&self) -> u64 {
        self.lock().have
    }

    /// Refuses a blob that the registry has in another size than the manifest says.
    pub fn expect(&self, found: u64) -> Result<(), Failure> {
        if found == self.size {
            return Ok(());
        }
        Err(Failure::Size { what: self.name.clone(), expected: self.size, found })
    }

    pub fn expect_at_most(&self, found: u64) -> Result<(), Failure> {
        if found <= self.size { Ok(()) } else { self.expect(found) }
    }

    pub fn append(&self, bytes: &[u8]) -> Result<(), Failure> {
        let at = self.have();
        let written = self.room.take(bytes.len() as u64).and_then(|()| self.file.write_all_at(bytes, at));
        written.map_err(|source| Failure::Disk { source })?;
        self.phase.advance(bytes.len() as u64);
        self.lock().have = at + bytes.len() as u64;
        self.changed.notify_all();
        Ok(())
    }

    fn end(&self, result: Result<(), Failure>) {
        let mut state = self.lock();
        if !state.ended {
            state.failure = result.err();
            state.ended = true;
            self.changed.notify_all();
        }
    }

    /// Waits until there is something behind `offset`; returns how much there is altogether.
    fn wait(&self, offset: u64) -> io::Result<u64> {
        let waiting = |state: &mut State| state.have <= offset && !state.ended;
        let mut state = self.changed.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
        match state.failure.take() {
            Some(failure) if state.have <= offset => Err(io::Error::other(Error::from(failure))),
            failure => {
                state.failure = failure;
                Ok(state.have)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to fill a download. Who waits for it is told when this is dropped, whatever happened.
pub struct Filling(pub Arc<Download>);

impl Filling {
    pub fn end(self, result: Result<(), Failure>) {
        self.0.end(result);
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.end(Err(Failure::Stopped));
    }
}

/// Reads a download from its beginning.
pub struct Arriving {
    pub download: Arc<Download>,
    pub offset: u64,
}

impl Read for Arriving {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let there = self.download.wait(self.offset)? - self.offset;
        let most = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
        let got = self.download.file.read_at(&mut out[..most], self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use wt_keys::console::Progress;

    use super::*;

    fn download(size: u64) -> Arc<Download> {
        let phase = Arc::new(Progress::silent().phase("test", None));
        Arc::new(Download::new(
            "a".to_owned(),
            size,
            (tempfile::tempfile().unwrap(), Room::new(&std::env::temp_dir())),
            phase,
        ))
    }

    #[test]
    fn a_reader_is_told_when_the_task_that_fills_is_gone() {
        let download = download(10);
        let filling = Filling(download.clone());
        let mut reader = Arriving { download: download.clone(), offset: 0 };
        let filler = std::thread::spawn(move || {
            filling.0.append(b"hello").unwrap();
            drop(filling); // as when the task panics
        });
        let mut read = Vec::new();
        assert!(reader.read_to_end(&mut read).is_err());
        assert_eq!(read, b"hello");
        filler.join().unwrap();
    }

    #[test]
    fn what_ended_well_is_not_called_broken_afterwards() {
        let download = download(5);
        let filling = Filling(download.clone());
        filling.0.append(b"hello").unwrap();
        filling.end(Ok(()));
        let mut read = Vec::new();
        Arriving { download, offset: 0 }.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"hello");
    }
}
