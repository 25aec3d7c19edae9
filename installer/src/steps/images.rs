use std::collections::HashSet;
use std::time::Instant;

use wt_keys::console::{Progress, Size};
use wt_keys::{durable, folder_of};
use wt_manifests::ImageName;

use super::{Need, Step};
use crate::engine::{ImagePlan, daemon};
use crate::measured::Measured;
use crate::{Error, Installation, Result};

/// Feeds the engine the layers that it lacks, and compares what it then has with the manifest.
///
/// What an engine was loading when the host went down is not believed: its store calls layers whole whose files came back
/// empty, and would skip them the next time. So those images are taken away and loaded again. A load is over when the
/// engine's storage has been synced.
#[derive(Debug)]
pub struct LoadImages;

impl LoadImages {
    const NAME: &str = "images";
}

impl Step for LoadImages {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let manifest = installation.manifest();
        let Some(engine) = installation.find_engine()? else {
            let bytes = manifest.layers().map(|layer| layer.size).sum();
            return Ok(Need::Work(format!("load {} images, {}", manifest.images.len(), Size(bytes))));
        };
        let known = installation.known_images()?;
        if let Some((name, id)) = engine.taken_names(manifest, &known)?.into_iter().next() {
            return Err(Error::NameTaken { name: name.to_string(), id: id.to_oci() });
        }
        if was_cut_off(installation)? {
            let count = doubtful(installation)?.len();
            return Ok(Need::Work(format!(
                "load {count} images again: the host went down while they were loaded"
            )));
        }
        let plan = engine.plan_images(manifest, &known)?;
        if plan.is_empty() && !installation.journal.was_left(Self::NAME)? {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(told("load", &plan)))
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let engine = installation.engine()?;
        if was_cut_off(installation)? {
            engine.remove_names(&doubtful(installation)?)?;
        }
        let mark = installation.places.loading(installation.product());
        durable::create_folder(&folder_of(&mark), 0o755)?;
        durable::write(&mark, b"", 0o644)?;
        let plan = engine.plan_images(installation.manifest(), &installation.known_images()?)?;
        let started = Instant::now();
        load(installation, &plan, progress)?;
        let engine = installation.engine()?;
        engine.compare_images(installation.manifest())?;
        engine.sync_storage()?;
        Measured::note_load(&installation.places, plan.bytes, started.elapsed())?;
        Ok(told("loaded", &plan))
    }
}

fn told(verb: &str, plan: &ImagePlan) -> String {
    format!("{verb} {} images, {}", plan.images.len(), Size(plan.bytes))
}

/// Loads what the plan says. An engine that hangs is started anew, once, if that disturbs nobody else.
fn load(installation: &Installation, plan: &ImagePlan, progress: &Progress) -> Result<()> {
    let bundle = installation.release.bundle()?;
    let phase = progress.phase("loading images", Some(plan.bytes));
    let engine = installation.engine()?;
    match engine.load_images(bundle, plan, &phase) {
        Err(Error::EngineSilent { .. }) if !engine.runs_others(installation.stack_name()).unwrap_or(true) => {
        }
        loaded => return loaded,
    }
    drop(phase);
    let phase = progress.phase("the engine hangs: starting it anew", None);
    let engine = daemon::restart()?;
    drop(phase);
    let plan = engine.plan_images(installation.manifest(), &installation.known_images()?)?;
    let phase = progress.phase("loading images again", Some(plan.bytes));
    engine.load_images(bundle, &plan, &phase)
}

/// A load was begun, not ended, and the host has been off since.
fn was_cut_off(installation: &Installation) -> Result<bool> {
    let running = installation.places.loading(installation.product()).exists();
    Ok(!running && installation.journal.was_left(LoadImages::NAME)?)
}

/// The images that were not here before that load.
fn doubtful(installation: &Installation) -> Result<Vec<ImageName>> {
    let last = installation.last_release()?;
    let before: HashSet<_> =
        last.iter().flat_map(|last| &last.manifest().images).map(|image| image.manifest).collect();
    let images = installation.manifest().images.iter();
    Ok(images.filter(|image| !before.contains(&image.manifest)).map(|image| image.name.clone()).collect())
}
