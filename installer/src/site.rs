//! `site.toml`: what a customer says about the site.
//!
//! Every answer has one check, in the type or the function that reads it; `wt-install init` asks with the same ones.

pub mod backup;
mod certificate_files;
mod domain;
mod kept;
mod line;
mod mail_address;
pub mod node;
pub mod path;
mod secret;
mod short_name;
pub mod smtp;

mod check;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wt_keys::folder_of;
use zeroize::Zeroizing;

pub use self::backup::BackupSettings;
pub use self::certificate_files::CertificateFiles;
pub use self::check::{Account, CheckSettings};
pub use self::domain::{Domain, is_host_name};
pub use self::kept::kept;
pub use self::line::Line;
pub use self::mail_address::MailAddress;
pub use self::node::Node;
pub use self::secret::Secret;
pub use self::short_name::ShortName;
pub use self::smtp::{Security, Smtp};
use crate::{Error, Result};

const SITE_FILE_LIMIT: u64 = 1 << 20;
pub const DATA_ROOT: &str = "/data";

/// `site.toml` as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SiteFile {
    /// The customer's short name.
    pub company_domain: ShortName,
    /// The product's folder; left out: `/opt/<product>`.
    #[serde(default, deserialize_with = "path::de_optional_folder")]
    pub home: Option<PathBuf>,
    #[serde(default = "data_root", deserialize_with = "path::de_folder")]
    pub data_root: PathBuf,
    /// By the names that the release asks for.
    pub domains: BTreeMap<String, Domain>,
    pub certificate: Option<CertificateFiles>,
    pub administrator: Administrator,
    pub smtp: Option<Smtp>,
    #[serde(default)]
    pub backup: BackupSettings,
    #[serde(default)]
    pub check: CheckSettings,
    #[serde(rename = "node")]
    pub nodes: Vec<Node>,
}

/// The product's first user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Administrator {
    pub mail: MailAddress,
    pub username: Line,
    pub name: Line,
    pub password: Secret,
}

fn data_root() -> PathBuf {
    PathBuf::from(DATA_ROOT)
}

impl SiteFile {
    /// Reads and checks a site file. It holds secrets and is obeyed by root, so it must belong to who runs this, and
    /// nobody else may be able to read or write it. Files that it names are then named by absolute paths.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_private(path)?;
        Self::of_text(text_of(path, &bytes)?, path)
    }

    /// As [`SiteFile::read`], of a text that lies, or will lie, at `path`.
    pub fn of_text(text: &str, path: &Path) -> Result<Self> {
        let mut site = Self::parse(text).map_err(|why| Error::SiteFile { path: path.to_owned(), why })?;
        site.resolve_files(path)?;
        Ok(site)
    }

    /// Checks the text of a site file; the error says what is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let site: Self = toml::from_str(text).map_err(|error| located(text, &error))?;
        match site.nodes.as_slice() {
            [] => return Err("it names no node; expected one `[[node]]` table".to_owned()),
            [_] => {}
            _ => return Err("it names several nodes; this version installs on one".to_owned()),
        }
        site.smtp.as_ref().map_or(Ok(()), Smtp::check)?;
        site.backup.check()?;
        site.home.as_ref().map_or(Ok(()), |home| path::check_apart(home, &site.data_root))?;
        Ok(site)
    }

    /// Refuses a product's folder, named or not, that lies in the data root, or the other way round.
    pub fn check_folders(&self, path: &Path, product: &str) -> Result<()> {
        path::check_apart(&self.home(product), &self.data_root)
            .map_err(|why| Error::SiteFile { path: path.to_owned(), why })
    }

    fn resolve_files(&mut self, path: &Path) -> Result<()> {
        let folder = folder_of_site(path)?;
        let certificate = self.certificate.iter_mut().flat_map(|files| [&mut files.file, &mut files.key]);
        let ca = self.smtp.iter_mut().filter_map(|smtp| smtp.ca.as_mut());
        for file in certificate.chain(ca) {
            *file = folder.join(&*file);
        }
        Ok(())
    }

    /// Refuses a file that lacks a host name that the release asks for, or has one that it does not know.
    pub fn check_domains(&self, path: &Path, wanted: &[String]) -> Result<()> {
        let invalid = |why: String| Err(Error::SiteFile { path: path.to_owned(), why });
        if let Some(missing) = wanted.iter().find(|name| !self.domains.contains_key(*name)) {
            return invalid(format!(
                "`[domains]` has no `{missing}`; the release needs {}",
                wanted.join(", ")
            ));
        }
        match self.domains.keys().find(|name| !wanted.contains(name)) {
            Some(unknown) => {
                invalid(format!("`[domains]` has `{unknown}`; the release knows {}", wanted.join(", ")))
            }
            None => Ok(()),
        }
    }

    /// The host that this is; a site has one node for now.
    pub fn node(&self) -> &Node {
        &self.nodes[0]
    }

    pub fn home(&self, product: &str) -> PathBuf {
        self.home.clone().unwrap_or_else(|| default_home(product))
    }
}

pub fn default_home(product: &str) -> PathBuf {
    Path::new("/opt").join(product)
}

