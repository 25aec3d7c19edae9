use std::fmt;

use serde::Serialize;
use wt_keys::console::{Done, Output, Size};

use super::lock::Lock;
use crate::Places;
use crate::engine::Engine;
use crate::installed::Installed;
use crate::prune::Prune as Plan;

/// Remove images of releases that are neither installed nor the one before, and what the engine kept of them
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install prune --dry-run")]
pub struct Prune {
    /// Say what would be removed; change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    removed: bool,
    images: Vec<String>,
    /// What stays, and who uses it.
    used: Vec<(String, String)>,
    bytes: u64,
    objects: usize,
    releases: usize,
}

impl Prune {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let _lock = Lock::take(places)?;
        let engine = Engine::connect()?;
        let plan = Plan::plan(places, &engine)?;
        if !self.dry_run && !plan.is_empty() {
            let product = Installed::read(places)?.map(|installed| installed.product).unwrap_or_default();
            plan.carry_out(&product, &engine)?;
        }
        let report = Report {
            schema: "wt.prune.v1",
            removed: !self.dry_run,
            images: plan.images.images.iter().map(|image| image.name.to_string()).collect(),
            used: plan.images.used.iter().map(|(name, user)| (name.to_string(), user.clone())).collect(),
            bytes: plan.bytes,
            objects: plan.objects,
            releases: plan.folders.len(),
        };
        output.report(&report, &report);
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.removed { "removed" } else { "would remove" };
        for image in &self.images {
            writeln!(f, "{verb} {image}")?;
        }
        for (image, user) in &self.used {
            writeln!(f, "left {image}: {user} uses it")?;
        }
        if self.images.is_empty() && self.objects == 0 && self.releases == 0 {
            return writeln!(f, "nothing to remove");
        }
        let (images, size) = (self.images.len(), Size(self.bytes));
        let (objects, releases) = (self.objects, self.releases);
        writeln!(
            f,
            "{verb} {images} images ({size}), {objects} secrets and configurations, {releases} kept releases"
        )
    }
}
