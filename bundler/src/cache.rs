//! What builds keep for the next one, below `$XDG_CACHE_HOME/wt-bundle`.
//!
//! A cache that cannot be used costs time and is never an error. What is trusted is said by each cache.

mod configs;
mod entry;
mod layers;
mod packages;

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wt_keys::Sha256Digest;

pub use configs::Configs;
pub use layers::LayerCache;
pub use packages::PackageCache;

pub const LAYERS: &str = "layers";
pub const PACKAGES: &str = "packages";

/// A kept file.
#[derive(Debug)]
pub struct Kept {
    pub path: PathBuf,
    pub size: u64,
    /// When a build took it last.
    pub used: SystemTime,
}

/// Where the cache with this name is; the one place that decides it.
pub fn folder(name: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("wt-bundle").join(name))
}

/// Creates the folder of a cache where it is missing. The error says why it cannot be used.
fn open(folder: &Path, what: &str) -> Result<(), String> {
    let failed = |why: std::io::Error| format!("the {what} cache `{}` is not used: {why}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    if !is_ours_alone(folder).map_err(failed)? {
        return Err(failed(std::io::Error::other("it is not this user's alone")));
    }
    tempfile::tempfile_in(folder).map_err(failed)?;
    Ok(())
}

/// All files of a cache, of whatever settings. A folder that is not this user's alone may be somebody's files: it has none.
pub fn list(folder: &Path) -> Vec<Kept> {
    if !is_ours_alone(folder).is_ok_and(|ours| ours) {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let kept = entries.filter_map(|entry| {
        let metadata =
            entry.metadata().ok().filter(|metadata| metadata.is_file() && is_kept(&entry.path()))?;
        Some(Kept { path: entry.path(), size: metadata.len(), used: metadata.modified().ok()? })
    });
    kept.collect()
}

/// Named as caches name what they keep: after a digest.
fn is_kept(path: &Path) -> bool {
    path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.parse::<Sha256Digest>().is_ok())
}

/// A folder, not a link to one, that nobody else can write to.
fn is_ours_alone(folder: &Path) -> std::io::Result<bool> {
    let metadata = folder.symlink_metadata()?;
    let own = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    Ok(own && metadata.permissions().mode() & 0o022 == 0)
}

/// Removes what was not used for longest until `most` bytes are left. Builds that read a file go on reading it.
pub fn bound(mut kept: Vec<Kept>, most: u64) -> Vec<Kept> {
    kept.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.path.cmp(&b.path)));
    let mut total = 0_u64;
    let (_, removed): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| {
        total = total.saturating_add(kept.size);
        total <= most
    });
    removed.into_iter().filter(|kept| std::fs::remove_file(&kept.path).is_ok()).collect()
}
