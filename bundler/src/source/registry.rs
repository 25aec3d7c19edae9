//! `docker:` — images in a registry.
//!
//! Promises: every byte is compared with the digest that the manifest, or the release's pin, gives for it; a transfer
//! that breaks goes on where it stopped; layers arrive while earlier ones are compressed. Refuses: plain HTTP with a
//! host that was not named for it, also where a registry sends on; documents of more than 4 MiB, blobs that are longer
//! than their descriptor says. Credentials go to the registry that they are kept for, and to a token server that it
//! names, if that is of its domain or the user named it; never in clear text unless the user named the host for it; and
//! they are in no message.

mod access;
mod certificates;
mod challenge;
mod credentials;
mod download;
mod failure;
mod helper;
mod host;
mod names;
mod patience;
mod reference;
mod remote;
mod repository;
mod tokens;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wt_keys::console::Progress;

pub use self::access::Access;
pub use self::failure::Failure;
use self::host::Host;
pub use self::reference::Reference;
use self::remote::Downloads;
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
    downloads: Arc<Downloads>,
}

impl<'a> Registries<'a> {
    pub fn new(access: &'a Access, progress: &'a Progress) -> Result<Self> {
        let (worker, permits) = (Arc::new(Worker::start()?), Arc::new(Semaphore::new(AT_ONCE)));
        let downloads = Arc::default();
        Ok(Self { access, progress, hosts: BTreeMap::new(), worker, permits, downloads })
    }

    /// Asks the registry for the image; no layer is fetched yet.
    pub fn find(&mut self, reference: &Reference) -> Result<Remote> {
        let host = self.host(reference)?;
        let (who, looked) = credentials::find(self.access, reference)?;
        let repository = Arc::new(Repository::new(host, reference.clone(), who, looked));
        Remote::find(
            repository,
            self.worker.clone(),
            self.permits.clone(),
            self.downloads.clone(),
            self.progress.clone(),
        )
    }

    fn host(&mut self, reference: &Reference) -> Result<Arc<Host>> {
        let name = reference.registry();
        if let Some(known) = self.hosts.get(name) {
            return Ok(known.clone());
        }
        let host = Arc::new(Host::new(name, reference.address(), self.access)?);
        self.hosts.insert(name.to_owned(), host.clone());
        Ok(host)
    }
}
