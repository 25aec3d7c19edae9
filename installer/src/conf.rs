//! Configuration: templates of the bundle, rendered to files that the operator may edit.
//!
//! For each file there are three texts: what was rendered last, what is there, what would be rendered now. An edit is
//! kept; where the template changed under an edit, the new text is put beside it as `NAME.new`, never over it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wt_keys::{Sha256Digest, durable, folder_of};
use wt_manifests::Manifest;
use wt_manifests::bundle::Bundle;
use wt_manifests::template::{
    self, AdministratorVariables, ReleaseVariables, SiteVariables, SmtpVariables, Variables,
};

use crate::{Error, Places, Result, SiteFile};

const TEMPLATE_LIMIT: u64 = 4 << 20;

/// Without passwords: a configuration file can be read by services.
fn variables<'a>(manifest: &'a Manifest, site: &'a SiteFile) -> Variables<'a> {
    let administrator = &site.administrator;
    let domains = site.domains.iter().map(|(name, domain)| (name.as_str(), domain.as_str()));
    Variables {
        release: ReleaseVariables { product: &manifest.product, version: &manifest.version },
        site: SiteVariables {
            address: site.node().address.to_string(),
            domains: domains.collect(),
            company_domain: &site.company_domain,
            data_root: site.data_root.to_str().unwrap_or_default(), // from TOML: it is UTF-8
        },
        administrator: AdministratorVariables {
            mail: &administrator.mail,
            username: &administrator.username,
            name: &administrator.name,
            password: None,
        },
        smtp: site.smtp.as_ref().map(|smtp| SmtpVariables {
            host: &smtp.host,
            port: smtp.port,
            user: &smtp.user,
        }),
    }
}

/// Renders one text. A variable that is not there is an error.
pub fn render(name: &str, text: &str, manifest: &Manifest, site: &SiteFile) -> Result<String> {
    template::render(text, &variables(manifest, site)).map_err(failed(name))
}

/// As [`render`], with the administrator's password: for requests that go to the product itself.
pub fn render_secret(name: &str, text: &str, manifest: &Manifest, site: &SiteFile) -> Result<String> {
    let mut variables = variables(manifest, site);
    variables.administrator.password = Some(site.administrator.password.expose());
    template::render(text, &variables).map_err(failed(name))
}

fn failed(name: &str) -> impl FnOnce(template::Problem) -> Error {
    move |problem| Error::Template { template: name.to_owned(), why: problem.to_string() }
}

/// What is to be done with one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It says what it should.
    None,
    Write,
    /// The operator edited it and the template stayed the same.
    KeepEdit,
    /// The operator edited it and the template changed, too.
    OfferBeside,
}

/// A configuration file as it should be.
#[derive(Debug)]
pub struct ConfFile {
    /// Relative to `conf/apps/`.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
    pub restart: Vec<String>,
}

/// All configuration files of a release, rendered for a site.
#[derive(Debug)]
pub struct Conf {
    pub files: Vec<ConfFile>,
    rendered_path: PathBuf,
    rendered: BTreeMap<String, Sha256Digest>,
}

impl Conf {
    pub fn render(bundle: &Bundle, site: &SiteFile, places: &Places) -> Result<Self> {
        let manifest = bundle.manifest();
        let folder = site.home(&manifest.product).join("conf/apps");
        let files = manifest.site.conf.iter().map(|conf| {
            let name = conf.template.to_string();
            let bytes = bundle.read_entry(&format!("conf/{name}"), TEMPLATE_LIMIT)?;
            let template = String::from_utf8(bytes).map_err(|_| Error::Template {
                template: name.clone(),
                why: "it is not UTF-8 text".to_owned(),
            })?;
            let text = render(&name, &template, manifest, site)?;
            Ok(ConfFile { path: folder.join(&name), name, text, restart: conf.restart.clone() })
        });
        Ok(Self {
            files: files.collect::<Result<_>>()?,
            rendered_path: places.rendered(),
            rendered: read_rendered(&places.rendered()),
        })
    }

