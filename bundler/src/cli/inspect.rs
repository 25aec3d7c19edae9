mod page;

use std::collections::HashMap;

use serde::Serialize;
use wt_keys::console::{Done, Output};
use wt_keys::{KeyId, Sha256Digest, Utc};
use wt_manifests::bundle::Bundle;
use wt_manifests::image::Image;
use wt_manifests::manifest::{Entry, Manifest, PackageSet, Site};

use super::bundle_argument::BundleArgument;

/// Show what is in a bundle; reads its head only
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-bundle inspect worktile-5.2.0-amd64.tar.zst --trust keys/trust.json\n\nWith -v every layer and who uses it."
)]
pub struct Inspect {
    #[command(flatten)]
    bundle: BundleArgument,
}

/// What the head says.
#[derive(Serialize)]
struct Contents<'a> {
    schema: &'static str,
    product: &'a str,
    version: String,
    release: &'a str,
    platform: &'a str,
    created: Utc,
    upgrades_from: String,
    /// Bytes of the file.
    size: u64,
    /// Bytes of the tar in it.
    unpacked: u64,
    chunks: usize,
    frames: usize,
    signer: Signer,
    images: &'a [Image],
    layers: Vec<Layer<'a>>,
    packages: &'a [PackageSet],
    entries: &'a [Entry],
    site: &'a Site,
}

#[derive(Serialize)]
struct Signer {
    key: KeyId,
    product: String,
    not_before: Utc,
    not_after: Utc,
    trust_version: u64,
    threshold: u32,
    roots: usize,
}

/// A layer, and which images have it.
#[derive(Serialize)]
struct Layer<'a> {
    digest: Sha256Digest,
    size: u64,
    /// Bytes in the file.
    stored: u64,
    images: Vec<&'a str>,
}

impl Inspect {
    pub fn run(self, output: Output) -> Done {
        let bundle = self.bundle.open()?;
        let names: Vec<String> =
            bundle.manifest().images.iter().map(|image| image.name.to_string()).collect();
        let contents = contents(&bundle, &names);
        output.report(&contents, page::page(&contents, output.verbose));
        Ok(())
    }
}

fn contents<'a>(bundle: &'a Bundle, names: &'a [String]) -> Contents<'a> {
    let manifest = bundle.manifest();
    Contents {
        schema: "wt.bundle.inspect.v1",
        product: &manifest.product,
        version: manifest.version.to_string(),
        release: &manifest.release,
        platform: &manifest.platform,
        created: manifest.created,
        upgrades_from: manifest.upgrades_from.to_string(),
        size: bundle.file_length(),
        unpacked: manifest.body.frames.iter().map(|frame| frame.size).sum(),
        chunks: manifest.body.chunks.len(),
        frames: manifest.body.frames.len(),
        signer: signer(bundle),
        images: &manifest.images,
        layers: layers(manifest, names),
        packages: &manifest.packages,
        entries: &manifest.entries,
        site: &manifest.site,
    }
}

fn signer(bundle: &Bundle) -> Signer {
    let (certificate, trust) = (&bundle.trusted().certificate, bundle.trusted().trust.document());
    Signer {
        key: certificate.key.id(),
        product: certificate.product.clone(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        trust_version: trust.version,
        threshold: trust.threshold,
        roots: trust.roots.len(),
    }
}

fn layers<'a>(manifest: &'a Manifest, names: &'a [String]) -> Vec<Layer<'a>> {
    let mut used: HashMap<Sha256Digest, Vec<&str>> = HashMap::new();
    for (image, name) in manifest.images.iter().zip(names) {
        for layer in &image.layers {
            let users = used.entry(*layer).or_default();
            if users.last() != Some(&name.as_str()) {
                users.push(name);
            }
        }
    }
    manifest
        .layers()
        .map(|entry| Layer {
            digest: entry.sha256,
            size: entry.size,
            stored: manifest.body.frames[entry.frame].length,
            images: used.remove(&entry.sha256).unwrap_or_default(),
        })
        .collect()
}
