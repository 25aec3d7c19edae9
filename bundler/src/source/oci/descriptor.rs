//! The documents of an image, as far as they are read here, and the media types that are taken.

use std::collections::BTreeMap;

use serde::Deserialize;
use wt_keys::Sha256Digest;
use wt_manifests::Platform;
use wt_manifests::image::{OCI_KEYS, refuse_ambiguous_keys};

use crate::decompress::Coding;
use crate::{Result, image};

/// What one document says of another, or of a layer.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    digest: String,
    pub size: u64,
    #[serde(default)]
    pub urls: Vec<String>,
    platform: Option<DescribedPlatform>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Deserialize)]
struct DescribedPlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Descriptor {
    /// Of a document that nothing describes but who gave it.
    pub fn new(media_type: String, digest: Sha256Digest, size: u64) -> Self {
        let digest = digest.to_oci();
        Self { media_type, digest, size, urls: Vec::new(), platform: None, annotations: BTreeMap::new() }
    }

    /// `origin` is what to call the place of the document in an error.
    pub fn digest(&self, origin: &str) -> Result<Sha256Digest> {
        image::digest(&self.digest, origin)
    }

    /// As it stands in the document, for errors.
    pub fn digest_text(&self) -> &str {
        &self.digest
    }

    pub fn is_for(&self, platform: &Platform) -> bool {
        let met = |found: &DescribedPlatform| {
            platform.is_met_by(&found.os, &found.architecture, found.variant.as_deref())
        };
        self.platform.as_ref().is_some_and(met)
    }

    pub fn variant(&self) -> Option<&str> {
        self.platform.as_ref()?.variant.as_deref()
    }

    /// As in `linux/amd64`, for errors.
    pub fn platform(&self) -> Option<String> {
        let DescribedPlatform { os, architecture, variant } = self.platform.as_ref()?;
        let variant = variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        Some(format!("{os}/{architecture}{variant}"))
    }
}

/// An index or a manifest; never both.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub media_type: Option<String>,
    pub manifests: Option<Vec<Descriptor>>,
    pub config: Option<Descriptor>,
    pub layers: Option<Vec<Descriptor>>,
}

impl Document {
    /// Refuses what another reader would understand differently.
    pub fn parse(bytes: &[u8]) -> serde_json::Result<Self> {
        refuse_ambiguous_keys(bytes, &OCI_KEYS)?;
        serde_json::from_slice(bytes)
    }
}

/// What a document or a layer is, by its media type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    Index,
    Manifest,
    Config,
    Layer(Coding),
}

impl MediaKind {
    pub fn of(media_type: &str) -> Option<Self> {
        Some(match media_type {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Self::Index,
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Self::Manifest,
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => {
                Self::Config
            }
            "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
                Self::Layer(Coding::Plain)
            }
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Self::Layer(Coding::Gzip),
            "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Self::Layer(Coding::Zstd),
            _ => return None,
        })
    }
}
