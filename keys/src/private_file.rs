//! Files with a secret in them: keys, passphrases.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::{Error, Result, capped, folder_of};

/// A folder in which everybody removes their own files only.
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// Opens it: it belongs to who uses it, nobody else can read it, and nobody else can put another in
/// its place. What is looked at is what was opened.
pub fn open(path: &Path) -> Result<File> {
    let file = capped::open(path).map_err(Error::io("open", path))?;
    let found = file.metadata().map_err(Error::io("open", path))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::KeyFileMode { path: path.to_owned(), mode });
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me {
        return Err(Error::KeyFileOwner { path: path.to_owned(), me, owner: found.uid() });
    }
    check_folder(path)?;
    Ok(file)
}

/// Nobody else but root can exchange what is in the folder of `path`. The owner of a sticky folder can, too.
pub fn check_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    let found = fs::metadata(&folder).map_err(Error::io("open", &folder))?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 && mode & STICKY == 0 {
        return Err(Error::KeyFolderMode { path: folder, mode: mode & 0o777 });
    }
    let (me, owner) = (rustix::process::geteuid().as_raw(), found.uid());
    if is_others(owner, me) { Err(Error::KeyFolderOwner { path: folder, me, owner }) } else { Ok(()) }
}

fn is_others(owner: u32, me: u32) -> bool {
    owner != me && owner != ROOT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        for (owner, me, refused) in [(1, 1, false), (ROOT, 1, false), (2, 1, true), (2, ROOT, true)] {
            assert_eq!(is_others(owner, me), refused, "{owner} {me}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for mode in [0o755, 0o1777] {
            set_mode(folder.path(), mode);
            if std::os::unix::fs::chown(folder.path(), Some(12345), None).is_err() {
                return; // only root gives folders away
            }
            assert!(
                matches!(check_folder(&path), Err(Error::KeyFolderOwner { owner: 12345, .. })),
                "{mode:o}"
            );
        }
    }

    #[test]
    fn a_file_that_others_can_read_or_exchange_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "secret").unwrap();
        set_mode(&path, 0o644);
        assert!(matches!(open(&path), Err(Error::KeyFileMode { mode: 0o644, .. })));
        set_mode(&path, 0o600);
        assert!(open(&path).is_ok());
        for (mode, fine) in [(0o777, false), (0o775, false), (0o757, false), (0o1777, true), (0o755, true)] {
            set_mode(folder.path(), mode);
            assert_eq!(open(&path).is_ok(), fine, "{mode:o}");
            assert_eq!(check_folder(&path).is_ok(), fine, "{mode:o}");
        }
    }
}
