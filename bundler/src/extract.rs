//! Entries of a bundle as files in a folder.
//!
//! Attacks this module is written against: a folder in which links wait for us, names that lead out of it (there are
//! none: `RelativePath`), files that are swapped while we write. Every folder is opened below the one before and never
//! through a link; a file gets its name when its digest was compared and its bytes are on the disk, and never takes the
//! name of another. Killed or out of space, what stands there is complete, and the next run goes on behind it.

mod folder;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use wt_keys::console::Progress;
use wt_manifests::RelativePath;
use wt_manifests::bundle::Bundle;
use wt_manifests::manifest::Entry;

use self::folder::Folder;
use crate::Result;
use crate::counted::Counted;
use crate::selection::Selection;

/// What was done.
#[derive(Debug, Default)]
pub struct Extracted {
    pub written: Vec<RelativePath>,
    pub bytes: u64,
    /// Files that were there already with the same content.
    pub present: usize,
}

/// Writes what is selected below `folder`. Refuses before the first byte where a name is taken by something else.
pub fn extract(
    bundle: &Bundle,
    selection: &Selection,
    folder: &Path,
    progress: &Progress,
) -> Result<Extracted> {
    let folder = Folder::create(folder)?;
    let mut extracted = Extracted::default();
    let mut absent = HashSet::new();
    for entry in bundle.manifest().entries.iter().filter(|entry| selection.has(entry)) {
        if folder.has(entry)? {
            extracted.present += 1;
        } else {
            absent.insert(&entry.path);
            extracted.bytes += entry.size;
        }
    }
    if absent.is_empty() {
        return Ok(extracted);
    }
    let phase = progress.phase("writing files", Some(extracted.bytes));
    let write = |entry: &Entry, content: &mut dyn Read| -> Result<()> {
        phase.detail(entry.path.as_str());
        folder.write(entry, &mut Counted { inner: content, phase: &phase })?;
        extracted.written.push(entry.path.clone());
        Ok(())
    };
    bundle.for_each_entry(|entry| absent.contains(&entry.path), write)?;
    Ok(extracted)
}

#[cfg(test)]
mod tests {
    use wt_keys::Sha256Digest;

    use super::*;
    use crate::Error;
    use crate::small_bundle::small_bundle;

    #[test]
    fn a_file_that_is_not_what_was_signed_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["conf/a", "conf/b"].map(|path| (path.parse().unwrap(), path.as_bytes()));
        let bundle = small_bundle(&folder.path().join("b.tar.zst"), &files, |manifest| {
            manifest.entries[1].sha256 = Sha256Digest::of(b"what a broken builder signed");
        });
        let everything = Selection::new(&[], bundle.manifest()).unwrap();
        let out = folder.path().join("out");
        let refused = extract(&bundle, &everything, &out, &Progress::silent());
        assert!(matches!(refused, Err(Error::Digest { what, .. }) if what == "conf/b"));
        let left: Vec<_> =
            out.join("conf").read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(left, ["a"]);
    }
}
