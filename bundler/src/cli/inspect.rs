mod contents;
mod entry;
mod page;

use wt_keys::Utc;
use wt_keys::console::{Done, Output};

use self::contents::Contents;
use super::bundle_argument::BundleArgument;
use super::table::Table;

/// Show what is in a bundle; reads its head only
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-bundle inspect worktile-5.2.0-amd64.tar.zst --trust keys/trust.json\n  wt-bundle inspect worktile-5.2.0-amd64.tar.zst --entry stack.yaml\n\nWith -v every layer and who uses it."
)]
pub struct Inspect {
    #[command(flatten)]
    bundle: BundleArgument,
    /// Print one file of the bundle, as it is
    #[arg(long, value_name = "PATH", conflicts_with = "entries")]
    entry: Option<String>,
    /// List every file of the bundle
    #[arg(long)]
    entries: bool,
}

impl Inspect {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let bundle = self.bundle.open()?;
        if let Some(path) = &self.entry {
            return Ok(entry::print(&bundle, path)?);
        }
        let contents = Contents::of(&bundle, now);
        let text = if self.entries { entries(&contents) } else { page::page(&contents, output.verbose) };
        output.report(&contents, text);
        Ok(())
    }
}

fn entries(contents: &Contents<'_>) -> String {
    let mut table = Table::new(&["MODE", "SIZE>", "SHA-256", "PATH"]);
    for entry in contents.entries {
        table.row([&format_args!("{:04o}", entry.mode.bits()), &entry.size, &entry.sha256, &entry.path]);
    }
    table.to_string()
}
