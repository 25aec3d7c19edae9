//! Images as OCI and Docker describe them, by descriptors, wherever their blobs are; and `oci:`
//! and `oci-archive:`, a layout in a folder and in a tar.
//!
//! Attacks this module is written against (CVE-2021-41190, CVE-2024-3727 and their kind): a document that is two things
//! at once, a digest that is a path, an index in an index, layers that are fetched from elsewhere, a blob that is not
//! what its name says, documents of any size. Every blob is compared with its digest and its size.

mod archive;
mod blobs;
mod descriptor;
mod folder;

use std::io::Read as _;

use serde::de::DeserializeOwned;
use wt_keys::Sha256Digest;
use wt_manifests::Platform;
use wt_manifests::image::{Blob, Config, ManifestType, OCI_KEYS, refuse_ambiguous_keys};

pub use self::archive::Archive;
pub use self::blobs::{Blobs, Stored};
use self::blobs::{Checked, Layout};
use self::descriptor::Document;
pub use self::descriptor::{Descriptor, Kind};
pub use self::folder::Folder;
use crate::decompress::Coding;
use crate::image::{Content, DOCUMENT_LIMIT, Keep};
use crate::press::Press;
use crate::{Error, Result};

const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A place that has images, and the platform that is wanted of it.
pub struct Images<'a, B> {
    blobs: &'a B,
    platform: &'a Platform,
    keep: Keep,
}

/// An image of which the documents were read and checked, and no layer yet.
struct Resolved {
    manifest: (ManifestType, Vec<u8>),
    config: Vec<u8>,
    layers: Vec<Descriptor>,
}

impl<B: Layout> Images<'_, B> {
    /// The image with this reference; without one, the only image.
    pub fn image(&self, reference: Option<&str>, press: &Press) -> Result<Content> {
        self.content(&self.find(reference)?, press)
    }

    fn find(&self, reference: Option<&str>) -> Result<Descriptor> {
        let index: Document = self.parse(&self.blobs.index()?, "index.json")?;
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
            origin: self.blobs.origin(),
            wanted: reference.unwrap_or("(its only one)").to_owned(),
            known: manifests.iter().filter_map(name).collect(),
        })
    }
}

impl<'a, B: Blobs> Images<'a, B> {
    pub fn new(blobs: &'a B, platform: &'a Platform, keep: Keep) -> Self {
        Self { blobs, platform, keep }
    }

    /// The image behind a descriptor of an index or a manifest; its layers go to the press.
    pub fn content(&self, image: &Descriptor, press: &Press) -> Result<Content> {
        let Resolved { manifest, config, layers } = self.resolve(image)?;
        for layer in &layers {
            self.coding(layer)?; // before any is fetched
        }
        let resolved = Some(image.digest()?);
        match self.keep {
            Keep::Layers => {
                let layers = self.layers(&layers, &Config::parse(&config)?.layers()?, press)?;
                Ok(Content { config, layers, manifest: None, resolved })
            }
            Keep::Verbatim => {
                let layers = self.as_stored(&layers, press)?;
                Ok(Content { config, layers, manifest: Some(manifest), resolved })
            }
        }
    }

    fn resolve(&self, image: &Descriptor) -> Result<Resolved> {
        let mut found = image.clone();
        if self.kind(&found)? == Kind::Index {
            found = self.for_platform(self.document(&found)?.manifests.unwrap_or_default())?;
        }
        let Some(form) = ManifestType::of(&found.media_type) else {
            return Err(self.media_type(&found)); // an index in an index, too
        };
        let bytes = self.read(&found)?;
        let manifest = self.understand(&bytes, &found)?;
        let (Some(config), Some(layers)) = (manifest.config, manifest.layers) else {
            return Err(self.wrong("a manifest in it has no config or no layers"));
        };
        if self.kind(&config)? != Kind::Config {
            return Err(self.media_type(&config));
        }
        Ok(Resolved { manifest: (form, bytes), config: self.read(&config)?, layers })
    }

    fn for_platform(&self, manifests: Vec<Descriptor>) -> Result<Descriptor> {
        let known = manifests.iter().filter_map(Descriptor::platform).collect();
        let wanted = |one: &Descriptor| one.is_for(self.platform);
        manifests.into_iter().find(wanted).ok_or_else(|| Error::NotInArchive {
            origin: self.blobs.origin(),
            wanted: self.platform.to_string(),
            known,
        })
    }

    /// Reads the index or manifest behind a descriptor.
    fn document(&self, descriptor: &Descriptor) -> Result<Document> {
        self.understand(&self.read(descriptor)?, descriptor)
    }

