use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::Sha256Digest;
use wt_keys::console::{Done, Failure, Output, Progress};
use wt_manifests::bundle::Bundle;
use wt_manifests::manifest::VERBATIM;
use wt_manifests::release::Release;

use super::signer_flags::SignerFlags;
use crate::build::{Build, CacheSizes, Form};
use crate::difference::Difference;
use crate::image::Keep;
use crate::{Error, RegistryAccess, Result};

/// What says how a bundle is built, or what becomes of it.
const FORM: [&str; 7] = ["file", "split", "unsigned", "verbatim", "handover", "installer", "passphrase_file"];

#[derive(Debug, clap::Args)]
pub struct CheckFlag {
    /// Sign nothing: build again what BUNDLE holds, in this folder and in the form that it has, and compare. Needs
    /// `--trust`, and no key. Of what was kept only packages are used
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = FORM)]
    pub check: Option<PathBuf>,
    /// A further folder with volumes of that bundle; may be repeated
    #[arg(long, value_name = "DIR", requires = "check")]
    pub volumes: Vec<PathBuf>,
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

/// A build that is made again.
pub struct Again<'a> {
    pub release: &'a Release,
    pub bundle: &'a Path,
    pub volumes: &'a [PathBuf],
    pub signer: SignerFlags,
    pub threads: u32,
    pub registries: RegistryAccess,
    /// How many bytes of packages may be kept.
    pub packages: Option<u64>,
    pub largest_layer: u64,
}

impl Again<'_> {
    /// Says `same`, or what differs first.
    pub fn check(self, output: Output) -> Done {
        if self.signer.names_key() {
            return Err(Failure::usage("`--check` signs nothing", "leave out `--key`"));
        }
        let path = self.bundle;
        let bundle = Bundle::open_in(path, self.volumes, &self.signer.trust()?)?;
        verify(&bundle, &output.progress())?;
        let verbatim = bundle.manifest().features.iter().any(|feature| feature == VERBATIM);
        let build = Build {
            release: self.release,
            form: Form::Unsigned,
            keep: if verbatim { Keep::Verbatim { unfold: false } } else { Keep::Layers },
            output: PathBuf::from("rebuilt.tar.zst"),
            created: bundle.manifest().created,
            threads: self.threads,
            registries: self.registries,
            // a layer that was kept would be compared with itself; a package is compared with the archive's digest
            cache_sizes: CacheSizes { layers: None, packages: self.packages },
            largest_layer: self.largest_layer,
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
