//! The documents that make one archive an OCI image layout and a docker archive.

use serde::Serialize;

use super::{Blob, Image, ManifestType, blob_path};
use crate::RelativePath;

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

const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

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
fn oci_index<'a>(images: impl IntoIterator<Item = (&'a Image, u64)>) -> Vec<u8> {
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
fn docker_manifest<'a>(images: impl IntoIterator<Item = &'a Image>) -> Vec<u8> {
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

/// The three for the given images, each with the size of its manifest, by the names that they have in an archive.
pub fn documents<'a>(
    images: impl IntoIterator<Item = (&'a Image, u64)> + Clone,
) -> [(RelativePath, Vec<u8>); 3] {
    let images_alone = images.clone().into_iter().map(|(image, _)| image);
    let documents = [
        ("index.json", oci_index(images)),
        ("manifest.json", docker_manifest(images_alone)),
        ("oci-layout", OCI_LAYOUT.to_vec()),
    ];
    #[expect(clippy::unwrap_used, reason = "these three names are valid paths")]
    documents.map(|(name, bytes)| (name.parse().unwrap(), bytes))
}

fn to_json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default() // strings and numbers only: cannot fail
}
