//! Downloaded packages are kept between builds, by their digests. A cache that cannot be used is no error; what comes
//! from it is hashed like anything else.

use std::fs;
use std::path::{Path, PathBuf};

use wt_keys::{Sha256Digest, durable};

use super::apt::Planned;

fn folder() -> Option<PathBuf> {
    crate::cache::folder("packages")
}

fn name(digest: Sha256Digest) -> String {
    format!("{digest}.deb")
}

/// Puts what is kept where apt looks before it downloads; apt checks it and downloads what is wrong or missing.
pub fn lend(planned: &[Planned], archives: &Path) {
    let Some(folder) = folder() else { return };
    for plan in planned {
        let _ = fs::copy(folder.join(name(plan.sha256)), archives.join(&plan.file_name));
    }
}

/// Keeps what was downloaded.
pub fn keep<'a>(files: impl Iterator<Item = (Sha256Digest, &'a Path)>) {
    let Some(folder) = folder() else { return };
    if durable::create_folder(&folder, 0o755).is_err() {
        return;
    }
    for (digest, file) in files {
        let kept = folder.join(name(digest));
        if kept.exists() {
            continue;
        }
        let part = folder.join(format!("{digest}.{}", std::process::id()));
        let _ = fs::copy(file, &part).and_then(|_| fs::rename(&part, &kept));
        let _ = fs::remove_file(&part);
    }
}
