//! What `wt-install` must know to put a release into service: parts of the manifest that `release.toml` writes in the same
//! words.

use std::collections::BTreeMap;
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
    /// Folders under the data root that hold logs, which a backup may leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<DataFolder>,
    /// How services that keep data are held still for a backup, where it is not the usual way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stores: Vec<Store>,
}

impl Site {
    /// Whether it says something that readers of the first format did not know: the feature `lifecycle`.
    pub fn has_lifecycle(&self) -> bool {
        let hooks = self.hooks.named().any(|(name, _)| name != "init-data");
        let needs = self.requirements.ssd || !self.requirements.roles.is_empty();
        let tls = self.journey.iter().any(|step| step.tls_port.is_some());
        hooks || needs || tls || !self.logs.is_empty() || !self.stores.is_empty()
    }

    /// The folders under the data root that are the product's.
    pub fn folders(&self) -> Vec<&RelativePath> {
        self.data.iter().chain(&self.logs).map(|folder| &folder.path).collect()
    }
}

/// Scripts that run at a point of an installation. Each must bear to be run again after it was killed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    /// Fills the data stores; runs once in the life of a site.
    pub init_data: Option<RelativePath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_install: Option<RelativePath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_install: Option<RelativePath>,
    /// While the old release still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_upgrade: Option<RelativePath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_upgrade: Option<RelativePath>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_backup: Option<RelativePath>,
    /// Also where the backup failed, if the one before it has run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_backup: Option<RelativePath>,
}

impl Hooks {
    /// Those that there are, by the names that `release.toml` has for them.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &RelativePath)> {
        let hooks = [
            ("init-data", &self.init_data),
            ("before-install", &self.before_install),
            ("after-install", &self.after_install),
            ("before-upgrade", &self.before_upgrade),
            ("after-upgrade", &self.after_upgrade),
            ("before-backup", &self.before_backup),
            ("after-backup", &self.after_backup),
        ];
        hooks.into_iter().filter_map(|(name, script)| Some((name, script.as_ref()?)))
    }
}

/// What a node of a site is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    Ha,
    Lb,
    App,
    Cache,
    Db,
}

impl NodeRole {
    pub const ALL: [Self; 5] = [Self::Ha, Self::Lb, Self::App, Self::Cache, Self::Db];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ha => "ha",
            Self::Lb => "lb",
            Self::App => "app",
            Self::Cache => "cache",
            Self::Db => "db",
        }
    }
}

/// What a host must have, whatever it is for, and what each of its roles needs beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Requirements {
    pub cpus: u32,
    pub memory: ByteSize,
    pub disk: ByteSize,
    /// The data root should not lie on a rotating disk.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ssd: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<NodeRole, RoleRequirements>,
}

/// What one role needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleRequirements {
    pub cpus: u32,
    pub memory: ByteSize,
    pub disk: ByteSize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ssd: bool,
}

impl Requirements {
    /// What a host with these roles must have: roles share it, so what they need adds up.
    pub fn of(&self, roles: &[NodeRole]) -> RoleRequirements {
        let base = RoleRequirements { cpus: self.cpus, memory: self.memory, disk: self.disk, ssd: self.ssd };
        let mut named: Vec<&NodeRole> = roles.iter().collect();
        named.sort_unstable();
        named.dedup();
        named.into_iter().filter_map(|role| self.roles.get(role)).fold(base, |sum, role| RoleRequirements {
            cpus: sum.cpus.saturating_add(role.cpus),
            memory: ByteSize(sum.memory.0.saturating_add(role.memory.0)),
            disk: ByteSize(sum.disk.0.saturating_add(role.disk.0)),
            ssd: sum.ssd || role.ssd,
        })
    }
}

/// How a service that keeps data is held still while its folders are copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub service: String,
    pub quiesce: Quiesce,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quiesce {
    /// Its containers are frozen: what lies on the disk is what a power cut would leave. The usual way.
    #[default]
    Pause,
    /// It is stopped and started again.
    Stop,
    /// The hooks before and after the backup see to it.
    Hooks,
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
    /// Where the site has a certificate, the step is taken over TLS at this port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_port: Option<u16>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_roles_need_adds_up_and_each_role_counts_once() {
        let text = r#"{"cpus": 1, "memory": "1 GiB", "disk": "1 GiB",
            "roles": {"db": {"cpus": 2, "memory": "4 GiB", "ssd": true}, "app": {"cpus": 1}}}"#;
        let needs: Requirements = serde_json::from_str(text).unwrap();
        let of = needs.of(&[NodeRole::Db, NodeRole::App, NodeRole::Db, NodeRole::Lb]);
        assert_eq!((of.cpus, of.memory, of.disk, of.ssd), (4, ByteSize(5 << 30), ByteSize(1 << 30), true));
        assert!(!needs.of(&[NodeRole::App]).ssd);
    }

    #[test]
    fn a_site_that_says_nothing_new_is_written_as_ever() {
        let plain = serde_json::to_value(Site::default()).unwrap();
        let keys: Vec<&String> = plain.as_object().unwrap().keys().collect();
        let known =
            ["conf", "data", "domains", "hooks", "journey", "license", "modules", "ports", "requirements"];
        assert_eq!(keys, known);
        assert_eq!(plain["hooks"], serde_json::json!({ "init-data": null }));
        assert_eq!(plain["requirements"].as_object().unwrap().len(), 3);
        assert!(!Site::default().has_lifecycle());
    }
}
