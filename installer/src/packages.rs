//! The engine's packages: from the bundle onto a host that has no engine, by the host's own apt.
//!
//! Attacks and accidents: an apt that reaches for the network or for the customer's sources; a solution that removes or
//! downgrades what is there; an interrupted dpkg; a maintainer script that asks or hangs. The answers: apt gets no
//! sources, lists and caches of its own, and authenticated files alone; it is asked what it would do, and any change to a
//! package of somebody else's is refused before the first real one; nothing is asked; everything has a time limit.

mod apt;
mod dpkg;
mod firewall;
pub mod record;
pub mod removal;

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use wt_keys::console::{Phase, Progress};
use wt_keys::{durable, folder_of};
use wt_manifests::Manifest;
use wt_manifests::bundle::{Bundle, reader};
use wt_manifests::manifest::{Package, PackageSet};

use self::record::PackageRecord;
use crate::engine::daemon;
use crate::{Error, Places, Result};

/// In the journal: the step that installs them.
pub const STEP: &str = "engine";

/// What the host below `root` is: `debian-12`.
pub fn target(root: &Path) -> Result<String> {
    let path = root.join("etc/os-release");
    Ok(target_of(&fs::read_to_string(&path).map_err(Error::io("read", &path))?))
}

/// `ID-VERSION_ID` of an os-release file.
fn target_of(os_release: &str) -> String {
    let value = |wanted: &str| {
        let mut lines = os_release.lines().filter_map(|line| line.trim().split_once('='));
        let found = lines.rfind(|(key, _)| *key == wanted);
        found.map_or("", |(_, value)| value.trim_matches(['"', '\''])).to_owned()
    };
    match (value("ID"), value("VERSION_ID")) {
        (id, version) if version.is_empty() => id,
        (id, version) => format!("{id}-{version}"),
    }
}

/// The packages for the host below `root`. Refuses one that the bundle has none for.
pub fn for_host<'a>(manifest: &'a Manifest, root: &Path) -> Result<&'a PackageSet> {
    let found = target(root)?;
    manifest.packages.iter().find(|set| set.target == found).ok_or_else(|| {
        let known = manifest.packages.iter().map(|set| set.target.clone()).collect();
        Error::NoPackages { found, known }
    })
}

/// The signed bytes of the packages for the host below `root`; 0 where there are none for it.
pub fn bytes_for_host(manifest: &Manifest, root: &Path) -> Result<u64> {
    let found = target(root)?;
    let sets = manifest.packages.iter().filter(|set| set.target == found);
    let sizes =
        sets.flat_map(|set| &set.packages).map(|package| Ok(manifest.entry(package.path.as_str())?.size));
    sizes.sum()
}

/// The packages that are an engine, by whoever makes them.
const ENGINES: [&str; 2] = ["docker.io", "docker-ce"];

/// The version of the engine that the bundle has for the host below `root`.
pub fn engine_version(manifest: &Manifest, root: &Path) -> Result<Option<String>> {
    let found = target(root)?;
    let set = manifest.packages.iter().find(|set| set.target == found);
    let engine = |package: &&Package| ENGINES.contains(&package.name.as_str());
    Ok(set.and_then(|set| set.packages.iter().find(engine)).map(|package| package.version.clone()))
}

/// What an installation would do. Pure knowledge: nothing was changed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePlan {
    /// What the host lacks.
    pub missing: Vec<Package>,
    /// What it has in an older version than the bundle; touched only where the missing ones need it.
    pub older: Vec<Package>,
    /// A run before this one was interrupted.
    interrupted: bool,
}

/// Compares the host's packages with the bundle's. Refuses a host whose own packages are half installed.
pub fn plan(set: &PackageSet) -> Result<PackagePlan> {
    let installed = dpkg::Installed::read()?;
    let interrupted = installed.check_unfinished(set)?;
    let mut plan = PackagePlan { missing: Vec::new(), older: Vec::new(), interrupted };
    for package in &set.packages {
        match installed.version(package) {
            None => plan.missing.push(package.clone()),
            Some(version) if dpkg::is_older(version, &package.version)? => plan.older.push(package.clone()),
            Some(_) => {}
        }
    }
    Ok(plan)
}

/// Tells whether a run before this one was interrupted while dpkg was at work, so that what is there of an engine is ours.
pub fn is_interrupted(manifest: &Manifest, root: &Path) -> Result<bool> {
    let found = target(root)?;
    let set = manifest.packages.iter().find(|set| set.target == found);
    set.map_or(Ok(false), |set| Ok(plan(set)?.interrupted))
}

