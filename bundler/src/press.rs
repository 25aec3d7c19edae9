//! The press: makes a frame of every distinct layer, in a thread of its own, while sources go on reading.

use std::collections::HashMap;
use std::io::{self, Read, Seek as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tempfile::SpooledTempFile;
use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_manifests::bundle::frame_writer::{Compression, FrameFile, FrameWriter};
use wt_manifests::bundle::tar;
use wt_manifests::image::{Blob, blob_path};
use wt_manifests::manifest::Mode;

use crate::cache::LayerCache;
use crate::counted::Counted;
use crate::hashed::Hashed;
use crate::place::Place;
use crate::room::Room;
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
    layers: SyncSender<Waiting>,
    worker: JoinHandle<Result<Frames>>,
    largest: u64,
}

/// A layer that waits.
struct Waiting {
    blob: Blob,
    content: Content,
    /// What to call it in an error.
    origin: String,
}

enum Content {
    /// Hashed on its way into a file that nobody else has, so not hashed again.
    Spooled(SpooledTempFile),
    /// Hashed when it is pressed.
    InPlace(Place),
}

impl Press {
    /// Frames, and layers that wait, are nameless files in `folder`; a layer has at most `largest` bytes.
    pub fn start(
        folder: &Path,
        cache: Option<LayerCache>,
        compression: Compression,
        largest: u64,
        phase: Phase,
    ) -> Self {
        let (layers, receiver) = sync_channel(WAITING);
        let worker = {
            let mut pressing =
                Pressing { folder: folder.to_owned(), cache: cache.clone(), compression, phase };
            std::thread::spawn(move || pressing.work(receiver))
        };
        Self { folder: folder.to_owned(), cache, known: Mutex::default(), layers, worker, largest }
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

    /// Takes an uncompressed layer to the end of `reader`; `origin` is what to call it in an error.
    pub fn take(&self, reader: &mut dyn Read, origin: &str) -> Result<Blob> {
        self.add(self.spool(origin).fill(reader)?)
    }

    /// Takes an uncompressed layer where it stands, so that it need not be written before it is compressed. It is read
    /// twice where nobody said what its digest is.
    pub fn take_in_place(&self, place: Place, digest: Option<Sha256Digest>, origin: &str) -> Result<Blob> {
        self.allow(place.size, origin)?;
        let digest = match digest {
            Some(digest) => digest,
            None => Hashed::new(place.reader()).finish().map_err(Error::io("read a layer of", origin))?,
        };
        let blob = Blob { digest, size: place.size };
        self.send(Waiting { blob, content: Content::InPlace(place), origin: origin.to_owned() })
    }

    /// Refuses a layer that is too large, before anything is made of it.
    pub fn allow(&self, size: u64, origin: &str) -> Result<()> {
        if size <= self.largest { Ok(()) } else { Err(Error::layer_too_large(origin, self.largest)) }
    }

    /// The largest layer that is taken.
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// Whether a blob of this size is here that is kept as it is.
    pub fn has_blob(&self, blob: Blob) -> bool {
        self.lock().blobs.get(&blob.digest).is_some_and(|frame| frame.entries[0].size == blob.size)
    }

    /// Keeps a blob as it is. Its name is known before its bytes, so nothing has to wait.
    pub fn take_blob(&self, stored: &mut dyn Read, blob: Blob, origin: &str) -> Result<()> {
        let path = blob_path(blob.digest);
        let size = tar::size_of(&path, blob.size)?;
        let mut frame = FrameWriter::new(&self.folder, Compression { level: BLOBS, threads: 1 }, size)?;
        let found = frame.entry(path, blob.size, Mode::Data, stored)?;
        if found != blob.digest {
            return Err(Error::Digest { what: origin.to_owned(), expected: blob.digest, found });
        }
        let frame = frame.finish()?;
        self.lock().blobs.insert(blob.digest, frame);
        Ok(())
    }

    /// A nameless file, for what has to wait on the disk, and the room there.
    pub fn nameless(&self) -> std::io::Result<(std::fs::File, Room)> {
        Ok((tempfile::tempfile_in(&self.folder)?, Room::new(&self.folder)))
    }

    pub fn spool(&self, origin: &str) -> Spool {
        Spool::new(&self.folder, self.largest, origin)
    }

    /// Takes a layer that was spooled. One that is known already is dropped.
    pub fn add(&self, layer: Layer) -> Result<Blob> {
        let Layer { digest, size, content } = layer;
        let (blob, content) = (Blob { digest, size }, Content::Spooled(content));
        self.send(Waiting { blob, content, origin: "a temporary file".to_owned() })
    }

    fn send(&self, layer: Waiting) -> Result<Blob> {
        let blob = layer.blob;
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
        let mut frames = self.worker.join().unwrap_or_else(|panic| resume_unwind(panic))?;
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

/// Why there is no frame.
enum Failed {
    /// The layer cannot be had, or is not what it was said to be.
    Layer(Box<Error>),
    /// The folder, as when its disk is full.
    Folder(Box<Error>),
}

impl Failed {
    fn layer(error: impl Into<Error>) -> Self {
        Self::Layer(Box::new(error.into()))
    }
}

impl Pressing {
    fn work(&mut self, layers: Receiver<Waiting>) -> Result<Frames> {
        let mut frames = Frames::new();
        for mut layer in layers {
            frames.insert(layer.blob.digest, self.frame(&mut layer)?);
        }
        Ok(frames)
    }

    /// In the cache where there is one; one that fails, as on a full disk, is not used again.
    fn frame(&mut self, layer: &mut Waiting) -> Result<FrameFile> {
        if let Some(cache) = self.cache.take() {
            match self.press(layer, cache.folder()) {
                Ok(frame) => {
                    if cache.keep(layer.blob, &frame).is_ok() {
                        self.cache = Some(cache);
                    }
                    return Ok(frame);
                }
                Err(Failed::Layer(error)) => return Err(*error),
                Err(Failed::Folder(_)) => {}
            }
        }
        self.press(layer, &self.folder).map_err(|(Failed::Layer(error) | Failed::Folder(error))| *error)
    }

    fn press(&self, layer: &mut Waiting, folder: &Path) -> Result<FrameFile, Failed> {
        let Waiting { blob, content, origin } = layer;
        let path = blob_path(blob.digest);
        let size = tar::size_of(&path, blob.size).map_err(Failed::layer)?;
        let failed = |error: wt_manifests::Error| Failed::Folder(Box::new(error.into()));
        let mut frame = FrameWriter::new(folder, self.compression, size).map_err(failed)?;
        match content {
            Content::Spooled(file) => {
                file.rewind().map_err(|error| Failed::layer(Error::io("read", origin.as_str())(error)))?;
                let mut content = Counted { inner: file, phase: &self.phase };
                frame.hashed_entry(path, blob.size, Mode::Data, blob.digest, &mut content).map_err(failed)?;
            }
            Content::InPlace(place) => {
                let mut content = Kept { inner: place.reader(), error: None };
                let mut counted = Counted { inner: &mut content, phase: &self.phase };
                let found = frame.entry(path, blob.size, Mode::Data, &mut counted);
                if let Some(error) = content.error {
                    return Err(Failed::layer(Error::io("read a layer of", origin.as_str())(error)));
                }
                let (expected, found) = (blob.digest, found.map_err(failed)?);
                if found != expected {
                    return Err(Failed::layer(Error::Digest { what: origin.clone(), expected, found }));
                }
            }
        }
        frame.finish().map_err(failed)
    }
}

/// Keeps the error that a reader gave, to tell it from one of who reads. That there is no more is one, too.
struct Kept<R> {
    inner: R,
    error: Option<io::Error>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(out) {
            Ok(0) => self.error = Some(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.error = Some(error),
            result => return result,
        }
        Ok(0)
    }
}

#[cfg(test)]
impl Press {
    /// A press for tests of what feeds it.
    pub fn for_test(folder: &Path) -> Self {
        Self::for_test_of_layers(folder, 1 << 30)
    }

    pub fn for_test_of_layers(folder: &Path, largest: u64) -> Self {
        let phase = wt_keys::console::Progress::silent().phase("test", None);
        Self::start(folder, None, Compression { level: 1, threads: 1 }, largest, phase)
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
            assert!(press.take_blob(&mut &b""[..], claimed, "a").is_err(), "{size}");
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
