use std::path::{Path, PathBuf};
use std::time::Instant;

use wt_keys::console::{Done, Output, PassphraseFile, Size};
use wt_keys::{Signer, Utc, signed_file};
use wt_manifests::release::Release;

use super::cache_flags::CacheFlags;
use crate::build::{Build, Form, Summary, created, default_output};
use crate::{Error, Result};

/// Build the bundle of a release and sign it
#[derive(Debug, clap::Args)]
#[command(
    name = "build",
    after_help = "Example:\n  wt-bundle build v5.2 --key keys/bundle.key -o /srv/out/worktile-5.2.0.tar.zst\n\nRELEASE is a folder below manifests/, or the path of one. With SOURCE_DATE_EPOCH set, the same input gives the same bytes; `build RELEASE --check BUNDLE --trust FILE` shows it."
)]
pub struct BuildVerb {
    /// The release to build: `v5.2` for manifests/v5.2, or a path
    #[arg(value_name = "RELEASE")]
    release: String,
    /// The bundle to write (left out: PRODUCT-VERSION-MACHINE.tar.zst in this folder)
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// The key to sign with; its certificate lies beside it as FILE with `.cert`
    #[arg(long, value_name = "FILE", env = "WT_KEY")]
    key: Option<PathBuf>,
    /// The trust document to put into the bundle (left out: trust.json beside the key)
    #[arg(long, value_name = "FILE", env = "WT_TRUST")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    check: super::check::CheckFlag,
    #[command(flatten)]
    form: super::build_form::BuildForm,
    #[command(flatten)]
    registries: super::registry_flags::RegistryFlags,
    #[command(flatten)]
    passphrase: PassphraseFile,
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
        if let Some(bundle) = &self.check.check {
            return super::check::check(
                &release,
                bundle,
                self.trust,
                threads,
                self.registries.access(),
                output,
            );
        }
        let signer = if self.form.unsigned { None } else { Some(self.signer()?) };
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
            cache_size: self.cache.size(),
            progress: output.progress(),
        };
        let summary = build.run()?;
        if let Some(why) = &summary.no_cache {
            output.say(format_args!("warning: {why}"));
        }
        output.say(format_args!("{}, {:.1} s", describe(&summary), started.elapsed().as_secs_f32()));
        super::split::list(output, &summary.files);
        self.form.hand_over(&summary.files, signer.as_ref(), output)?;
        Ok(())
    }

    /// Loaded first: a build that nobody can sign need not begin.
    fn signer(&self) -> Result<Signer> {
        let key = self.key.as_ref().ok_or(Error::NoKey)?;
        if !key.is_file() {
            return Err(Error::NoKeyFile { path: key.clone() });
        }
        if let Some(trust) = &self.trust {
            signed_file::read_trust(trust)?;
        }
        Ok(Signer::load(key, self.trust.as_deref(), &|path| self.passphrase.ask(path))?)
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
