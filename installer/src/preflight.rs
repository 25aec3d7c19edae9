//! What the host must be able to do, found out before the first change.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use serde::Serialize;
use wt_keys::console::Size;
use wt_manifests::Manifest;

use crate::engine::{DATA_ROOT, Engine};
use crate::installation::Installed;
use crate::{Error, Installation, Result, packages};

/// What the logs and the engine's own files need beside new images.
const SPARE_DISK: u64 = 1 << 30;
/// The engine's packages grow to less than this many times their size when they are unpacked; only the packed size is
/// signed.
const UNPACKED: u64 = 5;
/// What a registry's compressed layers grow to, at most, but for rare ones.
const COMPRESSED: u64 = 5;
const CLOCK_TOLERANCE_DAYS: i64 = 1;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub what: String,
    pub passed: bool,
    pub found: String,
    pub needed: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Preflight {
    pub schema: &'static str,
    pub checks: Vec<Check>,
}

/// Examines the host. Looks only; changes nothing.
pub fn examine(installation: &Installation) -> Result<Preflight> {
    let engine = installation.find_engine()?;
    let mut checks = vec![platform(installation)];
    if engine.is_none() {
        checks.push(target(installation));
    }
    checks.extend([processors(installation), memory(installation)?, address(installation)]);
    checks.extend(disks(installation, engine.as_ref())?);
    checks.push(clock(installation));
    if !is_running(installation, engine.as_ref())? {
        checks.extend(installation.manifest().site.ports.iter().map(port));
    }
    Ok(Preflight { schema: "wt.preflight.v1", checks })
}

impl Preflight {
    /// An error that names every row that failed.
    pub fn require(&self) -> Result<()> {
        let failed: Vec<String> = self
            .checks
            .iter()
            .filter(|check| !check.passed)
            .map(|check| format!("{}: found {}, needed {}", check.what, check.found, check.needed))
            .collect();
        if failed.is_empty() { Ok(()) } else { Err(Error::Preflight { failed }) }
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: fn(&Check) -> &str| self.checks.iter().map(|c| column(c).chars().count()).max();
        let (what, found) = (width(|c| &c.what).unwrap_or(0), width(|c| &c.found).unwrap_or(0));
        for check in &self.checks {
            let mark = if check.passed { "ok  " } else { "FAIL" };
            writeln!(f, "{mark}  {:what$}  {:found$}  needs {}", check.what, check.found, check.needed)?;
            if !check.passed && !check.hint.is_empty() {
                writeln!(f, "      hint: {}", check.hint)?;
            }
        }
        Ok(())
    }
}

fn check(what: &str, passed: bool, found: impl fmt::Display, needed: impl fmt::Display, hint: &str) -> Check {
    Check {
        what: what.to_owned(),
        passed,
        found: found.to_string(),
        needed: needed.to_string(),
        hint: hint.to_owned(),
    }
}

fn platform(installation: &Installation) -> Check {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let found = format!("linux/{machine}");
    let needed = &installation.manifest().platform;
    let passed = (needed.os(), needed.machine()) == ("linux", machine); // the variant is not known here
    check("platform", passed, &found, needed, "ask the vendor for the bundle for this platform")
}

/// Matters only where the bundle must bring the engine.
fn target(installation: &Installation) -> Check {
    let found = packages::target(installation.places.root()).unwrap_or_else(|_| "unknown".to_owned());
    let known: Vec<&str> = installation.manifest().packages.iter().map(|set| set.target.as_str()).collect();
    let passed = known.contains(&found.as_str());
    check(
        "system",
        passed,
        &found,
        known.join(" or "),
        "install Docker 20.10 or later by other means, then run this again",
    )
}

fn processors(installation: &Installation) -> Check {
    let found = std::thread::available_parallelism().map_or(1, usize::from);
    let needed = installation.manifest().site.requirements.cpus;
    check("processors", found >= needed as usize, found, needed, "give the host more processors")
}

fn memory(installation: &Installation) -> Result<Check> {
    let path = Path::new("/proc/meminfo");
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or_default();
    let needed = installation.manifest().site.requirements.memory;
    Ok(check("memory", kib * 1024 >= needed.0, Size(kib * 1024), needed, "give the host more memory"))
}

/// The node's address is one of this host's: a socket can be bound to it.
fn address(installation: &Installation) -> Check {
    let address = installation.site.node().address;
    let mine = TcpListener::bind((address, 0)).is_ok();
    let found =
        if mine { format!("{address} is this host's") } else { format!("{address} is not this host's") };
    check(
        "address",
        mine,
        found,
        "an address of this host",
        "correct `address` in site.toml; `ip address` lists them",
    )
}

