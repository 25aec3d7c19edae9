use std::cmp::Ordering;

use serde::Serialize;
use wt_keys::Sha256Digest;
use wt_manifests::manifest::{Manifest, Package};

use super::paired;
use crate::debian_version;

/// A package of a target that is not the same.
#[derive(Debug, Serialize)]
pub struct PackageChange {
    pub target: String,
    pub name: String,
    pub architecture: String,
    pub turn: Turn,
    /// Versions.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Which way a package went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    Added,
    Removed,
    Upgraded,
    Downgraded,
    /// The same version with other bytes.
    Rebuilt,
}

pub fn changes(before: &Manifest, after: &Manifest) -> Vec<PackageChange> {
    let pairs = paired(named(before).into_iter(), named(after).into_iter());
    let change = |(key, (old, new)): (_, (Option<&Package>, Option<&Package>))| {
        let (target, name, architecture) = key;
        let turn = turn((before, old), (after, new))?;
        let version = |package: Option<&Package>| package.map(|package| package.version.clone());
        Some(PackageChange { target, name, architecture, turn, before: version(old), after: version(new) })
    };
    pairs.into_iter().filter_map(change).collect()
}

fn named(manifest: &Manifest) -> Vec<((String, String, String), &Package)> {
    let key = |target: &String, package: &Package| {
        (target.clone(), package.name.clone(), package.architecture.clone())
    };
    let sets = manifest.packages.iter();
    sets.flat_map(|set| set.packages.iter().map(|package| (key(&set.target, package), package))).collect()
}

fn turn(
    (before, old): (&Manifest, Option<&Package>),
    (after, new): (&Manifest, Option<&Package>),
) -> Option<Turn> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(_)) => return Some(Turn::Added),
        _ => return Some(Turn::Removed),
    };
    match debian_version::compare(&old.version, &new.version) {
        Ordering::Less => Some(Turn::Upgraded),
        Ordering::Greater => Some(Turn::Downgraded),
        Ordering::Equal => (digest(before, old) != digest(after, new)).then_some(Turn::Rebuilt),
    }
}

fn digest(manifest: &Manifest, package: &Package) -> Option<Sha256Digest> {
    manifest.entry(package.path.as_str()).ok().map(|entry| entry.sha256)
}