    /// The index or manifest that the bytes behind a descriptor are.
    fn understand(&self, bytes: &[u8], descriptor: &Descriptor) -> Result<Document> {
        let document: Document = self.parse(bytes, descriptor.digest_text())?;
        if document.media_type.as_ref().is_some_and(|found| *found != descriptor.media_type) {
            return Err(self.wrong("a document in it is of another type than its descriptor says"));
        }
        match (&document.manifests, &document.config, &document.layers, self.kind(descriptor)?) {
            (Some(_), None, None, Kind::Index) | (None, Some(_), Some(_), Kind::Manifest) => Ok(document),
            _ => Err(self.wrong("a document in it is not what its type says")),
        }
    }

    fn layers(&self, layers: &[Descriptor], ids: &[Sha256Digest], press: &Press) -> Result<Vec<Blob>> {
        for layer in layers {
            self.coding(layer)?; // before any is fetched
        }
        let known = |at: usize| ids.get(at).and_then(|id| press.known(*id));
        let wanted = layers.iter().enumerate().filter(|(at, _)| known(*at).is_none());
        self.blobs.ahead(&wanted.map(|(_, layer)| layer.clone()).collect::<Vec<_>>())?;
        let mut blobs = Vec::new();
        for (at, layer) in layers.iter().enumerate() {
            let blob = match known(at) {
                Some(known) => known, // it is not read again
                None => self.layer(layer, press)?,
            };
            blobs.push(blob);
        }
        Ok(blobs)
    }

    /// The layers as they are stored.
    fn as_stored(&self, layers: &[Descriptor], press: &Press) -> Result<Vec<Blob>> {
        let mut wanted = Vec::new();
        for layer in layers {
            if !press.has_blob(Blob { digest: layer.digest()?, size: layer.size }) {
                wanted.push(layer.clone());
            }
        }
        self.blobs.ahead(&wanted)?;
        layers.iter().map(|layer| self.blob(layer, press)).collect()
    }

    /// How a layer is compressed; refuses what is no layer, or is elsewhere.
    fn coding(&self, layer: &Descriptor) -> Result<Coding> {
        let Kind::Layer(coding) = self.kind(layer)? else { return Err(self.media_type(layer)) };
        if layer.urls.is_empty() {
            return Ok(coding);
        }
        Err(self.wrong("a layer of it is to be fetched from elsewhere"))
    }

    /// A layer as it is stored.
    fn blob(&self, layer: &Descriptor, press: &Press) -> Result<Blob> {
        let blob = Blob { digest: layer.digest()?, size: layer.size };
        if !press.has_blob(blob) {
            let mut stored = Checked::open(self.blobs, layer)?;
            press.take_blob(&mut stored, blob)?;
            stored.finish()?;
        }
        Ok(blob)
    }

    fn layer(&self, layer: &Descriptor, press: &Press) -> Result<Blob> {
        let coding = self.coding(layer)?;
        let mut stored = Checked::open(self.blobs, layer)?;
        let name = stored.name().to_owned();
        let mut content = coding.decoder(&mut stored).map_err(Error::io("read", &name))?;
        let blob = press.take(&mut content, &name)?;
        drop(content);
        stored.finish()?;
        Ok(blob)
    }

    /// The raw bytes of a document of at most 4 MiB, compared with its digest.
    fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if descriptor.size > DOCUMENT_LIMIT {
            return Err(self.wrong("a document in it is larger than 4 MiB"));
        }
        let mut stored = Checked::open(self.blobs, descriptor)?;
        let mut bytes = Vec::new();
        stored.read_to_end(&mut bytes).map_err(Error::io("read", stored.name()))?;
        stored.finish()?;
        Ok(bytes)
    }

    fn kind(&self, descriptor: &Descriptor) -> Result<Kind> {
        Kind::of(&descriptor.media_type).ok_or_else(|| self.media_type(descriptor))
    }

    fn parse<T: DeserializeOwned>(&self, bytes: &[u8], document: &str) -> Result<T> {
        let parsed = refuse_ambiguous_keys(bytes, &OCI_KEYS).and_then(|()| serde_json::from_slice(bytes));
        parsed.map_err(|source| Error::Document {
            origin: self.blobs.origin(),
            document: document.to_owned(),
            source,
        })
    }

    fn media_type(&self, descriptor: &Descriptor) -> Error {
        Error::MediaType { origin: self.blobs.origin(), kind: descriptor.media_type.clone() }
    }

    fn wrong(&self, why: &'static str) -> Error {
        Error::Archive { origin: self.blobs.origin(), why }
    }
}

#[cfg(test)]
mod tests;
