use wt_keys::console::{Progress, Size};

use super::{Need, Step};
use crate::{Installation, Result};

/// Feeds the engine the layers that it lacks, and compares what it then has with the manifest.
pub struct LoadImages;

impl Step for LoadImages {
    fn name(&self) -> &'static str {
        "images"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let manifest = installation.manifest();
        let Some(engine) = installation.find_engine()? else {
            let bytes = manifest.layers().map(|layer| layer.size).sum();
            return Ok(Need::Work(format!("load {} images, {}", manifest.images.len(), Size(bytes))));
        };
        let plan = engine.plan_images(manifest)?;
        if plan.is_empty() {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("load {} images, {}", plan.images.len(), Size(plan.bytes))))
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let engine = installation.engine()?;
        let plan = engine.plan_images(installation.manifest())?;
        let phase = progress.phase("loading images", Some(plan.bytes));
        engine.load_images(installation.release.bundle()?, &plan, &phase)?;
        drop(phase);
        engine.compare_images(installation.manifest())?;
        engine.sync_storage()?;
        Ok(format!("{} images, {}", plan.images.len(), Size(plan.bytes)))
    }
}
