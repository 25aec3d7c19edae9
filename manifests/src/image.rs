//! Images as a bundle carries them: names, and the documents that make one archive an OCI layout and a docker archive.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wt_keys::{Sha256Digest, written_as_string};

use crate::{Error, Platform, RelativePath, Result};

/// A repository with a tag, as people write it: `worktile/web:5.2.0`, `registry.example.com:5000/web:1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    repository: String,
    tag: String,
}

impl ImageName {
    /// With the registry that Docker implies: `docker.io/library/redis:7`.
    pub fn canonical(&self) -> String {
        let first = self.repository.split('/').next().unwrap_or_default();
        let names_registry =
            self.repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
        match (names_registry, self.repository.contains('/')) {
            (true, _) => self.to_string(),
            (false, true) => format!("docker.io/{self}"),
            (false, false) => format!("docker.io/library/{self}"),
        }
    }
}

impl FromStr for ImageName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::ImageName { found: text.chars().take(300).collect() };
        let (repository, tag) = text.rsplit_once(':').ok_or_else(refuse)?;
        let tag_ok = !tag.is_empty()
            && tag.len() <= 128
            && !tag.starts_with(['.', '-'])
            && tag.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
        let part_ok = |part: &str| {
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            edge(part.chars().next())
                && edge(part.chars().last())
                && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c))
        };
        let mut parts = repository.split('/');
        let first = parts.next().unwrap_or_default();
        let first_ok = match first.split_once(':') {
            Some((host, port)) => repository.contains('/') && part_ok(host) && port.parse::<u16>().is_ok(),
            None => part_ok(first),
        };
        if !(tag_ok && first_ok && parts.all(part_ok) && repository.len() <= 255) {
            return Err(refuse());
        }
        Ok(Self { repository: repository.to_owned(), tag: tag.to_owned() })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl fmt::Debug for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

written_as_string!(ImageName);

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Annotations>,
}

#[derive(Serialize)]
struct Annotations {
    #[serde(rename = "io.containerd.image.name")]
    containerd_name: String,
    #[serde(rename = "org.opencontainers.image.ref.name")]
    ref_name: String,
}

impl Descriptor {
    fn new(media_type: &'static str, blob: Blob) -> Self {
        Self { media_type, digest: blob.digest.to_oci(), size: blob.size, annotations: None }
    }
}

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

pub const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The OCI manifest of an image whose layers are stored uncompressed.
pub fn oci_manifest(config: Blob, layers: &[Blob]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct OciManifest {
        schema_version: u8,
        media_type: &'static str,
        config: Descriptor,
        layers: Vec<Descriptor>,
    }
    to_json(&OciManifest {
        schema_version: 2,
        media_type: ManifestType::Oci.as_str(),
        config: Descriptor::new(CONFIG_TYPE, config),
        layers: layers.iter().map(|layer| Descriptor::new(LAYER_TYPE, *layer)).collect(),
    })
}

/// `index.json` for the given images, each with the size of its OCI manifest.
pub fn oci_index<'a>(images: impl IntoIterator<Item = (&'a Image, u64)>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct OciIndex {
        schema_version: u8,
        media_type: &'static str,
        manifests: Vec<Descriptor>,
    }
    let manifests = images.into_iter().map(|(image, size)| Descriptor {
        annotations: Some(Annotations {
            containerd_name: image.name.canonical(),
            ref_name: image.name.to_string(),
        }),
        ..Descriptor::new(image.manifest_type().as_str(), Blob { digest: image.manifest, size })
    });
    to_json(&OciIndex { schema_version: 2, media_type: INDEX_TYPE, manifests: manifests.collect() })
}

/// `manifest.json`, by which `docker load` reads the same blobs.
pub fn docker_manifest<'a>(images: impl IntoIterator<Item = &'a Image>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct DockerImage {
        config: String,
        repo_tags: [String; 1],
        layers: Vec<String>,
    }
    let images = images.into_iter().map(|image| DockerImage {
        config: blob_path(image.config).to_string(),
        repo_tags: [image.name.to_string()],
        layers: image.stored().iter().map(|layer| blob_path(*layer).to_string()).collect(),
    });
    to_json(&images.collect::<Vec<_>>())
}

fn to_json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default() // strings and numbers only: cannot fail
}

/// What wt reads from an image's configuration; the bytes themselves are kept as they are.
#[derive(Debug, Deserialize)]
pub struct Config {
    pub architecture: String,
    pub os: String,
    pub variant: Option<String>,
    pub rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
pub struct RootFs {
    pub diff_ids: Vec<String>,
}

impl Config {
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|source| Error::ImageDocument { source })
    }

    pub fn is_for(&self, platform: &Platform) -> bool {
        platform.is_met_by(&self.os, &self.architecture, self.variant.as_deref())
    }

    /// As it stands there, for messages.
    pub fn platform(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }

    pub fn layers(&self) -> Result<Vec<Sha256Digest>> {
        Ok(self.rootfs.diff_ids.iter().map(|id| Sha256Digest::from_oci(id)).collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_are_read_as_docker_reads_them() {
        for (name, canonical) in [
            ("redis:7", "docker.io/library/redis:7"),
            ("worktile/web:5.2.0", "docker.io/worktile/web:5.2.0"),
            ("localhost/web:1", "localhost/web:1"),
            ("registry.example.com:5000/a/b:1_2", "registry.example.com:5000/a/b:1_2"),
        ] {
            assert_eq!(name.parse::<ImageName>().unwrap().canonical(), canonical);
        }
        for wrong in [
            "",
            "redis",
            "Redis:7",
            "redis:",
            ":7",
            "a//b:1",
            "-a:1",
            "a:-1",
            "a b:1",
            "a@sha256:1",
            "../a:1",
        ] {
            assert!(wrong.parse::<ImageName>().is_err(), "{wrong}");
        }
    }
}
