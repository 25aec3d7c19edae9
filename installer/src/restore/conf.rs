//! The configuration of a backup, brought to this site: what the operator edited there, joined with what this site's own
//! answers make of the templates; a license that lies here stays. What a backup has comes with its owner and mode, what it
//! has not keeps those that it has here; until all of it is there, it is closed.
//!
//! Attack: a link where the backup has a folder, so that what is written below it goes elsewhere. What the backup has takes
//! the link's place; folders are made and opened one below the other, and none is followed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io::{self, ErrorKind, Write as _};
use std::ops::Bound;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use wt_keys::{capped, durable, folder_of};
use wt_licensor::licenses;

use crate::access::Access;
use crate::backup::bounds::{Tally, require_depth};
use crate::backup::list::{BackupList, CONF, RENDERED};
use crate::beneath::Folder;
use crate::conf::{Change, Conf, MODE, NEW, reconcile};
use crate::{Error, Installation, Result};

const FILE_LIMIT: u64 = 16 << 20;

/// What lies in a folder of configuration, by its path there.
type Texts = BTreeMap<PathBuf, Thing>;
/// The folders on the way to it.
type Folders = BTreeMap<PathBuf, Access>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Tree {
    texts: Texts,
    folders: Folders,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    File(Vec<u8>, Access),
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
    let Tree { texts, folders } = read(&live)?;
    let folders = join_folders(folders, theirs.folders);
    let texts = join(texts, theirs.texts, &rendered.texts, &wanted, license.as_deref());
    write(staged, &Tree { texts, folders })
}

/// A folder of both may hold files of either that only its mode closes.
fn join_folders(live: Folders, theirs: Folders) -> Folders {
    let mut folders = live;
    for (path, access) in theirs {
        let both = folders.get(&path).map_or(access, |live| access.narrowed(*live));
        folders.insert(path, both);
    }
    folders
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
            (Some(wanted), Thing::File(found, access)) => {
                let base = match rendered.get(&path) {
                    Some(Thing::File(base, _)) => std::str::from_utf8(base).ok(),
                    _ => None,
                };
                let text = match reconcile(base, &found, wanted) {
                    Change::None | Change::KeepEdit => found,
                    Change::Write => wanted.clone().into_bytes(),
                    Change::Join(joined) => joined.into_bytes(),
                    Change::OfferBeside => {
                        let beside = path.with_added_extension(NEW);
                        let access = access_of(texts.get(&beside));
                        texts.insert(beside, Thing::File(wanted.clone().into_bytes(), access));
                        found
                    }
                };
                texts.insert(path, Thing::File(text, access));
            }
            (_, thing) if is_license => drop(texts.entry(path).or_insert(thing)),
            (_, thing) => drop(texts.insert(path, thing)),
        }
    }
    texts
}

fn access_of(found: Option<&Thing>) -> Access {
    match found {
        Some(Thing::File(_, access)) => *access,
        _ => Access::own(MODE),
    }
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

/// All that lies in a folder; nothing where there is no folder.
fn read(place: &Path) -> Result<Tree> {
    let mut tree = Tree::default();
    match Folder::open(place) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        folder => {
            let folder = folder.map_err(Error::io("open", place))?;
            read_below(&folder, place, Path::new(""), &mut Tally::default(), &mut tree)?;
        }
    }
    Ok(tree)
}

