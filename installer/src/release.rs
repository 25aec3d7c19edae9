//! A release whose manifest was verified: in its bundle, or as an earlier run kept it on this host.

use std::fs;
use std::io::ErrorKind;

use wt_keys::{Sha256Digest, Trust, Trusted};
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

    /// Refuses a release that was withdrawn, or whose signer was, since it was kept.
    pub fn check_not_withdrawn(&self, trust: &Trust) -> Result<()> {
        trust.check_not_revoked(self.trusted().certificate.key.id())?;
        Ok(trust.check_release(&self.manifest().product, &self.manifest().version)?)
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

#[cfg(test)]
mod tests {
    use wt_keys::console::{Exit, Explain as _};
    use wt_keys::testkit::Vendor;
    use wt_keys::trust::{LowestRelease, RevokedKey};
    use wt_keys::{Chain, Role, durable};

    use super::*;

    #[test]
    fn a_kept_release_is_read_by_the_trust_of_its_day_and_refused_by_that_of_today() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let signer = Vendor::insecure(1).signer(2, Role::Bundle, |_| {});
        let chain = Chain::seal(&wt_manifests::testkit::manifest(), &signer).unwrap();
        let digest = chain.verify::<Manifest>(&signer.trust).unwrap().document.payload_digest();
        let folder = places.release(&digest);
        durable::create_folder(&folder, 0o700).unwrap();
        fs::write(folder.join("chain"), chain.to_bytes()).unwrap();
        fs::write(folder.join("trust.json"), signer.trust.to_bytes()).unwrap();
        let release = Release::kept(&places, &digest).unwrap();

        let lowest = |product: &str, version: &str| LowestRelease {
            product: product.into(),
            version: version.parse().unwrap(),
        };
        let revoked = RevokedKey { key: signer.key.public().id(), reason: "stolen".into() };
        for (withdraws, good) in
            [("acme 1.0.0", true), ("acme 1.0.1", false), ("other 2.0.0", true), ("key", false)]
        {
            let today = Vendor::insecure(1).trusting(|trust| {
                trust.version = 2;
                match withdraws.split_once(' ') {
                    Some((product, version)) => trust.lowest_releases = vec![lowest(product, version)],
                    None => trust.revoked_keys = vec![revoked.clone()],
                }
            });
            let checked = release.check_not_withdrawn(&today.trust);
            assert_eq!(checked.is_ok(), good, "{withdraws}");
            assert!(checked.err().is_none_or(|error| error.exit() == Exit::NotTrusted), "{withdraws}");
        }
    }
}
