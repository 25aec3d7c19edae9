use std::path::PathBuf;

use wt_keys::console::{Done, Output};
use wt_manifests::bundle::assemble::assemble_bundle;

use super::bundle_argument::BundleArgument;
use crate::new_file::{published, refuse_existing};

/// Join the volumes of a bundle into one file, verified on the way
#[derive(Debug, clap::Args)]
#[command(
    name = "join",
    after_help = "Example:\n  wt-bundle join worktile-5.2.0-amd64.tar.zst.001 --volumes /media/usb --trust keys/trust.json"
)]
pub struct Join {
    #[command(flatten)]
    bundle: BundleArgument,
    /// The bundle to write (left out: the volumes' name without a number)
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Join {
    pub fn run(self, output: Output) -> Done {
        let bundle = self.bundle.open()?;
        let file = self.file.unwrap_or_else(|| bundle.path().to_owned());
        refuse_existing(&file)?;
        {
            let phase = output.progress().phase("joining", Some(bundle.manifest().body.length));
            let advance = |bytes| phase.advance(bytes);
            let trust = self.bundle.trust.read()?;
            let joined = assemble_bundle(&bundle.chunks(), bundle.chain(), &trust, &file, &advance)?;
            published(joined.publish_new(), &file)?;
        }
        output.data(format_args!("{}\n", file.display()));
        Ok(())
    }
}