    pub fn change(&self, file: &ConfFile) -> Change {
        let Ok(found) = fs::read(&file.path) else { return Change::Write };
        let wanted = Sha256Digest::of(file.text.as_bytes());
        let found = Sha256Digest::of(&found);
        match self.rendered.get(&file.name) {
            _ if found == wanted => Change::None,
            Some(last) if *last == found => Change::Write,
            Some(last) if *last == wanted => Change::KeepEdit,
            _ => Change::OfferBeside,
        }
    }

    /// Tells whether something is left to be done about a file: it is not as it should be, or its readers may not have
    /// been told, since a run was killed before [`Conf::remember`].
    pub fn is_unfinished(&self, file: &ConfFile) -> bool {
        let wanted = Sha256Digest::of(file.text.as_bytes());
        self.rendered.get(&file.name) != Some(&wanted) || self.change(file) == Change::Write
    }

    /// Brings the files to what they should be. Returns what was done to each that was touched.
    pub fn write(&self) -> Result<Vec<(String, Change)>> {
        let mut touched = Vec::new();
        for file in &self.files {
            let change = self.change(file);
            let path = match change {
                Change::None | Change::KeepEdit => continue,
                Change::Write => file.path.clone(),
                Change::OfferBeside => file.path.with_file_name(format!(
                    "{}.new",
                    file.path.file_name().unwrap_or_default().to_string_lossy()
                )),
            };
            durable::create_folder(&folder_of(&path), 0o755)?;
            durable::write_if_changed(&path, file.text.as_bytes(), 0o644)?;
            touched.push((file.name.clone(), change));
        }
        Ok(touched)
    }

    /// Records what was rendered; to be called when all who read the files have been told.
    pub fn remember(&mut self) -> Result<()> {
        self.rendered = self
            .files
            .iter()
            .map(|file| (file.name.clone(), Sha256Digest::of(file.text.as_bytes())))
            .collect();
        let bytes = serde_json::to_vec_pretty(&self.rendered).unwrap_or_default(); // strings only: cannot fail
        durable::write_if_changed(&self.rendered_path, &bytes, 0o600)?;
        Ok(())
    }
}

/// Damaged or missing: every file then counts as edited, and nothing is overwritten.
fn read_rendered(path: &Path) -> BTreeMap<String, Sha256Digest> {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(folder: &Path, text: &str) -> Conf {
        Conf {
            files: vec![ConfFile {
                name: "web/a.js".into(),
                path: folder.join("web/a.js"),
                text: text.into(),
                restart: vec![],
            }],
            rendered_path: folder.join("rendered.json"),
            rendered: read_rendered(&folder.join("rendered.json")),
        }
    }

    #[test]
    fn an_edit_is_kept_and_a_new_template_is_put_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web/a.js");
        let apply = |text| {
            let mut conf = conf(folder.path(), text);
            let touched = conf.write().unwrap();
            conf.remember().unwrap();
            assert!(!conf.is_unfinished(&conf.files[0]));
            touched
        };
        assert_eq!(apply("one"), [("web/a.js".to_owned(), Change::Write)]);
        assert_eq!(apply("one"), []);
        assert_eq!(apply("two"), [("web/a.js".to_owned(), Change::Write)]);
        fs::write(&path, "mine").unwrap();
        assert_eq!(apply("two"), []);
        assert_eq!(apply("three"), [("web/a.js".to_owned(), Change::OfferBeside)]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(fs::read_to_string(path.with_file_name("a.js.new")).unwrap(), "three");
    }

    #[test]
    fn a_file_is_unfinished_until_its_readers_were_told() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = |conf: &Conf| conf.is_unfinished(&conf.files[0]);
        assert!(unfinished(&conf(folder.path(), "one")));
        conf(folder.path(), "one").write().unwrap(); // killed
        let mut again = conf(folder.path(), "one");
        assert_eq!(again.change(&again.files[0]), Change::None);
        assert!(unfinished(&again));
        again.remember().unwrap();
        assert!(!unfinished(&conf(folder.path(), "one")));
        fs::remove_file(folder.path().join("web/a.js")).unwrap();
        assert!(unfinished(&conf(folder.path(), "one")));
    }
}
