//! The files that make two images of one name different, from the layers that only one of them has.
//!
//! What lies below, in layers that both have, is not read: a file of theirs that only one side's own layers write over
//! counts as added or removed there, since the other side's own layers do not have it.

mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

use serde::Serialize;
use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_manifests::ImageName;
use wt_manifests::bundle::Bundle;
use wt_manifests::image::Image;
use wt_manifests::manifest::Entry;

use self::view::{Trace, View};
use crate::changes::Change;
use crate::changes::images::ImagePair;
use crate::counted::Counted;
use crate::decompress::decompressed;
use crate::layer_files::{Budget, LayerFile, LayerFiles};
use crate::{Error, Result};

/// The files that differ, by their paths; or why that cannot be said.
#[derive(Debug, Serialize)]
pub struct ImageFiles {
    pub image: ImageName,
    /// What is wrong with a layer that is no tar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    pub files: Vec<FileChange>,
}

#[derive(Debug, Serialize)]
pub struct FileChange {
    pub path: String,
    pub change: Change,
    /// None also where it lies in a layer below.
    pub before: Option<LayerFile>,
    pub after: Option<LayerFile>,
}

impl FileChange {
    /// Bytes of what is there now, or of what is gone.
    pub fn size(&self) -> u64 {
        self.after.as_ref().or(self.before.as_ref()).map_or(0, |file| file.size)
    }
}

/// Layers by the digests of their uncompressed bytes.
type Layers = HashMap<Sha256Digest, Result<LayerFiles, String>>;

/// Bytes that [`compare`] reads.
pub fn to_read(bundles: [&Bundle; 2], pairs: &[ImagePair<'_>]) -> u64 {
    let read = |bundle: &Bundle, own: HashMap<Sha256Digest, Sha256Digest>| {
        let layers: BTreeSet<Sha256Digest> = own.into_keys().collect();
        let entries = bundle.manifest().layers();
        entries.filter(|entry| layers.contains(&entry.sha256)).map(|entry| entry.size).sum::<u64>()
    };
    read(bundles[0], own_layers(pairs, |pair| (pair.before, pair.after)))
        + read(bundles[1], own_layers(pairs, |pair| (pair.after, pair.before)))
}

/// Reads both bundles side by side.
pub fn compare(bundles: [&Bundle; 2], pairs: &[ImagePair<'_>], phase: &Phase) -> Result<Vec<ImageFiles>> {
    let (before, after) = std::thread::scope(|scope| {
        let before =
            scope.spawn(|| read(bundles[0], own_layers(pairs, |pair| (pair.before, pair.after)), phase));
        let after = read(bundles[1], own_layers(pairs, |pair| (pair.after, pair.before)), phase);
        (before.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), after)
    });
    let (before, after) = (before?, after?);
    Ok(pairs.iter().map(|pair| image_files(*pair, &before, &after)).collect())
}

/// The layers that only one side of a pair has: as they are stored, and uncompressed.
fn own_layers<'a>(
    pairs: &'a [ImagePair<'a>],
    sides: impl Fn(&'a ImagePair<'a>) -> (&'a Image, &'a Image),
) -> HashMap<Sha256Digest, Sha256Digest> {
    let own = |pair| {
        let (mine, other): (&Image, &Image) = sides(pair);
        let layers = mine.stored().iter().copied().zip(mine.layers.iter().copied());
        layers.filter(|(_, layer)| !other.layers.contains(layer))
    };
    pairs.iter().flat_map(own).collect()
}

fn read(bundle: &Bundle, own: HashMap<Sha256Digest, Sha256Digest>, phase: &Phase) -> Result<Layers> {
    let (mut layers, budget) = (Layers::new(), Budget::default());
    let wanted: BTreeSet<&str> = bundle
        .manifest()
        .layers()
        .filter(|entry| own.contains_key(&entry.sha256))
        .map(|entry| entry.path.as_str())
        .collect();
    let read_one = |entry: &Entry, content: &mut dyn Read| -> Result<()> {
        let mut content = Counted { inner: content, phase };
        let origin = format!("{}: {}", bundle.path().display(), entry.path);
        let diff_id = own[&entry.sha256];
        let files = if diff_id == entry.sha256 {
            LayerFiles::read(&mut content, &origin, &budget)
        } else {
            let mut layer = decompressed(&mut content).map_err(Error::io("read", &origin))?;
            LayerFiles::read(&mut layer, &origin, &budget)
        };
        let files = match files {
            Err(unreadable @ (Error::Unusable { .. } | Error::ArchiveTooLarge { .. })) => {
                Err(unreadable.to_string())
            }
            files => Ok(files?),
        };
        layers.insert(diff_id, files);
        Ok(())
    };
    bundle.for_each_entry(|entry| wanted.contains(entry.path.as_str()), read_one)?;
    Ok(layers)
}

fn image_files(pair: ImagePair<'_>, before: &Layers, after: &Layers) -> ImageFiles {
    let image = pair.after.name.clone();
    match (view(pair.before, pair.after, before), view(pair.after, pair.before, after)) {
        (Ok(before), Ok(after)) => ImageFiles { image, unreadable: None, files: differ(before, after) },
        (Err(why), _) | (_, Err(why)) => ImageFiles { image, unreadable: Some(why), files: Vec::new() },
    }
}

fn view(mine: &Image, other: &Image, layers: &Layers) -> Result<View, String> {
    let mut view = View::default();
    for layer in mine.layers.iter().filter(|layer| !other.layers.contains(layer)) {
        match layers.get(layer) {
            Some(Ok(files)) => view.put_on(files),
            Some(Err(why)) => return Err(why.clone()),
            None => {}
        }
    }
    Ok(view)
}

fn differ(before: View, after: View) -> Vec<FileChange> {
    let (mut before, after): (BTreeMap<_, _>, _) = (before.files, after.files);
    let mut changes = Vec::new();
    for (path, after) in after {
        let before = before.remove(&path);
        changes.extend(change(path, before, Some(after)));
    }
    for (path, before) in before {
        changes.extend(change(path, Some(before), None));
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// A path that neither side touches is the same on both.
fn change(path: String, before: Option<Trace>, after: Option<Trace>) -> Option<FileChange> {
    let change = match (&before, &after) {
        (before, after) if before == after => return None,
        (Some(Trace::Written(_)), Some(Trace::Written(_))) => Change::Changed,
        (_, Some(Trace::Written(_))) | (Some(Trace::TakenAway), None) => Change::Added,
        _ => Change::Removed,
    };
    let file = |trace: Option<Trace>| trace.and_then(Trace::file);
    Some(FileChange { path, change, before: file(before), after: file(after) })
}

#[cfg(test)]
mod tests;
