//! A folder for apt that goes away with the build. One whose build was killed is swept by the next build.
//!
//! It is among the temporary files and not in a home, which apt's own user could not enter. Whoever else writes there
//! gets nothing swept: only folders of the same owner are.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::TempDir;

use crate::{Error, Result};

const PREFIX: &str = "wt-bundle-apt-";

pub struct Scratch {
    folder: TempDir,
    /// Of the folder itself, for as long as this process lives; let go after the folder went away.
    _lock: File,
}

impl Scratch {
    /// Creates a folder in `parent` and sweeps those that nobody holds.
    pub fn create(parent: &Path) -> Result<Self> {
        let failed = || Error::io("create a folder in", parent);
        loop {
            let folder = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(fs::Permissions::from_mode(0o755)) // apt downloads as another user
                .tempdir_in(parent)
                .map_err(failed())?;
            let lock = File::open(folder.path()).map_err(failed())?;
            lock.lock().map_err(failed())?;
            let metadata = lock.metadata().map_err(failed())?;
            if metadata.nlink() > 0 {
                sweep(parent, &metadata);
                return Ok(Self { folder, _lock: lock });
            } // else another build swept it before it was locked
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// What cannot be swept stays.
fn sweep(parent: &Path, own: &Metadata) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let ours = |metadata: Metadata| metadata.is_dir() && metadata.uid() == own.uid();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) || !entry.metadata().is_ok_and(ours) {
            continue;
        }
        let Ok(lock) = File::open(entry.path()) else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_swept_when_its_build_was_killed_and_not_while_it_runs() {
        let parent = tempfile::tempdir().unwrap();
        let killed = parent.path().join("wt-bundle-apt-killed");
        fs::create_dir_all(killed.join("state/lists")).unwrap();
        let foreign = parent.path().join("other");
        fs::create_dir(&foreign).unwrap();
        let running = Scratch::create(parent.path()).unwrap();
        assert!(!killed.exists());
        let next = Scratch::create(parent.path()).unwrap();
        assert!(running.path().exists() && next.path().exists() && foreign.exists());
        drop((running, next));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "only the foreign one");
    }
}
