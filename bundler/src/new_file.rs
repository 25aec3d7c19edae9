//! Results that replace nothing: looked for before the work, and again when they get their name.

use std::io::ErrorKind;
use std::path::Path;

use wt_keys::{Error as KeysError, durable, folder_of};

use crate::{Error, Result};

/// Refuses a name that something has, a link that leads nowhere, too.
pub fn refuse_existing(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(Error::OutputExists { path: path.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// For a file that was given its name, which something else may have got meanwhile. Both are on the disk then.
pub fn published(taken: Result<(), KeysError>, path: &Path) -> Result<()> {
    taken.map_err(|error| match error {
        KeysError::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
            Error::OutputExists { path: path.to_owned() }
        }
        other => other.into(),
    })?;
    Ok(durable::sync_folder(&folder_of(path))?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use wt_keys::nameless::Nameless;

    use super::*;

    #[test]
    fn what_got_the_name_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let new = |content: &str| {
            let file = Nameless::create(&path, 0o644).unwrap();
            file.file().write_all(content.as_bytes()).unwrap();
            file
        };
        refuse_existing(&path).unwrap();
        let publish = |content| published(new(content).take_name(&path), &path);
        publish("one").unwrap();
        assert!(matches!(refuse_existing(&path), Err(Error::OutputExists { .. })));
        assert!(matches!(publish("two"), Err(Error::OutputExists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
