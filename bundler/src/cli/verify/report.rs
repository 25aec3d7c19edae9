//! What was checked, and what was not, in words.

use serde::Serialize;
use wt_keys::certificate::ANY_PRODUCT;
use wt_keys::console::Size;
use wt_keys::{KeyId, Utc};
use wt_manifests::bundle::Bundle;

use crate::cli::table::Table;

#[derive(Serialize)]
pub struct Report {
    schema: &'static str,
    product: String,
    version: String,
    created: Utc,
    signer: KeyId,
    /// What the certificate says: for which product, and from when to when.
    signer_product: String,
    not_before: Utc,
    not_after: Utc,
    trust_version: u64,
    threshold: u32,
    roots: usize,
    bytes: u64,
    chunks: usize,
    /// Files that were checked by themselves; none without `--full`.
    entries: usize,
    /// Images whose documents and layers were compared with each other; none without `--full`.
    images: usize,
    not_checked: Vec<String>,
}

impl Report {
    pub fn of(bundle: &Bundle, full: bool) -> Self {
        let (manifest, trusted) = (bundle.manifest(), bundle.trusted());
        let (certificate, trust) = (&trusted.certificate, trusted.trust.document());
        let when_full = |number| if full { number } else { 0 };
        Self {
            schema: "wt.bundle.verify.v1",
            product: manifest.product.clone(),
            version: manifest.version.to_string(),
            created: manifest.created,
            signer: certificate.key.id(),
            signer_product: certificate.product.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            trust_version: trust.version,
            threshold: trust.threshold,
            roots: trust.roots.len(),
            bytes: bundle.file_length(),
            chunks: manifest.body.chunks.len(),
            entries: when_full(manifest.entries.len()),
            images: when_full(manifest.images.len()),
            not_checked: not_checked(full, trust.version),
        }
    }

    pub fn text(&self, everything: bool) -> String {
        let mut table = Table::of_lines();
        table.row([&"bundle", &format_args!("{} {}, created {}", self.product, self.version, self.created)]);
        table.row([&"signer", &self.signer]);
        table.row([&"certificate", &self.certificate()]);
        let roots = format_args!("{} of {} roots", self.threshold, self.roots).to_string();
        table.row([&"trust", &format_args!("document {}, which takes {roots}", self.trust_version)]);
        let chunks = count(self.chunks, "chunk", "has", "have");
        table.row([&"bytes", &format_args!("{}: {chunks} the signed SHA-256", Size(self.bytes))]);
        if self.entries > 0 {
            let files = count(self.entries, "file", "has", "have");
            let tar = "and the tar around is the canonical one";
            table.row([&"files", &format_args!("{files} the signed SHA-256, {tar}")]);
            let images = count(self.images, "image", "is", "are");
            let agree = "what configurations, manifests and layers say of each other";
            table.row([&"images", &format_args!("{images} {agree}")]);
        }
        for line in self.not_checked.iter().filter(|_| everything) {
            table.row([&"not checked", line]);
        }
        table.to_string()
    }

    fn certificate(&self) -> String {
        let product = match self.signer_product.as_str() {
            ANY_PRODUCT => "any product".to_owned(),
            product => format!("the product {product}"),
        };
        format!("for {product}, {} to {}; signed within that time", self.not_before, self.not_after)
    }
}

fn count(number: usize, what: &str, one: &str, several: &str) -> String {
    if number == 1 { format!("1 {what} {one}") } else { format!("{number} {what}s {several}") }
}

fn not_checked(full: bool, trust_version: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if !full {
        lines.push("that it decompresses to the files that the manifest lists: `--full` does".to_owned());
    }
    lines.push(format!("keys that were revoked after trust document {trust_version}"));
    lines.push("whether the certificate is still valid today: it was when the bundle was signed".to_owned());
    lines.push("what images, packages and scripts do when they run".to_owned());
    lines
}
