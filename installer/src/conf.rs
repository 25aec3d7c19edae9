//! Configuration: templates of the release, rendered to files that the operator may edit.
//!
//! For each file there are three texts: what was rendered last, what is there, what is to be rendered now. An edit is
//! never lost: where the release changed other lines, both changes are joined; where it changed the same lines, the
//! operator's text stays and the release's is put beside it as `NAME.new`. A file that is there keeps its owner and mode.
//! A link counts as an edit and stays: what it leads to may be private, and is written to no file that others can read.

mod change;
pub mod left;
mod variables;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wt_keys::{Sha256Digest, durable, folder_of};

pub use self::change::{Change, reconcile};
pub use self::variables::Values;
use crate::access::{self, Access};
use crate::release::Release;
use crate::{Error, Installation, Places, Result, SiteFile, home};

const TEMPLATE_LIMIT: u64 = 4 << 20;
pub const NEW: &str = "new";
/// What a file that was not there gets: services of any user read it.
pub(crate) const MODE: u32 = 0o644;

/// A configuration file as the release has it, and where its three texts are.
#[derive(Debug)]
pub struct ConfFile {
    /// Relative to `conf/apps/`.
    pub name: String,
    pub path: PathBuf,
    pub wanted: String,
    /// What was rendered last for this place, by whichever release.
    before: Option<String>,
    /// Where what is rendered now is remembered.
    record: PathBuf,
}

/// All configuration files of a release, rendered for a site.
#[derive(Debug)]
pub struct Conf {
    pub files: Vec<ConfFile>,
}

impl Conf {
    /// Where the files are.
    pub fn folder(site: &SiteFile, product: &str) -> PathBuf {
        home::conf(&site.home(product))
    }

    /// Renders the files of the release; `last` is the release that rendered them last, if there was one.
    pub fn render(installation: &Installation, last: Option<&Release>) -> Result<Self> {
        let (release, site) = (&installation.release, &installation.site);
        let manifest = release.manifest();
        let folder = Self::folder(site, &manifest.product);
        let values = Values::of(installation)?;
        let record = |release: &Release| rendered(&installation.places, &release.digest());
        let files = manifest.site.conf.iter().map(|conf| {
            let name = conf.template.to_string();
            let bytes = release.read_entry(&format!("conf/{name}"), TEMPLATE_LIMIT)?;
            let template = String::from_utf8(bytes).map_err(|_| Error::Template {
                template: name.clone(),
                why: "it is not UTF-8 text".to_owned(),
            })?;
            let own = record(release).join(&name);
            let before = match recorded(&own)? {
                None => last.map_or(Ok(None), |last| recorded(&record(last).join(&name)))?,
                found => found,
            };
            let wanted = values.render(&name, &template)?;
            Ok(ConfFile { path: folder.join(&name), name, wanted, before, record: own })
        });
        Ok(Self { files: files.collect::<Result<_>>()? })
    }

    /// What the files will say that [`Conf::write`] changes.
    pub fn coming(&self) -> Result<BTreeMap<PathBuf, String>> {
        let mut coming = BTreeMap::new();
        for file in &self.files {
            let change = file.change()?;
            let outcome = file.outcome(&change).filter(|(path, _)| *path == file.path);
            coming.extend(outcome.map(|(path, text)| (path, text.to_owned())));
        }
        Ok(coming)
    }

    /// Brings the files to what they should be, and remembers what was rendered. Returns what was done to each that was
    /// touched.
    pub fn write(&self) -> Result<Vec<(&str, Change)>> {
        let mut touched = Vec::new();
        for file in &self.files {
            let change = file.change()?;
            if let Some((path, text)) = file.outcome(&change) {
                durable::create_folder(&folder_of(&path), 0o755)?;
                access::rewrite(&path, text.as_bytes(), Access::own(MODE))?;
                touched.push((file.name.as_str(), change));
            }
            durable::create_folder(&folder_of(&file.record), 0o700)?;
            durable::write_if_changed(&file.record, file.wanted.as_bytes(), 0o600)?;
        }
        Ok(touched)
    }
}

impl ConfFile {
    pub fn change(&self) -> Result<Change> {
        decide(&self.path, self.before.as_deref(), &self.wanted)
    }

    /// Whether something is left to be done about it.
    pub fn is_unfinished(&self) -> Result<bool> {
        let is_recorded = recorded(&self.record)?.as_deref() == Some(&self.wanted);
        Ok(!is_recorded || self.outcome(&self.change()?).is_some())
    }

