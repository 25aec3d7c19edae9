//! Where images come from, by skopeo's transport names.

pub mod docker_archive;
mod engine;
pub mod oci;
mod registry;
mod rootfs;
mod rootfs_config;
mod rootfs_tar;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wt_keys::console::Progress;
use wt_manifests::image::Blob;
use wt_manifests::release::{ImageSource, Release};
use wt_manifests::{ImageName, Platform};

use self::engine::Engine;
pub use self::registry::{Access as RegistryAccess, Failure as RegistryFailure};
use self::registry::{Reference, Registries, Remote};
use crate::image::{Collected, Content, Keep};
use crate::press::Press;
use crate::problems::Problems;
use crate::source::docker_archive::Archive;
use crate::{Error, Result};

/// A source, read from `release.toml`. Paths are those of the release folder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    DockerDaemon(ImageName),
    DockerArchive(PathBuf, Option<ImageName>),
    Oci(PathBuf, Option<String>),
    OciArchive(PathBuf, Option<String>),
    Rootfs(PathBuf),
    Docker(Reference),
}

impl Source {
    fn parse(text: &str, folder: &Path) -> Result<Self> {
        let unknown = || Error::Transport { found: text.to_owned() };
        let (transport, rest) = text.split_once(':').ok_or_else(unknown)?;
        let form = |expected| Error::SourceForm { found: text.to_owned(), expected };
        let (path, reference) = match rest.split_once(':') {
            Some((path, reference)) => (folder.join(path), Some(reference)),
            None => (folder.join(rest), None),
        };
        if rest.is_empty() {
            return Err(form("something behind the colon"));
        }
        match transport {
            "docker-daemon" => {
                rest.parse().map(Self::DockerDaemon).map_err(|_| form("docker-daemon:NAME:TAG"))
            }
            "docker-archive" => match reference.map(str::parse).transpose() {
                Ok(reference) => Ok(Self::DockerArchive(path, reference)),
                Err(_) => Err(form("docker-archive:PATH[:NAME:TAG]")),
            },
            "oci" => Ok(Self::Oci(path, reference.map(ToOwned::to_owned))),
            "rootfs" => Ok(Self::Rootfs(folder.join(rest))),
            "docker" => {
                let reference = rest.strip_prefix("//").and_then(|rest| rest.parse().ok());
                reference
                    .map(Self::Docker)
                    .ok_or_else(|| form("docker://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]"))
            }
            "oci-archive" => Ok(Self::OciArchive(path, reference.map(ToOwned::to_owned))),
            _ => Err(unknown()),
        }
    }
}

/// The images of a release, each with its source, and all sources there.
pub struct Images<'a> {
    release: &'a Release,
    sources: Vec<(&'a ImageSource, Source)>,
    engine: Option<Engine>,
    remotes: HashMap<Reference, Remote>,
}

impl<'a> Images<'a> {
    /// Reads the sources and looks whether they are there, before anything is made of them. What is not becomes a problem.
    pub fn find(
        release: &'a Release,
        access: &RegistryAccess,
        progress: &Progress,
        problems: &mut Problems,
    ) -> Self {
        let mut sources = Vec::new();
        for image in &release.file.images {
            let source = Source::parse(&image.source, &release.folder);
            sources.extend(problems.keep(&place(image), source).map(|source| (image, source)));
        }
        for (image, source) in &sources {
            problems.keep(&place(image), check(image, source, release));
        }
        let engine = engine(&sources, problems);
        let remotes = remotes(&sources, access, progress, problems);
        Self { release, sources, engine, remotes }
    }

    /// Sends every layer to the press.
    pub fn collect(self, press: &Press, keep: Keep) -> Result<Vec<Collected>> {
        let platform = &self.release.file.platform;
        let in_engine =
            self.engine.map(|engine| engine.export(platform, press)).transpose()?.unwrap_or_default();
        let mut opened = Opened {
            keep,
            in_engine,
            archives: BTreeMap::new(),
            layouts: BTreeMap::new(),
            roots: BTreeMap::new(),
            remotes: self.remotes,
            prepared: HashMap::new(),
        };
        let mut collected = Vec::new();
        for (at, (image, source)) in self.sources.iter().enumerate() {
            // the next image is on its way while this one is compressed; one, so that the disk need not hold them all
            let content = opened
                .prepare(source, platform, press)
                .and_then(|()| opened.prepare_next(&self.sources[at + 1..], platform, press))
                .and_then(|()| opened.content(source.clone(), image, platform, press))
                .map_err(|error| error.of_image(&image.name))?;
            collected.push(Collected::check(&image.name, content, platform, &image.source)?);
        }
        Ok(collected)
    }
}

