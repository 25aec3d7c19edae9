//! What dpkg knows of this host's packages.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use wt_manifests::manifest::{Package, PackageSet};

use crate::command::Command;
use crate::{Error, Result};

const QUERY_LIMIT: Duration = Duration::from_mins(1);
const CONFIGURE_LIMIT: Duration = Duration::from_mins(30);
const FORMAT: &str = "${Package}\t${Architecture}\t${db:Status-Status}\t${db:Status-Eflag}\t${Version}\n";
/// Changes that dpkg has not folded into its status file: it was interrupted.
const UPDATES: &str = "/var/lib/dpkg/updates";

/// Held by whoever changes packages; apt that a killed run left goes on to its end.
const LOCK: &str = "/var/lib/dpkg/lock-frontend";
const LOCK_LIMIT: Duration = Duration::from_mins(5);
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// All of the package is there; what it does when others change was put off, and is not done yet.
const WAITING: [&str; 2] = ["triggers-pending", "triggers-awaited"];

/// The packages of this host, by name and architecture.
#[derive(Debug)]
pub(super) struct Installed(HashMap<(String, String), Found>);

#[derive(Debug, PartialEq, Eq)]
struct Found {
    status: String,
    version: String,
}

impl Installed {
    pub(super) fn read() -> Result<Self> {
        let said =
            Command::new("dpkg-query", QUERY_LIMIT).args(["--show", "--showformat", FORMAT]).succeed(b"")?;
        Ok(Self::parse(&said))
    }

    fn parse(said: &str) -> Self {
        let package = |line: &str| {
            let mut fields = line.split('\t').map(str::to_owned);
            let key = (fields.next()?, fields.next()?);
            let (status, flag, version) = (fields.next()?, fields.next()?, fields.next()?);
            let status = if flag == "ok" { status } else { flag };
            Some((key, Found { status, version }))
        };
        Self(said.lines().filter_map(package).collect())
    }

    /// The version of a package that is wholly there.
    pub(super) fn version(&self, package: &Package) -> Option<&str> {
        let found = self.0.get(&(package.name.clone(), package.architecture.clone()))?;
        (found.status == "installed" || found.waits()).then_some(found.version.as_str())
    }

    /// Whether there is anything of a package, be it its configuration alone.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|((found, _), state)| found == name && state.status != "not-installed")
    }

    /// Tells whether an earlier installation of ours was interrupted. Refuses to go on over somebody else's.
    pub(super) fn check_unfinished(&self, set: &PackageSet) -> Result<bool> {
        let whole = ["installed", "not-installed", "config-files"];
        let whole_or_waiting = |found: &Found| whole.contains(&found.status.as_str()) || found.waits();
        let unfinished = self.0.iter().filter(|(_, found)| !whole_or_waiting(found));
        let (ours, theirs): (Vec<_>, Vec<_>) =
            unfinished.partition(|((name, _), _)| set.packages.iter().any(|package| package.name == *name));
        if !theirs.is_empty() {
            let mut packages: Vec<_> =
                theirs.iter().map(|((name, _), f)| format!("`{name}` is {}", f.status)).collect();
            packages.sort();
            return Err(Error::PackagesBroken { packages });
        }
        Ok(!ours.is_empty() || self.0.values().any(Found::waits) || has_updates(Path::new(UPDATES)))
    }
}

impl Found {
    fn waits(&self) -> bool {
        WAITING.contains(&self.status.as_str())
    }
}

fn has_updates(folder: &Path) -> bool {
    let numbered =
        |entry: fs::DirEntry| entry.file_name().to_string_lossy().bytes().all(|c| c.is_ascii_digit());
    fs::read_dir(folder).into_iter().flatten().flatten().any(numbered)
}

/// Waits until nobody changes packages, so that what dpkg says now still holds when apt begins.
pub(super) fn await_others() -> Result<()> {
    await_lock(Path::new(LOCK), LOCK_LIMIT)
}

fn await_lock(path: &Path, limit: Duration) -> Result<()> {
    let file = match File::options().write(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(Error::io("open", path))?,
    };
    let started = Instant::now();
    loop {
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()), // and it is let go with the file: apt takes it itself
            Err(Errno::ACCESS | Errno::AGAIN) if started.elapsed() < limit => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(Errno::ACCESS | Errno::AGAIN) => return Err(Error::PackagesBusy { path: path.to_owned() }),
            Err(error) => return Err(Error::io("lock", path)(error.into())),
        }
    }
}

