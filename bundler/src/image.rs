//! An image as a source gave it, checked against itself and against the release.

use wt_keys::Sha256Digest;
use wt_manifests::image::{Blob, Config, Image, oci_manifest};
use wt_manifests::{Error as BundleError, ImageName};

use crate::{Error, Result};

/// The largest document of an image: configuration, manifest, index.
pub const DOCUMENT_LIMIT: u64 = 4 << 20;

/// What a source has under a name: the exact bytes of the configuration, and the layers that went to the press.
#[derive(Clone)]
pub struct Content {
    pub config: Vec<u8>,
    pub layers: Vec<Blob>,
}

/// An image that can go into a bundle.
pub struct Collected {
    pub image: Image,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Collected {
    /// Checks that the configuration is for `platform` and names exactly these layers.
    pub fn check(name: &ImageName, content: Content, platform: &str) -> Result<Self> {
        let config = Config::parse(&content.config)?;
        if config.platform() != platform {
            let (expected, found) = (platform.to_owned(), config.platform());
            return Err(Error::Platform { image: name.clone(), expected, found });
        }
        let layers: Vec<Sha256Digest> = content.layers.iter().map(|layer| layer.digest).collect();
        let expected = config.layers()?;
        if expected != layers {
            let (expected, found) = (joined(&expected), joined(&layers));
            return Err(Error::Layers { image: name.clone(), expected, found });
        }
        if layers.is_empty() {
            return Err(Error::Archive { origin: name.to_string(), why: "the image has no layers" });
        }
        let blob = Blob { digest: Sha256Digest::of(&content.config), size: content.config.len() as u64 };
        let manifest = oci_manifest(blob, &content.layers);
        let image = Image {
            name: name.clone(),
            config: blob.digest,
            manifest: Sha256Digest::of(&manifest),
            layers,
            verbatim: None,
        };
        Ok(Self { image, config: content.config, manifest })
    }
}

pub fn joined(digests: &[Sha256Digest]) -> String {
    digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Reads `sha256:…` from a document of `origin`.
pub fn digest(text: &str) -> Result<Sha256Digest> {
    Sha256Digest::from_oci(text).map_err(|error| Error::Bundle(BundleError::Keys(error)))
}