/// Where an image is named.
fn place(image: &ImageSource) -> String {
    format!("release.toml, [[image]] `{}`", image.name)
}

/// What can be known of a source without an engine or a registry.
fn check(image: &ImageSource, source: &Source, release: &Release) -> Result<()> {
    match source {
        Source::DockerArchive(path, _) | Source::OciArchive(path, _) => is_there(path),
        Source::Oci(path, reference) => {
            is_there(path)?;
            let folder = oci::Folder(path);
            oci::Images::new(&folder, &release.file.platform, Keep::Layers).has(reference.as_deref())
        }
        Source::Rootfs(path) => {
            rootfs::check(path, &release.folder)?;
            rootfs_config::check(&image.name, &image.config)
        }
        Source::DockerDaemon(_) | Source::Docker(_) => Ok(()),
    }
}

fn is_there(path: &Path) -> Result<()> {
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoSource { path: path.to_owned() }),
        metadata => metadata.map(drop).map_err(Error::io("open", path)),
    }
}

/// The engine, if an image is from there and it has all that are.
fn engine(sources: &[(&ImageSource, Source)], problems: &mut Problems) -> Option<Engine> {
    let wanted = |(image, source): &(&ImageSource, Source)| match source {
        Source::DockerDaemon(name) => Some((place(image), name.clone())),
        _ => None,
    };
    let wanted: Vec<(String, ImageName)> = sources.iter().filter_map(wanted).collect();
    let first = wanted.first()?;
    match Engine::with(wanted.iter().map(|(_, name)| name.clone()).collect()) {
        Ok(engine) => return Some(engine),
        Err(Error::NotInEngine { names }) => {
            for (place, name) in wanted.into_iter().filter(|(_, name)| names.contains(name)) {
                problems.add(place, Error::NotInEngine { names: vec![name] });
            }
        }
        Err(error) => problems.add(&first.0, error),
    }
    None
}

/// What registries say of their images. One that does not answer is not asked for its other images.
fn remotes(
    sources: &[(&ImageSource, Source)],
    access: &RegistryAccess,
    progress: &Progress,
    problems: &mut Problems,
) -> HashMap<Reference, Remote> {
    let (mut registries, mut remotes, mut failed) = (None, HashMap::new(), HashSet::new());
    for (image, source) in sources {
        let Source::Docker(reference) = source else { continue };
        let host = reference.registry();
        if remotes.contains_key(reference) || failed.contains(host) {
            continue;
        }
        if registries.is_none() {
            registries = problems.keep(&place(image), Registries::new(access, progress));
        }
        let Some(registries) = &mut registries else { return remotes };
        match registries.find(reference) {
            Ok(remote) => drop(remotes.insert(reference.clone(), remote)),
            Err(error) => {
                if !error.is_of_release() {
                    failed.insert(host);
                }
                problems.add(place(image), error);
            }
        }
    }
    remotes
}

/// Sources that give several images are read once.
struct Opened {
    keep: Keep,
    in_engine: BTreeMap<ImageName, Content>,
    archives: BTreeMap<PathBuf, Archive>,
    layouts: BTreeMap<PathBuf, oci::Archive>,
    roots: BTreeMap<PathBuf, Blob>,
    remotes: HashMap<Reference, Remote>,
    /// Of which the layers are fetched already.
    prepared: HashMap<Reference, oci::Resolved>,
}

impl Opened {
    fn prepare_next(
        &mut self,
        sources: &[(&ImageSource, Source)],
        platform: &Platform,
        press: &Press,
    ) -> Result<()> {
        let next = sources.iter().find(|(_, source)| matches!(source, Source::Docker(_)));
        next.map_or(Ok(()), |(image, source)| {
            self.prepare(source, platform, press).map_err(|error| error.of_image(&image.name))
        })
    }

    /// Begins to fetch what is in a registry.
    fn prepare(&mut self, source: &Source, platform: &Platform, press: &Press) -> Result<()> {
        if let Source::Docker(reference) = source
            && !self.prepared.contains_key(reference)
        {
            let remote = self.remotes.get(reference).ok_or(registry::Failure::Stopped)?;
            self.prepared.insert(reference.clone(), remote.prepare(platform, self.keep, press)?);
        }
        Ok(())
    }

