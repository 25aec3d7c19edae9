//! The folders and files that a site names.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize as _, Deserializer};

/// A folder that is handed to the engine and to scripts: absolute, and of characters that nobody has to quote.
pub fn folder(text: &str) -> Result<PathBuf, String> {
    let folder = Path::new(text);
    let plain = |c: &u8| c.is_ascii_alphanumeric() || b"/._-".contains(c);
    let up = folder.components().any(|part| part == Component::ParentDir);
    if !folder.is_absolute()
        || folder.parent().is_none()
        || up
        || !folder.as_os_str().as_bytes().iter().all(plain)
    {
        return Err(format!(
            "`{text}` is not the absolute path of a folder in the characters A-Z a-z 0-9 . _ - /"
        ));
    }
    Ok(folder.to_owned())
}

/// A file, absolute or relative to the site file.
pub fn file(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.ends_with('/') || text.chars().any(char::is_control) {
        return Err(format!("`{text}` is not the path of a file"));
    }
    Ok(PathBuf::from(text))
}

pub(super) fn de_folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    folder(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

pub(super) fn de_optional_folder<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    de_folder(deserializer).map(Some)
}

pub(super) fn de_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    file(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

pub(super) fn de_optional_file<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    de_file(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_absolute_and_needs_no_quoting() {
        for good in ["/data", "/srv/data-1/x_y.z", "/data/"] {
            assert!(folder(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "data", "/data/../etc", "/a b", "/a$b", "/ä"] {
            assert!(folder(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_may_be_relative() {
        assert!(file("tls/site.crt").is_ok());
        for bad in ["", "tls/", "a\nb"] {
            assert!(file(bad).is_err(), "{bad:?}");
        }
    }
}
