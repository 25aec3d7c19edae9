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
mod unfold;

use std::io::Read;

use wt_keys::Sha256Digest;
use wt_manifests::Platform;
use wt_manifests::image::{Blob, ManifestType};

pub use self::archive::Archive;
pub use self::blobs::Blobs;
use self::blobs::{Checked, Layout, Stored};
pub use self::descriptor::{Descriptor, Document, MediaKind};
pub use self::folder::Folder;
use crate::decompress::Coding;
use crate::image::{Content, DOCUMENT_LIMIT, Keep, layers_of};
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
pub struct Resolved {
    /// Of the document that was asked for.
    named: Sha256Digest,
    manifest: (ManifestType, Vec<u8>),
    config: Vec<u8>,
    /// What the configuration says that the layers are, unpacked.
    ids: Vec<Sha256Digest>,
    layers: Vec<Descriptor>,
}

impl<B: Layout> Images<'_, B> {
    /// The image with this reference; without one, the only image.
    pub fn image(&self, reference: Option<&str>, press: &Press) -> Result<Content> {
        self.content(&self.find(reference)?, press)
    }

    /// Whether it has the image, as far as its index says.
    pub fn has(&self, reference: Option<&str>) -> Result<()> {
        self.find(reference).map(drop)
    }

    fn find(&self, reference: Option<&str>) -> Result<Descriptor> {
        let index = self.parse(&self.blobs.index()?, "index.json")?;
        let (Some(manifests), None, None) = (index.manifests, index.config, index.layers) else {
            return Err(self.wrong("its index.json is not an index"));
        };
        let name = |descriptor: &Descriptor| descriptor.annotations.get(REF_NAME).cloned();
        let (origin, known) = (self.blobs.origin(), || manifests.iter().filter_map(name).collect());
        match (reference, &manifests[..]) {
            (None, []) => Err(self.wrong("it holds no image")),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(Error::SeveralImages { origin, known: known() }),
            (Some(wanted), _) => {
                let found = manifests.iter().find(|descriptor| name(descriptor).as_deref() == Some(wanted));
                let wanted = wanted.to_owned();
                found.cloned().ok_or_else(|| Error::NotInArchive { origin, wanted, known: known() })
            }
        }
    }
}

impl<'a, B: Blobs> Images<'a, B> {
    pub fn new(blobs: &'a B, platform: &'a Platform, keep: Keep) -> Self {
        Self { blobs, platform, keep }
    }

    /// The image behind a descriptor of an index or a manifest; its layers go to the press.
    pub fn content(&self, image: &Descriptor, press: &Press) -> Result<Content> {
        self.take(self.prepare(image, press)?, press)
    }

    /// Reads the image's documents, and says which of its layers will be wanted.
    pub fn prepare(&self, image: &Descriptor, press: &Press) -> Result<Resolved> {
        let resolved = self.resolve(image)?;
        let mut wanted = Vec::new();
        for (at, layer) in resolved.layers.iter().enumerate() {
            self.coding(layer)?; // before any is fetched
            press.allow(layer.size, &self.blobs.name(layer.digest(&self.blobs.origin())?))?;
            let is_here = match self.keep {
                Keep::Layers => resolved.ids.get(at).and_then(|id| press.known(*id)).is_some(),
                Keep::Verbatim { .. } => press.has_blob(self.blob_of(layer)?),
            };
            if !is_here {
                wanted.push(layer.clone());
            }
        }
        self.blobs.ahead(&wanted)?;
        Ok(resolved)
    }

    /// Sends the layers to the press.
    pub fn take(&self, image: Resolved, press: &Press) -> Result<Content> {
        let Resolved { named, manifest, config, ids, layers } = image;
        let of = |(at, layer)| self.layer(layer, ids.get(at).copied(), press);
        let layers = layers.iter().enumerate().map(of).collect::<Result<_>>()?;
        let manifest = match self.keep {
            Keep::Layers => None,
            Keep::Verbatim { .. } => Some(manifest),
        };
        Ok(Content { config, layers, manifest, resolved: Some(named) })
    }

    fn resolve(&self, image: &Descriptor) -> Result<Resolved> {
        let mut found = image.clone();
        if self.kind(&found)? == MediaKind::Index {
            found = self.for_platform(self.document(&found)?.manifests.unwrap_or_default())?;
        }
        let Some(form) = ManifestType::of(&found.media_type) else {
            return Err(self.unknown(&found, "an image", "a manifest of OCI or Docker")); // an index in an index, too
        };
        let bytes = self.read(&found)?;
        let manifest = self.understand(&bytes, &found)?;
        let (Some(config), Some(layers)) = (manifest.config, manifest.layers) else {
            return Err(self.wrong("a manifest in it has no config or no layers"));
        };
        if MediaKind::of(&config.media_type) != Some(MediaKind::Config) {
            return Err(self.unknown(&config, "a configuration", "that of an image of OCI or Docker"));
        }
        let config = self.read(&config)?;
        let ids = layers_of(&config, &self.blobs.origin())?;
        let named = image.digest(&self.blobs.origin())?;
        Ok(Resolved { named, manifest: (form, bytes), config, ids, layers })
    }

