use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use wt_keys::Sha256Digest;
use wt_keys::console::{Phase, Progress};
use wt_manifests::Platform;

use super::Failure;
use super::download::{Arriving, Download, Filling};
use super::repository::Repository;
use super::worker::Worker;
use crate::image::{Content, Keep};
use crate::press::Press;
use crate::source::oci::{Blobs, Descriptor, Images, MediaKind, Stored};
use crate::{Error, Result};

/// An image in a registry, of which the first document is known.
pub struct Remote {
    repository: Arc<Repository>,
    root: Descriptor,
    bytes: Vec<u8>,
    worker: Arc<Worker>,
    permits: Arc<Semaphore>,
    progress: Progress,
}

impl Remote {
    /// Fetches the index or manifest. A digest decides; it is compared when the document is read.
    pub fn find(
        repository: Arc<Repository>,
        worker: Arc<Worker>,
        permits: Arc<Semaphore>,
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
        Ok(Self { repository, root, bytes: document.bytes, worker, permits, progress })
    }

    /// Fetches the image for `platform`; its layers go to the press.
    pub fn content(&self, platform: &Platform, keep: Keep, press: &Press) -> Result<Content> {
        let arriving = Mutex::default();
        Images::new(&Layers { remote: self, press, arriving }, platform, keep).content(&self.root, press)
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
    arriving: Mutex<HashMap<Sha256Digest, Arc<Download>>>,
}

impl Layers<'_> {
    /// Those that are not on their way yet.
    fn fetch(&self, blobs: &[Descriptor]) -> Result<()> {
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = HashMap::new();
        for blob in blobs {
            let digest = blob.digest(&self.origin())?;
            if !arriving.contains_key(&digest) {
                new.insert(digest, blob);
            }
        }
        let total = new.values().map(|blob| blob.size).fold(0, u64::saturating_add);
        if total == 0 {
            return Ok(());
        }
        let phase = self.remote.progress.phase("downloading", Some(total));
        phase.detail(self.remote.repository.reference.repository());
        let phase = Arc::new(phase);
        // in the order in which they will be read
        for blob in blobs {
            let digest = blob.digest(&self.origin())?;
            if new.remove(&digest).is_some() {
                arriving.insert(digest, self.remote.start(blob, phase.clone(), self.press)?);
            }
        }
        Ok(())
    }
}

impl Blobs for Layers<'_> {
    fn origin(&self) -> String {
        self.remote.origin()
    }

    fn name(&self, digest: Sha256Digest) -> String {
        self.remote.repository.name(digest)
    }

    fn open(&self, blob: &Descriptor) -> Result<Stored<'_>> {
        let digest = blob.digest(&self.origin())?;
        let bytes = match MediaKind::of(&blob.media_type) {
            Some(MediaKind::Layer(_)) => {
                self.fetch(std::slice::from_ref(blob))?;
                let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
                let download = arriving.remove(&digest).ok_or(Failure::Stopped)?;
                return Ok(Stored { size: blob.size, content: Box::new(Arriving { download, offset: 0 }) });
            }
            _ if digest == self.remote.root.digest(&self.origin())? => self.remote.bytes.clone(),
            Some(MediaKind::Config) => self.remote.document("blobs", digest)?,
            _ => self.remote.document("manifests", digest)?,
        };
        Ok(Stored { size: bytes.len() as u64, content: Box::new(Cursor::new(bytes)) })
    }

    fn ahead(&self, layers: &[Descriptor]) -> Result<()> {
        self.fetch(layers)
    }
}
