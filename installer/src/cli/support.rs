use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::console::{Done, Output, Size, now};

use crate::support::{self, LeftOut};
use crate::{Error, Places};

/// Write one archive with what a vendor needs to help: what is installed, what was found, configuration, logs; no secret
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install support\n  tar --zstd -xOf worktile-support-20261124T080000Z.tar.zst worktile-support/CONTENTS      look through it before you send it"
)]
pub struct Support {
    /// Left out: `PRODUCT-support-TIME.tar.zst` here
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// The last lines of each service's log
    #[arg(long, value_name = "N", default_value_t = 5000)]
    lines: u64,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    file: PathBuf,
    bytes: u64,
    files: Vec<Row>,
    left_out: Vec<LeftOut>,
    /// How many places were made unreadable since a secret may have stood there.
    removed: usize,
}

#[derive(Serialize)]
struct Row {
    path: String,
    bytes: usize,
    about: String,
}

impl Support {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let taken = |file: &Path| Error::io("create", file)(std::io::ErrorKind::AlreadyExists.into());
        if let Some(file) = self.file.as_ref().filter(|file| file.symlink_metadata().is_ok()) {
            return Err(taken(file).into());
        }
        let phase = output.progress().phase("looking at everything", None);
        let support = support::gather(places, now(), self.lines)?;
        drop(phase);
        let file = self.file.unwrap_or_else(|| support.file_name().into());
        let bytes = support::write(&support, &file)?;
        let rows = support.items.iter().map(|item| Row {
            path: item.path.to_string(),
            bytes: item.text.text().len(),
            about: item.about.clone(),
        });
        let report = Report {
            schema: "wt.support.v1",
            bytes,
            files: rows.collect(),
            removed: support.removed(),
            left_out: support.left_out,
            file,
        };
        output.report(&report, &report);
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", self.file.display(), Size(self.bytes))?;
        let width = self.files.iter().map(|row| row.path.len()).max().unwrap_or(0);
        for row in &self.files {
            writeln!(f, "  {:width$}  {}", row.path, row.about)?;
        }
        for left_out in &self.left_out {
            writeln!(f, "left out: {}: {}", left_out.what, left_out.why)?;
        }
        writeln!(f, "{} places where a secret may have stood were made unreadable", self.removed)
    }
}
