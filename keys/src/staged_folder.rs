//! A folder that is complete or absent. While it is filled it is called `.wt-NAME` beside its place, and is locked; what a
//! killed run left under that name is removed by the next one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::nameless::staged_path;
use crate::{Error, Result, durable, folder_of};

#[derive(Debug)]
pub struct StagedFolder {
    target: PathBuf,
    /// Empty once it has its name.
    staged: PathBuf,
    _lock: File,
}

impl StagedFolder {
    /// Makes the folder that will be called `target`, and what it is in.
    pub fn create(target: &Path, mode: u32) -> Result<Self> {
        let staged = staged_path(target);
        durable::create_folder(&folder_of(target), 0o755)?;
        remove_abandoned(&staged).map_err(Error::io("remove", &staged))?;
        fs::DirBuilder::new().mode(mode).create(&staged).map_err(Error::io("create the folder", &staged))?;
        let lock = lock(&staged).map_err(Error::io("open", &staged))?;
        Ok(Self { target: target.to_owned(), staged, _lock: lock })
    }

    /// Where it is until it has its name.
    pub fn path(&self) -> &Path {
        &self.staged
    }

    /// Gives it its name, which nothing may have but an empty folder.
    pub fn publish(mut self) -> Result<()> {
        durable::sync_folder(&self.staged)?;
        fs::rename(&self.staged, &self.target).map_err(Error::io("create the folder", &self.target))?;
        self.staged.clear();
        durable::sync_folder(&folder_of(&self.target))
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.staged.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.staged);
        }
    }
}

fn remove_abandoned(staged: &Path) -> io::Result<()> {
    match staged.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    let _lock = lock(staged)?;
    fs::remove_dir_all(staged)
}

fn lock(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process fills it"))
        }
        _ => Ok(folder), // a file system without locks cannot say
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let world = tempfile::tempdir().unwrap();
        let target = world.path().join("keys");
        let staged = StagedFolder::create(&target, 0o700).unwrap();
        fs::write(staged.path().join("a"), "a").unwrap();
        assert!(!target.exists());
        assert!(StagedFolder::create(&target, 0o700).is_err(), "another one is at it");
        staged.publish().unwrap();
        assert_eq!(fs::read(target.join("a")).unwrap(), b"a");
        let again = StagedFolder::create(&target, 0o700).unwrap();
        assert!(again.publish().is_err(), "over one that is not empty");
        assert_eq!(fs::read_dir(world.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let world = tempfile::tempdir().unwrap();
        let target = world.path().join("keys");
        fs::create_dir(world.path().join(".wt-keys")).unwrap();
        fs::write(world.path().join(".wt-keys/root-1.key"), "half a key").unwrap();
        fs::create_dir(&target).unwrap();
        StagedFolder::create(&target, 0o700).unwrap().publish().unwrap();
        assert_eq!(fs::read_dir(world.path()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    }
}
