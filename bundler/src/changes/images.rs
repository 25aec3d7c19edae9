use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;
use wt_keys::Sha256Digest;
use wt_manifests::ImageName;
use wt_manifests::image::Image;
use wt_manifests::manifest::Manifest;

use super::{Change, kind};

#[derive(Debug, Serialize)]
pub struct ImageChange {
    pub name: ImageName,
    /// What it was called before, where that was another tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_before: Option<ImageName>,
    pub change: Change,
    /// Image IDs: digests of the configurations.
    pub before: Option<Sha256Digest>,
    pub after: Option<Sha256Digest>,
    pub layers_added: usize,
    pub layers_removed: usize,
    pub layers_kept: usize,
}

/// An image that both bundles have.
#[derive(Clone, Copy, Debug)]
pub struct ImagePair<'a> {
    pub before: &'a Image,
    pub after: &'a Image,
}

/// The pairs whose layers are not the same.
pub fn changed<'a>(before: &'a Manifest, after: &'a Manifest) -> Vec<ImagePair<'a>> {
    let pair = |(before, after): (Option<&'a Image>, Option<&'a Image>)| {
        Some(ImagePair { before: before?, after: after? })
    };
    let pairs = matched(before, after).into_iter().filter_map(pair);
    pairs.filter(|pair| pair.before.layers != pair.after.layers).collect()
}

/// What differs, in the order of the second bundle, with what is gone at the end.
pub fn changes(before: &Manifest, after: &Manifest) -> Vec<ImageChange> {
    matched(before, after).into_iter().filter_map(|(before, after)| change(before, after)).collect()
}

/// Images of one name, and of one repository where each side has one image left of it: tags are versions.
fn matched<'a>(before: &'a Manifest, after: &'a Manifest) -> Vec<(Option<&'a Image>, Option<&'a Image>)> {
    let known: BTreeSet<&ImageName> = after.images.iter().map(|image| &image.name).collect();
    let mut old: BTreeMap<&ImageName, &Image> =
        before.images.iter().map(|image| (&image.name, image)).collect();
    let mut left: BTreeMap<String, Vec<&Image>> = BTreeMap::new();
    for image in before.images.iter().filter(|image| !known.contains(&image.name)) {
        left.entry(repository(image)).or_default().push(image);
    }
    let fresh = |image: &Image| !before.images.iter().any(|other| other.name == image.name);
    let mut pairs = Vec::new();
    for image in &after.images {
        let of_repository = |other: &&Image| fresh(other) && repository(other) == repository(image);
        let renamed = match left.get(&repository(image)).map(Vec::as_slice) {
            Some([one]) if after.images.iter().filter(of_repository).count() == 1 => Some(*one),
            _ => None,
        };
        let found = before.images.iter().find(|other| other.name == image.name).or(renamed);
        if let Some(found) = found {
            old.remove(&found.name);
        }
        pairs.push((found, Some(image)));
    }
    let gone = before.images.iter().filter(|image| old.contains_key(&image.name));
    pairs.extend(gone.map(|image| (Some(image), None)));
    pairs
}

fn repository(image: &Image) -> String {
    let name = image.name.to_string();
    name.rsplit_once(':').map_or(name.clone(), |(repository, _)| repository.to_owned())
}

fn change(before: Option<&Image>, after: Option<&Image>) -> Option<ImageChange> {
    let id = |image: &Image| (image.config, image.manifest, image.name.clone());
    let image = after.or(before).filter(|_| before.map(id) != after.map(id))?;
    let layers = |image: Option<&Image>| -> HashSet<Sha256Digest> {
        image.map(|image| image.layers.iter().copied().collect()).unwrap_or_default()
    };
    let (old, new) = (layers(before), layers(after));
    Some(ImageChange {
        name: image.name.clone(),
        name_before: before.map(|image| &image.name).filter(|name| **name != image.name).cloned(),
        change: kind(before, after),
        before: before.map(|image| image.config),
        after: after.map(|image| image.config),
        layers_added: new.difference(&old).count(),
        layers_removed: old.difference(&new).count(),
        layers_kept: new.intersection(&old).count(),
    })
}