fn read_below(folder: &Folder, place: &Path, below: &Path, tally: &mut Tally, tree: &mut Tree) -> Result<()> {
    require_depth(below.components().count(), place)?;
    let found = folder.stat().map_err(Error::io("read", place))?;
    tree.folders.insert(below.to_owned(), Access::of(&found));
    for name in tally.names(folder, place)? {
        let (place, below) = (place.join(&name), below.join(&name));
        let failed = |error| Error::io("read", &place)(error);
        let found = folder.look(&name).map_err(failed)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => {
                let inner = folder.folder(&name).map_err(failed)?;
                read_below(&inner, &place, &below, tally, tree)?;
            }
            FileType::Symlink => {
                let target = OsString::from_vec(folder.target(&name).map_err(failed)?);
                tree.texts.insert(below, Thing::Symlink(target.into()));
            }
            FileType::RegularFile => {
                let Some(file) = folder.file(&name).map_err(failed)? else { continue };
                let bytes = capped::read_file(&file, &place, "a file of the configuration", FILE_LIMIT)?;
                tree.texts.insert(below, Thing::File(bytes, Access::of(&found)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// On the disk when this returns. Nobody else gets into the folder before each thing in it has its owner and mode.
fn write(place: &Path, tree: &Tree) -> Result<()> {
    durable::remove_folder(place)?;
    durable::create_folder(&folder_of(place), 0o755)?;
    let failed = |error| Error::io("make", place)(error);
    DirBuilder::new().mode(0o700).create(place).map_err(failed)?; // it was not there: nobody else's
    let folder = Folder::open(place).map_err(failed)?;
    for (path, thing) in &tree.texts {
        write_one(&folder, path, thing, &tree.folders).map_err(Error::io("make", place.join(path)))?;
    }
    folder.set_access(folder_access(&tree.folders, Path::new(""))).map_err(failed)?;
    folder.sync_all().map_err(Error::io("sync", place))
}

fn write_one(root: &Folder, path: &Path, thing: &Thing, folders: &Folders) -> io::Result<()> {
    let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else { return Ok(()) };
    let (mut at, mut below) = (root.descend(&[])?, PathBuf::new());
    for name in parent {
        below.push(name);
        at = match at.folder(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = at.make_folder(name)?;
                made.set_access(folder_access(folders, &below))?;
                made
            }
            found => found?,
        };
    }
    match thing {
        Thing::File(bytes, access) => {
            let mut file = at.make_file(name)?;
            file.write_all(bytes)?;
            access.give(&file)
        }
        Thing::Symlink(target) => at.make_symlink(name, target.as_os_str().as_bytes()),
    }
}

fn folder_access(folders: &Folders, below: &Path) -> Access {
    folders.get(below).copied().unwrap_or(Access::own(0o755))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use super::*;

    fn file(text: &str, access: Access) -> Thing {
        Thing::File(text.as_bytes().to_vec(), access)
    }

    fn texts(files: &[(&str, &str)]) -> Texts {
        files.iter().map(|(path, text)| (PathBuf::from(path), file(text, Access::own(MODE)))).collect()
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
        let tree = |texts| Tree { texts, folders: Folders::new() };
        write(&place, &tree(joined)).unwrap();
        assert_eq!(
            read(&place).unwrap().texts,
            texts(&[("web/a.js", "theirs"), ("im/a.js", "a file"), ("own", "kept")])
        );
        // and where the two come together in spite of that
        live.remove(Path::new("im/a.js/b"));
        live.extend(theirs);
        assert!(write(&place, &tree(live)).is_err());
        assert_eq!(place.metadata().unwrap().mode() & 0o7777, 0o700, "closed until all of it is there");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn what_was_read_is_written_again_with_its_owners_and_modes() {
        let root = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| root.path().join(name));
        fs::create_dir_all(from.join("b/c")).unwrap();
        for (path, mode) in [("a", 0o644), ("b/key", 0o600), ("b/c/d", 0o440)] {
            fs::write(from.join(path), path).unwrap();
            fs::set_permissions(from.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("../a", from.join("b/link")).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(from.join("b/key"), Some(1234), Some(5678)).unwrap();
            chown(from.join("b"), Some(1234), Some(5678)).unwrap();
        }
        for (path, mode) in [("", 0o750), ("b", 0o700)] {
            fs::set_permissions(from.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let tree = read(&from).unwrap();
        write(&to, &tree).unwrap();
        assert_eq!(read(&to).unwrap(), tree);
        let mode = |path: &str| to.join(path).metadata().unwrap().mode() & 0o7777;
        assert_eq!(["", "b", "a", "b/key", "b/c/d"].map(mode), [0o750, 0o700, 0o644, 0o600, 0o440]);
        assert_eq!(read(&root.path().join("none")).unwrap(), Tree::default());
    }

    #[test]
    fn a_folder_of_both_lets_in_nobody_whom_one_of_them_keeps_out() {
        let folders = |all: &[(&str, u32)]| -> Folders {
            all.iter().map(|(path, mode)| (PathBuf::from(path), Access::own(*mode))).collect()
        };
        let live = folders(&[("", 0o755), ("a", 0o700), ("b", 0o755), ("live", 0o750)]);
        let theirs = folders(&[("", 0o755), ("a", 0o755), ("b", 0o710), ("theirs", 0o700)]);
        let both = [("", 0o755), ("a", 0o700), ("b", 0o710), ("live", 0o750), ("theirs", 0o700)];
        assert_eq!(join_folders(live, theirs), folders(&both));
    }

    #[test]
    fn bits_that_run_a_file_as_somebody_else_do_not_come_back() {
        let root = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| root.path().join(name));
        fs::create_dir_all(from.join("b")).unwrap();
        fs::write(from.join("b/a"), "a").unwrap();
        for (path, mode) in [("b/a", 0o6755), ("b", 0o3770), ("", 0o3755)] {
            fs::set_permissions(from.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        write(&to, &read(&from).unwrap()).unwrap();
        let mode = |path: &str| to.join(path).metadata().unwrap().mode() & 0o7777;
        assert_eq!(["", "b", "b/a"].map(mode), [0o755, 0o770, 0o755]);
    }

    #[test]
    fn a_file_comes_with_the_access_of_the_backup_and_one_that_is_only_here_keeps_its_own() {
        let (closed, group, open) = (Access::own(0o600), Access::own(0o640), Access::own(MODE));
        let one = |path: &str, text: &str, access| (PathBuf::from(path), file(text, access));
        let (base, wanted) = ("a\nb\nc\n", "a\nb\nC\n");
        for (found, says, beside) in [
            (base, wanted, None),                    // written
            ("A\nb\nc\n", "A\nb\nC\n", None),        // joined
            (wanted, wanted, None),                  // left as it is
            ("a\nb\nX\n", "a\nb\nX\n", Some(group)), // one that is there is written over
        ] {
            let mut live = Texts::from([one("web/a.js", "x", open), one("own", "key", closed)]);
            live.extend(beside.map(|access| one("web/a.js.new", "y", access)));
            let theirs = Texts::from([one("web/a.js", found, closed), one("theirs", "key", group)]);
            let wanted_now = BTreeMap::from([(PathBuf::from("web/a.js"), wanted.to_owned())]);
            let joined = join(live, theirs, &texts(&[("web/a.js", base)]), &wanted_now, None);
            let mut expected = Texts::from([
                one("web/a.js", says, closed),
                one("own", "key", closed),
                one("theirs", "key", group),
            ]);
            expected.extend(beside.map(|access| one("web/a.js.new", wanted, access)));
            assert_eq!(joined, expected, "{found}");
        }
    }
}
