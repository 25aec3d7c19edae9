//! Files that are complete or absent, also after a power cut: write beside, fsync, rename, fsync the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Replaces `path` with `bytes` under `mode`. Returns once the content and the name are on the disk.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    stage(path, bytes, mode)?.persist(path).map_err(|refused| Error::io("write", path)(refused.error))?;
    sync_folder(&folder_of(path))
}

/// As [`write`], but never over a file that is there.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    stage(path, bytes, mode)?
        .persist_noclobber(path)
        .map_err(|refused| Error::io("create", path)(refused.error))?;
    sync_folder(&folder_of(path))
}

/// The content beside its place, on the disk already.
fn stage(path: &Path, bytes: &[u8], mode: u32) -> Result<tempfile::NamedTempFile> {
    let folder = folder_of(path);
    let mut staged = tempfile::Builder::new()
        .prefix(".wt-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(&folder)
        .map_err(Error::io("create a file in", &folder))?;
    staged.write_all(bytes).map_err(Error::io("write", path))?;
    // the umask may have taken bits away
    staged.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(Error::io("write", path))?;
    staged.as_file().sync_all().map_err(Error::io("write", path))?;
    Ok(staged)
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
    match fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Error::io("create the folder", path)(error));
        }
        _ => {}
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(Error::io("create the folder", path))?;
    sync_folder(&parent)
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

/// The folder that `path` is in: `.` for a bare file name.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ if path.is_absolute() => PathBuf::from("/"),
        _ => PathBuf::from("."),
    }
}

/// Reads a whole regular file of at most `limit` bytes; the size is checked before anything is allocated.
pub fn read_capped(path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()) // a FIFO must not hang us
        .open(path)
        .map_err(Error::io("open", path))?;
    let found = file.metadata().map_err(Error::io("read", path))?;
    if !found.is_file() {
        return Err(Error::io("read", path)(std::io::Error::other("not a regular file")));
    }
    if found.len() > limit {
        return Err(Error::TooLarge { what, limit, found: found.len() });
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { what, limit, found: bytes.len() as u64 });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_file_over_the_cap_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, [0; 11]).unwrap();
        assert!(matches!(read_capped(&path, "test", 10), Err(Error::TooLarge { found: 11, .. })));
        assert_eq!(read_capped(&path, "test", 11).unwrap().len(), 11);
        assert!(read_capped(folder.path(), "test", 10).is_err());
    }
}
