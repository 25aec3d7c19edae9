use std::collections::BTreeMap;

use serde::Serialize;
use wt_keys::{KeyId, Utc};
use wt_manifests::ImageName;
use wt_manifests::bundle::Bundle;

use super::text::ChangedLines;
use crate::changes::{Change, Changes};
use crate::image_files::{FileChange, ImageFiles};

/// Folders that are named for an image.
const MOST_FOLDERS: usize = 5;
/// How many names of a path make a folder here.
const DEPTH: usize = 2;

#[derive(Serialize)]
pub struct Report<'a> {
    schema: &'static str,
    /// Nothing that a site would notice is different.
    pub same: bool,
    pub before: Side,
    pub after: Side,
    #[serde(flatten)]
    pub changes: &'a Changes,
    pub image_files: Vec<Summary<'a>>,
    /// Of files of the release that changed, with `-v`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<ChangedLines>,
}

#[derive(Serialize)]
pub struct Side {
    pub product: String,
    pub version: String,
    pub release: String,
    pub platform: String,
    pub created: Utc,
    pub signer: KeyId,
    pub size: u64,
}

/// The files of an image that differ, counted.
#[derive(Serialize)]
pub struct Summary<'a> {
    pub image: &'a ImageName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<&'a str>,
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    /// Those with the most bytes.
    pub folders: Vec<Folder>,
    /// Every one, with `--files`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<&'a [FileChange]>,
}

#[derive(Serialize)]
pub struct Folder {
    pub path: String,
    pub files: usize,
    pub bytes: u64,
}

impl<'a> Report<'a> {
    pub fn new(
        [before, after]: [&Bundle; 2],
        changes: &'a Changes,
        images: &'a [ImageFiles],
        lines: Vec<ChangedLines>,
        every_file: bool,
    ) -> Self {
        let (before, after) = (Side::of(before), Side::of(after));
        let same_name = (&before.product, &before.version) == (&after.product, &after.version);
        Self {
            schema: "wt.bundle.diff.v1",
            same: same_name && changes.is_empty(),
            before,
            after,
            changes,
            image_files: images.iter().map(|image| Summary::of(image, every_file)).collect(),
            lines,
        }
    }
}

impl Side {
    fn of(bundle: &Bundle) -> Self {
        let manifest = bundle.manifest();
        Self {
            product: manifest.product.clone(),
            version: manifest.version.to_string(),
            release: manifest.release.clone(),
            platform: manifest.platform.to_string(),
            created: manifest.created,
            signer: bundle.trusted().certificate.key.id(),
            size: bundle.file_length(),
        }
    }
}

impl<'a> Summary<'a> {
    fn of(image: &'a ImageFiles, every_file: bool) -> Self {
        let count = |kind| image.files.iter().filter(|file| file.change == kind).count();
        Self {
            image: &image.image,
            unreadable: image.unreadable.as_deref(),
            added: count(Change::Added),
            removed: count(Change::Removed),
            changed: count(Change::Changed),
            folders: folders(&image.files),
            files: every_file.then_some(&image.files),
        }
    }
}

fn folders(files: &[FileChange]) -> Vec<Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for file in files {
        let path = folder(&file.path);
        let new = || Folder { path: path.clone(), files: 0, bytes: 0 };
        let folder = folders.entry(path.clone()).or_insert_with(new);
        folder.files += 1;
        folder.bytes = folder.bytes.saturating_add(file.size());
    }
    let mut folders: Vec<Folder> = folders.into_values().collect();
    folders.sort_by_key(|folder| std::cmp::Reverse((folder.bytes, folder.files)));
    folders.truncate(MOST_FOLDERS);
    folders
}

/// `usr/lib/x/y` lies in `usr/lib/`.
fn folder(path: &str) -> String {
    let names: Vec<&str> = path.split('/').collect();
    let depth = DEPTH.min(names.len() - 1);
    names[..depth].iter().fold("/".to_owned(), |folder, name| folder + name + "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_for_the_folder_two_levels_down() {
        assert_eq!(folder("usr/lib/x/y"), "/usr/lib/");
        assert_eq!(folder("usr/x"), "/usr/");
        assert_eq!(folder("x"), "/");
    }
}
