//! The press: makes a frame of every distinct layer, in a thread of its own, while sources go on reading.

use std::collections::HashMap;
use std::io::{Read, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_manifests::bundle::frame_writer::{Compression, FrameFile, FrameWriter};
use wt_manifests::bundle::tar;
use wt_manifests::image::{Blob, blob_path};
use wt_manifests::manifest::Mode;

use crate::cache::LayerCache;
use crate::counted::Counted;
use crate::spool::{Layer, Spool};
use crate::{Error, Result};

/// Of blobs that are kept as they are: compressed already, and not worth a second look.
const BLOBS: i32 = -50;
/// Layers that wait for the press.
const WAITING: usize = 1;

pub type Frames = HashMap<Sha256Digest, FrameFile>;

#[derive(Default)]
struct Known {
    sizes: HashMap<Sha256Digest, u64>,
    /// From the cache.
    frames: Frames,
    /// Of blobs that are kept as they are. One that is a layer, too, is kept so, whatever the cache has.
    blobs: Frames,
}

/// Several threads may feed it.
pub struct Press {
    folder: PathBuf,
    cache: Option<LayerCache>,
    known: Mutex<Known>,
    layers: SyncSender<Layer>,
    worker: JoinHandle<Result<Frames>>,
}

impl Press {
    /// Frames, and layers that wait, are nameless files in `folder`.
    pub fn start(folder: &Path, cache: Option<LayerCache>, compression: Compression, phase: Phase) -> Self {
        let (layers, receiver) = sync_channel(WAITING);
        let worker = {
            let mut pressing =
                Pressing { folder: folder.to_owned(), cache: cache.clone(), compression, phase };
            std::thread::spawn(move || pressing.work(receiver))
        };
        Self { folder: folder.to_owned(), cache, known: Mutex::default(), layers, worker }
    }

    /// The layer with this digest, if it was taken already or its frame is in the cache, from where it is taken then.
    pub fn known(&self, digest: Sha256Digest) -> Option<Blob> {
        let mut known = self.lock();
        if let Some(size) = known.sizes.get(&digest) {
            return Some(Blob { digest, size: *size });
        }
        let (blob, frame) = self.cache.as_ref()?.take(digest)?;
        known.sizes.insert(digest, blob.size);
        known.frames.insert(digest, frame);
        Some(blob)
    }

    pub fn cache(&self) -> Option<&LayerCache> {
        self.cache.as_ref()
    }

    /// Takes an uncompressed layer to the end of `reader`.
    pub fn take(&self, reader: &mut dyn Read, origin: &str) -> Result<Blob> {
        self.add(self.spool().fill(reader, origin)?)
    }

    /// Whether a blob of this size is here that is kept as it is.
    pub fn has_blob(&self, blob: Blob) -> bool {
        self.lock().blobs.get(&blob.digest).is_some_and(|frame| frame.entries[0].size == blob.size)
    }

    /// Keeps a blob as it is. Its name is known before its bytes, so nothing has to wait.
    pub fn take_blob(&self, stored: &mut dyn Read, blob: Blob) -> Result<()> {
        let path = blob_path(blob.digest);
        let size = tar::size_of(&path, blob.size)?;
        let mut frame = FrameWriter::new(&self.folder, Compression { level: BLOBS, threads: 1 }, size)?;
        let found = frame.entry(path.clone(), blob.size, Mode::Data, stored)?;
        if found != blob.digest {
            return Err(Error::Digest { what: path.to_string(), expected: blob.digest, found });
        }
        let frame = frame.finish()?;
        self.lock().blobs.insert(blob.digest, frame);
        Ok(())
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
        if self.known(blob.digest).is_some() {
            return Ok(blob);
        }
        let new = self.lock().sizes.insert(blob.digest, blob.size).is_none();
        if new && self.layers.send(layer).is_err() {
            return Err(Error::PressStopped);
        }
        Ok(blob)
    }

    /// Waits for the last frame; says what went wrong where the press stopped.
    pub fn finish(self) -> Result<Frames> {
        drop(self.layers);
        let mut frames = self.worker.join().unwrap_or(Err(Error::PressStopped))?;
        let known = self.known.into_inner().unwrap_or_else(PoisonError::into_inner);
        frames.extend(known.frames);
        frames.extend(known.blobs);
        if let Some(cache) = &self.cache {
            cache.bound();
        }
        Ok(frames)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The press's own thread.
struct Pressing {
    folder: PathBuf,
    cache: Option<LayerCache>,
    compression: Compression,
    phase: Phase,
}

impl Pressing {
    fn work(&mut self, layers: Receiver<Layer>) -> Result<Frames> {
        let mut frames = Frames::new();
        for mut layer in layers {
            frames.insert(layer.digest, self.frame(&mut layer)?);
        }
        Ok(frames)
    }

    /// In the cache where there is one; one that fails, as on a full disk, is not used again.
    fn frame(&mut self, layer: &mut Layer) -> Result<FrameFile> {
        if let Some(cache) = self.cache.take()
            && let Ok(frame) = self.press(layer, cache.folder())
        {
            let blob = Blob { digest: layer.digest, size: layer.size };
            if cache.keep(blob, &frame).is_ok() {
                self.cache = Some(cache);
            }
            return Ok(frame);
        }
        self.press(layer, &self.folder)
    }

    fn press(&self, layer: &mut Layer, folder: &Path) -> Result<FrameFile> {
        layer.content.rewind().map_err(Error::io("read", "a temporary file"))?;
        let path = blob_path(layer.digest);
        let mut frame = FrameWriter::new(folder, self.compression, tar::size_of(&path, layer.size)?)?;
        let mut content = Counted { inner: &mut layer.content, phase: &self.phase };
        let found = frame.entry(path.clone(), layer.size, Mode::Data, &mut content)?;
        if found != layer.digest {
            return Err(Error::Digest { what: path.to_string(), expected: layer.digest, found });
        }
        Ok(frame.finish()?)
    }
}

#[cfg(test)]
impl Press {
    /// A press for tests of what feeds it.
    pub fn for_test(folder: &Path) -> Self {
        let phase = wt_keys::console::Progress::silent().phase("test", None);
        Self::start(folder, None, Compression { level: 1, threads: 1 }, phase)
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
    fn a_blob_that_claims_a_size_that_no_bundle_holds_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let press = Press::for_test(folder.path());
        for size in [1 << 63, (1 << 63) + 1, u64::MAX - 600, u64::MAX] {
            let claimed = Blob { digest: Sha256Digest::of(b""), size };
            assert!(press.take_blob(&mut &b""[..], claimed).is_err(), "{size}");
        }
        drop(press.finish().unwrap());
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