/// Installs what the plan found missing and starts the engine.
pub fn install(bundle: &Bundle, places: &Places, progress: &Progress) -> Result<()> {
    let set = for_host(bundle.manifest(), places.root())?;
    dpkg::await_others()?;
    let plan = plan(set)?;
    if !plan.missing.is_empty() || plan.interrupted {
        let staging = Staging::create(&places.staging())?;
        staging.fill(bundle, &plan, &progress.phase("unpacking Docker's packages", None))?;
        let chosen = choose(&staging, &plan)?;
        let _phase = progress.phase("installing Docker", None);
        if plan.interrupted {
            dpkg::configure_pending()?;
        }
        PackageRecord::add(places, &plan.missing)?;
        apt::install(&staging, &chosen)?;
    }
    let _phase = progress.phase("starting Docker", None);
    daemon::start().map(drop)
}

/// The folder of packages that a killed run left.
pub fn leftover(places: &Places) -> Option<PathBuf> {
    Some(places.staging()).filter(|folder| folder.symlink_metadata().is_ok())
}

pub fn remove_leftover(places: &Places) -> Result<()> {
    Staging::remove(&places.staging())
}

/// The fewest packages that apt would take. Nothing has been changed when this refuses.
fn choose(staging: &Staging, plan: &PackagePlan) -> Result<Vec<Package>> {
    let all = || plan.missing.iter().chain(&plan.older).cloned().collect::<Vec<_>>();
    let (chosen, changes) = match apt::simulate(staging, &plan.missing) {
        Ok(changes) => (plan.missing.clone(), changes),
        Err(_) if !plan.older.is_empty() => (all(), apt::simulate(staging, &all())?),
        Err(refused) => return Err(refused),
    };
    let mut foreign = Vec::new();
    for change in changes {
        if !change.is_harmless(&chosen)? {
            foreign.push(change.to_string());
        }
    }
    if foreign.is_empty() { Ok(chosen) } else { Err(Error::PackageConflict { changes: foreign }) }
}

/// A folder that nobody but root can enter, with authenticated packages in it.
#[derive(Debug)]
pub(crate) struct Staging(PathBuf);

impl Staging {
    /// Creates the folder anew; one that an interrupted run left goes first.
    fn create(folder: &Path) -> Result<Self> {
        Self::remove(folder)?;
        durable::create_folder(&folder_of(folder), 0o700)?;
        fs::create_dir(folder).map_err(Error::io("create the folder", folder))?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))
            .map_err(Error::io("create the folder", folder))?;
        Ok(Self(folder.to_owned()))
    }

    /// Refuses to go through a link, or into what is not ours.
    fn remove(folder: &Path) -> Result<()> {
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() => {
                fs::remove_dir_all(folder).map_err(Error::io("empty", folder))
            }
            Ok(_) => Err(Error::Staging { path: folder.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io("open", folder)(error)),
        }
    }

    fn fill(&self, bundle: &Bundle, plan: &PackagePlan, phase: &Phase) -> Result<()> {
        let packages: Vec<&Package> = plan.missing.iter().chain(&plan.older).collect();
        bundle.for_each_entry(
            |entry| packages.iter().any(|package| package.path == entry.path),
            |entry, content| {
                for package in packages.iter().filter(|package| package.path == entry.path) {
                    let path = self.file(package);
                    let mut file = File::create_new(&path).map_err(Error::io("create", &path))?;
                    io::copy(content, &mut file).map_err(reader::unwrapped)?;
                    file.sync_all().map_err(Error::io("write", &path))?;
                }
                phase.advance(entry.size);
                Ok(())
            },
        )
    }

    /// A name of our own: apt reads some characters of file names its own way.
    fn file(&self, package: &Package) -> PathBuf {
        self.0.join(format!("{}_{}.deb", package.name, package.architecture))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Packages are large: they go as soon as they are of no use, also where apt failed.
impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // what is left, the next run removes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_after_os_release() {
        for (text, expected) in [
            ("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n", "debian-12"),
            ("ID=ubuntu\nVERSION_ID='24.04'\nID_LIKE=debian\n", "ubuntu-24.04"),
            ("ID=arch\n", "arch"),
            ("", ""),
        ] {
            assert_eq!(target_of(text), expected);
        }
    }

    #[test]
    fn a_staging_folder_is_made_anew_and_never_through_a_link() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("state/staging");
        for _ in 0..2 {
            let staging = std::mem::ManuallyDrop::new(Staging::create(&folder).unwrap()); // killed
            assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
            fs::write(staging.folder("left over"), "x").unwrap();
        }
        Staging::remove(&folder).unwrap();
        assert!(!folder.exists());
        Staging::remove(&folder).unwrap();
        let _kept = std::mem::ManuallyDrop::new(Staging::create(&folder).unwrap());
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(matches!(Staging::create(&link), Err(Error::Staging { .. })));
    }
}
