//! The folders above those that site.toml names. Root runs what lies in the product's folder and writes into the data root:
//! whoever can write in a folder above could put another one in their place.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Row, Scene, Verdict};
use crate::site::path;

const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_OTHERS: u32 = 0o002;

pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    let installation = scene.installation;
    let named = [("home", installation.home()), ("data-root", installation.site.data_root.clone())];
    named.into_iter().map(|(name, folder)| row(name, &folder)).collect()
}

fn row(name: &str, folder: &Path) -> Row {
    let reached = reached(folder);
    let system = reached.last().and_then(|real| path::check_place(real).err());
    let open =
        all_above(&reached).into_iter().find_map(|above| fault(&above, &fs::metadata(&above).ok()?.into()));
    let (found, hint) = match (system, open) {
        (Some(why), _) => (why, "name a folder of the product's own in site.toml".to_owned()),
        (None, Some(fault)) => fault,
        (None, None) => (format!("{}: only root can write there and above", folder.display()), String::new()),
    };
    let verdict = Verdict::or_fail(hint.is_empty());
    Row::new(
        format_args!("folder: {name}"),
        verdict,
        found,
        "folders that only root can write, up to `/`",
        hint,
    )
}

/// The folder as it is written, and where that leads to by now.
fn reached(folder: &Path) -> Vec<PathBuf> {
    let mut reached = vec![folder.to_owned()];
    let there = folder.ancestors().find(|above| above.exists());
    if let Some((there, real)) = there.and_then(|there| Some((there, there.canonicalize().ok()?))) {
        reached.push(folder.strip_prefix(there).map_or(real.clone(), |rest| real.join(rest)));
    }
    reached
}

/// From the root down, those that are there.
fn all_above(folders: &[PathBuf]) -> BTreeSet<PathBuf> {
    folders.iter().flat_map(|folder| folder.ancestors()).map(Path::to_owned).collect()
}

/// Who may change a folder.
struct Access {
    user: u32,
    group: u32,
    mode: u32,
}

impl From<Metadata> for Access {
    fn from(found: Metadata) -> Self {
        Self { user: found.uid(), group: found.gid(), mode: found.mode() }
    }
}

/// What lets others in, and what to do about it. A sticky folder like `/tmp` is no better: its owner, and whoever was there
/// first, can still put something in the way.
fn fault(folder: &Path, access: &Access) -> Option<(String, String)> {
    let folder = folder.display();
    let mode = access.mode & 0o7777;
    if access.user != 0 {
        let found = format!("`{folder}` belongs to user {}", access.user);
        return Some((found, format!("`chown root: {folder}`, or name another folder in site.toml")));
    }
    let group = mode & WRITABLE_BY_GROUP != 0 && access.group != 0;
    if group || mode & WRITABLE_BY_OTHERS != 0 {
        let found = format!("`{folder}` can be written by others (mode {mode:04o}, group {})", access.group);
        return Some((found, format!("`chmod go-w {folder}`, or name another folder in site.toml")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_may_write() {
        let judged = |user, group, mode| fault(Path::new("/srv"), &Access { user, group, mode });
        for (user, group, mode) in [(0, 0, 0o755), (0, 50, 0o755), (0, 0, 0o775), (0, 1000, 0o2750)] {
            assert!(judged(user, group, mode).is_none(), "{user} {group} {mode:o}");
        }
        for (user, group, mode, found) in [
            (1000, 0, 0o755, "belongs to user 1000"),
            (0, 50, 0o2775, "mode 2775, group 50"),
            (0, 0, 0o1777, "mode 1777"),
        ] {
            let (said, hint) = judged(user, group, mode).unwrap();
            assert!(said.contains(found) && hint.contains("/srv`"), "{said} {hint}");
        }
    }

    #[test]
    fn a_folder_is_looked_at_where_it_is_written_and_where_it_leads_to() {
        let root = tempfile::tempdir().unwrap();
        let real = root.path().canonicalize().unwrap().join("real");
        fs::create_dir(&real).unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let above = all_above(&reached(&link.join("to/come")));
        for expected in [&link, &real, &real.join("to"), Path::new("/")] {
            assert!(above.contains(expected as &Path), "{}: {above:?}", expected.display());
        }
        // a temporary folder is in one that all can write
        assert_eq!(row("home", &link).verdict, Verdict::Fail);
        std::os::unix::fs::symlink("/etc", root.path().join("etc")).unwrap();
        let row = row("home", &root.path().join("etc/wt"));
        assert!(row.found.contains("the system's"), "{}", row.found);
    }
}
