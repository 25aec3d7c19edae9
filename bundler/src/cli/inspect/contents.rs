use std::collections::{HashMap, HashSet};

use serde::Serialize;
use wt_keys::{KeyId, Sha256Digest, Utc};
use wt_manifests::bundle::Bundle;
use wt_manifests::image::Image;
use wt_manifests::manifest::{Entry, Manifest, PackageSet};
use wt_manifests::site::Site;
use wt_manifests::{ImageName, Platform};

use crate::stored::stored;

/// What the head says.
#[derive(Serialize)]
pub struct Contents<'a> {
    pub schema: &'static str,
    pub product: &'a str,
    pub version: String,
    pub release: &'a str,
    pub platform: &'a Platform,
    pub created: Utc,
    /// Of the trust document that the signer had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_version: Option<u64>,
    pub upgrades_from: String,
    pub features: &'a [String],
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the tar in it.
    pub unpacked: u64,
    pub chunks: usize,
    pub frames: usize,
    pub signer: Signer,
    pub images: &'a [Image],
    /// In the order of the images.
    pub costs: Vec<Cost<'a>>,
    pub layers: Vec<Layer<'a>>,
    pub packages: &'a [PackageSet],
    pub entries: &'a [Entry],
    pub site: &'a Site,
}

#[derive(Serialize)]
pub struct Signer {
    pub key: KeyId,
    pub product: String,
    pub not_before: Utc,
    pub not_after: Utc,
    /// Until the certificate expires; negative afterwards. What was signed before stays good.
    pub days_left: i64,
    pub trust_version: u64,
    pub trust_issued: Utc,
    pub threshold: u32,
    pub roots: usize,
}

/// What an image costs; bytes of its layers, each counted once.
#[derive(Serialize)]
pub struct Cost<'a> {
    pub image: &'a ImageName,
    /// As the bundle holds them: uncompressed, but for an image that is kept as its registry had it.
    pub size: u64,
    /// Bytes in the file that no other image needs.
    pub only_here: u64,
    /// Bytes in the file that other images need as well.
    pub shared: u64,
}

/// A layer, and which images have it.
#[derive(Serialize)]
pub struct Layer<'a> {
    pub digest: Sha256Digest,
    pub size: u64,
    /// Bytes in the file.
    pub stored: u64,
    pub images: Vec<&'a ImageName>,
}

impl<'a> Contents<'a> {
    pub fn of(bundle: &'a Bundle, now: Utc) -> Self {
        let manifest = bundle.manifest();
        let layers = layers(manifest);
        Self {
            schema: "wt.bundle.inspect.v1",
            product: &manifest.product,
            version: manifest.version.to_string(),
            release: &manifest.release,
            platform: &manifest.platform,
            created: manifest.created,
            trust_version: manifest.trust_version,
            upgrades_from: manifest.upgrades_from.to_string(),
            features: &manifest.features,
            size: bundle.file_length(),
            unpacked: manifest.body.frames.iter().map(|frame| frame.size).sum(),
            chunks: manifest.body.chunks.len(),
            frames: manifest.body.frames.len(),
            signer: signer(bundle, now),
            images: &manifest.images,
            costs: costs(&manifest.images, &layers),
            layers,
            packages: &manifest.packages,
            entries: &manifest.entries,
            site: &manifest.site,
        }
    }
}

fn signer(bundle: &Bundle, now: Utc) -> Signer {
    let (certificate, trust) = (&bundle.trusted().certificate, bundle.trusted().trust.document());
    Signer {
        key: certificate.key.id(),
        product: certificate.product.clone(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        days_left: now.days_until(certificate.not_after),
        trust_version: trust.version,
        trust_issued: trust.issued,
        threshold: trust.threshold,
        roots: trust.roots.len(),
    }
}

fn layers(manifest: &Manifest) -> Vec<Layer<'_>> {
    let mut used: HashMap<Sha256Digest, Vec<&ImageName>> = HashMap::new();
    for image in &manifest.images {
        for layer in image.stored() {
            let users = used.entry(*layer).or_default();
            if users.last() != Some(&&image.name) {
                users.push(&image.name);
            }
        }
    }
    let entries = manifest.entries.iter().zip(stored(manifest));
    let layer = |(entry, stored): (&Entry, u64)| {
        let images = used.remove(&entry.sha256)?;
        Some(Layer { digest: entry.sha256, size: entry.size, stored, images })
    };
    entries.filter_map(layer).collect()
}

fn costs<'a>(images: &'a [Image], layers: &[Layer<'_>]) -> Vec<Cost<'a>> {
    let by_digest: HashMap<Sha256Digest, &Layer<'_>> =
        layers.iter().map(|layer| (layer.digest, layer)).collect();
    let cost = |image: &'a Image| {
        let own: HashSet<Sha256Digest> = image.stored().iter().copied().collect();
        let own = || own.iter().filter_map(|layer| by_digest.get(layer));
        let stored = |wanted: fn(usize) -> bool| {
            own().filter(|layer| wanted(layer.images.len())).map(|layer| layer.stored).sum()
        };
        Cost {
            image: &image.name,
            size: own().map(|layer| layer.size).sum(),
            only_here: stored(|users| users == 1),
            shared: stored(|users| users > 1),
        }
    };
    images.iter().map(cost).collect()
}
