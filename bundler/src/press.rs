//! The press: makes a frame of every distinct layer, in a thread of its own, while sources go on reading.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_manifests::bundle::tar;
use wt_manifests::bundle::writer::{Compression, FrameFile, FrameWriter};
use wt_manifests::image::{Blob, blob_path};
use wt_manifests::manifest::Mode;

use crate::spool::{Layer, Spool};
use crate::{Error, Result};

/// Layers that wait for the press.
const WAITING: usize = 1;

pub type Frames = HashMap<Sha256Digest, FrameFile>;

/// Several threads may feed it.
pub struct Press {
    folder: PathBuf,
    known: Mutex<HashMap<Sha256Digest, u64>>,
    layers: SyncSender<Layer>,
    worker: JoinHandle<Result<Frames>>,
}

impl Press {
    /// Frames, and layers that wait, are nameless files in `folder`.
    pub fn start(folder: &Path, compression: Compression, phase: Phase) -> Self {
        let (layers, receiver) = sync_channel(WAITING);
        let worker = {
            let folder = folder.to_owned();
            std::thread::spawn(move || work(receiver, &folder, compression, &phase))
        };
        Self { folder: folder.to_owned(), known: Mutex::default(), layers, worker }
    }

    /// The layer with this digest, if it was taken already.
    pub fn known(&self, digest: Sha256Digest) -> Option<Blob> {
        self.lock().get(&digest).map(|size| Blob { digest, size: *size })
    }

    /// Takes an uncompressed layer to the end of `reader`.
    pub fn take(&self, reader: &mut dyn Read, origin: &str) -> Result<Blob> {
        self.add(self.spool().fill(reader, origin)?)
    }

    /// A nameless file, for what has to wait on the disk.
    pub fn nameless(&self) -> std::io::Result<std::fs::File> {
        tempfile::tempfile_in(&self.folder)
    }

    pub fn spool(&self) -> Spool {
        Spool::new(&self.folder)
    }

    /// Takes a layer that was spooled. One that is known already is dropped.
    pub fn add(&self, layer: Layer) -> Result<Blob> {
        let blob = Blob { digest: layer.digest, size: layer.size };
        let new = self.lock().insert(blob.digest, blob.size).is_none();
        if new && self.layers.send(layer).is_err() {
            return Err(Error::PressStopped);
        }
        Ok(blob)
    }

    /// Waits for the last frame; says what went wrong where the press stopped.
    pub fn finish(self) -> Result<Frames> {
        drop(self.layers);
        self.worker.join().unwrap_or(Err(Error::PressStopped))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sha256Digest, u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(layers: Receiver<Layer>, folder: &Path, compression: Compression, phase: &Phase) -> Result<Frames> {
    let mut frames = Frames::new();
    for mut layer in layers {
        let size = tar::stored_size(layer.size).unwrap_or(u64::MAX);
        let mut frame = FrameWriter::new(folder, compression, size)?;
        let path = blob_path(layer.digest);
        let mut content = Counted { inner: &mut layer.content, phase };
        let found = frame.entry(path.clone(), layer.size, Mode::Data, &mut content)?;
        if found != layer.digest {
            return Err(Error::Digest { what: path.to_string(), expected: layer.digest, found });
        }
        frames.insert(found, frame.finish()?);
    }
    Ok(frames)
}

/// Tells the progress bar what went by.
pub struct Counted<'a, R> {
    pub inner: R,
    pub phase: &'a Phase,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(out)?;
        self.phase.advance(got as u64);
        Ok(got)
    }
}

#[cfg(test)]
impl Press {
    /// A press for tests of what feeds it.
    pub fn for_test(folder: &Path) -> Self {
        let phase = wt_keys::console::Progress::silent().phase("test", None);
        Self::start(folder, Compression { level: 1, threads: 1 }, phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_pressed_once_however_often_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let press = Press::for_test(folder.path());
        let first = press.take(&mut &b"one"[..], "a").unwrap();
        assert_eq!(press.take(&mut &b"one"[..], "b").unwrap(), first);
        assert_eq!(press.known(first.digest), Some(first));
        press.take(&mut &b"two"[..], "c").unwrap();
        let frames = press.finish().unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[&first.digest].entries[0].path, blob_path(first.digest));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_press_that_stopped_says_why() {
        let folder = tempfile::tempdir().unwrap().keep();
        std::fs::remove_dir(&folder).unwrap();
        let press = Press::for_test(&folder);
        let mut layers = 0..=u8::MAX;
        let stopped = layers.find_map(|n| press.take(&mut &[n][..], "a").err());
        assert!(matches!(stopped, Some(Error::PressStopped)));
        assert!(matches!(press.finish(), Err(Error::Bundle(_))));
    }
}
