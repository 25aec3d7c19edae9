//! Where images come from, by skopeo's transport names.

pub mod docker_archive;
mod engine;
pub mod hashed;
mod oci;
mod registry;
mod rootfs;
mod rootfs_config;
mod rootfs_tar;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use wt_keys::console::Progress;
use wt_manifests::image::Blob;
use wt_manifests::release::{ImageSource, Release};
use wt_manifests::{ImageName, Platform};

pub use self::registry::{Access as RegistryAccess, Failure as RegistryFailure};
use self::registry::{Reference, Registries, Remote};
use crate::image::{Collected, Content, Keep};
use crate::press::Press;
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
    engine: Option<engine::Engine>,
    remotes: HashMap<Reference, Remote>,
}

impl<'a> Images<'a> {
    /// Reads the sources and checks that they are there, before anything is made of them.
    pub fn find(release: &'a Release, access: &RegistryAccess, progress: &Progress) -> Result<Self> {
        let sources = release
            .file
            .images
            .iter()
            .map(|image| Ok((image, Source::parse(&image.source, &release.folder)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut in_engine = Vec::new();
        for (image, source) in &sources {
            match source {
                Source::DockerDaemon(name) => in_engine.push(name.clone()),
                Source::DockerArchive(path, _) | Source::Oci(path, _) | Source::OciArchive(path, _) => {
                    path.metadata().map_err(Error::io("open", path))?;
                }
                Source::Docker(_) => {}
                Source::Rootfs(path) => {
                    rootfs::check(path, &release.folder)?;
                    rootfs_config::check(&image.name, &image.config)?;
                }
            }
        }
        let engine = if in_engine.is_empty() { None } else { Some(engine::Engine::with(in_engine)?) };
        let remotes = remotes(sources.iter().map(|(_, source)| source), access, progress)?;
        Ok(Self { release, sources, engine, remotes })
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
        };
        let mut collected = Vec::new();
        for (image, source) in self.sources {
            let content = opened.content(source, image, platform, press)?;
            collected.push(Collected::check(&image.name, content, platform, &image.source)?);
        }
        Ok(collected)
    }
}

/// What registries say of their images.
fn remotes<'s>(
    sources: impl Iterator<Item = &'s Source>,
    access: &RegistryAccess,
    progress: &Progress,
) -> Result<HashMap<Reference, Remote>> {
    let (mut registries, mut remotes) = (None, HashMap::new());
    for source in sources {
        let Source::Docker(reference) = source else { continue };
        if registries.is_none() {
            registries = Some(Registries::new(access, progress)?);
        }
        if let (Some(registries), false) = (&mut registries, remotes.contains_key(reference)) {
            remotes.insert(reference.clone(), registries.find(reference)?);
        }
    }
    Ok(remotes)
}

/// Sources that give several images are read once.
struct Opened {
    keep: Keep,
    in_engine: BTreeMap<ImageName, Content>,
    archives: BTreeMap<PathBuf, Archive>,
    layouts: BTreeMap<PathBuf, oci::Archive>,
    roots: BTreeMap<PathBuf, Blob>,
    remotes: HashMap<Reference, Remote>,
}

impl Opened {
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
                let archive = match self.archives.entry(path) {
                    Entry::Occupied(archive) => archive.into_mut(),
                    Entry::Vacant(place) => {
                        let archive = Archive::open(place.key(), press)?;
                        place.insert(archive)
                    }
                };
                archive.image(reference.as_ref())
            }
            Source::Oci(path, reference) => {
                oci::Images::new(&oci::Folder(&path), platform, self.keep).image(reference.as_deref(), press)
            }
            Source::OciArchive(path, reference) => {
                let archive = match self.layouts.entry(path) {
                    Entry::Occupied(archive) => archive.into_mut(),
                    Entry::Vacant(place) => {
                        let archive = oci::Archive::open(place.key(), press)?;
                        place.insert(archive)
                    }
                };
                oci::Images::new(&*archive, platform, self.keep).image(reference.as_deref(), press)
            }
            Source::Docker(reference) => match self.remotes.get(&reference) {
                Some(remote) => remote.content(platform, self.keep, press),
                None => Err(registry::Failure::Stopped.into()),
            },
            Source::Rootfs(path) => {
                let layer = match self.roots.get(&path) {
                    Some(layer) => *layer,
                    None => rootfs::layer(&path, press)?,
                };
                self.roots.insert(path, layer);
                let config = rootfs_config::to_json(&image.config, platform, layer.digest);
                Ok(Content { config, layers: vec![layer], manifest: None, resolved: None })
            }
        }
    }
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
