//! `oci:`, an OCI image layout in a folder.
//!
//! Attacks this module is written against (CVE-2021-41190, CVE-2024-3727 and their kind): a document that is two things
//! at once, a digest that is a path, an index in an index, layers that are fetched from elsewhere, a blob that is not
//! what its name says, documents of any size. Every blob is compared with its digest and its size.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wt_keys::{Sha256Digest, durable};
use wt_manifests::image::{Blob, Config};

use crate::decompress::Coding;
use crate::image::{Content, DOCUMENT_LIMIT, digest};
use crate::press::Press;
use crate::source::hashed::Hashed;
use crate::{Error, Result};

const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    urls: Vec<String>,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

/// An index or a manifest; never both.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Index,
    Manifest,
    Config,
    Layer(Coding),
}

impl Kind {
    fn of(media_type: &str) -> Option<Self> {
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

/// A layout, and the platform that is wanted of it.
pub struct Layout<'a> {
    folder: &'a Path,
    platform: &'a str,
}

impl<'a> Layout<'a> {
    pub fn new(folder: &'a Path, platform: &'a str) -> Self {
        Self { folder, platform }
    }

    /// The image with this reference; without one, the only image.
    pub fn image(&self, reference: Option<&str>, press: &Press) -> Result<Content> {
        let mut found = self.find(reference)?;
        if self.kind(&found)? == Kind::Index {
            found = self.for_platform(self.document(&found)?.manifests.unwrap_or_default())?;
        }
        if self.kind(&found)? != Kind::Manifest {
            return Err(self.media_type(&found)); // an index in an index, too
        }
        let manifest = self.document(&found)?;
        let (Some(config), Some(layers)) = (manifest.config, manifest.layers) else {
            return Err(self.wrong("a manifest in it has no config or no layers"));
        };
        if self.kind(&config)? != Kind::Config {
            return Err(self.media_type(&config));
        }
        let config = self.read(&config)?;
        let layers = self.layers(&layers, &Config::parse(&config)?.layers()?, press)?;
        Ok(Content { config, layers })
    }

    fn find(&self, reference: Option<&str>) -> Result<Descriptor> {
        let path = self.folder.join("index.json");
        let bytes = durable::read_capped(&path, "an index.json", DOCUMENT_LIMIT)?;
        let index: Document = self.parse(&bytes, "index.json")?;
        let (Some(manifests), None, None) = (index.manifests, index.config, index.layers) else {
            return Err(self.wrong("its index.json is not an index"));
        };
        let name = |descriptor: &Descriptor| descriptor.annotations.get(REF_NAME).cloned();
        let only = manifests.len() == 1;
        let wanted = |descriptor: &&Descriptor| match reference {
            Some(reference) => name(descriptor).as_deref() == Some(reference),
            None => only,
        };
        manifests.iter().find(wanted).cloned().ok_or_else(|| Error::NotInArchive {
            origin: self.origin(),
            wanted: reference.unwrap_or("(its only one)").to_owned(),
            known: manifests.iter().filter_map(name).collect(),
        })
    }

    fn for_platform(&self, manifests: Vec<Descriptor>) -> Result<Descriptor> {
        let platform = |descriptor: &Descriptor| {
            descriptor.platform.as_ref().map(|platform| format!("{}/{}", platform.os, platform.architecture))
        };
        let known = manifests.iter().filter_map(platform).collect();
        manifests.into_iter().find(|one| platform(one).as_deref() == Some(self.platform)).ok_or_else(|| {
            Error::NotInArchive { origin: self.origin(), wanted: self.platform.to_owned(), known }
        })
    }

    /// Reads the index or manifest behind a descriptor.
    fn document(&self, descriptor: &Descriptor) -> Result<Document> {
        let document: Document = self.parse(&self.read(descriptor)?, &descriptor.digest)?;
        if document.media_type.as_ref().is_some_and(|found| *found != descriptor.media_type) {
            return Err(self.wrong("a document in it is of another type than its descriptor says"));
        }
        match (&document.manifests, &document.config, &document.layers, self.kind(descriptor)?) {
            (Some(_), None, None, Kind::Index) | (None, Some(_), Some(_), Kind::Manifest) => Ok(document),
            _ => Err(self.wrong("a document in it is not what its type says")),
        }
    }

    fn layers(&self, layers: &[Descriptor], ids: &[Sha256Digest], press: &Press) -> Result<Vec<Blob>> {
        let mut blobs = Vec::new();
        for (at, layer) in layers.iter().enumerate() {
            let blob = match ids.get(at).and_then(|id| press.known(*id)) {
                Some(known) => known, // it is not read again
                None => self.layer(layer, press)?,
            };
            blobs.push(blob);
        }
        Ok(blobs)
    }

    fn layer(&self, layer: &Descriptor, press: &Press) -> Result<Blob> {
        let Kind::Layer(coding) = self.kind(layer)? else { return Err(self.media_type(layer)) };
        if !layer.urls.is_empty() {
            return Err(self.wrong("a layer of it is to be fetched from elsewhere"));
        }
        let path = self.blob(layer)?;
        let mut stored = Hashed::new(open(&path, layer.size)?);
        let failed = || Error::io("read", &path);
        let mut content = coding.decoder(&mut stored).map_err(failed())?;
        let blob = press.take(&mut content, &path.display().to_string())?;
        drop(content);
        self.check_digest(layer, stored.finish().map_err(failed())?)?;
        Ok(blob)
    }

    /// A document of at most 4 MiB, compared with its digest.
    fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let path = self.blob(descriptor)?;
        if descriptor.size > DOCUMENT_LIMIT {
            return Err(self.wrong("a document in it is larger than 4 MiB"));
        }
        let mut bytes = Vec::new();
        open(&path, descriptor.size)?.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
        self.check_digest(descriptor, Sha256Digest::of(&bytes))?;
        Ok(bytes)
    }

    fn check_digest(&self, descriptor: &Descriptor, found: Sha256Digest) -> Result<()> {
        let expected = digest(&descriptor.digest)?;
        if expected == found {
            return Ok(());
        }
        Err(Error::Digest { what: self.blob(descriptor)?.display().to_string(), expected, found })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<PathBuf> {
        Ok(self.folder.join("blobs/sha256").join(digest(&descriptor.digest)?.to_string()))
    }

    fn kind(&self, descriptor: &Descriptor) -> Result<Kind> {
        Kind::of(&descriptor.media_type).ok_or_else(|| self.media_type(descriptor))
    }

    fn parse<T: DeserializeOwned>(&self, bytes: &[u8], document: &str) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|source| Error::Document {
            origin: self.origin(),
            document: document.to_owned(),
            source,
        })
    }

    fn media_type(&self, descriptor: &Descriptor) -> Error {
        Error::MediaType { origin: self.origin(), kind: descriptor.media_type.clone() }
    }

    fn wrong(&self, why: &'static str) -> Error {
        Error::Archive { origin: self.origin(), why }
    }

    fn origin(&self) -> String {
        self.folder.display().to_string()
    }
}

/// A blob of exactly this size.
fn open(path: &Path, expected: u64) -> Result<std::io::Take<File>> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let found = file.metadata().map_err(Error::io("read", path))?.len();
    if found == expected {
        Ok(file.take(expected))
    } else {
        Err(Error::Size { what: path.display().to_string(), expected, found })
    }
}

#[cfg(test)]
mod tests;
