use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use wt_keys::console::{Output, Size, now};

use super::size_argument::SizeArgument;
use super::table::Table;
use crate::cache::{self, Kept};

/// Show or remove what builds keep for the next one
#[derive(Debug, clap::Subcommand)]
pub enum CacheVerb {
    /// Show what is kept
    #[command(after_help = "Example:\n  wt-bundle cache list --json")]
    List,
    /// Remove what is kept; builds that run are not disturbed
    #[command(
        after_help = "Example:\n  wt-bundle cache prune --older-than 30d\n  wt-bundle cache prune --to-size 5GiB"
    )]
    Prune(Prune),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false, id = "what")]
pub struct Prune {
    /// Everything
    #[arg(long)]
    all: bool,
    /// What no build took for so many days, as in 30d
    #[arg(long, value_name = "DAYS", value_parser = days)]
    older_than: Option<Duration>,
    /// What was not used for longest, until each cache holds so much, as in 5GiB
    #[arg(long, value_name = "SIZE")]
    to_size: Option<SizeArgument>,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    files: Vec<Row>,
    size: u64,
}

#[derive(Serialize)]
struct Row {
    cache: &'static str,
    path: PathBuf,
    size: u64,
}

impl CacheVerb {
    pub fn run(self, output: Output) {
        match self {
            Self::List => show(output, "wt.bundle.cache.list.v1", "kept", kept()),
            Self::Prune(prune) => {
                let removed = kept().into_iter().map(|(cache, kept)| (cache, prune.remove(kept))).collect();
                show(output, "wt.bundle.cache.prune.v1", "removed", removed);
            }
        }
    }
}

impl Prune {
    fn remove(&self, mut kept: Vec<Kept>) -> Vec<Kept> {
        if let Some(age) = self.older_than {
            let seconds = u64::try_from(now().unix()).unwrap_or_default();
            let oldest = (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).checked_sub(age);
            kept.retain(|kept| oldest.is_some_and(|oldest| kept.used < oldest));
        }
        cache::bound(kept, self.to_size.map_or(0, |size| size.0))
    }
}

fn kept() -> Vec<(&'static str, Vec<Kept>)> {
    let list = |name| cache::folder(name).map(|folder| cache::list(&folder)).unwrap_or_default();
    [cache::LAYERS, cache::PACKAGES].into_iter().map(|name| (name, list(name))).collect()
}

fn show(output: Output, schema: &'static str, what: &str, kept: Vec<(&'static str, Vec<Kept>)>) {
    let mut table = Table::new(&["CACHE", "SIZE>", "FILE"]);
    let mut files = Vec::new();
    for (cache, Kept { path, size, .. }) in
        kept.into_iter().flat_map(|(cache, kept)| kept.into_iter().map(move |kept| (cache, kept)))
    {
        table.row([&cache, &Size(size), &path.display()]);
        files.push(Row { cache, path, size });
    }
    let size = files.iter().map(|row| row.size).sum();
    let text = format!("{table}{what}: {} files, {}\n", files.len(), Size(size));
    output.report(&Report { schema, files, size }, text);
}

fn days(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    days.map(|days| Duration::from_secs(u64::from(days) * 86_400))
        .ok_or("expected days, as in 30d".to_owned())
}
