//! Taking away the packages that came with the product, and what the engine left in the kernel. Asked first: what others
//! need by now stays, and nothing of theirs is touched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use wt_keys::durable;

use super::apt::{self, Change};
use super::record::PackageRecord;
use super::{Staging, dpkg, firewall};
use crate::command::Command;
use crate::engine::{CONTAINERD_ROOT, DATA_ROOT, daemon};
use crate::{Error, Places, Result};

const GROUP: &str = "docker";
const FORWARDING: &str = "proc/sys/net/ipv4/ip_forward";
const LIMIT: Duration = Duration::from_mins(2);
/// What Debian's packages leave of an engine that is gone.
const LEFTOVERS: [&str; 7] = [
    "etc/docker",
    "opt/containerd",
    "var/log/docker.log",
    "run/docker",
    "run/docker.sock",
    "run/containerd",
    "var/lib/docker-engine",
];
/// Made by containerd, and used by others, too.
const EMPTY_FOLDERS: [&str; 2] = ["etc/cni/net.d", "etc/cni"];
/// Wires of the engine's own.
const LINKS: [&str; 2] = ["docker0", "docker_gwbridge"];

/// What is to go, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    pub packages: Vec<String>,
    /// Packages of ours that others need by now.
    pub needed: Vec<String>,
}

impl Removal {
    /// Asks apt; changes nothing.
    pub fn plan(places: &Places, record: &PackageRecord) -> Result<Self> {
        dpkg::await_others()?;
        let installed = dpkg::Installed::read()?;
        let mut packages: Vec<String> =
            record.packages.keys().filter(|name| installed.has(name)).cloned().collect();
        let staging = Staging::create(&places.staging())?;
        let mut needed = Vec::new();
        while !packages.is_empty() && takes_others(&staging, &packages)? {
            let mut wanted = Vec::new();
            for package in &packages {
                let alone = apt::purge_simulated(&staging, std::slice::from_ref(package))?;
                if foreign(&alone, &packages) {
                    wanted.push(package.clone());
                }
            }
            if wanted.is_empty() {
                wanted.clone_from(&packages); // only together do they take others with them: all stay
            }
            packages.retain(|package| !wanted.contains(package));
            needed.extend(wanted);
        }
        Ok(Self { packages, needed })
    }

    /// Stops the engine, takes what it left in the kernel away, then the packages with their configuration and the engine's
    /// own folders. Whoever calls knows that nobody else uses the engine.
    pub fn carry_out(&self, places: &Places, record: &PackageRecord) -> Result<()> {
        let root = places.root();
        let engine_goes = self.packages.iter().any(|package| package.starts_with("docker"));
        if engine_goes {
            daemon::stop()?;
            firewall::clear(record.before.iptables)?;
            for link in LINKS {
                // one that is not there is no matter; without `ip` it is gone with the next start of the host
                let _ = Command::new("ip", LIMIT).args(["link", "delete", link]).run(b"");
            }
            if !record.before.forwarding && !wants_forwarding(root) {
                let path = root.join(FORWARDING);
                fs::write(&path, "0\n").map_err(Error::io("write", &path))?;
            }
        }
        if !self.packages.is_empty() {
            apt::purge(&Staging::create(&places.staging())?, &self.packages)?;
        }
        if engine_goes {
            let folders = [DATA_ROOT, CONTAINERD_ROOT].map(|folder| folder.trim_start_matches('/'));
            for path in folders.iter().chain(&LEFTOVERS).map(|path| root.join(path)) {
                remove(&path)?;
            }
            for folder in EMPTY_FOLDERS {
                let _ = fs::remove_dir(root.join(folder)); // not empty: somebody's by now
            }
            if !record.before.group {
                remove_group()?;
            }
        }
        Ok(())
    }
}

/// Whether others would go with them.
fn takes_others(staging: &Staging, packages: &[String]) -> Result<bool> {
    Ok(foreign(&apt::purge_simulated(staging, packages)?, packages))
}

fn foreign(changes: &[Change], ours: &[String]) -> bool {
    changes.iter().any(|change| match change {
        Change::Remove { name, .. } => !ours.contains(name),
        Change::Install { .. } => true,
    })
}

/// Somebody set it for good since.
fn wants_forwarding(root: &Path) -> bool {
    let folder = fs::read_dir(root.join("etc/sysctl.d")).into_iter().flatten().flatten();
    let files = folder.map(|entry| entry.path()).chain([root.join("etc/sysctl.conf")]);
    files.filter_map(|path| fs::read_to_string(path).ok()).any(|text| {
        text.lines().any(|line| line.replace([' ', '\t'], "").starts_with("net.ipv4.ip_forward=1"))
    })
}

fn remove(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => clear(path),
        Ok(_) => Ok(durable::remove_file(path)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look for", path)(error)),
    }
}

/// A folder on which something is mounted stays, empty.
fn clear(folder: &Path) -> Result<()> {
    match durable::remove_folder(folder) {
        Err(wt_keys::Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::ResourceBusy => Ok(()),
        removed => Ok(removed?),
    }
}

fn remove_group() -> Result<()> {
    let finished = Command::new("groupdel", LIMIT).args([GROUP]).run(b"")?;
    match finished.status.code() {
        Some(0 | 6) => Ok(()), // 6: there is no such group
        _ => Err(finished.into_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_or_apt_would_bring_is_foreign() {
        let ours = ["docker.io".to_owned(), "runc".to_owned()];
        let gone = |name: &str| Change::Remove { name: name.into(), version: "1".into() };
        assert!(!foreign(&[gone("runc"), gone("docker.io")], &ours));
        assert!(foreign(&[gone("runc"), gone("podman")], &ours));
        assert!(foreign(&[Change::Install { name: "runc".into(), from: None, to: "2".into() }], &ours));
    }

    #[test]
    fn forwarding_that_somebody_asked_for_stays() {
        let root = tempfile::tempdir().unwrap();
        assert!(!wants_forwarding(root.path()));
        fs::create_dir_all(root.path().join("etc/sysctl.d")).unwrap();
        fs::write(root.path().join("etc/sysctl.d/x.conf"), "#net.ipv4.ip_forward=1\n").unwrap();
        assert!(!wants_forwarding(root.path()));
        fs::write(root.path().join("etc/sysctl.d/x.conf"), "net.ipv4.ip_forward = 1\n").unwrap();
        assert!(wants_forwarding(root.path()));
    }
}
