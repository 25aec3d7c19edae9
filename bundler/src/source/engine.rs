//! `docker-daemon:`, the engine of this machine. The only asynchronous module: it owns the runtime, and hands out a
//! plain reader. All images come in one stream, in which the engine writes shared layers once.

use std::io::{self, Read};
use std::pin::Pin;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as DockerError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::runtime::Runtime;
use wt_manifests::ImageName;

use super::docker_archive::Archive;
use crate::press::Press;
use crate::{Error, Result};

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// The engine answers an export only after it has put everything together.
const EXPORT_TIMEOUT: Duration = Duration::from_hours(24);

/// An engine that has the images.
pub struct Engine {
    docker: Docker,
    runtime: Runtime,
    names: Vec<ImageName>,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names and checks that it has all of `names`.
    pub fn with(names: Vec<ImageName>) -> Result<Self> {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| DEFAULT_HOST.to_owned());
        if !host.starts_with("unix://") {
            return Err(Error::EngineAddress { host });
        }
        let unreachable = |source| Error::EngineUnreachable { host: host.clone(), source: Box::new(source) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Error::Runtime { source })?;
        let docker = Docker::connect_with_host(&host).map_err(unreachable)?;
        runtime.block_on(docker.ping()).map_err(unreachable)?;
        let missing = runtime.block_on(missing(&docker, &names))?;
        if missing.is_empty() {
            Ok(Self { docker: docker.with_timeout(EXPORT_TIMEOUT), runtime, names })
        } else {
            Err(Error::NotInEngine { names: missing })
        }
    }

    /// Exports the images; their layers go to the press.
    pub fn export(self, press: &mut Press) -> Result<Archive> {
        let mut names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let stream = self.docker.export_images(&names);
        let reader = Export { runtime: &self.runtime, stream: Box::pin(stream), rest: Bytes::new() };
        Archive::read(reader, "the engine's export", press)
    }
}

async fn missing(docker: &Docker, names: &[ImageName]) -> Result<Vec<ImageName>> {
    let mut missing = Vec::new();
    for name in names {
        match docker.inspect_image(&name.to_string()).await {
            Ok(_) => {}
            Err(DockerError::DockerResponseServerError { status_code: 404, .. }) => {
                missing.push(name.clone());
            }
            Err(source) => {
                return Err(Error::Engine { action: "look up an image", source: Box::new(source) });
            }
        }
    }
    Ok(missing)
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
