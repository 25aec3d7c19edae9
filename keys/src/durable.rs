//! Files that are complete or absent, also after a power cut: write without a name, fsync, name, fsync the folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use crate::nameless::Nameless;
use crate::{Error, Result, folder_of};

/// Replaces `path` with `bytes` under `mode`. Returns once the content and the name are on the disk.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    written(path, bytes, mode)?.replace(path)
}

/// As [`write`], but never over a file that is there.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    written(path, bytes, mode)?.take_name(path)?;
    sync_folder(&folder_of(path))
}

fn written(path: &Path, bytes: &[u8], mode: u32) -> Result<Nameless> {
    let nameless = Nameless::create(path, mode)?;
    let mut file = nameless.file();
    // the umask may have taken bits away
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(Error::io("write", path))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    Ok(nameless)
}

/// As [`write`], but leaves a file alone that already says the same. Tells whether it wrote.
pub fn write_if_changed(path: &Path, bytes: &[u8], mode: u32) -> Result<bool> {
    if fs::read(path).is_ok_and(|found| found == bytes)
        && fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o7777 == mode)
    {
        return Ok(false);
    }
    write(path, bytes, mode)?;
    Ok(true)
}

/// Creates `path` and its parents; each new folder gets `mode` and is on the disk when this returns.
pub fn create_folder(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    create_folder(&parent, mode)?;
    match make_folder(path, mode) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Error::io("create the folder", path)(error));
        }
        _ => {}
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(Error::io("create the folder", path))?;
    sync_folder(&parent)
}

/// Closed from the first moment on: whoever is killed right after it leaves no folder that others can read.
fn make_folder(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(mode).create(path)
}

/// Removes a folder with all that is in it, if it is there; gone from the disk, too, when this returns.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => sync_folder(&folder_of(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

/// The same for a file.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(&folder_of(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

/// Makes names created in `folder` survive a power cut.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync the folder", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_closed_before_anything_else_is_done_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("closed");
        make_folder(&path, 0o700).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_file_is_replaced_whole_with_the_mode_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one", 0o600).unwrap();
        assert!(!write_if_changed(&path, b"one", 0o600).unwrap());
        assert!(write_if_changed(&path, b"two", 0o644).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