    /// The text that a change puts somewhere, and where.
    fn outcome<'a>(&'a self, change: &'a Change) -> Option<(PathBuf, &'a str)> {
        match change {
            Change::None | Change::KeepEdit => None,
            Change::Write => Some((self.path.clone(), &self.wanted)),
            Change::Join(joined) => Some((self.path.clone(), joined)),
            Change::OfferBeside => Some((self.path.with_added_extension(NEW), &self.wanted)),
        }
    }
}

/// What is to become of the file at `path`, which is to say `wanted`.
fn decide(path: &Path, before: Option<&str>, wanted: &str) -> Result<Change> {
    let Some(found) = content(path)? else { return Ok(Change::Write) };
    Ok(match reconcile(before, &found, wanted) {
        Change::Write | Change::Join(_) if path.is_symlink() => Change::OfferBeside,
        change => change,
    })
}

/// What a release's templates rendered to, kept with it.
pub fn rendered(places: &Places, manifest: &Sha256Digest) -> PathBuf {
    places.release_state(manifest).join("rendered")
}

/// What was rendered earlier. A record that is damaged is none: what lies there then counts as edited.
fn recorded(path: &Path) -> Result<Option<String>> {
    Ok(content(path)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

fn content(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use super::*;

    const BEFORE: &str = "a\nb\nc\nd\n";
    const WANTED: &str = "a\nb\nc\nD\n";

    /// A file that says `found` where there is one, and what the release makes of it.
    fn conf(root: &Path, found: Option<&str>) -> Conf {
        let path = root.join("web/a.js");
        fs::create_dir_all(folder_of(&path)).unwrap();
        if let Some(found) = found {
            fs::write(&path, found).unwrap();
        }
        let (before, record) = (Some(BEFORE.to_owned()), root.join("record/a.js"));
        Conf {
            files: vec![ConfFile { name: "web/a.js".into(), path, wanted: WANTED.into(), before, record }],
        }
    }

    /// Mode, owner, group.
    pub(super) fn access(path: &Path) -> (u32, u32, u32) {
        let found = path.symlink_metadata().unwrap();
        (found.mode() & 0o7777, found.uid(), found.gid())
    }

    /// Root gives it to somebody else, anybody else only narrows it.
    pub(super) fn narrow(path: &Path, mode: u32) -> (u32, u32, u32) {
        if rustix::process::geteuid().is_root() {
            chown(path, Some(1234), Some(5678)).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        access(path)
    }

    #[test]
    fn a_file_keeps_its_owner_and_mode_and_a_new_one_can_be_read_by_all() {
        let joined = "A\nb\nc\nD\n";
        for (found, says) in [(Some(BEFORE), WANTED), (Some("A\nb\nc\nd\n"), joined), (None, WANTED)] {
            for mode in [0o600, 0o640] {
                let root = tempfile::tempdir().unwrap();
                let conf = conf(root.path(), found);
                let path = &conf.files[0].path;
                let own = (MODE, access(root.path()).1, access(root.path()).2);
                let expected = found.map_or(own, |_| narrow(path, mode));
                conf.write().unwrap();
                assert_eq!((fs::read_to_string(path).unwrap().as_str(), access(path)), (says, expected));
            }
        }
    }

    #[test]
    fn what_is_put_beside_a_file_keeps_its_owner_and_mode_too() {
        let root = tempfile::tempdir().unwrap();
        let conf = conf(root.path(), Some("a\nb\nc\nX\n"));
        let beside = root.path().join("web/a.js.new");
        conf.write().unwrap();
        assert_eq!(access(&beside).0, MODE);
        let number = || beside.metadata().unwrap().ino();
        let before = number();
        conf.write().unwrap();
        assert_eq!(before, number(), "it says so already");
        fs::write(&beside, "of the release before").unwrap();
        let expected = narrow(&beside, 0o600);
        conf.write().unwrap();
        assert_eq!((fs::read_to_string(&beside).unwrap().as_str(), access(&beside)), (WANTED, expected));
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_not_copied() {
        for found in [BEFORE, "A secret\nb\nc\nd\n"] {
            let root = tempfile::tempdir().unwrap();
            let conf = conf(root.path(), None);
            let (path, elsewhere) = (&conf.files[0].path, root.path().join("elsewhere"));
            fs::write(&elsewhere, found).unwrap();
            symlink(&elsewhere, path).unwrap();
            conf.write().unwrap();
            assert!(path.is_symlink());
            assert_eq!(fs::read_to_string(&elsewhere).unwrap(), found);
            assert_eq!(fs::read_to_string(root.path().join("web/a.js.new")).unwrap(), WANTED);
        }
    }
}
