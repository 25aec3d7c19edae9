use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use wt_keys::Sha256Digest;
use wt_keys::console::{Phase, Progress};
use wt_manifests::Platform;

use super::Failure;
use super::download::{Arriving, Download, Filling};
use super::repository::Repository;
use super::worker::Worker;
use crate::image::{Content, Keep};
use crate::place::Place;
use crate::press::Press;
use crate::source::oci::{Blobs, Descriptor, Images, MediaKind, Resolved};
use crate::{Error, Result};

/// An image in a registry, of which the first document is known.
pub struct Remote {
    repository: Arc<Repository>,
    root: Descriptor,
    bytes: Vec<u8>,
    worker: Arc<Worker>,
    permits: Arc<Semaphore>,
    downloads: Arc<Downloads>,
    progress: Progress,
}

/// Layers of all images that are fetched, each once.
#[derive(Default)]
pub struct Downloads(Mutex<OnTheirWay>);

#[derive(Default)]
struct OnTheirWay {
    /// Until somebody reads them.
    arriving: HashMap<Sha256Digest, Arc<Download>>,
    begun: HashSet<Sha256Digest>,
}

impl Downloads {
    fn lock(&self) -> MutexGuard<'_, OnTheirWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OnTheirWay {
    /// Whether a layer must be fetched; `again`, if somebody had it before and nobody has it now.
    fn is_new(&mut self, layer: Sha256Digest, again: bool) -> bool {
        self.begun.insert(layer) || (again && !self.arriving.contains_key(&layer))
    }
}

impl Remote {
    /// Fetches the index or manifest. A digest decides; it is compared when the document is read.
    pub fn find(
        repository: Arc<Repository>,
        worker: Arc<Worker>,
        permits: Arc<Semaphore>,
        downloads: Arc<Downloads>,
        progress: Progress,
    ) -> Result<Self> {
        let reference = repository.reference.clone();
        let pin = reference.digest();
        let document = worker.ask({
            let (repository, reference) = (repository.clone(), reference.clone());
            async move {
                let (name, what) = (reference.wanted(), format!("docker://{reference}"));
                Ok(repository.document("manifests", &name, &what).await?)
            }
        })?;
        let said = document.digest.and_then(|digest| Sha256Digest::from_oci(&digest).ok());
        let digest = pin.or(said).unwrap_or_else(|| Sha256Digest::of(&document.bytes));
        let root = Descriptor::new(document.media_type, digest, document.bytes.len() as u64);
        Ok(Self { repository, root, bytes: document.bytes, worker, permits, downloads, progress })
    }

    /// Reads what the image for `platform` is, and begins to fetch the layers of it that the press has not.
    pub fn prepare(&self, platform: &Platform, keep: Keep, press: &Press) -> Result<Resolved> {
        Images::new(&Layers { remote: self, press }, platform, keep).prepare(&self.root, press)
    }

    /// Sends the layers of a prepared image to the press.
    pub fn content(
        &self,
        image: Resolved,
        platform: &Platform,
        keep: Keep,
        press: &Press,
    ) -> Result<Content> {
        Images::new(&Layers { remote: self, press }, platform, keep).take(image, press)
    }

    fn document(&self, part: &'static str, digest: Sha256Digest) -> Result<Vec<u8>> {
        let repository = self.repository.clone();
        self.worker.ask(async move {
            let what = repository.name(digest);
            Ok(repository.document(part, &digest.to_oci(), &what).await?.bytes)
        })
    }

    fn origin(&self) -> String {
        format!("docker://{}", self.repository.reference)
    }

    fn start(&self, blob: &Descriptor, phase: Arc<Phase>, press: &Press) -> Result<Arc<Download>> {
        let digest = blob.digest(&self.origin())?;
        let file = press.nameless().map_err(Error::io("write", "a temporary file"))?;
        let download = Arc::new(Download::new(self.repository.name(digest), blob.size, file, phase));
        let (repository, permits) = (self.repository.clone(), self.permits.clone());
        let filling = Filling(download.clone());
        self.worker.spawn(async move {
            let permit = permits.acquire().await;
            let result = repository.fill(digest, &filling.0).await;
            drop(permit);
            filling.end(result);
        });
        Ok(download)
    }
}

/// The image while it is read.
struct Layers<'a> {
    remote: &'a Remote,
    press: &'a Press,
}

impl Layers<'_> {
    /// Those that are not on their way yet, and were not before.
    fn fetch(&self, blobs: &[Descriptor], again: bool) -> Result<()> {
        let mut on_their_way = self.remote.downloads.lock();
        let mut new = Vec::new();
        for blob in blobs {
            if on_their_way.is_new(blob.digest(&self.origin())?, again) {
                new.push(blob);
            }
        }
        let total = new.iter().map(|blob| blob.size).fold(0, u64::saturating_add);
        if new.is_empty() {
            return Ok(());
        }
        let phase = self.remote.progress.phase("downloading", Some(total));
        phase.detail(self.remote.repository.reference.repository());
        let phase = Arc::new(phase);
        // in the order in which they will be read
        for blob in new {
            let digest = blob.digest(&self.origin())?;
            on_their_way.arriving.insert(digest, self.remote.start(blob, phase.clone(), self.press)?);
        }
        Ok(())
    }

    fn arriving(&self, blob: &Descriptor) -> Result<Arc<Download>> {
        self.fetch(std::slice::from_ref(blob), true)?;
        let download = self.remote.downloads.lock().arriving.remove(&blob.digest(&self.origin())?);
        Ok(download.ok_or(Failure::Stopped)?)
    }
}

impl Blobs for Layers<'_> {
    fn origin(&self) -> String {
        self.remote.origin()
    }

    fn name(&self, digest: Sha256Digest) -> String {
        self.remote.repository.name(digest)
    }

    fn find(&self, blob: &Descriptor) -> Result<Place> {
        let digest = blob.digest(&self.origin())?;
        let bytes = match MediaKind::of(&blob.media_type) {
            Some(MediaKind::Layer(_)) => {
                let (download, worker) = (self.arriving(blob)?, self.remote.worker.clone());
                let arriving = move || {
                    let _ = &worker; // it ends all transfers when nobody has it any more
                    Arriving { download: download.clone(), offset: 0 }
                };
                return Ok(Place::new(blob.size, arriving));
            }
            _ if digest == self.remote.root.digest(&self.origin())? => self.remote.bytes.clone(),
            Some(MediaKind::Config) => self.remote.document("blobs", digest)?,
            _ => self.remote.document("manifests", digest)?,
        };
        Ok(Place::in_memory(bytes))
    }

    fn ahead(&self, layers: &[Descriptor]) -> Result<()> {
        self.fetch(layers, false)
    }
}
