use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;
use wt_keys::console::{Done, Output};
use wt_manifests::bundle::Bundle;

use super::bundle_argument::BundleArgument;
use crate::handover::{self, Handover};
use crate::{Error, Result};

/// Make the folder that a customer gets: the bundle, wt-install, and how to check them
#[derive(Debug, clap::Args)]
#[command(
    name = "handover",
    after_help = "Example:\n  wt-bundle handover worktile-5.2.0-amd64.tar.zst -o worktile-5.2.0 --trust keys/trust.json\n\nThe folder holds the bundle or its volumes (hard links, where they can be), wt-install, trust.json, SHA256SUMS, and CHECK.md, which shows how to check all of it with tools of one's own."
)]
pub struct HandoverVerb {
    #[command(flatten)]
    bundle: BundleArgument,
    /// The folder to make; it must not be there yet
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    installer: InstallerArgument,
}

/// Which installer goes with a bundle.
#[derive(Debug, clap::Args)]
pub struct InstallerArgument {
    /// The wt-install to hand over (left out: the one beside this program)
    #[arg(long, value_name = "FILE")]
    installer: Option<PathBuf>,
}

impl InstallerArgument {
    pub fn path(&self) -> Result<PathBuf> {
        if let Some(named) = &self.installer {
            return Ok(named.clone());
        }
        let own = std::env::current_exe().map_err(Error::io("find", "this program"))?;
        Ok(handover::installer_beside(&own))
    }
}

impl HandoverVerb {
    pub fn run(self, output: Output) -> Done {
        let bundle = self.bundle.open()?;
        let installer = self.installer.path()?;
        let (folder, progress) = (&*self.folder, output.progress());
        let installer = Handover { bundle: &bundle, installer: &installer, folder, progress }.write()?;
        said(output, &bundle, installer, &self.folder);
        Ok(())
    }
}

/// What was made, and what is left to do.
pub fn said(output: Output, bundle: &Bundle, installer: Sha256Digest, folder: &Path) {
    let trust = bundle.trusted().trust.document();
    output.say(
        "tell the customer another way: how many of your roots must sign, their fingerprints, wt-install:",
    );
    output.say(format_args!("  {} of {}", trust.threshold, trust.roots.len()));
    for root in &trust.roots {
        output.say(format_args!("  {}", root.id()));
    }
    output.say(format_args!("  wt-install sha256:{installer}"));
    output.data(format_args!("{}\n", folder.display()));
}
