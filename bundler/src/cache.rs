//! What builds keep for the next one, below `$XDG_CACHE_HOME/wt-bundle`.
//!
//! A cache that cannot be used costs time and is never an error. What is trusted is said by each cache.

mod configs;
mod entry;
mod layers;

use std::path::PathBuf;
use std::time::SystemTime;

pub use configs::Configs;
pub use layers::LayerCache;

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
