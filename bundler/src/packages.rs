//! The packages that install the engine on a target: resolved by apt itself against that target, with a state of its
//! own, authenticated by the archive's key.
//!
//! Attacks this module is written against: an archive that is not signed, or by another key (apt refuses, and its
//! warnings are errors here); a package that is not the one in the signed index (apt compares, and so do we, with the
//! bytes that go into the bundle); an index from long ago (apt refuses one that says itself until when it is good and is
//! not any more; of others the release says how old they may be, or we warn); a line of apt's configuration in a value of
//! release.toml (values are plain words, and each is one); an index that no release file vouches for; a host whose own
//! sources, keys, preferences or leniency would have a say (they have none).

mod age;
mod apt;
mod base;
mod given;
mod index;
mod mirror;
mod scratch;
pub mod unmet;

use std::path::{Path, PathBuf};

use wt_keys::console::{Phase, Progress};
use wt_keys::{Sha256Digest, Utc};
use wt_manifests::bundle::frame_writer::{Compression, FrameFile, FrameWriter};
use wt_manifests::bundle::tar;
use wt_manifests::manifest::{Mode, Package, PackageSet};
use wt_manifests::release::PackageTarget;
use wt_manifests::{Platform, RelativePath};

use crate::cache::PackageCache;
use crate::counted::Counted;
use crate::hashed::Hashed;
use crate::problems::Problems;
use crate::{Error, Result};
use apt::{Apt, Planned};
use given::Given;
use index::Index;

/// The packages of a target, downloaded.
pub struct Resolved {
    pub set: PackageSet,
    pub warnings: Vec<String>,
    files: Vec<Deb>,
    /// Holds the files.
    _apt: Apt,
}

struct Deb {
    package: Package,
    file: PathBuf,
    sha256: Sha256Digest,
    size: u64,
}

/// What is to be downloaded for a target.
pub struct Plan {
    apt: Apt,
    index: Index,
    given: Vec<Given>,
    /// What apt is told: names, and paths of the files that were given.
    arguments: Vec<String>,
    /// What the release asks for.
    install: Vec<String>,
    planned: Vec<Planned>,
    warnings: Vec<String>,
    phase: Phase,
}

impl Plan {
    /// Resolves what `target` asks for, for `platform`. All that cannot be had becomes a problem.
    pub fn of(
        target: &PackageTarget,
        platform: &Platform,
        now: Utc,
        progress: &Progress,
        problems: &mut Problems,
    ) -> Option<Self> {
        let place = format!("release.toml, [[packages]] `{}`", target.target);
        let phase = progress.phase(format!("packages for {}", target.target), None);
        let apt = problems.keep(&place, Apt::create(target))?;
        let given = given::take(target, platform, &apt.given(), &place, problems);
        problems.keep(&place, apt.describe(target, platform))?;
        phase.detail("reading the archive's index");
        let index = problems.keep(&place, index(&apt, target))?;
        let warnings = problems.keep(&place, age::check(target, &index.sources, now))?;
        problems.keep(&place, index.check_names(target))?;
        let given = given?;
        let paths = given.iter().map(|given| given.file.display().to_string());
        let names = || target.install.iter().map(ToString::to_string);
        let arguments: Vec<String> = names().chain(paths).collect();
        let planned = problems.keep(&place, planned(&apt, &index, &arguments, &given))?;
        let by_hand = given.iter().map(|given| given.name.clone());
        let install = names().chain(by_hand).collect();
        Some(Self { apt, index, given, arguments, install, planned, warnings, phase })
    }

