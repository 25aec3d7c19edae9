//! `docker:` — images in a registry.
//!
//! Promises: every byte is compared with the digest that the manifest, or the release's pin, gives for it; a transfer
//! that breaks goes on where it stopped; layers arrive while earlier ones are compressed. Refuses: plain HTTP with a
//! host that was not named for it, documents of more than 4 MiB, blobs that are longer than their descriptor says.
//! Credentials go to the registry that they are kept for, and to where it asks for tokens to be fetched; they are in
//! no message.

mod access;
mod certificates;
mod credentials;
mod download;
mod failure;
mod host;
mod remote;
mod repository;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use oci_client::Reference;
use tokio::sync::Semaphore;
use wt_keys::console::Progress;

pub use self::access::Access;
pub use self::failure::Failure;
use self::host::Host;
pub use self::remote::Remote;
use self::repository::Repository;
use self::worker::Worker;
use crate::Result;

/// Transfers at one time.
const AT_ONCE: usize = 3;

/// All registries that a release takes images from.
pub struct Registries<'a> {
    access: &'a Access,
    progress: &'a Progress,
    hosts: BTreeMap<String, Arc<Host>>,
    worker: Arc<Worker>,
    permits: Arc<Semaphore>,
}

impl<'a> Registries<'a> {
    pub fn new(access: &'a Access, progress: &'a Progress) -> Result<Self> {
        let (worker, permits) = (Arc::new(Worker::start()?), Arc::new(Semaphore::new(AT_ONCE)));
        Ok(Self { access, progress, hosts: BTreeMap::new(), worker, permits })
    }

    /// Asks the registry for the image; no layer is fetched yet.
    pub fn find(&mut self, reference: &Reference) -> Result<Remote> {
        let host = self.host(reference.resolve_registry())?;
        let (auth, looked) = credentials::find(self.access, reference)?;
        let repository = Arc::new(Repository::new(host, reference.clone(), auth, looked));
        Remote::find(repository, self.worker.clone(), self.permits.clone(), self.progress.clone())
    }

    fn host(&mut self, name: &str) -> Result<Arc<Host>> {
        if let Some(known) = self.hosts.get(name) {
            return Ok(known.clone());
        }
        let host = Arc::new(Host::new(name, self.access)?);
        self.hosts.insert(name.to_owned(), host.clone());
        Ok(host)
    }
}
