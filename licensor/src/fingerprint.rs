//! The fingerprint: what identifies a host, as tags, and a few facts about it that weigh nothing.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wt_keys::PublicKey;

use crate::{Component, Kind, Quality, Tag, host};

/// What kind of machine it is; it decides the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    Metal,
    Virtual,
    /// A virtual machine of a cloud that says on the machine itself what it calls it.
    Cloud,
}

/// What people want to see of a host. It is no component: memory is added and hosts are renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Info {
    /// `Dell Inc. PowerEdge R640`
    pub model: String,
    pub cpu: String,
    pub cores: u32,
    pub memory_bytes: u64,
    pub hostname: String,
    pub os: String,
    pub kernel: String,
}

/// Of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fingerprint {
    pub environment: Environment,
    /// One of each kind, in the order of [`Kind`].
    pub components: Vec<Component>,
    /// `None` for a recorded machine.
    pub info: Option<Info>,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, &self.components, self.info.as_ref())
    }
}

/// A line for each component: what it became, the tags that leave the site, what was left out and why.
pub(crate) fn describe(
    f: &mut fmt::Formatter<'_>,
    components: &[Component],
    info: Option<&Info>,
) -> fmt::Result {
    for component in components {
        let tags: Vec<String> = component.tags.iter().map(ToString::to_string).collect();
        let left_out = component.left_out.iter().map(|value| format!("left out: {value}"));
        let shown: Vec<String> = tags.into_iter().chain(left_out).collect();
        writeln!(f, "{:<14} {:<11} {}", component.kind, component.quality, shown.join(", "))?;
    }
    let Some(Info { model, cpu, cores, memory_bytes, hostname, os, kernel }) = info else { return Ok(()) };
    writeln!(f, "\nshown to the vendor, but worth nothing:")?;
    writeln!(f, "{model}, {cpu}, {cores} cores, {memory_bytes} bytes of memory, {hostname}, {os}, {kernel}")
}

/// As in JSON: `metal`.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Metal => "metal",
            Self::Virtual => "virtual",
            Self::Cloud => "cloud",
        })
    }
}

/// Reads the host below `sysroot`, whose product has its data below `data_root`; as root, or what only root may read is
/// reported as unreadable.
pub fn collect(sysroot: &Path, data_root: &Path, product: &str, install_key: &PublicKey) -> Fingerprint {
    let mut found = recorded(sysroot, data_root, product);
    found.components.push(Component {
        kind: Kind::InstallKey,
        quality: Quality::Ok,
        tags: vec![install_key_tag(product, install_key)],
        left_out: vec![],
    });
    found
}

/// The same of a machine that has no installation key, or whose key is not at hand.
pub fn recorded(sysroot: &Path, data_root: &Path, product: &str) -> Fingerprint {
    let environment = host::environment(sysroot);
    let components = host::components(sysroot, data_root, product, environment);
    let info = if sysroot == Path::new("/") { info() } else { None };
    Fingerprint { environment, components, info }
}

pub fn install_key_tag(product: &str, install_key: &PublicKey) -> Tag {
    Tag::of(product, Kind::InstallKey, &install_key.id().to_string())
}

#[cfg(feature = "fingerprint")]
fn info() -> Option<Info> {
    use crate::request::{LONGEST_TEXT, one_line};
    use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(wanted).ok()?;
    let text = |found: Option<String>| one_line(&found.unwrap_or_default(), LONGEST_TEXT);
    Some(Info {
        model: one_line(&host::model(Path::new("/")), LONGEST_TEXT),
        cpu: text(system.cpus().first().map(|cpu| cpu.brand().to_owned())),
        cores: u32::try_from(system.cpus().len()).unwrap_or(u32::MAX),
        memory_bytes: system.total_memory(),
        hostname: text(System::host_name().ok()),
        os: text(System::long_os_version().ok()),
        kernel: text(System::kernel_version().ok()),
    })
}

#[cfg(not(feature = "fingerprint"))]
fn info() -> Option<Info> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Machine, PRODUCT, install_key};

    #[test]
    fn the_same_machine_read_twice_gives_the_same_fingerprint() {
        let machine = Machine::metal();
        let read = || collect(machine.sysroot(), Path::new("/"), PRODUCT, &install_key(1).public());
        assert_eq!(read(), read());
        assert_eq!(read().components.len(), 8);
        assert_eq!(read().info, None);
    }

    #[cfg(feature = "fingerprint")]
    #[test]
    fn this_host_is_described_but_not_by_its_components() {
        let found = collect(Path::new("/"), Path::new("/"), PRODUCT, &install_key(1).public());
        let info = found.info.unwrap();
        assert!(info.cores > 0 && info.memory_bytes > 0 && !info.kernel.is_empty(), "{info:?}");
        assert_eq!(found.components.len(), 8);
    }
}
