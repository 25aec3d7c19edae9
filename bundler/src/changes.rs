//! All that is different between two bundles, of two releases mostly, by their manifests alone (`diff`). Why a build that
//! was made again is not the same is in `difference.rs` (`build --check`).

pub mod images;
mod packages;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;
use wt_keys::Sha256Digest;
use wt_manifests::ImageName;
use wt_manifests::manifest::{Entry, Manifest, Mode};

pub use self::images::ImageChange;
pub use self::packages::{PackageChange, Turn};
use crate::stored::stored;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Added,
    Removed,
    Changed,
}

/// Everything that is not the same.
#[derive(Debug, Serialize)]
pub struct Changes {
    pub images: Vec<ImageChange>,
    pub layers_added: Vec<LayerChange>,
    pub layers_removed: Vec<LayerChange>,
    pub layers_kept: usize,
    pub packages: Vec<PackageChange>,
    pub files: Vec<EntryChange>,
    /// Fields of what `wt-install` is told, by their names in the manifest.
    pub site: Vec<FieldChange>,
    pub carry: Carry,
}

/// A layer by the digest of its uncompressed bytes.
#[derive(Debug, Serialize)]
pub struct LayerChange {
    pub layer: Sha256Digest,
    /// As the bundle holds it.
    pub size: u64,
    /// Bytes in the file.
    pub stored: u64,
    pub images: Vec<ImageName>,
}

/// A file of the release: stack, configuration, script.
#[derive(Debug, Serialize)]
pub struct EntryChange {
    pub path: String,
    pub change: Change,
    pub before: Option<EntryState>,
    pub after: Option<EntryState>,
}

#[derive(Debug, Serialize)]
pub struct EntryState {
    pub size: u64,
    pub mode: Mode,
    pub sha256: Sha256Digest,
}

#[derive(Debug, Serialize)]
pub struct FieldChange {
    pub field: String,
    pub before: Value,
    pub after: Value,
}

/// What a site that has the first bundle lacks of the second.
#[derive(Debug, Default, Serialize)]
pub struct Carry {
    pub layers: Load,
    pub packages: Load,
    pub files: Load,
    pub together: Load,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    pub count: usize,
    /// Bytes in the file.
    pub stored: u64,
    pub unpacked: u64,
}

impl Load {
    fn add(&mut self, unpacked: u64, stored: u64) {
        self.count += 1;
        self.stored += stored;
        self.unpacked += unpacked;
    }
}