    fn content(
        &mut self,
        source: Source,
        image: &ImageSource,
        platform: &Platform,
        press: &Press,
    ) -> Result<Content> {
        match source {
            Source::DockerDaemon(name) => {
                self.in_engine.get(&name).cloned().ok_or_else(|| Error::NotInEngine { names: vec![name] })
            }
            Source::DockerArchive(path, reference) => {
                once(&mut self.archives, path, |path| Archive::open(path, press))?.image(reference.as_ref())
            }
            Source::Oci(path, reference) => {
                oci::Images::new(&oci::Folder(&path), platform, self.keep).image(reference.as_deref(), press)
            }
            Source::OciArchive(path, reference) => {
                let archive = once(&mut self.layouts, path, |path| oci::Archive::open(path, press))?;
                oci::Images::new(&*archive, platform, self.keep).image(reference.as_deref(), press)
            }
            Source::Docker(reference) => {
                match (self.remotes.get(&reference), self.prepared.remove(&reference)) {
                    (Some(remote), Some(image)) => remote.content(image, platform, self.keep, press),
                    _ => Err(registry::Failure::Stopped.into()),
                }
            }
            Source::Rootfs(path) => {
                let layer = *once(&mut self.roots, path, |path| rootfs::layer(path, press))?;
                let config = rootfs_config::to_json(&image.config, platform, layer.digest);
                Ok(Content { config, layers: vec![layer], manifest: None, resolved: None })
            }
        }
    }
}

/// What is at `path`, opened where it was not before.
fn once<T>(
    opened: &mut BTreeMap<PathBuf, T>,
    path: PathBuf,
    open: impl FnOnce(&Path) -> Result<T>,
) -> Result<&mut T> {
    Ok(match opened.entry(path) {
        Entry::Occupied(there) => there.into_mut(),
        Entry::Vacant(place) => {
            let new = open(place.key())?;
            place.insert(new)
        }
    })
}

#[cfg(test)]
mod tests {
    use wt_manifests::release::TRANSPORTS;

    use super::*;

    #[test]
    fn sources_are_read_as_skopeo_reads_them() {
        let read = |text: &str| Source::parse(text, Path::new("/r")).unwrap();
        assert_eq!(read("docker-daemon:a/b:1"), Source::DockerDaemon("a/b:1".parse().unwrap()));
        assert_eq!(read("docker-archive:x.tar"), Source::DockerArchive("/r/x.tar".into(), None));
        assert_eq!(
            read("docker-archive:/x.tar:a:1"),
            Source::DockerArchive("/x.tar".into(), Some("a:1".parse().unwrap()))
        );
        assert_eq!(read("oci:d"), Source::Oci("/r/d".into(), None));
        assert_eq!(read("oci:d:a/b:1"), Source::Oci("/r/d".into(), Some("a/b:1".into())));
        assert_eq!(read("oci-archive:x.tar:1"), Source::OciArchive("/r/x.tar".into(), Some("1".into())));
        let docker = |text: &str| Source::Docker(text.parse().unwrap());
        assert_eq!(read("docker://redis"), docker("docker.io/library/redis:latest"));
        assert_eq!(read("docker://a.example:5000/b/c:1"), docker("a.example:5000/b/c:1"));
        assert_eq!(read("rootfs:root/fs"), Source::Rootfs("/r/root/fs".into()));
    }

    #[test]
    fn other_sources_are_refused_by_name() {
        let refused = |text: &str| Source::parse(text, Path::new("/r")).unwrap_err();
        for known in TRANSPORTS {
            let read = Source::parse(&format!("{known}:/x"), Path::new("/r"));
            assert!(!matches!(read, Err(Error::Transport { .. })), "{known}");
        }
        for unknown in ["a", "dir:x", "OCI:x", ""] {
            assert!(matches!(refused(unknown), Error::Transport { .. }), "{unknown}");
        }
        for form in [
            "docker-daemon:a",
            "docker-daemon:a@sha256:0",
            "docker-archive:x:A",
            "oci:",
            "rootfs:",
            "docker:a",
            "docker://",
            "docker://A",
        ] {
            assert!(matches!(refused(form), Error::SourceForm { .. }), "{form}");
        }
    }
}
