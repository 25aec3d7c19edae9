use std::fmt::Write as _;
use std::time::Instant;

use serde::Serialize;
use wt_keys::console::{Done, Output, Size};
use wt_keys::{KeyId, Utc};
use wt_manifests::bundle::Bundle;

use super::bundle_argument::BundleArgument;
use crate::Result;

/// Check a bundle: who signed it, and that every byte is the one that was signed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-bundle verify worktile-5.2.0-amd64.tar.zst --trust keys/trust.json")]
pub struct Verify {
    #[command(flatten)]
    bundle: BundleArgument,
    /// Decompress it too, and check every file in it by itself
    #[arg(long)]
    full: bool,
}

#[derive(Serialize)]
struct Verified {
    schema: &'static str,
    product: String,
    version: String,
    created: Utc,
    signer: KeyId,
    trust_version: u64,
    bytes: u64,
    chunks: usize,
    /// Files that were checked by themselves; none without `--full`.
    entries: usize,
}

impl Verify {
    pub fn run(self, output: Output) -> Done {
        let started = Instant::now();
        let bundle = self.bundle.open_incomplete()?;
        let bundle = {
            let phase = output.progress().phase("checking chunks", Some(bundle.manifest().body.length));
            bundle.verify_body(&|bytes| phase.advance(bytes))?
        };
        let entries = if self.full { check_entries(&bundle, output)? } else { 0 };
        let verified = verified(&bundle, entries);
        output.report(&verified, text(&verified));
        output.detail(format_args!("{:.2} s", started.elapsed().as_secs_f32()));
        Ok(())
    }
}

fn check_entries(bundle: &Bundle, output: Output) -> Result<usize> {
    let entries = &bundle.manifest().entries;
    let total = entries.iter().map(|entry| entry.size).sum();
    let phase = output.progress().phase("checking files", Some(total));
    bundle.for_each_entry(
        |_| true,
        |entry, content| {
            phase.detail(entry.path.as_str());
            let mut counted = crate::press::Counted { inner: content, phase: &phase };
            std::io::copy(&mut counted, &mut std::io::sink())
                .map(drop)
                .map_err(wt_manifests::bundle::reader::unwrapped)
        },
    )?;
    Ok(entries.len())
}

fn verified(bundle: &Bundle, entries: usize) -> Verified {
    let (manifest, trusted) = (bundle.manifest(), bundle.trusted());
    Verified {
        schema: "wt.bundle.verify.v1",
        product: manifest.product.clone(),
        version: manifest.version.to_string(),
        created: manifest.created,
        signer: trusted.certificate.key.id(),
        trust_version: trusted.trust.document().version,
        bytes: bundle.file_length(),
        chunks: manifest.body.chunks.len(),
        entries,
    }
}

fn text(verified: &Verified) -> String {
    let mut text = format!(
        "{} {}, created {}\nsigned by {}, trusted by trust document {}\nhead and {} chunks are as signed, {}\n",
        verified.product,
        verified.version,
        verified.created,
        verified.signer,
        verified.trust_version,
        verified.chunks,
        Size(verified.bytes)
    );
    if verified.entries > 0 {
        let _ = writeln!(text, "{} files and the tar around them are as signed", verified.entries);
    }
    text
}