impl Changes {
    pub fn between(before: &Manifest, after: &Manifest) -> Self {
        let (old, new) = (layers(before), layers(after));
        let only = |mine: &BTreeMap<Sha256Digest, LayerChange>,
                    other: &BTreeMap<Sha256Digest, LayerChange>| {
            mine.keys().filter(|layer| !other.contains_key(layer)).copied().collect::<BTreeSet<_>>()
        };
        let (added, removed) = (only(&new, &old), only(&old, &new));
        let carry = carry(before, after, &old);
        let layers_kept = new.len() - added.len();
        let pick = |layers: BTreeMap<Sha256Digest, LayerChange>, wanted: &BTreeSet<Sha256Digest>| {
            layers.into_values().filter(|change| wanted.contains(&change.layer)).collect()
        };
        Self {
            images: images::changes(before, after),
            layers_added: pick(new, &added),
            layers_removed: pick(old, &removed),
            layers_kept,
            packages: packages::changes(before, after),
            files: files(before, after),
            site: site(before, after),
            carry,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.packages.is_empty() && self.files.is_empty() && self.site.is_empty()
    }
}

/// What two lists hold under the same key, in the order of the keys.
fn paired<'a, K: Ord, T>(
    before: impl Iterator<Item = (K, &'a T)>,
    after: impl Iterator<Item = (K, &'a T)>,
) -> BTreeMap<K, (Option<&'a T>, Option<&'a T>)> {
    let mut pairs: BTreeMap<K, (Option<&T>, Option<&T>)> = BTreeMap::new();
    for (key, value) in before {
        pairs.entry(key).or_default().0 = Some(value);
    }
    for (key, value) in after {
        pairs.entry(key).or_default().1 = Some(value);
    }
    pairs
}

fn kind<T>(before: Option<&T>, after: Option<&T>) -> Change {
    match (before, after) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        _ => Change::Changed,
    }
}

/// The layers of all images, by the digests of their uncompressed bytes.
fn layers(manifest: &Manifest) -> BTreeMap<Sha256Digest, LayerChange> {
    let costs: HashMap<Sha256Digest, (u64, u64)> = manifest
        .entries
        .iter()
        .zip(stored(manifest))
        .map(|(entry, stored)| (entry.sha256, (entry.size, stored)))
        .collect();
    let mut layers: BTreeMap<Sha256Digest, LayerChange> = BTreeMap::new();
    for image in &manifest.images {
        for (layer, blob) in image.layers.iter().zip(image.stored()) {
            let (size, stored) = costs.get(blob).copied().unwrap_or_default();
            let new = || LayerChange { layer: *layer, size, stored, images: Vec::new() };
            let change = layers.entry(*layer).or_insert_with(new);
            if change.images.last() != Some(&image.name) {
                change.images.push(image.name.clone());
            }
        }
    }
    layers
}

fn release_files(manifest: &Manifest) -> impl Iterator<Item = (String, &Entry)> {
    manifest
        .entries
        .iter()
        .filter(|entry| entry.is_of_release())
        .map(|entry| (entry.path.as_str().to_owned(), entry))
}

fn files(before: &Manifest, after: &Manifest) -> Vec<EntryChange> {
    let state = |entry: &Entry| EntryState { size: entry.size, mode: entry.mode, sha256: entry.sha256 };
    let same = |one: Option<&Entry>, other: Option<&Entry>| {
        one.map(|entry| (entry.sha256, entry.mode)) == other.map(|entry| (entry.sha256, entry.mode))
    };
    let pairs = paired(release_files(before), release_files(after));
    pairs
        .into_iter()
        .filter(|(_, (before, after))| !same(*before, *after))
        .map(|(path, (before, after))| EntryChange {
            path,
            change: kind(before, after),
            before: before.map(state),
            after: after.map(state),
        })
        .collect()
}

/// Also what stands beside it in the manifest and decides what a site does.
fn site(before: &Manifest, after: &Manifest) -> Vec<FieldChange> {
    let fields = |manifest: &Manifest| {
        let mut fields = match serde_json::to_value(&manifest.site) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(), // a struct is an object
        };
        fields.insert("platform".to_owned(), manifest.platform.to_string().into());
        fields.insert("upgrades_from".to_owned(), manifest.upgrades_from.to_string().into());
        fields
    };
    let mut after = fields(after);
    let change = |(field, before): (String, Value)| {
        let after = after.remove(&field).unwrap_or_default();
        (before != after).then_some(FieldChange { field, before, after })
    };
    fields(before).into_iter().filter_map(change).collect()
}

fn carry(before: &Manifest, after: &Manifest, known: &BTreeMap<Sha256Digest, LayerChange>) -> Carry {
    let there: HashSet<Sha256Digest> = before.entries.iter().map(|entry| entry.sha256).collect();
    let diff_ids: HashMap<Sha256Digest, Sha256Digest> = after
        .images
        .iter()
        .flat_map(|image| image.stored().iter().copied().zip(image.layers.iter().copied()))
        .collect();
    let packages: HashSet<&str> =
        after.packages.iter().flat_map(|set| &set.packages).map(|package| package.path.as_str()).collect();
    let mut carry = Carry::default();
    for (entry, stored) in after.entries.iter().zip(stored(after)) {
        let layer = diff_ids.get(&entry.sha256);
        if there.contains(&entry.sha256) || layer.is_some_and(|layer| known.contains_key(layer)) {
            continue;
        }
        let load = match layer {
            Some(_) => &mut carry.layers,
            None if packages.contains(entry.path.as_str()) => &mut carry.packages,
            None => &mut carry.files,
        };
        load.add(entry.size, stored);
        carry.together.add(entry.size, stored);
    }
    carry
}
