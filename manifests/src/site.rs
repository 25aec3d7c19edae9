//! What `wt-install` must know to put a release into service: parts of the manifest that `release.toml` writes in the same
//! words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wt_keys::{shown, written_as_string};

use crate::RelativePath;
use crate::byte_size::ByteSize;

/// What `wt-install` must know to put the release into service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub modules: Vec<String>,
    pub hooks: Hooks,
    pub requirements: Requirements,
    pub ports: Vec<Port>,
    pub data: Vec<DataFolder>,
    pub conf: Vec<ConfTemplate>,
    pub journey: Vec<JourneyStep>,
    /// The host names that a site gives the product, by the names that templates use.
    pub domains: Vec<String>,
    pub license: Option<LicensePlace>,
}

/// Scripts that run at a point of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    /// Fills the data stores; runs once in the life of a site.
    pub init_data: Option<RelativePath>,
}

/// What a host must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Requirements {
    pub cpus: u32,
    pub memory: ByteSize,
    pub disk: ByteSize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    pub number: u16,
    pub purpose: String,
}

/// A folder under the data root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFolder {
    pub path: RelativePath,
    pub owner: Owner,
    pub mode: FolderMode,
}

/// Written `uid:gid`, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub user: u32,
    pub group: u32,
}

/// Permission bits, written in octal: `0750`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderMode(pub u32);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.user, self.group)
    }
}

impl fmt::Display for FolderMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl FromStr for Owner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(u, g)| Some((u.parse().ok()?, g.parse().ok()?)));
        let (user, group) =
            parts.ok_or_else(|| format!("`{}` is not an owner like `10001:10001`", shown(text)))?;
        Ok(Self { user, group })
    }
}

impl FromStr for FolderMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o777 && text.len() == 4);
        bits.map(Self).ok_or_else(|| format!("`{}` is not a mode like `0750`", shown(text)))
    }
}

/// A template in `conf/`, rendered to `conf/apps/` under the product's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfTemplate {
    pub template: RelativePath,
    /// The services that read it, and must be restarted when it changes.
    #[serde(default)]
    pub restart: Vec<String>,
}

/// An HTTP request that proves that a person could work with the product. Its strings are templates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyStep {
    pub name: String,
    #[serde(default)]
    pub method: Method,
    pub port: u16,
    pub path: String,
    /// The `Host` header.
    #[serde(default)]
    pub host: Option<String>,
    #[serde(default)]
    pub body: Option<String>,
    pub status: u16,
    /// What the answer must contain.
    #[serde(default)]
    pub contains: Option<String>,
}

/// Of an HTTP request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Where the product looks for its license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicensePlace {
    /// The license lies among the configuration of this service, which is restarted when a new one comes.
    pub service: String,
}

written_as_string!(Owner);
written_as_string!(FolderMode);
