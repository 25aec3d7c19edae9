//! An image as a source gave it, checked against itself and against the release.

use wt_keys::Sha256Digest;
use wt_manifests::image::{Blob, Config, Image, ManifestType, ResolvedSource, Verbatim, oci_manifest};
use wt_manifests::{Error as BundleError, ImageName, Platform};

use crate::{Error, Result};

/// The largest document of an image: configuration, manifest, index.
pub const DOCUMENT_LIMIT: u64 = 4 << 20;

/// What a bundle keeps of an image whose source has it as a registry would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The layers, uncompressed, so that they are compressed once and well.
    Layers,
    /// The blobs and the manifest, bit for bit, for sites that pin digests.
    /// With `unfold`, the layers are unpacked on the way, to see that they are what the configuration says.
    Verbatim { unfold: bool },
}

/// What a source has under a name: the exact bytes of the configuration, and the layers that went to the press.
#[derive(Clone)]
pub struct Content {
    pub config: Vec<u8>,
    /// As they are kept.
    pub layers: Vec<Blob>,
    /// The source's own manifest, where it is kept.
    pub manifest: Option<(ManifestType, Vec<u8>)>,
    /// What the source's name for it stood for, where it gave an index or a manifest.
    pub resolved: Option<Sha256Digest>,
}

/// An image that can go into a bundle.
pub struct Collected {
    pub image: Image,
    pub config: Vec<u8>,
    pub manifest: Vec<u8>,
}

impl Collected {
    /// Checks that the configuration is for `platform` and names exactly these layers; `source` is as written.
    pub fn check(name: &ImageName, content: Content, platform: &Platform, source: &str) -> Result<Self> {
        let layers = check_config(&content.config, name, platform)?;
        let kept: Vec<Sha256Digest> = content.layers.iter().map(|layer| layer.digest).collect();
        let agree = if content.manifest.is_some() { layers.len() == kept.len() } else { layers == kept };
        if !agree {
            let (expected, found) = (joined(&layers), joined(&kept));
            return Err(Error::Layers { image: name.clone(), expected, found });
        }
        if layers.is_empty() {
            return Err(Error::Unusable { origin: name.to_string(), why: "the image has no layers" });
        }
        let blob = Blob { digest: Sha256Digest::of(&content.config), size: content.config.len() as u64 };
        let (verbatim, manifest) = match content.manifest {
            Some((media_type, manifest)) => (Some(Verbatim { media_type, layers: kept }), manifest),
            None => (None, oci_manifest(blob, &content.layers)),
        };
        let (config, digest) = (blob.digest, Sha256Digest::of(&manifest));
        let source = resolved(source, content.resolved.unwrap_or(config))?;
        let image = Image { name: name.clone(), config, manifest: digest, layers, verbatim, source };
        Ok(Self { image, config: content.config, manifest })
    }
}

/// Where it came from; what was made of a folder here has no other name.
fn resolved(source: &str, digest: Sha256Digest) -> Result<Option<ResolvedSource>> {
    if source.starts_with("rootfs:") {
        return Ok(None);
    }
    ResolvedSource::new(source, digest).map(Some).map_err(|why| Error::SourceName { why })
}

pub fn joined(digests: &[Sha256Digest]) -> String {
    digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Checks that a configuration is for `platform`; gives the digests of the uncompressed layers that it names.
pub fn check_config(config: &[u8], image: &ImageName, platform: &Platform) -> Result<Vec<Sha256Digest>> {
    let origin = image.to_string();
    let config = parse(config, &origin)?;
    if !config.is_for(platform) {
        let (expected, found) = (platform.to_string(), config.platform());
        return Err(Error::Platform { image: image.clone(), expected, found });
    }
    ids(&config, &origin)
}

/// The digests of the uncompressed layers that a configuration names.
pub fn layers_of(config: &[u8], origin: &str) -> Result<Vec<Sha256Digest>> {
    ids(&parse(config, origin)?, origin)
}

fn parse(config: &[u8], origin: &str) -> Result<Config> {
    Config::parse(config).map_err(|error| match error {
        BundleError::ImageDocument { source } => {
            Error::Document { origin: origin.to_owned(), document: "configuration".to_owned(), source }
        }
        other => other.into(),
    })
}

fn ids(config: &Config, origin: &str) -> Result<Vec<Sha256Digest>> {
    config.rootfs.diff_ids.iter().map(|id| digest(id, origin)).collect()
}

/// Reads `sha256:…` in a document of `origin`.
pub fn digest(text: &str, origin: &str) -> Result<Sha256Digest> {
    Sha256Digest::from_oci(text).map_err(|_| Error::Unusable {
        origin: origin.to_owned(),
        why: "a digest in it is not `sha256:` and 64 hexadecimal digits",
    })
}
