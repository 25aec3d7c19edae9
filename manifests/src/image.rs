//! Images as a bundle carries them, and the documents about them.

mod ambiguous;
mod config;
mod documents;
mod source;

use serde::{Deserialize, Serialize};
use wt_keys::Sha256Digest;

pub use self::ambiguous::{OCI_KEYS, refuse_ambiguous_keys};
pub use self::config::Config;
pub use self::documents::{documents, oci_manifest};
pub use self::source::ResolvedSource;
use crate::{ImageName, RelativePath};

/// An image in the signed manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    pub name: ImageName,
    /// The image ID in Docker's classic store.
    pub config: Sha256Digest,
    /// The image ID in the containerd store.
    pub manifest: Sha256Digest,
    /// The digests of the uncompressed layers (OCI calls them diff ids), lowest first.
    pub layers: Vec<Sha256Digest>,
    /// Where the bundle keeps a registry's own blobs and manifest, bit for bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbatim: Option<Verbatim>,
    /// Where it came from, where that has a digest of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ResolvedSource>,
}

/// An image as its registry had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verbatim {
    /// Of its manifest.
    pub media_type: ManifestType,
    /// The digests of the layers as they are stored, mostly compressed, lowest first.
    pub layers: Vec<Sha256Digest>,
}

/// Which of the two equal forms a manifest has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManifestType {
    #[serde(rename = "application/vnd.oci.image.manifest.v1+json")]
    Oci,
    #[serde(rename = "application/vnd.docker.distribution.manifest.v2+json")]
    Docker,
}

impl ManifestType {
    /// The form with this media type.
    pub fn of(media_type: &str) -> Option<Self> {
        [Self::Oci, Self::Docker].into_iter().find(|form| form.as_str() == media_type)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }
}

impl Image {
    /// The digests of the layers as the bundle holds them, lowest first.
    pub fn stored(&self) -> &[Sha256Digest] {
        self.verbatim.as_ref().map_or(&self.layers, |verbatim| &verbatim.layers)
    }

    fn manifest_type(&self) -> ManifestType {
        self.verbatim.as_ref().map_or(ManifestType::Oci, |verbatim| verbatim.media_type)
    }
}

/// Where the bytes with this digest lie in a bundle.
pub fn blob_path(digest: Sha256Digest) -> RelativePath {
    #[expect(clippy::unwrap_used, reason = "hexadecimal digits under a fixed folder are a valid path")]
    format!("blobs/sha256/{digest}").parse().unwrap()
}

/// A blob as OCI documents point to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    pub digest: Sha256Digest,
    pub size: u64,
}
