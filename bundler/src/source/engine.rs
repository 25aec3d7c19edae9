//! `docker-daemon:`, the engine of this machine. Its client is asynchronous: this module owns the runtimes for it, and hands
//! out plain readers.
//!
//! Docker puts a whole export together, on one processor, before it sends the first byte, and that takes longer than to
//! compress it. So two exports run side by side, as unlike each other as they can be: within one, shared layers are
//! written once.

mod described;
mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as DockerError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::runtime::Runtime;
use wt_manifests::{ImageName, Platform};

use self::described::Described;
use super::docker_archive::{Archive, MOST};
use crate::image::Content;
use crate::press::Press;
use crate::{Error, Result};

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// The engine answers an export only after it has put everything together.
const EXPORT_TIMEOUT: Duration = Duration::from_hours(24);

/// An engine that has the images.
pub struct Engine {
    host: String,
    images: Vec<Described>,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names and checks that it has all of `names`.
    pub fn with(names: Vec<ImageName>) -> Result<Self> {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| DEFAULT_HOST.to_owned());
        let names: BTreeSet<ImageName> = names.into_iter().collect();
        let images = Connection::open(&host)?.describe(names)?;
        Ok(Self { host, images })
    }

    /// Exports the images, except those that are as an earlier build kept them; their layers go to the press.
    pub fn export(self, platform: &Platform, press: &Press) -> Result<BTreeMap<ImageName, Content>> {
        let (mut contents, mut changed) = (BTreeMap::new(), Vec::new());
        for image in self.images {
            match image.kept(platform, press) {
                Some(content) => drop(contents.insert(image.name, content)),
                None => changed.push(image),
            }
        }
        let groups = groups::split(changed.iter().map(Described::weighed).collect());
        let exported = export_groups(&self.host, groups, press)?;
        keep(&self.host, &changed, &exported, platform, press);
        contents.extend(exported);
        Ok(contents)
    }
}

/// Exports the groups side by side.
fn export_groups(
    host: &str,
    groups: Vec<Vec<ImageName>>,
    press: &Press,
) -> Result<BTreeMap<ImageName, Content>> {
    thread::scope(|scope| {
        let exports: Vec<_> = groups
            .into_iter()
            .map(|names| scope.spawn(move || Connection::open(host)?.export(names, press)))
            .collect();
        let mut contents = BTreeMap::new();
        for export in exports {
            contents.extend(export.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(contents)
    })
}

/// For the next build. A tag may have moved while it was exported, and then nobody knows what the image was: the
/// engine is asked again.
fn keep(
    host: &str,
    before: &[Described],
    exported: &BTreeMap<ImageName, Content>,
    platform: &Platform,
    press: &Press,
) {
    let names = exported.keys().cloned().collect();
    if press.cache().is_none() || exported.is_empty() {
        return;
    }
    let Ok(after) = Connection::open(host).and_then(|connection| connection.describe(names)) else { return };
    for image in before.iter().filter(|image| after.contains(image)) {
        if let Some(content) = exported.get(&image.name) {
            image.keep(content, platform, press);
        }
    }
}

struct Connection {
    docker: Docker,
    runtime: Runtime,
}

impl Connection {
    fn open(host: &str) -> Result<Self> {
        if !host.starts_with("unix://") {
            return Err(Error::EngineAddress { host: host.to_owned() });
        }
        let unreachable =
            |source| Error::EngineUnreachable { host: host.to_owned(), source: Box::new(source) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Error::Runtime { source })?;
        let docker = Docker::connect_with_host(host).map_err(unreachable)?;
        runtime.block_on(docker.ping()).map_err(unreachable)?;
        Ok(Self { docker, runtime })
    }

    fn describe(&self, names: BTreeSet<ImageName>) -> Result<Vec<Described>> {
        self.runtime.block_on(describe(&self.docker, names))
    }

    fn export(self, names: Vec<ImageName>, press: &Press) -> Result<Vec<(ImageName, Content)>> {
        let texts: Vec<String> = names.iter().map(ToString::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let docker = self.docker.with_timeout(EXPORT_TIMEOUT);
        let stream = Box::pin(docker.export_images(&texts));
        let reader = Export { runtime: &self.runtime, stream, rest: Bytes::new() };
        let archive = Archive::read(reader, "the engine's export", press, MOST)?;
        names.into_iter().map(|name| archive.image(Some(&name)).map(|content| (name, content))).collect()
    }
}

/// Looks up the images and what their layers weigh.
async fn describe(docker: &Docker, names: BTreeSet<ImageName>) -> Result<Vec<Described>> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match docker.inspect_image(&name.to_string()).await {
            Ok(image) => {
                let history = docker.image_history(&name.to_string()).await.unwrap_or_default();
                let sizes = history.iter().rev().map(|step| step.size.unsigned_abs()).collect();
                let layers = image.root_fs.and_then(|root| root.layers).unwrap_or_default();
                let total = image.size.unwrap_or_default().unsigned_abs();
                found.push(Described { name, id: image.id, layers, sizes, total });
            }
            Err(DockerError::DockerResponseServerError { status_code: 404, .. }) => missing.push(name),
            Err(source) => {
                return Err(Error::Engine { action: "look up an image", source: Box::new(source) });
            }
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(Error::NotInEngine { names: missing }) }
}

/// The export as a plain reader.
struct Export<'a> {
    runtime: &'a Runtime,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, DockerError>> + 'a>>,
    rest: Bytes,
}

impl Read for Export<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.runtime.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(Ok(bytes)) => self.rest = bytes,
                Some(Err(source)) => {
                    let source = Box::new(source);
                    return Err(io::Error::other(Error::Engine { action: "export the images", source }));
                }
            }
        }
        let now = self.rest.split_to(self.rest.len().min(out.len()));
        out[..now.len()].copy_from_slice(&now);
        Ok(now.len())
    }
}
