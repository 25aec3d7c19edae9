//! `wt-bundle`: one file a verb.

mod build;
mod build_form;
mod bundle_argument;
mod cache;
mod cache_flags;
mod check;
mod diff;
mod extract;
mod handover;
mod inspect;
mod join;
mod registry_flags;
mod sign;
mod signer_flags;
mod size_argument;
mod split;
mod table;
mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use wt_keys::console::{Done, Output, Program, now};
use wt_keys::{Trust, signed_file};

use crate::{Error, Result};

/// Build and check bundles: a release of a product in one signed file
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  wt-bundle build v5.2 --key keys/bundle.key\n  wt-bundle verify worktile-5.2.0-amd64.tar.zst --trust keys/trust.json"
)]
pub struct WtBundle {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Build(Box<build::BuildVerb>),
    #[command(subcommand)]
    Cache(cache::CacheVerb),
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Diff(diff::Diff),
    Extract(extract::ExtractVerb),
    Sign(sign::Sign),
    Split(split::SplitVerb),
    Join(join::Join),
    Handover(handover::HandoverVerb),
}

impl Program for WtBundle {
    fn run(self) -> Done {
        match self.verb {
            Verb::Build(verb) => verb.run(self.output, now()),
            Verb::Cache(verb) => {
                verb.run(self.output);
                Ok(())
            }
            Verb::Verify(verb) => verb.run(self.output),
            Verb::Inspect(verb) => verb.run(self.output, now()),
            Verb::Diff(verb) => verb.run(self.output),
            Verb::Extract(verb) => verb.run(self.output),
            Verb::Sign(verb) => verb.run(self.output),
            Verb::Split(verb) => verb.run(self.output),
            Verb::Join(verb) => verb.run(self.output),
            Verb::Handover(verb) => verb.run(self.output),
        }
    }
}

/// Which roots a bundle is checked with.
#[derive(Debug, clap::Args)]
struct TrustFile {
    /// The trust document that the bundle is checked with
    #[arg(long, value_name = "FILE", env = "WT_TRUST")]
    trust: Option<PathBuf>,
}

impl TrustFile {
    fn read(&self) -> Result<Trust> {
        let path = self.trust.as_ref().ok_or(Error::NoTrust)?;
        Ok(signed_file::read_trust(path)?)
    }
}
