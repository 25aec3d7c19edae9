//! The installation key: made on site, never leaves it, and shows later that the same installation asks again.

use std::path::Path;

use wt_keys::key_file::{self, Protection};
use wt_keys::{Error as KeyError, SigningKey, durable, folder_of};

use crate::Result;

/// Reads the key, or makes it: unencrypted, mode 0600, since it must serve without anybody typing a passphrase.
pub fn load_or_make(path: &Path) -> Result<SigningKey> {
    if path.try_exists().map_err(KeyError::io("look for", path))? {
        return load(path);
    }
    let key = SigningKey::generate()?;
    durable::create_folder(&folder_of(path), 0o700)?;
    key_file::write(path, &key, &Protection::None)?;
    Ok(key)
}

/// Reads the key that is there.
pub fn load(path: &Path) -> Result<SigningKey> {
    let no_passphrase = |path: &Path| Err(KeyError::PassphraseNeeded { path: path.to_owned() });
    Ok(key_file::read(path, &no_passphrase)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_read_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/install.key");
        assert!(load(&path).is_err() && !path.exists());
        let made = load_or_make(&path).unwrap().public();
        assert_eq!(load_or_make(&path).unwrap().public(), made);
    }

    #[test]
    fn a_damaged_key_is_not_replaced_silently() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("install.key");
        durable::write(&path, b"damaged", 0o600).unwrap();
        assert!(load_or_make(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
    }
}