    /// Downloads what is not in the cache.
    pub fn fetch(self, cache: Option<&PackageCache>) -> Result<Resolved> {
        let Self { apt, index, given, arguments, install, planned, warnings, phase } = self;
        phase.detail("downloading");
        if let Some(cache) = cache {
            // where apt looks before it downloads; it compares, too
            for plan in &planned {
                cache.lend(plan.sha256, &apt.archives().join(&plan.file_name));
            }
        }
        apt.download(&arguments)?;
        let downloaded = |plan| downloaded(plan, &apt, &index, &phase);
        let mut files = planned.iter().map(downloaded).collect::<Result<Vec<_>>>()?;
        if let Some(cache) = cache {
            for deb in &files {
                let _ = cache.keep(deb.sha256, &deb.file);
            }
            cache.bound();
        }
        for given in given {
            files.push(given_deb(given, &apt.target)?);
        }
        files.sort_by(|a, b| a.package.path.cmp(&b.package.path));
        let packages = files.iter().map(|deb| deb.package.clone()).collect();
        let sources = index.sources.into_iter().map(|source| source.signed).collect();
        let set = PackageSet { target: apt.target.clone(), install, sources, packages };
        Ok(Resolved { set, warnings, files, _apt: apt })
    }
}

fn index(apt: &Apt, target: &PackageTarget) -> Result<Index> {
    apt.update()?;
    Index::read(&apt.lists(), &target.target)
}

fn planned(apt: &Apt, index: &Index, arguments: &[String], given: &[Given]) -> Result<Vec<Planned>> {
    apt.write_status(&base::status(apt, index)?)?;
    apt.plan(arguments, given)
}

/// A package from the archive, compared with the index and described by it.
fn downloaded(plan: &Planned, apt: &Apt, index: &Index, phase: &Phase) -> Result<Deb> {
    let file = apt.archives().join(&plan.file_name);
    compare(&file, plan, phase)?;
    let unknown = || Error::AptAnswer { target: apt.target.clone(), found: plan.file_name.clone() };
    let stanza = index.by_digest(plan.sha256).ok_or_else(unknown)?;
    let package = Package {
        name: stanza.package.clone(),
        version: stanza.version.clone(),
        architecture: stanza.architecture.clone(),
        path: path(&apt.target, &plan.file_name)?,
    };
    Ok(Deb { package, file, sha256: plan.sha256, size: plan.size })
}

fn given_deb(given: Given, target: &str) -> Result<Deb> {
    let path = path(target, &given.file_name)?;
    let Given { name, version, architecture, file, sha256, size, .. } = given;
    Ok(Deb { package: Package { name, version, architecture, path }, file, sha256, size })
}

fn path(target: &str, file_name: &str) -> Result<RelativePath> {
    Ok(format!("packages/{target}/{file_name}").parse()?)
}

fn compare(file: &Path, plan: &Planned, phase: &Phase) -> Result<()> {
    let content = std::fs::File::open(file).map_err(Error::io("open", file))?;
    let hashed = Hashed::new(Counted { inner: content, phase });
    let (expected, found) = (plan.sha256, hashed.finish().map_err(Error::io("read", file))?);
    if expected == found {
        return Ok(());
    }
    Err(Error::Digest { what: plan.file_name.clone(), expected, found })
}

impl Resolved {
    /// One frame a package, compared with the index once more as it goes in.
    pub fn frames(&self, folder: &Path, compression: Compression) -> Result<Vec<FrameFile>> {
        self.files.iter().map(|deb| frame(deb, folder, compression)).collect()
    }
}

fn frame(deb: &Deb, folder: &Path, compression: Compression) -> Result<FrameFile> {
    let mut content = std::fs::File::open(&deb.file).map_err(Error::io("open", &deb.file))?;
    let size = tar::size_of(&deb.package.path, deb.size)?;
    let mut frame = FrameWriter::new(folder, compression, size)?;
    let (expected, path) = (deb.sha256, deb.package.path.clone());
    let found = frame.entry(path, deb.size, Mode::Data, &mut content)?;
    if expected == found {
        Ok(frame.finish()?)
    } else {
        Err(Error::Digest { what: deb.package.path.to_string(), expected, found })
    }
}
