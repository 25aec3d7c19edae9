mod page;
mod report;
mod text;

use std::path::PathBuf;

use wt_keys::console::{Done, Output};
use wt_manifests::bundle::Bundle;

use self::report::Report;
use super::TrustFile;
use crate::changes::{Changes, images};
use crate::image_files::{self, ImageFiles};
use crate::{Error, Result};

/// Show what is different between two bundles, and what an upgrade would have to carry
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-bundle diff worktile-5.1.0-amd64.tar.zst worktile-5.2.0-amd64.tar.zst --trust keys/trust.json\n\nWith -v the lines of stack, configuration and scripts that differ. Of images that changed, the layers that only one\nbundle has are read and their files compared; what lies below, in layers that both have, is not."
)]
pub struct Diff {
    /// The bundle that a site has
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The bundle that it would get
    #[arg(value_name = "B")]
    after: PathBuf,
    /// A further folder with volumes of the bundles; may be repeated
    #[arg(long, value_name = "DIR")]
    volumes: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustFile,
    /// List every file of the images that differs
    #[arg(long)]
    files: bool,
    /// Exit with 1 where the bundles differ
    #[arg(long)]
    exit_code: bool,
}

impl Diff {
    pub fn run(self, output: Output) -> Done {
        let trust = self.trust.read()?;
        let before = Bundle::open_in(&self.before, &self.volumes, &trust)?;
        let after = Bundle::open_in(&self.after, &self.volumes, &trust)?;
        let changes = Changes::between(before.manifest(), after.manifest());
        let images = image_files([&before, &after], output)?;
        let lines =
            if output.verbose { text::changed_lines([&before, &after], &changes)? } else { Vec::new() };
        let report = Report::new([&before, &after], &changes, &images, lines, self.files);
        output.report(&report, page::page(&report, &images, self.files));
        if self.exit_code && !report.same {
            return Err(Error::BundlesDiffer.into());
        }
        Ok(())
    }
}

/// Reads what only one of the bundles has of images that both have.
fn image_files(bundles: [&Bundle; 2], output: Output) -> Result<Vec<ImageFiles>> {
    let pairs = images::changed(bundles[0].manifest(), bundles[1].manifest());
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let total = image_files::to_read(bundles, &pairs);
    let phase = output.progress().phase("reading layers", Some(total));
    image_files::compare(bundles, &pairs, &phase)
}
