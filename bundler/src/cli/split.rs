use std::path::{Path, PathBuf};

use wt_keys::console::{Done, Failure, Output};
use wt_manifests::bundle::split::Split;

use super::bundle_argument::BundleArgument;
use super::size_argument::SizeArgument;

/// Cut a bundle into volumes, each checked by itself
#[derive(Debug, clap::Args)]
#[command(
    name = "split",
    after_help = "Example:\n  wt-bundle split worktile-5.2.0-amd64.tar.zst --size 4GiB -o /media/usb --trust keys/trust.json\n\n`cat` of the volumes is the bundle again; SHA256SUMS beside them is for `sha256sum -c`."
)]
pub struct SplitVerb {
    #[command(flatten)]
    bundle: BundleArgument,
    /// How large a volume may be: 4GiB, 700MB, 4.7GB
    #[arg(long, value_name = "SIZE")]
    size: SizeArgument,
    /// The folder to write to (left out: where the bundle is)
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl SplitVerb {
    pub fn run(self, output: Output) -> Done {
        let bundle = self.bundle.open()?;
        let file_name = bundle.path().file_name().unwrap_or_default();
        let name = match &self.folder {
            Some(folder) => folder.join(file_name),
            None => bundle.path().to_owned(),
        };
        let phase = output.progress().phase("writing volumes", Some(bundle.manifest().body.length));
        let files = Split::new(&bundle, self.size.0, &name)
            .and_then(|split| split.copy(&|bytes| phase.advance(bytes)))
            .map_err(Failure::from)?;
        drop(phase);
        list(output, &files);
        Ok(())
    }
}

/// The files that were written, one a line.
pub fn list<P: AsRef<Path>>(output: Output, files: &[P]) {
    for file in files {
        output.data(format_args!("{}\n", file.as_ref().display()));
    }
}