    /// The image for the platform. A platform that names no variant takes an image that names none, or the only one:
    /// which of several was meant is not for us to guess.
    fn for_platform(&self, manifests: Vec<Descriptor>) -> Result<Descriptor> {
        let (origin, wanted) = (self.blobs.origin(), self.platform.clone());
        let names = |of: &[Descriptor]| of.iter().filter_map(Descriptor::platform).collect();
        let known = names(&manifests);
        let mut fitting: Vec<Descriptor> =
            manifests.into_iter().filter(|one| one.is_for(self.platform)).collect();
        let exact = fitting.iter().position(|one| one.variant() == self.platform.variant());
        match (exact, fitting.len()) {
            (_, 0) => Err(Error::NoPlatform { origin, wanted, known }),
            (Some(at), _) => Ok(fitting.swap_remove(at)),
            (None, 1) => Ok(fitting.swap_remove(0)),
            _ => Err(Error::Variants { origin, wanted, known: names(&fitting) }),
        }
    }

    /// Reads the index or manifest behind a descriptor.
    fn document(&self, descriptor: &Descriptor) -> Result<Document> {
        self.understand(&self.read(descriptor)?, descriptor)
    }

    /// The index or manifest that the bytes behind a descriptor are.
    fn understand(&self, bytes: &[u8], descriptor: &Descriptor) -> Result<Document> {
        let document = self.parse(bytes, descriptor.digest_text())?;
        if document.media_type.as_ref().is_some_and(|found| *found != descriptor.media_type) {
            return Err(self.wrong("a document in it is of another type than its descriptor says"));
        }
        match (&document.manifests, &document.config, &document.layers, self.kind(descriptor)?) {
            (Some(_), None, None, MediaKind::Index) | (None, Some(_), Some(_), MediaKind::Manifest) => {
                Ok(document)
            }
            _ => Err(self.wrong("a document in it is not what its type says")),
        }
    }

    /// How a layer is compressed; refuses what is no layer, or is elsewhere.
    fn coding(&self, layer: &Descriptor) -> Result<Coding> {
        if let Some(url) = layer.urls.first() {
            let (origin, layer) = (self.blobs.origin(), layer.digest_text().to_owned());
            return Err(Error::ForeignLayer { origin, layer, url: url.clone() });
        }
        match MediaKind::of(&layer.media_type) {
            Some(MediaKind::Layer(coding)) => Ok(coding),
            _ => Err(self.unknown(layer, "a layer", "a tar of OCI or Docker, plain, in gzip or in zstd")),
        }
    }

    /// A layer in the form that is kept; `id` is what it is to be, unpacked.
    fn layer(&self, layer: &Descriptor, id: Option<Sha256Digest>, press: &Press) -> Result<Blob> {
        match self.keep {
            Keep::Layers => match id.and_then(|id| press.known(id)) {
                Some(known) => Ok(known), // it is not read again
                None => self.unpacked(layer, press),
            },
            Keep::Verbatim { unfold } => self.as_stored(layer, id.filter(|_| unfold), press),
        }
    }

    /// One that is not compressed goes to the press where it stands; what is, is known only when it is unpacked.
    fn unpacked(&self, layer: &Descriptor, press: &Press) -> Result<Blob> {
        let coding = self.coding(layer)?;
        if coding == Coding::Plain {
            let Stored { name, digest, place } = Stored::find(self.blobs, layer)?;
            return press.take_in_place(place, Some(digest), &name);
        }
        let mut stored = Checked::open(self.blobs, layer)?;
        let name = stored.name().to_owned();
        let mut content = coding.decoder(&mut stored).map_err(Error::io("read", &name))?;
        let blob = press.take(&mut content, &name)?;
        drop(content);
        stored.finish()?;
        Ok(blob)
    }

    fn blob_of(&self, layer: &Descriptor) -> Result<Blob> {
        Ok(Blob { digest: layer.digest(&self.blobs.origin())?, size: layer.size })
    }

    /// With an `id`, the layer is unfolded on the way, and must be that.
    fn as_stored(&self, layer: &Descriptor, id: Option<Sha256Digest>, press: &Press) -> Result<Blob> {
        let blob = self.blob_of(layer)?;
        if press.has_blob(blob) {
            return Ok(blob);
        }
        let (coding, Stored { name, place, .. }) = (self.coding(layer)?, Stored::find(self.blobs, layer)?);
        let Some(expected) = id else {
            press.take_blob(&mut place.reader(), blob, &name)?;
            return Ok(blob);
        };
        let take = |stored: &mut dyn Read| press.take_blob(stored, blob, &name);
        let (taken, unfolded) = unfold::while_taken(place.reader(), coding, press.largest(), take);
        taken?;
        match unfolded.map_err(Error::io("unfold", &name))? {
            Some(found) if found == expected => Ok(blob),
            Some(found) => {
                let (origin, layer) = (self.blobs.origin(), format!("sha256:{}", blob.digest));
                Err(Error::Unfolded { origin, layer, expected, found })
            }
            None => Err(Error::layer_too_large(name, press.largest())),
        }
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

    fn kind(&self, image: &Descriptor) -> Result<MediaKind> {
        let unknown = || self.unknown(image, "an image", "an index or a manifest of OCI or Docker");
        MediaKind::of(&image.media_type).ok_or_else(unknown)
    }

    fn parse(&self, bytes: &[u8], document: &str) -> Result<Document> {
        Document::parse(bytes).map_err(|error| Error::Document {
            origin: self.blobs.origin(),
            document: document.to_owned(),
            source: error.into(),
        })
    }

    fn unknown(&self, descriptor: &Descriptor, what: &'static str, expected: &'static str) -> Error {
        let (origin, found) = (self.blobs.origin(), descriptor.media_type.clone());
        Error::MediaType { origin, what, expected, found }
    }

    fn wrong(&self, why: &'static str) -> Error {
        Error::Unusable { origin: self.blobs.origin(), why }
    }
}

#[cfg(test)]
mod tests;
