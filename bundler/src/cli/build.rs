use std::path::{Path, PathBuf};
use std::time::Instant;

use wt_keys::Utc;
use wt_keys::console::{Done, Output, Size};
use wt_manifests::release::Release;

use super::cache_flags::CacheFlags;
use super::check::Again;
use super::signer_flags::SignerFlags;
use crate::Error;
use crate::build::{Build, Form, Summary, created, default_output};
use crate::image::Keep;

/// Build the bundle of a release and sign it
#[derive(Debug, clap::Args)]
#[command(
    name = "build",
    after_help = "Example:\n  wt-bundle build v5.2 --key keys/bundle.key -o /srv/out/worktile-5.2.0.tar.zst\n\nRELEASE is a folder below manifests/, or the path of one. With SOURCE_DATE_EPOCH set, the same input gives the same bytes; `build RELEASE --check BUNDLE --trust FILE` shows it, as long as the sources are the same: for packages that means a mirror that stays, such as a snapshot. Registries are reached through the proxies that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name."
)]
pub struct BuildVerb {
    /// The release to build: `v5.2` for manifests/v5.2, or a path
    #[arg(value_name = "RELEASE")]
    release: String,
    /// The bundle to write (left out: PRODUCT-VERSION-MACHINE.tar.zst in this folder)
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    signer: SignerFlags,
    #[command(flatten)]
    check: super::check::CheckFlag,
    #[command(flatten)]
    form: super::build_form::BuildForm,
    #[command(flatten)]
    registries: super::registry_flags::RegistryFlags,
    /// Processors to use; the bundle is the same with any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    #[command(flatten)]
    cache: CacheFlags,
}

impl BuildVerb {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let started = Instant::now();
        let release = Release::find(&self.release, Path::new("."))?;
        let threads = self.threads.unwrap_or_else(processors);
        if let Some(bundle) = self.check.check {
            let again = Again {
                release: &release,
                bundle: &bundle,
                volumes: &self.check.volumes,
                signer: self.signer,
                threads,
                registries: self.registries.access(),
                packages: self.cache.sizes().packages,
                largest_layer: self.form.largest_layer.0,
            };
            return again.check(output);
        }
        let signer = if self.form.unsigned { None } else { Some(self.signer.load(output)?) };
        let output_file = self.file.unwrap_or_else(|| default_output(&release, Path::new("")));
        if output_file.is_dir() {
            let example = default_output(&release, &output_file);
            return Err(Error::OutputFolder { path: output_file, example }.into());
        }
        self.form.check_handover(&release, signer.as_ref(), &output_file)?;
        let build = Build {
            release: &release,
            keep: self.form.keep(),
            form: match &signer {
                None => Form::Unsigned,
                Some(signer) => Form::Signed { signer, split: self.form.split.map(|size| size.0) },
            },
            output: output_file,
            created: created(now)?,
            threads,
            registries: self.registries.access(),
            cache_sizes: self.cache.sizes(),
            largest_layer: self.form.largest_layer.0,
            progress: output.progress(),
        };
        let summary = build.run()?;
        for warning in &summary.warnings {
            output.say(format_args!("warning: {warning}"));
        }
        output.say(format_args!("{}, {:.1} s", describe(&summary), started.elapsed().as_secs_f32()));
        if self.form.keep() == (Keep::Verbatim { unfold: false }) {
            output.say(format_args!(
                "blobs were kept as they are and not unpacked; `--check-layers` or `wt-bundle verify --full` does it"
            ));
        }
        super::split::list(output, &summary.files);
        self.form.hand_over(&summary.files, signer.as_ref(), output)?;
        Ok(())
    }
}

fn processors() -> u32 {
    std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()).unwrap_or(1)
}

fn describe(summary: &Summary) -> String {
    format!(
        "{}: {} images in {} layers ({} shared), {} packages",
        Size(summary.size),
        summary.images,
        summary.layers,
        summary.shared,
        summary.packages
    )
}
