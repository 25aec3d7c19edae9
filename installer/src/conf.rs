//! Configuration: templates of the release, rendered to files that the operator may edit.
//!
//! For each file there are three texts: what was rendered last, what is there, what is to be rendered now. An edit is
//! never lost: where the release changed other lines, both changes are joined; where it changed the same lines, the
//! operator's text stays and the release's is put beside it as `NAME.new`.

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
use crate::release::Release;
use crate::{Error, Installation, Places, Result, SiteFile, home};

const TEMPLATE_LIMIT: u64 = 4 << 20;
pub const NEW: &str = "new";

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
                durable::write_if_changed(&path, text.as_bytes(), 0o644)?;
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
        Ok(match content(&self.path)? {
            None => Change::Write,
            Some(found) => reconcile(self.before.as_deref(), &found, &self.wanted),
        })
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
