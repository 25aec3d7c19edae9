//! The configuration of a backup, brought to this site: what the operator edited there, joined with what this site's own
//! answers make of the templates; a license that lies here stays.
//!
//! Attack: a link where the backup has a folder, so that what is written below it goes elsewhere. What the backup has takes
//! the link's place; folders are made and opened one below the other, and none is followed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::ops::Bound;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use wt_keys::{capped, durable, folder_of};
use wt_licensor::licenses;

use crate::backup::bounds::{Tally, require_depth};
use crate::backup::list::{BackupList, CONF, RENDERED};
use crate::beneath::Folder;
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
    texts.retain(|path, _| !is_in_the_way(path, &theirs));
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

/// A file or a link where the backup has a folder, or what lies in a folder where the backup has a file or a link.
fn is_in_the_way(path: &Path, theirs: &Texts) -> bool {
    let mut after = theirs.range::<Path, _>((Bound::Excluded(path), Bound::Unbounded));
    after.next().is_some_and(|(next, _)| next.starts_with(path))
        || path.ancestors().skip(1).any(|folder| theirs.contains_key(folder))
}

fn is_license(path: &Path) -> bool {
    licenses::is_license(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// All files and links below a folder; none where there is no folder.
fn read(place: &Path) -> Result<Texts> {
    let mut texts = Texts::new();
    match Folder::open(place) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        folder => {
            let folder = folder.map_err(Error::io("open", place))?;
            read_below(&folder, place, Path::new(""), &mut Tally::default(), &mut texts)?;
        }
    }
    Ok(texts)
}

fn read_below(
    folder: &Folder,
    place: &Path,
    below: &Path,
    tally: &mut Tally,
    texts: &mut Texts,
) -> Result<()> {
    require_depth(below.components().count(), place)?;
    for name in tally.names(folder, place)? {
        let (place, below) = (place.join(&name), below.join(&name));
        let failed = |error| Error::io("read", &place)(error);
        match FileType::from_raw_mode(folder.look(&name).map_err(failed)?.st_mode) {
            FileType::Directory => {
                let inner = folder.folder(&name).map_err(failed)?;
                read_below(&inner, &place, &below, tally, texts)?;
            }
            FileType::Symlink => {
                let target = OsString::from_vec(folder.target(&name).map_err(failed)?);
                texts.insert(below, Thing::Symlink(target.into()));
            }
            FileType::RegularFile => {
                let Some(file) = folder.file(&name).map_err(failed)? else { continue };
                let bytes = capped::read_file(&file, &place, "a file of the configuration", FILE_LIMIT)?;
                texts.insert(below, Thing::File(bytes));
            }
            _ => {}
        }
    }
    Ok(())
}

/// On the disk when this returns.
fn write(place: &Path, texts: &Texts) -> Result<()> {
    durable::remove_folder(place)?;
    durable::create_folder(&folder_of(place), 0o755)?;
    let failed = |error| Error::io("make", place)(error);
    fs::create_dir(place).map_err(failed)?; // it was not there: nobody else's
    let folder = Folder::open(place).and_then(|folder| folder.set_mode(0o755).map(|()| folder));
    let folder = folder.map_err(failed)?;
    for (path, thing) in texts {
        write_one(&folder, path, thing).map_err(Error::io("make", place.join(path)))?;
    }
    folder.sync_all().map_err(Error::io("sync", place))
}

fn write_one(root: &Folder, path: &Path, thing: &Thing) -> io::Result<()> {
    let names: Vec<&OsStr> = path.iter().collect();
    let Some((name, folders)) = names.split_last() else { return Ok(()) };
    let mut at = root.descend(&[])?;
    for name in folders {
        at = match at.folder(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = at.make_folder(name)?;
                made.set_mode(0o755)?;
                made
            }
            found => found?,
        };
    }
    match thing {
        Thing::File(bytes) => {
            let mut file = at.make_file(name)?;
            file.set_permissions(Permissions::from_mode(0o644))?;
            file.write_all(bytes)
        }
        Thing::Symlink(target) => at.make_symlink(name, target.as_os_str().as_bytes()),
    }
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
    fn a_link_where_the_backup_has_a_folder_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, place) = (folder.path().join("elsewhere"), folder.path().join("conf"));
        fs::create_dir(&elsewhere).unwrap();
        let mut live = texts(&[("im/a.js/b", "x"), ("own", "kept")]);
        live.insert("web".into(), Thing::Symlink(elsewhere.clone()));
        let theirs = texts(&[("web/a.js", "theirs"), ("im/a.js", "a file")]);
        let none = (BTreeMap::new(), BTreeMap::new());
        let joined = join(live.clone(), theirs.clone(), &none.0, &none.1, None);
        write(&place, &joined).unwrap();
        assert_eq!(
            read(&place).unwrap(),
            texts(&[("web/a.js", "theirs"), ("im/a.js", "a file"), ("own", "kept")])
        );
        // and where the two come together in spite of that
        live.remove(Path::new("im/a.js/b"));
        live.extend(theirs);
        assert!(write(&place, &live).is_err());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
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
