//! apt with nothing but the files it is given: no sources, no network; lists, caches and marks in the staging folder.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::time::Duration;

use wt_manifests::manifest::Package;

use super::{Staging, dpkg};
use crate::command::Command;
use crate::{Error, Result};

const SIMULATION_LIMIT: Duration = Duration::from_mins(5);
const INSTALL_LIMIT: Duration = Duration::from_mins(30);
const LOCK_SECONDS: u32 = 120;

/// Something that apt would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Install { name: String, from: Option<String>, to: String },
    Remove { name: String, version: String },
}

impl Change {
    /// One of ours comes in, or is replaced by a newer one; nothing else is touched.
    pub(super) fn is_harmless(&self, ours: &[Package]) -> Result<bool> {
        match self {
            Self::Remove { .. } => Ok(false),
            Self::Install { name, from, to } => {
                let ours = ours.iter().any(|package| package.name == *name && package.version == *to);
                let downgrade = from.as_ref().map(|from| dpkg::is_older(to, from)).transpose()?;
                Ok(ours && downgrade != Some(true))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install { name, from: Some(from), to } => write!(f, "`{name}` {from} would become {to}"),
            Self::Install { name, from: None, to } => write!(f, "`{name}` {to} would be installed"),
            Self::Remove { name, version } => write!(f, "`{name}` {version} would be removed"),
        }
    }
}

/// What apt would do to install `packages`.
pub(super) fn simulate(staging: &Staging, packages: &[Package]) -> Result<Vec<Change>> {
    let said = run(staging, packages, &["--simulate"], SIMULATION_LIMIT)?;
    said.lines().filter_map(|line| change(line).transpose()).collect()
}

pub(super) fn install(staging: &Staging, packages: &[Package]) -> Result<()> {
    run(staging, packages, &["--yes", "--no-remove"], INSTALL_LIMIT).map(drop)
}

/// What apt would do to take packages away with their configuration.
pub(super) fn purge_simulated(staging: &Staging, packages: &[String]) -> Result<Vec<Change>> {
    let said = apt(staging, SIMULATION_LIMIT)?.args(["--simulate", "purge", "--"]).args(packages);
    said.succeed(b"").map_err(refused)?.lines().filter_map(|line| change(line).transpose()).collect()
}

pub(super) fn purge(staging: &Staging, packages: &[String]) -> Result<()> {
    let said = apt(staging, INSTALL_LIMIT)?.args(["--yes", "purge", "--"]).args(packages);
    said.succeed(b"").map_err(refused).map(drop)
}

fn refused(source: Error) -> Error {
    Error::PackagesRefused { source: Box::new(source) }
}

/// Which asks nothing, and keeps what it writes in the staging folder.
fn apt(staging: &Staging, limit: Duration) -> Result<Command> {
    for folder in ["lists/partial", "cache/archives/partial"] {
        let folder = staging.folder(folder);
        fs::create_dir_all(&folder).map_err(Error::io("create the folder", &folder))?;
    }
    Ok(Command::new("apt-get", limit)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
        .env("APT_LISTCHANGES_FRONTEND", "none")
        .env("NEEDRESTART_MODE", "l") // list, restart nothing of the customer's
        .args(options(staging)))
}

fn run(staging: &Staging, packages: &[Package], mode: &[&str], limit: Duration) -> Result<String> {
    let files = packages.iter().map(|package| staging.file(package).into_os_string());
    apt(staging, limit)?
        .args(mode)
        // not --no-download: apt 2.6 then stumbles over files that are named by their paths; without sources there is
        // nothing that it could download
        // --fix-broken: a run that was killed may have unpacked a package and not yet what it needs, and apt would not
        // even look at the files before that is mended; what it would do besides is refused like any other change
        .args(["install", "--fix-broken", "--no-install-recommends", "--"].map(OsString::from))
        .args(files)
        .succeed(b"")
        .map_err(refused)
}

fn options(staging: &Staging) -> Vec<OsString> {
    let ours = |name: &str, folder: &str| {
        let mut option = OsString::from(format!("{name}="));
        option.push(staging.folder(folder));
        option
    };
    let settings = [
        OsString::from("Dir::Etc::SourceList=/dev/null"),
        "Dir::Etc::SourceParts=/dev/null".into(),
        ours("Dir::State::Lists", "lists"),
        ours("Dir::State::Extended_States", "extended_states"),
        ours("Dir::Cache", "cache"),
        "APT::Sandbox::User=root".into(),
        "APT::Get::AutomaticRemove=false".into(),
        "Acquire::Retries=0".into(),
        format!("DPkg::Lock::Timeout={LOCK_SECONDS}").into(),
        "Dpkg::Options::=--force-confdef".into(),
        "Dpkg::Options::=--force-confold".into(),
        "Dpkg::Use-Pty=false".into(),
        "quiet=1".into(),
    ];
    settings.into_iter().flat_map(|setting| ["-o".into(), setting]).collect()
}

/// A line of `apt-get --simulate`: `Inst runc [1.0] (1.1.5 local-deb [amd64])`, `Remv foo [1.2]`.
fn change(line: &str) -> Result<Option<Change>> {
    let unreadable = || Error::AptAnswer { line: line.to_owned() };
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let name = rest.split(' ').next().unwrap_or_default();
    // an architecture is named only where it is not the host's
    let name = name.split(':').next().unwrap_or_default().to_owned();
    let between = |open: char, close: char, text: &str| {
        text.split_once(open)
            .and_then(|(_, rest)| rest.split_once(close))
            .map(|(inside, _)| inside.to_owned())
    };
    match verb {
        "Remv" | "Purg" => {
            Ok(Some(Change::Remove { name, version: between('[', ']', rest).unwrap_or_default() }))
        }
        "Inst" => {
            let (before, after) = rest.split_once('(').ok_or_else(unreadable)?;
            let to = after.split([' ', ')']).next().filter(|to| !to.is_empty()).ok_or_else(unreadable)?;
            Ok(Some(Change::Install { name, from: between('[', ']', before), to: to.to_owned() }))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(name: &str, from: Option<&str>, to: &str) -> Change {
        Change::Install { name: name.into(), from: from.map(str::to_owned), to: to.into() }
    }

    #[test]
    fn what_apt_would_do_is_read() {
        let lines = "NOTE: This is only a simulation!\n\
            Reading package lists...\n\
            The following packages will be REMOVED:\n  containerd.io\n\
            Remv containerd.io [1.6.20-1]\n\
            Inst runc [1.0~rc93] (1.1.5+ds1-1+deb12u1 local-deb [amd64])\n\
            Inst libc6:i386 (2.36-9 Debian:12/stable [i386]) []\n\
            Inst netbase (6.4 local-deb [all])\n\
            Conf runc (1.1.5+ds1-1+deb12u1 local-deb [amd64])";
        let changes: Vec<Change> = lines.lines().filter_map(|line| change(line).unwrap()).collect();
        assert_eq!(
            changes,
            [
                Change::Remove { name: "containerd.io".into(), version: "1.6.20-1".into() },
                install("runc", Some("1.0~rc93"), "1.1.5+ds1-1+deb12u1"),
                install("libc6", None, "2.36-9"),
                install("netbase", None, "6.4"),
            ]
        );
    }

    #[test]
    fn a_line_that_makes_no_sense_is_an_error_not_a_permission() {
        for line in ["Inst", "Inst runc", "Inst runc [1.0]", "Inst runc ()"] {
            assert!(change(line).is_err(), "{line}");
        }
    }

    #[test]
    fn only_our_own_packages_may_come_in_and_only_forward() {
        let runc = Package {
            name: "runc".into(),
            version: "1.1.5".into(),
            architecture: "amd64".into(),
            path: "packages/runc.deb".parse().unwrap(),
        };
        let ours = [runc];
        for (change, harmless) in [
            (install("runc", None, "1.1.5"), true),
            (install("runc", Some("1.0"), "1.1.5"), true),
            (install("runc", Some("1.2"), "1.1.5"), false),
            (install("runc", None, "1.1.6"), false),
            (install("bash", Some("5.1"), "5.2"), false),
            (Change::Remove { name: "runc".into(), version: "1.0".into() }, false),
        ] {
            assert_eq!(change.is_harmless(&ours).unwrap(), harmless, "{change}");
        }
    }
}