/// A row for each file system: folders that share one share its free bytes, too.
fn disks(installation: &Installation, engine: Option<&Engine>) -> Result<Vec<Check>> {
    let rooms = rooms(installation, engine)?;
    Ok(by_file_system(&rooms, device).into_iter().map(|rooms| disk(&rooms)).collect())
}

/// Bytes that will be written below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Room {
    folder: PathBuf,
    bytes: u64,
}

fn rooms(installation: &Installation, engine: Option<&Engine>) -> Result<Vec<Room>> {
    let manifest = installation.manifest();
    let images = match engine {
        Some(engine) => engine.plan_images(manifest, &installation.known_images()?)?.bytes,
        None => manifest.layers().map(|layer| layer.size).sum(),
    };
    // the classic store unpacks the stream beside the layers that it makes of it
    let images = if images == 0 { 0 } else { images + unpacked(manifest, images) + SPARE_DISK };
    let engine_root = engine.map_or_else(|| DATA_ROOT.into(), |engine| engine.info().data_root.clone());
    let mut rooms = vec![Room { folder: engine_root, bytes: images }];
    // afterwards the data itself fills what was asked for
    if Installed::read(&installation.places)?.is_none() {
        let bytes = manifest.site.requirements.disk.0;
        rooms.push(Room { folder: installation.site.data_root.clone(), bytes });
    }
    if engine.is_none() {
        let bytes = packages::bytes_for_host(manifest, installation.places.root())?;
        rooms.push(Room { folder: installation.places.staging(), bytes });
        rooms.push(Room { folder: installation.places.root().join("usr"), bytes: UNPACKED * bytes });
    }
    Ok(rooms)
}

/// What layers of so many bytes become. Of a registry's own blobs nobody has said it; they are mostly compressed.
fn unpacked(manifest: &Manifest, bytes: u64) -> u64 {
    let verbatim = manifest.images.iter().any(|image| image.verbatim.is_some());
    if verbatim { COMPRESSED * bytes } else { bytes }
}

fn by_file_system(rooms: &[Room], device: impl Fn(&Path) -> u64) -> Vec<Vec<Room>> {
    let mut found: BTreeMap<u64, Vec<Room>> = BTreeMap::new();
    for room in rooms {
        found.entry(device(&room.folder)).or_default().push(room.clone());
    }
    found.into_values().collect()
}

fn disk(rooms: &[Room]) -> Check {
    let folders: Vec<String> = rooms.iter().map(|room| room.folder.display().to_string()).collect();
    let free = available(&rooms[0].folder);
    let needed = rooms.iter().fold(0_u64, |sum, room| sum.saturating_add(room.bytes));
    check(
        &format!("disk {}", folders.join(", ")),
        free >= needed,
        format_args!("{} free", Size(free)),
        Size(needed),
        "make room, or put a folder on a larger disk",
    )
}

/// Free bytes where `path` is, or will be.
fn available(path: &Path) -> u64 {
    statvfs(existing(path)).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize))
}

/// The file system where `path` is, or will be.
fn device(path: &Path) -> u64 {
    fs::metadata(existing(path)).map_or(0, |found| found.dev())
}

fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

/// A clock behind the bundle is wrong; one that is ahead may be right.
fn clock(installation: &Installation) -> Check {
    let (now, created) = ((installation.clock)(), installation.manifest().created);
    let passed = created.days_until(now) >= -CLOCK_TOLERANCE_DAYS;
    check("clock", passed, now, format_args!("later than {created}"), "set the clock; `timedatectl` shows it")
}

fn port(port: &wt_manifests::site::Port) -> Check {
    let free = TcpListener::bind((IpAddr::from([0, 0, 0, 0]), port.number)).is_ok();
    check(
        &format!("port {}", port.number),
        free,
        if free { "free" } else { "in use" },
        format_args!("free, for {}", port.purpose),
        "stop what listens there; `ss -ltnp` names it",
    )
}

/// Then the ports are taken by the product itself.
fn is_running(installation: &Installation, engine: Option<&Engine>) -> Result<bool> {
    match engine {
        Some(engine) => Ok(!engine.services(installation.stack_name())?.is_empty()),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_on_one_file_system_share_its_free_bytes() {
        let room = |folder: &str, bytes| Room { folder: folder.into(), bytes };
        let rooms = [room("/data", u64::MAX), room("/srv/x", 3), room("/var/lib/docker", 2)];
        let device = |path: &Path| u64::from(path.starts_with("/srv"));
        let [shared, alone] = &by_file_system(&rooms, device)[..] else { panic!("two file systems") };
        assert_eq!((shared.len(), alone.len()), (2, 1));
        let row = disk(shared);
        assert_eq!((row.what.as_str(), row.passed), ("disk /data, /var/lib/docker", false));
        assert!(disk(&[room("/not/there/yet", 1)]).passed);
    }
}
