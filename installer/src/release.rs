//! A release whose manifest was verified: in its bundle, or as an earlier run kept it on this host.

use std::fs;
use std::io::ErrorKind;

use wt_keys::{Sha256Digest, Trusted};
use wt_manifests::bundle::{Bundle, Kept};
use wt_manifests::{Manifest, Stack, stack};

use crate::{Error, Places, Result};

#[derive(Debug)]
pub enum Release {
    Bundle(Box<Bundle>),
    /// Without its images and packages, which the host has.
    Kept(Box<Kept>),
}

impl Release {
    /// The release with this manifest, as it was kept here.
    pub fn kept(places: &Places, digest: &Sha256Digest) -> Result<Self> {
        let folder = places.release(digest);
        if !folder.exists() {
            return Err(Error::NotKept { folder });
        }
        Ok(Self::Kept(Box::new(Kept::open(&folder)?)))
    }

    /// The manifests of all releases that are kept here.
    pub fn all_kept(places: &Places) -> Result<Vec<Sha256Digest>> {
        let folder = places.releases();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("read", &folder))?,
        };
        let mut digests = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("read", &folder))?.file_name();
            digests.extend(name.to_str().and_then(|name| name.parse::<Sha256Digest>().ok()));
        }
        digests.sort_unstable();
        Ok(digests)
    }

    pub fn manifest(&self) -> &Manifest {
        &self.trusted().document
    }

    /// Of the signed manifest: what tells one build of a release from another.
    pub fn digest(&self) -> Sha256Digest {
        self.trusted().document.payload_digest()
    }

    pub fn trusted(&self) -> &Trusted<Manifest> {
        match self {
            Self::Bundle(bundle) => bundle.trusted(),
            Self::Kept(kept) => kept.trusted(),
        }
    }

    /// The whole of one small file.
    pub fn read_entry(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Bundle(bundle) => bundle.read_entry(path, limit)?,
            Self::Kept(kept) => kept.read_entry(path, limit)?,
        })
    }

    pub fn stack(&self) -> Result<Stack> {
        Ok(Stack::parse(&self.read_entry(stack::FILE, stack::LARGEST)?)?)
    }

    /// The bundle, where images and packages can be read from it.
    pub fn bundle(&self) -> Result<&Bundle> {
        match self {
            Self::Bundle(bundle) => Ok(bundle),
            Self::Kept(kept) => Err(Error::BundleNeeded {
                product: kept.manifest().product.clone(),
                version: kept.manifest().version.to_string(),
            }),
        }
    }
}
