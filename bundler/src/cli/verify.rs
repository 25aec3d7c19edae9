mod report;

use std::time::Instant;

use wt_keys::console::{Done, Output, Progress};
use wt_manifests::bundle::Bundle;

use self::report::Report;
use super::bundle_argument::BundleArgument;
use crate::counted::Counted;
use crate::{Result, image_check};

/// Check a bundle: who signed it, and that every byte is the one that was signed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-bundle verify worktile-5.2.0-amd64.tar.zst --trust keys/trust.json\n\nWith -v it says what was not checked."
)]
pub struct Verify {
    #[command(flatten)]
    bundle: BundleArgument,
    /// Decompress it too, and check every file and every image in it by itself
    #[arg(long)]
    full: bool,
}

impl Verify {
    pub fn run(self, output: Output) -> Done {
        let started = Instant::now();
        let bundle = self.bundle.open_incomplete()?;
        let bundle = {
            let phase = output.progress().phase("checking chunks", Some(bundle.manifest().body.length));
            bundle.verify_body(&|bytes| phase.advance(bytes))?
        };
        if self.full {
            check_entries(&bundle, output)?;
            check_images(&bundle, output)?;
        }
        let report = Report::of(&bundle, self.full);
        output.report(&report, report.text(output.verbose));
        output.detail(format_args!("{:.2} s", started.elapsed().as_secs_f32()));
        Ok(())
    }
}

fn check_entries(bundle: &Bundle, output: Output) -> Result<()> {
    let total = bundle.manifest().entries.iter().map(|entry| entry.size).sum();
    let phase = output.progress().phase("checking files", Some(total));
    Ok(bundle.for_each_entry(
        |_| true,
        |entry, content| {
            phase.detail(entry.path.as_str());
            let mut counted = Counted { inner: content, phase: &phase };
            std::io::copy(&mut counted, &mut std::io::sink())
                .map(drop)
                .map_err(wt_manifests::bundle::reader::unwrapped)
        },
    )?)
}

fn check_images(bundle: &Bundle, output: Output) -> Result<()> {
    let total = image_check::to_read(bundle.manifest());
    let progress = if total > 0 { output.progress() } else { Progress::silent() };
    let phase = progress.phase("checking images", Some(total));
    image_check::check(bundle, &phase)
}
