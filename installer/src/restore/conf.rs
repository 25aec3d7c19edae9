//! The configuration of a backup, brought to this site: what the operator edited there, joined with what this site's own
//! answers make of the templates; a license that lies here stays.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use wt_keys::{capped, durable, folder_of};

use crate::backup::list::{BackupList, CONF, RENDERED};
use crate::conf::{Change, Conf, NEW, reconcile};
use crate::{Error, Installation, Result};

const FILE_LIMIT: u64 = 16 << 20;

/// What lies in a folder of configuration, by its path there.
type Texts = BTreeMap<PathBuf, Thing>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    File(Vec<u8>),
    Symlink(PathBuf),
}

/// Writes to `staged` what the configuration is to be. The backup's own lies unpacked in `restoring`.
pub fn stage(installation: &Installation, list: &BackupList, restoring: &Path, staged: &Path) -> Result<()> {
    debug_assert!(list.roots.iter().any(|root| root.as_bytes() == CONF.as_bytes()));
    let live = Conf::folder(&installation.site, installation.product());
    let theirs = read(&restoring.join(CONF))?;
    let rendered = read(&restoring.join(RENDERED))?;
    let wanted = Conf::render(installation, installation.last_release()?.as_ref())?;
    let wanted = wanted.files.into_iter().map(|file| (PathBuf::from(file.name), file.wanted)).collect();
    let license =
        installation.license().and_then(|path| Some(path.parent()?.strip_prefix(&live).ok()?.to_owned()));
    let texts = join(read(&live)?, theirs, &rendered, &wanted, license.as_deref());
    write(staged, &texts)
}

/// What is to be there: what is there, and over it what the backup has.
fn join(
    live: Texts,
    theirs: Texts,
    rendered: &Texts,
    wanted: &BTreeMap<PathBuf, String>,
    licenses: Option<&Path>,
) -> Texts {
    let mut texts = live;
    for (path, thing) in theirs {
        let is_license = path.parent() == licenses && is_license(&path);
        match (wanted.get(&path), thing) {
            (Some(wanted), Thing::File(found)) => {
                let base = match rendered.get(&path) {
                    Some(Thing::File(base)) => std::str::from_utf8(base).ok(),
                    _ => None,
                };
                let text = match reconcile(base, &found, wanted) {
                    Change::None | Change::KeepEdit => found,
                    Change::Write => wanted.clone().into_bytes(),
                    Change::Join(joined) => joined.into_bytes(),
                    Change::OfferBeside => {
                        texts
                            .insert(path.with_added_extension(NEW), Thing::File(wanted.clone().into_bytes()));
                        found
                    }
                };
                texts.insert(path, Thing::File(text));
            }
            (_, thing) if is_license => drop(texts.entry(path).or_insert(thing)),
            (_, thing) => drop(texts.insert(path, thing)),
        }
    }
    texts
}

fn is_license(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    name.starts_with(b"license") && name.ends_with(b".json")
}

/// All files and links below a folder; none where there is no folder.
fn read(folder: &Path) -> Result<Texts> {
    let mut texts = Texts::new();
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        let here = folder.join(&below);
        if !here.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&here).map_err(Error::io("read", &here))? {
            let entry = entry.map_err(Error::io("read", &here))?;
            let (path, below) = (entry.path(), below.join(entry.file_name()));
            let kind = entry.file_type().map_err(Error::io("read", &path))?;
            if kind.is_dir() {
                left.push(below);
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).map_err(Error::io("read", &path))?;
                texts.insert(below, Thing::Symlink(target));
            } else if kind.is_file() {
                let bytes = capped::read(&path, "a file of the configuration", FILE_LIMIT)?;
                texts.insert(below, Thing::File(bytes));
            }
        }
    }
    Ok(texts)
}

fn write(folder: &Path, texts: &Texts) -> Result<()> {
    durable::remove_folder(folder)?;
    durable::create_folder(folder, 0o755)?;
    for (path, thing) in texts {
        let path = folder.join(path);
        durable::create_folder(&folder_of(&path), 0o755)?;
        match thing {
            Thing::File(bytes) => durable::write(&path, bytes, 0o644)?,
            Thing::Symlink(target) => {
                std::os::unix::fs::symlink(target, &path).map_err(Error::io("make", &path))?;
            }
        }
    }
    Ok(durable::sync_folder(folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(files: &[(&str, &str)]) -> Texts {
        files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), Thing::File(text.as_bytes().to_vec())))
            .collect()
    }

    fn joined(live: &[(&str, &str)], theirs: &[(&str, &str)], rendered: &str, wanted: &str) -> Texts {
        let wanted = BTreeMap::from([(PathBuf::from("web/a.js"), wanted.to_owned())]);
        join(texts(live), texts(theirs), &texts(&[("web/a.js", rendered)]), &wanted, Some(Path::new("web")))
    }

    #[test]
    fn on_the_same_site_the_backups_configuration_comes_back() {
        let found = joined(&[("web/a.js", "newer edit")], &[("web/a.js", "edit")], "text", "text");
        assert_eq!(found, texts(&[("web/a.js", "edit")]));
    }

    #[test]
    fn on_another_site_edits_are_joined_with_its_own_answers() {
        let (old, new) = ("address 1\nb\nc\n", "address 2\nb\nc\n");
        assert_eq!(joined(&[], &[("web/a.js", old)], old, new), texts(&[("web/a.js", new)]));
        let both = joined(&[("web/a.js", new)], &[("web/a.js", "address 1\nb\nC\n")], old, new);
        assert_eq!(both, texts(&[("web/a.js", "address 2\nb\nC\n")]));
        let torn = joined(&[("web/a.js", new)], &[("web/a.js", "address 3\nb\nc\n")], old, new);
        assert_eq!(torn, texts(&[("web/a.js", "address 3\nb\nc\n"), ("web/a.js.new", new)]));
    }

    #[test]
    fn a_license_that_is_there_stays_and_one_that_is_missing_comes_back() {
        let theirs =
            [("web/license.json", "old"), ("web/license-2.json", "next"), ("im/license.json", "a file")];
        let found = joined(
            &[("web/license.json", "new"), ("im/license.json", "x"), ("own", "kept")],
            &theirs,
            "",
            "",
        );
        let expected = [
            ("web/license.json", "new"),
            ("web/license-2.json", "next"),
            ("im/license.json", "a file"),
            ("own", "kept"),
        ];
        assert_eq!(found, texts(&expected));
    }

    #[test]
    fn what_was_read_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut all = texts(&[("a", "1"), ("b/c/d", "2")]);
        all.insert("b/link".into(), Thing::Symlink("../a".into()));
        let place = folder.path().join("conf");
        write(&place, &all).unwrap();
        assert_eq!(read(&place).unwrap(), all);
        assert_eq!(read(&folder.path().join("none")).unwrap(), Texts::new());
    }
}
