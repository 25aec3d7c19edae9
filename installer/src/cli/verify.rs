use serde::Serialize;
use wt_keys::console::{Done, Output};
use wt_manifests::manifest::CHUNK_SIZE;

use super::open::{self, BundleArgument};
use crate::Places;

/// Verify a bundle: who signed it, and every byte of it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install verify worktile-5.2.0-amd64.tar.zst")]
pub struct Verify {
    #[command(flatten)]
    bundle: BundleArgument,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    product: String,
    version: String,
    signed_by: String,
    trust_version: u64,
    bytes: u64,
    chunks: usize,
}

impl Verify {
    pub fn run(self, output: Output, places: &Places) -> Done {
        let bundle = self.bundle.open_incomplete(places)?;
        let bundle = {
            let phase = output.progress().phase("verifying the bundle", Some(bundle.manifest().body.length));
            bundle.verify_body(&|bytes| phase.advance(bytes))?
        };
        let manifest = bundle.manifest();
        let report = Report {
            schema: "wt.verify.v1",
            product: manifest.product.clone(),
            version: manifest.version.to_string(),
            signed_by: bundle.trusted().certificate.key.id().to_string(),
            trust_version: bundle.trusted().trust.document().version,
            bytes: bundle.file_length(),
            chunks: manifest.body.chunks.len(),
        };
        let text = format!(
            "{}\ngood: the signature, and {} chunks of {} MiB\n",
            open::headline(&bundle),
            report.chunks,
            CHUNK_SIZE >> 20
        );
        output.report(&report, text);
        Ok(())
    }
}
