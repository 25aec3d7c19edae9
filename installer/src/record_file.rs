//! Small files in which wt-install remembers something about this host, as JSON: absent, or whole and written by us.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use wt_keys::capped;

use crate::{Error, Result};

const LIMIT: u64 = 1 << 20;

/// `None` where there is no such file. Who may not read it is not root: all of them are root's.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match capped::read(path, "a record", LIMIT) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Record { path: path.to_owned(), source }),
        Err(wt_keys::Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(wt_keys::Error::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            Err(Error::NotRoot)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_absent_whole_or_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(read::<Vec<u8>>(&path).unwrap(), None);
        std::fs::write(&path, "[1,2]").unwrap();
        assert_eq!(read::<Vec<u8>>(&path).unwrap(), Some(vec![1, 2]));
        std::fs::write(&path, "[1,").unwrap();
        assert!(matches!(read::<Vec<u8>>(&path), Err(Error::Record { .. })));
        std::fs::File::create(&path).unwrap().set_len(LIMIT + 1).unwrap();
        assert!(matches!(read::<Vec<u8>>(&path), Err(Error::Keys(wt_keys::Error::TooLarge { .. }))));
    }
}