/// The bytes of a file that holds passwords.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path).map_err(|source| Error::NoSiteFile { path: path.to_owned(), source })?;
    let found = file.metadata().map_err(Error::io("read", path))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::SiteFileMode { path: path.to_owned(), mode });
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me {
        return Err(Error::SiteFileOwner { path: path.to_owned(), me, owner: found.uid() });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(SITE_FILE_LIMIT).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    Ok(bytes)
}

fn text_of<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    let why = "it is not UTF-8 text".to_owned();
    std::str::from_utf8(bytes).map_err(|_| Error::SiteFile { path: path.to_owned(), why })
}

/// What relative paths in a site file begin at.
pub(crate) fn folder_of_site(path: &Path) -> Result<PathBuf> {
    let folder = folder_of(path);
    std::path::absolute(&folder).map_err(Error::io("find", &folder))
}

/// The place and the reason of an error, without the line itself: it may hold a secret.
fn located(text: &str, error: &toml::de::Error) -> String {
    let place = error.span().map_or_else(String::new, |span| {
        let before = &text[..span.start.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("line {line}, column {column}: ")
    });
    format!("{place}{}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
company-domain = "acme"
[domains]
web = "worktile.example.com"
box = "worktile-box.example.com"
hook = "worktile-hook.example.com"
im = "192.0.2.10"
[administrator]
mail = "root@example.com"
username = "root"
name = "Root"
password = "a secret"
[[node]]
name = "node1"
address = "192.0.2.10"
roles = ["lb", "app", "cache", "db"]
"#;

    fn read(text: &str, mode: u32) -> Result<SiteFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        wt_keys::durable::write(&path, text.as_bytes(), mode).unwrap();
        SiteFile::read(&path)
    }

    #[test]
    fn a_good_site_file_is_read() {
        let site = read(GOOD, 0o600).unwrap();
        assert_eq!(site.home("worktile"), Path::new("/opt/worktile"));
        assert_eq!(site.data_root, Path::new("/data"));
        let inside = SiteFile { data_root: "/opt/worktile/data".into(), ..site.clone() };
        assert!(site.check_folders(Path::new("s"), "worktile").is_ok());
        assert!(inside.check_folders(Path::new("s"), "worktile").is_err());
        assert!(!format!("{site:?}").contains("a secret"));
    }

    #[test]
    fn files_are_named_from_where_the_site_file_lies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        let text = format!("{GOOD}[certificate]\nfile = \"tls/a.crt\"\nkey = \"/etc/a.key\"\n");
        wt_keys::durable::write(&path, text.as_bytes(), 0o600).unwrap();
        let files = SiteFile::read(&path).unwrap().certificate.unwrap();
        assert_eq!(files.file, folder.path().join("tls/a.crt"));
        assert_eq!(files.key, Path::new("/etc/a.key"));
    }

    #[test]
    fn a_site_file_that_others_can_read_is_refused() {
        assert!(matches!(read(GOOD, 0o644), Err(Error::SiteFileMode { mode: 0o644, .. })));
    }

    #[test]
    fn a_mistake_is_named_with_its_place_and_no_secret_is_shown() {
        for (from, to, said) in [
            (
                "\"192.0.2.10\"\nroles",
                "\"192.0.2\"\nroles",
                "line 15, column 11: `192.0.2` is not the address",
            ),
            (
                "\"192.0.2.10\"\nroles",
                "\"0.0.0.0\"\nroles",
                "line 15, column 11: `0.0.0.0` is not the address",
            ),
            ("worktile-box.", "worktile_box.", "`worktile_box.example.com` is not a host name"),
            ("username", "user", "unknown field `user`, expected one of"),
            ("password = \"a secret\"", "password = \"a secret", "line 12"),
            ("password = \"a secret\"", "password = [\"a secret\"]", "line 12"),
            ("\"a secret\"", "\"\"", "line 12, column 12: the password is empty"),
            ("[administrator]", "[smtp]\nhost = \"m\"\nport = 0\n[administrator]", "`0` is not a port"),
            ("root@example.com", "root", "`root` is not a mail address"),
            ("\"db\"", "\"db\", \"db\"", "the role `db` stands there twice"),
            ("\"db\"", "\"dbx\"", "unknown variant `dbx`"),
            ("company-domain", "home = \"/opt/a b\"\ncompany-domain", "`/opt/a b` is not the absolute path"),
            (
                "company-domain",
                "data-root = \"/etc/wt\"\ncompany-domain",
                "line 2, column 13: `/etc/wt` is in `/etc`, which is the system's",
            ),
            (
                "company-domain",
                "home = \"/data/wt\"\ncompany-domain",
                "`home` and `data-root` must not lie in each other",
            ),
            (
                "company-domain",
                "data-root = \"/data/../etc\"\ncompany-domain",
                "`/data/../etc` is not the absolute",
            ),
        ] {
            let wrong = GOOD.replacen(from, to, 1);
            assert_ne!(wrong, GOOD, "{from}");
            let message = read(&wrong, 0o600).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
            assert!(!message.contains("a secret"), "{message}");
        }
    }
}
