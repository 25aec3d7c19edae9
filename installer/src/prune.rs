//! What earlier releases left that nobody goes back to: their images, what the engine kept of configuration and secrets, and
//! the folders in which the releases were kept.

use std::collections::BTreeSet;
use std::path::PathBuf;

use wt_keys::{Sha256Digest, durable};
use wt_manifests::image::Image;

use crate::engine::{Discard, Engine};
use crate::installed::Installed;
use crate::operation::Operation;
use crate::release::Release;
use crate::wanted::Wanted;
use crate::{Error, Places, Result};

/// What there is to take away.
#[derive(Debug)]
pub struct Prune {
    pub images: Discard,
    /// What the images hold that nothing else does, as it came in the bundle.
    pub bytes: u64,
    /// Secrets and configurations in the engine that no service uses.
    pub objects: usize,
    /// Where releases are kept that are neither installed nor to be gone back to.
    pub folders: Vec<PathBuf>,
}

impl Prune {
    /// Looks; changes nothing. Refuses while a change is unfinished, which may yet need any of it.
    pub fn plan(places: &Places, engine: &Engine) -> Result<Self> {
        let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
        Operation::refuse_pending(places)?;
        let keep: BTreeSet<Sha256Digest> = [installed.manifest]
            .into_iter()
            .chain(installed.previous.as_ref().map(|previous| previous.manifest))
            .collect();
        let (mut needed, mut doomed, mut folders) = (Images::default(), Images::default(), Vec::new());
        for digest in Release::all_kept(places)? {
            if keep.contains(&digest) {
                needed.add(&Release::kept(places, &digest)?);
                continue;
            }
            // of one that is damaged nobody knows the images
            if let Ok(release) = Release::kept(places, &digest) {
                doomed.add(&release);
            }
            folders.push(places.release_state(&digest));
        }
        // what a removed service was given, it is given again
        let objects = Wanted::read(places)?.removed.is_empty();
        let images = engine.plan_discard(&doomed.images, &needed.images, None)?;
        Ok(Self {
            bytes: doomed.bytes(&images.layers),
            images,
            objects: if objects { engine.unused_objects(&installed.product)?.len() } else { 0 },
            folders,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.images.images.is_empty() && self.objects == 0 && self.folders.is_empty()
    }

    /// The folders go last: they know what the images are.
    pub fn carry_out(&self, product: &str, engine: &Engine) -> Result<()> {
        engine.discard(&self.images)?;
        if self.objects > 0 {
            engine.prune_objects(product)?;
        }
        for folder in &self.folders {
            durable::remove_folder(folder)?;
        }
        Ok(())
    }
}

/// The images of some releases, and the sizes of their layers.
#[derive(Debug, Default)]
pub(crate) struct Images {
    pub images: Vec<Image>,
    layers: Vec<(Sha256Digest, u64)>,
}

impl Images {
    pub fn add(&mut self, release: &Release) {
        let manifest = release.manifest();
        self.images.extend(manifest.images.iter().cloned());
        self.layers.extend(manifest.layers().map(|layer| (layer.sha256, layer.size)));
    }

    pub fn bytes(&self, layers: &BTreeSet<Sha256Digest>) -> u64 {
        let known: std::collections::BTreeMap<_, _> = self.layers.iter().copied().collect();
        layers.iter().filter_map(|layer| known.get(layer)).sum()
    }
}
