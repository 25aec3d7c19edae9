//! Whether the images in a bundle are what their own documents say: configuration, manifest and layers name each other
//! by digests, and all of them are there. The manifest of the bundle promises it; this looks.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_manifests::bundle::Bundle;
use wt_manifests::bundle::reader::unwrapped;
use wt_manifests::image::{Image, blob_path};
use wt_manifests::manifest::{Entry, Manifest};
use wt_manifests::{Error as BundleError, Platform};

use crate::counted::Counted;
use crate::decompress::decompressed;
use crate::hashed::Hashed;
use crate::image::{DOCUMENT_LIMIT, joined};
use crate::source::oci::Document;
use crate::{Error, Result, image};

/// Documents by their digests.
type Documents = HashMap<Sha256Digest, Vec<u8>>;

/// Checks every image.
pub fn check(bundle: &Bundle, phase: &Phase) -> Result<()> {
    let manifest = bundle.manifest();
    let documents = documents(bundle)?;
    for image in &manifest.images {
        check_config(image, &documents, &manifest.platform)
            .and_then(|()| check_manifest(image, &documents, manifest))
            .map_err(|error| in_bundle(image, error))?;
    }
    check_layers(bundle, phase)
}

/// Bytes that [`check`] decompresses: layers that are stored as their registry had them.
pub fn to_read(manifest: &Manifest) -> u64 {
    let compressed = compressed(manifest);
    manifest.layers().filter(|entry| compressed.contains_key(&entry.sha256)).map(|entry| entry.size).sum()
}

fn documents(bundle: &Bundle) -> Result<Documents> {
    let images = &bundle.manifest().images;
    let wanted: HashSet<Sha256Digest> =
        images.iter().flat_map(|image| [image.config, image.manifest]).collect();
    let mut documents = Documents::new();
    let read = |entry: &Entry, content: &mut dyn Read| -> Result<()> {
        if entry.size > DOCUMENT_LIMIT {
            let (path, limit, found) = (entry.path.to_string(), DOCUMENT_LIMIT, entry.size);
            return Err(BundleError::EntryTooLarge { path, limit, found }.into());
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(unwrapped)?;
        documents.insert(entry.sha256, bytes);
        Ok(())
    };
    let is_wanted = |entry: &Entry| wanted.contains(&entry.sha256) && entry.is_blob();
    bundle.for_each_entry(is_wanted, read)?;
    Ok(documents)
}

fn document(documents: &Documents, digest: Sha256Digest) -> Result<&[u8]> {
    let missing = || BundleError::NoEntry(blob_path(digest).to_string());
    Ok(documents.get(&digest).ok_or_else(missing)?)
}

/// The configuration is for the platform and names the layers that the bundle says.
fn check_config(image: &Image, documents: &Documents, platform: &Platform) -> Result<()> {
    let layers = image::check_config(document(documents, image.config)?, &image.name, platform)?;
    same_layers(image, &layers, &image.layers)
}

/// The image's manifest names this configuration and these blobs, with their sizes.
fn check_manifest(image: &Image, documents: &Documents, manifest: &Manifest) -> Result<()> {
    let origin = image.name.to_string();
    let parsed = Document::parse(document(documents, image.manifest)?).map_err(|error| Error::Document {
        origin: origin.clone(),
        document: "manifest".to_owned(),
        source: error.into(),
    })?;
    let (Some(config), Some(descriptors)) = (parsed.config, parsed.layers) else {
        return Err(Error::Unusable { origin, why: "its manifest has no config or no layers" });
    };
    let (expected, found) = (image.config, config.digest(&origin)?);
    if expected != found {
        return Err(Error::Digest { what: format!("the configuration of {origin}"), expected, found });
    }
    let layers: Vec<Sha256Digest> =
        descriptors.iter().map(|layer| layer.digest(&origin)).collect::<Result<_>>()?;
    same_layers(image, &layers, image.stored())?;
    for (layer, digest) in descriptors.iter().zip(layers) {
        let entry = manifest.entry(blob_path(digest).as_str())?;
        if (entry.sha256, entry.size) != (digest, layer.size) {
            return Err(Error::Size {
                what: entry.path.to_string(),
                expected: layer.size,
                found: entry.size,
            });
        }
    }
    Ok(())
}

/// What is wrong with a document that was signed is no fault of where an image came from.
fn in_bundle(image: &Image, error: Error) -> Error {
    match error {
        Error::Document { .. } | Error::Unusable { .. } => {
            Error::ImageInBundle { image: image.name.clone(), source: Box::new(error) }
        }
        other => other,
    }
}

fn same_layers(image: &Image, expected: &[Sha256Digest], found: &[Sha256Digest]) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Layers { image: image.name.clone(), expected: joined(expected), found: joined(found) })
}

/// Layers that are not stored under the digest of their uncompressed bytes.
fn compressed(manifest: &Manifest) -> HashMap<Sha256Digest, Sha256Digest> {
    let layers =
        |image: &Image| image.stored().iter().copied().zip(image.layers.iter().copied()).collect::<Vec<_>>();
    manifest.images.iter().flat_map(layers).filter(|(stored, layer)| stored != layer).collect()
}

/// A stored layer unfolds to the one that the configuration names.
fn check_layers(bundle: &Bundle, phase: &Phase) -> Result<()> {
    let compressed = compressed(bundle.manifest());
    let unfold = |entry: &Entry, content: &mut dyn Read| -> Result<()> {
        let counted = Counted { inner: content, phase };
        let failed = || Error::io("decompress", entry.path.as_str());
        let layer = decompressed(counted).map_err(failed())?;
        let (expected, found) = (compressed[&entry.sha256], Hashed::new(layer).finish().map_err(failed())?);
        if expected == found {
            return Ok(());
        }
        Err(Error::Digest { what: format!("{}, decompressed", entry.path), expected, found })
    };
    let wanted = |entry: &Entry| compressed.contains_key(&entry.sha256) && entry.is_blob();
    bundle.for_each_entry(wanted, unfold)
}

#[cfg(test)]
mod tests;
