//! Where images come from, by skopeo's transport names.

mod docker_archive;
mod engine;
mod hashed;
mod oci;
mod rootfs;
mod rootfs_config;
mod rootfs_tar;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wt_manifests::ImageName;
use wt_manifests::release::{ImageSource, Release};

use crate::image::{Collected, Content};
use crate::press::Press;
use crate::{Error, Result};

/// A source, read from `release.toml`. Paths are those of the release folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    DockerDaemon(ImageName),
    DockerArchive(PathBuf, Option<ImageName>),
    Oci(PathBuf, Option<String>),
    Rootfs(PathBuf),
}

impl Source {
    fn parse(text: &str, folder: &Path) -> Result<Self> {
        let unknown = || Error::Transport { found: text.to_owned() };
        let (transport, rest) = text.split_once(':').ok_or_else(unknown)?;
        let form = |expected| Error::SourceForm { found: text.to_owned(), expected };
        let path_and_reference = || match rest.split_once(':') {
            Some((path, reference)) => (folder.join(path), Some(reference)),
            None => (folder.join(rest), None),
        };
        if rest.is_empty() {
            return Err(form("something behind the colon"));
        }
        match transport {
            "docker-daemon" => {
                let name = rest.parse().map_err(|_| form("docker-daemon:NAME:TAG"))?;
                Ok(Self::DockerDaemon(name))
            }
            "docker-archive" => {
                let (path, reference) = path_and_reference();
                let reference = reference.map(str::parse).transpose();
                Ok(Self::DockerArchive(path, reference.map_err(|_| form("docker-archive:PATH[:NAME:TAG]"))?))
            }
            "oci" => {
                let (path, reference) = path_and_reference();
                Ok(Self::Oci(path, reference.map(ToOwned::to_owned)))
            }
            "rootfs" => Ok(Self::Rootfs(folder.join(rest))),
            "docker" => Err(Error::TransportNotYet { transport: "docker", found: text.to_owned() }),
            "oci-archive" => Err(Error::TransportNotYet { transport: "oci-archive", found: text.to_owned() }),
            _ => Err(unknown()),
        }
    }
}

/// The images of a release, each with its source, and all sources there.
pub struct Images<'a> {
    release: &'a Release,
    sources: Vec<(&'a ImageSource, Source)>,
    engine: Option<engine::Engine>,
}

impl<'a> Images<'a> {
    /// Reads the sources and checks that they are there, before anything is made of them.
    pub fn find(release: &'a Release) -> Result<Self> {
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
                Source::DockerArchive(path, _) | Source::Oci(path, _) => {
                    path.metadata().map_err(Error::io("open", path))?;
                }
                Source::Rootfs(path) => {
                    rootfs::check(path, &release.folder)?;
                    rootfs_config::check(&image.name, &image.config)?;
                }
            }
        }
        let engine = if in_engine.is_empty() { None } else { Some(engine::Engine::with(in_engine)?) };
        Ok(Self { release, sources, engine })
    }

    /// Sends every layer to the press. Every source is read once, however many images it gives.
    pub fn collect(self, press: &mut Press) -> Result<Vec<Collected>> {
        let platform = &self.release.file.platform;
        let mut contents = BTreeMap::new();
        let mut archives = BTreeMap::new();
        let mut roots = BTreeMap::new();
        if let Some(engine) = self.engine {
            engine.export(press, &mut contents)?;
        }
        let mut collected = Vec::new();
        for (image, source) in self.sources {
            let content = match source {
                Source::DockerDaemon(name) => {
                    contents.remove(&name).ok_or_else(|| Error::NotInEngine { names: vec![name] })?
                }
                Source::DockerArchive(path, reference) => {
                    if !archives.contains_key(&path) {
                        archives.insert(path.clone(), docker_archive::Archive::open(&path, press)?);
                    }
                    archives[&path].image(reference.as_ref())?
                }
                Source::Oci(path, reference) => {
                    oci::Layout::new(&path, platform).image(reference.as_deref(), press)?
                }
                Source::Rootfs(path) => {
                    if !roots.contains_key(&path) {
                        roots.insert(path.clone(), rootfs::layer(&path, press)?);
                    }
                    rootfs_content(roots[&path], image, platform)
                }
            };
            collected.push(Collected::check(&image.name, content, platform)?);
        }
        Ok(collected)
    }
}

fn rootfs_content(layer: wt_manifests::image::Blob, image: &ImageSource, platform: &str) -> Content {
    let config = rootfs_config::to_json(&image.config, platform, layer.digest);
    Content { config, layers: vec![layer] }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(read("rootfs:root/fs"), Source::Rootfs("/r/root/fs".into()));
    }

    #[test]
    fn other_sources_are_refused_by_name() {
        let refused = |text: &str| Source::parse(text, Path::new("/r")).unwrap_err();
        assert!(matches!(refused("docker://a:1"), Error::TransportNotYet { transport: "docker", .. }));
        assert!(matches!(refused("oci-archive:a.tar"), Error::TransportNotYet { .. }));
        for unknown in ["a", "dir:x", "OCI:x", ""] {
            assert!(matches!(refused(unknown), Error::Transport { .. }), "{unknown}");
        }
        for form in ["docker-daemon:a", "docker-daemon:a@sha256:0", "docker-archive:x:A", "oci:", "rootfs:"] {
            assert!(matches!(refused(form), Error::SourceForm { .. }), "{form}");
        }
    }
}
