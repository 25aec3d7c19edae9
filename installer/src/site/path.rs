//! The folders and files that a site names.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize as _, Deserializer};

/// Where nothing of a product may lie: the system's, the engine's and our own.
const TAKEN: [&str; 15] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/wt-install",
];
/// In these it may have a folder, but not them.
const SHARED: [&str; 17] = [
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/srv",
    "/tmp",
    "/usr/local",
    "/usr/local/lib",
    "/usr/local/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/opt",
    "/var/spool",
    "/var/tmp",
];
/// Below what is taken, and free all the same.
const FREE: &str = "/usr/local";

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
    check_place(folder)?;
    Ok(folder.to_owned())
}

/// Refuses folders that are somebody else's: what the product owns is given to users, emptied and removed.
pub fn check_place(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    if folder.parent().is_none() || SHARED.iter().any(|shared| folder == Path::new(shared)) {
        return Err(format!("`{shown}` is shared with others, expected a folder of the product's own in it"));
    }
    let taken = TAKEN.iter().find(|taken| folder.starts_with(taken) && !folder.starts_with(FREE));
    match taken {
        Some(taken) => Err(format!("`{shown}` is in `{taken}`, which is the system's")),
        None => Ok(()),
    }
}

/// Refuses two folders of which one lies in the other.
pub fn check_apart(home: &Path, data_root: &Path) -> Result<(), String> {
    if !home.starts_with(data_root) && !data_root.starts_with(home) {
        return Ok(());
    }
    Err(format!(
        "`home` and `data-root` must not lie in each other: one holds what root runs, the other what services write\n  \
         expected two folders apart\n  found    `{}` and `{}`",
        home.display(),
        data_root.display()
    ))
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
    fn a_folder_is_the_products_own() {
        for good in [
            "/data",
            "/opt/wt",
            "/srv/a/b",
            "/usr/local/wt",
            "/var/lib/wt",
            "/home/wt",
            "/etcetera",
            "/var/lib/docker2",
        ] {
            assert!(folder(good).is_ok(), "{good}");
        }
        for bad in [
            "/etc",
            "/etc/wt",
            "/usr",
            "/usr/lib/wt",
            "/usr/local/",
            "/var",
            "/var/lib",
            "/opt/",
            "/opt/.",
            "//etc/./wt",
            "/run/wt",
            "/var/lib/docker/a",
            "/var/lib/wt-install/a",
        ] {
            assert!(folder(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_root_runs_does_not_lie_with_what_services_write() {
        let apart = |a: &str, b: &str| check_apart(Path::new(a), Path::new(b)).is_ok();
        assert!(apart("/opt/wt", "/data") && apart("/data/wt", "/data/wt2"));
        assert!(!apart("/data/wt", "/data") && !apart("/data", "/data/wt/x") && !apart("/data", "/data/"));
    }

    #[test]
    fn a_file_may_be_relative() {
        assert!(file("tls/site.crt").is_ok());
        for bad in ["", "tls/", "a\nb"] {
            assert!(file(bad).is_err(), "{bad:?}");
        }
    }
}