/// Whether version `a` comes before version `b`, as Debian counts.
pub(super) fn is_older(a: &str, b: &str) -> Result<bool> {
    let finished = Command::new("dpkg", QUERY_LIMIT).args(["--compare-versions", a, "lt", b]).run(b"")?;
    match finished.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(finished.into_error()),
    }
}

/// Ends what an interrupted dpkg began, as far as it goes: what still lacks its dependencies, apt brings next.
pub(super) fn configure_pending() -> Result<()> {
    Command::new("dpkg", CONFIGURE_LIMIT)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["--force-confdef", "--force-confold", "--configure", "--pending"])
        .run(b"")
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locks a file as dpkg does, says so, and holds it until its input ends. Perl is essential in Debian.
    const PERL: &str = "use Fcntl; open(my $f, '>', $ARGV[0]); my $l = pack('s s x![q] q q i', F_WRLCK, 0, 0, 0, 0); \
        fcntl($f, F_SETLK, $l) or die; $| = 1; print '1'; <STDIN>";

    fn package(name: &str) -> Package {
        Package {
            name: name.into(),
            version: "2".into(),
            architecture: "amd64".into(),
            path: format!("packages/{name}.deb").parse().unwrap(),
        }
    }

    fn set(names: &[&str]) -> PackageSet {
        PackageSet {
            target: "debian-12".into(),
            install: Vec::new(),
            sources: Vec::new(),
            packages: names.iter().map(|name| package(name)).collect(),
        }
    }

    #[test]
    fn a_package_counts_as_there_only_when_it_is_wholly_there() {
        let installed = Installed::parse(
            "runc\tamd64\tinstalled\tok\t1.1.5\ntini\tamd64\tunpacked\tok\t0.19\niptables\tamd64\tinstalled\treinstreq\t1\n\
             netbase\tall\tconfig-files\tok\t6.4\n",
        );
        assert_eq!(installed.version(&package("runc")), Some("1.1.5"));
        for absent in ["tini", "iptables", "netbase", "docker.io"] {
            assert_eq!(installed.version(&package(absent)), None, "{absent}");
        }
    }

    #[test]
    fn an_interruption_of_ours_is_ended_and_one_of_theirs_is_refused() {
        let installed =
            Installed::parse("runc\tamd64\thalf-configured\tok\t1\nbash\tamd64\tinstalled\tok\t5\n");
        assert!(installed.check_unfinished(&set(&["runc"])).unwrap());
        let error = installed.check_unfinished(&set(&["tini"])).unwrap_err();
        assert!(error.to_string().contains("`runc` is half-configured"), "{error}");
        assert!(!Installed::parse("bash\tamd64\tinstalled\tok\t5\n").check_unfinished(&set(&[])).unwrap());
    }

    #[test]
    fn a_package_that_waits_for_its_triggers_is_there_and_is_nobodys_fault() {
        let installed = Installed::parse("libc-bin\tamd64\ttriggers-pending\tok\t2.36\n");
        assert!(installed.check_unfinished(&set(&["runc"])).unwrap());
        assert_eq!(installed.version(&package("libc-bin")), Some("2.36"));
    }

    #[test]
    fn somebody_who_changes_packages_is_waited_for_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(await_lock(&path, Duration::ZERO).is_ok(), "no dpkg, no lock");
        fs::write(&path, "").unwrap();
        assert!(await_lock(&path, Duration::ZERO).is_ok());
        // a record lock does not hold against its own process
        let mut other = std::process::Command::new("perl")
            .args(["-e", PERL])
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0; 1];
        std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut line).unwrap();
        let refused = await_lock(&path, Duration::ZERO).unwrap_err();
        assert!(matches!(refused, Error::PackagesBusy { .. }), "{refused}");
        drop(other.stdin.take());
        other.wait().unwrap();
        assert!(await_lock(&path, Duration::ZERO).is_ok());
    }

    #[test]
    fn versions_are_compared_as_debian_does() {
        for (a, b, older) in [("1.0~rc1", "1.0", true), ("1:0.9", "1.0", false), ("1.0", "1.0", false)] {
            assert_eq!(is_older(a, b).unwrap(), older, "{a} {b}");
        }
    }
}
