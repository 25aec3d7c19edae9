use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::Sha256Digest;
use wt_keys::console::{Done, Output, Progress};
use wt_manifests::bundle::Bundle;
use wt_manifests::manifest::VERBATIM;
use wt_manifests::release::Release;

use super::TrustFile;
use crate::build::{Build, Form};
use crate::difference::Difference;
use crate::image::Keep;
use crate::{Error, RegistryAccess, Result};

#[derive(Debug, clap::Args)]
pub struct CheckFlag {
    /// Sign nothing: build again what BUNDLE holds, in this folder, and compare. Needs `--trust`, and no key
    #[arg(long, value_name = "BUNDLE", conflicts_with = "file")]
    pub check: Option<PathBuf>,
}

#[derive(Serialize)]
struct Checked {
    schema: &'static str,
    product: String,
    version: String,
    /// Of the chunks' digests: the body in one number.
    body: Sha256Digest,
    same: bool,
}

/// Says `same`, or what differs first.
pub fn check(
    release: &Release,
    path: &Path,
    trust: Option<PathBuf>,
    threads: u32,
    registries: RegistryAccess,
    output: Output,
) -> Done {
    let bundle = Bundle::open(path, &TrustFile { trust }.read()?)?;
    verify(&bundle, &output.progress())?;
    let build = Build {
        release,
        form: Form::Unsigned,
        keep: if bundle.manifest().features.iter().any(|f| f == VERBATIM) {
            Keep::Verbatim
        } else {
            Keep::Layers
        },
        output: PathBuf::from("rebuilt.tar.zst"),
        created: bundle.manifest().created,
        threads,
        registries,
        cache_size: None, // what was kept would be compared with itself
        progress: output.progress(),
    };
    let mut anew = build.make()?.manifest;
    anew.trust_version = bundle.manifest().trust_version; // the signer's
    anew.name_features();
    if let Some(difference) = Difference::first(bundle.manifest(), &anew) {
        return Err(Error::Different { bundle: path.to_owned(), difference }.into());
    }
    output.report(&checked(&bundle), "same\n".to_owned());
    Ok(())
}

/// A damaged file is not the bundle that was signed, however equal the manifests are.
fn verify(bundle: &Bundle, progress: &Progress) -> Result<()> {
    let phase = progress.phase("checking chunks", Some(bundle.manifest().body.length));
    Ok(bundle.verify_body(&|bytes| phase.advance(bytes))?)
}

fn checked(bundle: &Bundle) -> Checked {
    let manifest = bundle.manifest();
    let chunks: String = manifest.body.chunks.iter().map(ToString::to_string).collect();
    Checked {
        schema: "wt.bundle.check.v1",
        product: manifest.product.clone(),
        version: manifest.version.to_string(),
        body: Sha256Digest::of(chunks.as_bytes()),
        same: true,
    }
}
