//! `site.toml`: what a customer says about the site.

mod check;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use wt_manifests::site::NodeRole;
use zeroize::Zeroizing;

pub use self::check::{Account, CheckSettings};
use crate::{Error, Result};

const SITE_FILE_LIMIT: u64 = 1 << 20;

/// `site.toml` as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SiteFile {
    pub company_domain: String,
    /// The product's folder; left out: `/opt/<product>`.
    pub home: Option<PathBuf>,
    #[serde(default = "data_root")]
    pub data_root: PathBuf,
    /// By the names that the release asks for.
    pub domains: BTreeMap<String, Domain>,
    pub administrator: Administrator,
    pub smtp: Option<Smtp>,
    #[serde(default)]
    pub check: CheckSettings,
    #[serde(rename = "node")]
    pub nodes: Vec<Node>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Administrator {
    pub mail: String,
    pub username: String,
    pub name: String,
    #[serde(skip_serializing)]
    pub password: Secret,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub user: String,
    #[serde(skip_serializing)]
    pub password: Secret,
}

/// A host of the site.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub name: String,
    #[serde(deserialize_with = "host_address")]
    pub address: IpAddr,
    pub roles: Vec<NodeRole>,
}

/// A value that never appears in a message or a log.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(deserializer)?)))
    }
}

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A host name, or an address where a site has no names.
#[derive(Clone, Debug, Serialize)]
pub struct Domain(String);

impl Domain {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
        };
        if text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label_ok)) {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom(format!(
                "`{text}` is not a host name, expected one like `im.example.com`"
            )))
        }
    }
}

fn data_root() -> PathBuf {
    PathBuf::from("/data")
}

fn host_address<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<IpAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() && !address.is_multicast() => Ok(address),
        _ => Err(serde::de::Error::custom(format!(
            "`{text}` is not the address of a host, expected one like `192.0.2.10`"
        ))),
    }
}

impl SiteFile {
    /// Reads and checks a site file. It holds secrets and is obeyed by root, so it must belong to who runs this, and
    /// nobody else may be able to read or write it.
    pub fn read(path: &Path) -> Result<Self> {
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
        let invalid = |why: String| Error::SiteFile { path: path.to_owned(), why };
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid("it is not UTF-8 text".to_owned()))?;
        let site: Self = toml::from_str(text).map_err(|error| invalid(located(text, &error)))?;
        site.check().map_err(invalid)?;
        Ok(site)
    }

    fn check(&self) -> std::result::Result<(), String> {
        match self.nodes.as_slice() {
            [] => return Err("it names no node; expected one `[[node]]` table".to_owned()),
            [_] => {}
            _ => return Err("it names several nodes; this version installs on one".to_owned()),
        }
        for folder in [Some(&self.data_root), self.home.as_ref()].into_iter().flatten() {
            let plain = |c: u8| c.is_ascii_alphanumeric() || b"/._-".contains(&c);
            let up = folder.components().any(|part| part == Component::ParentDir);
            if !folder.is_absolute()
                || folder.parent().is_none()
                || up
                || !folder.as_os_str().as_bytes().iter().all(|c| plain(*c))
            {
                return Err(format!(
                    "`{}` is not the absolute path of a folder in the characters A-Z a-z 0-9 . _ - /",
                    folder.display()
                ));
            }
        }
        if self.administrator.password.expose().is_empty() {
            return Err("the administrator's password is empty".to_owned());
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
        self.home.clone().unwrap_or_else(|| Path::new("/opt").join(product))
    }
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
        assert!(!format!("{site:?}").contains("a secret"));
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
            ("\"db\"", "\"dbx\"", "unknown variant `dbx`"),
            ("company-domain", "home = \"/opt/a b\"\ncompany-domain", "`/opt/a b` is not the absolute path"),
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
