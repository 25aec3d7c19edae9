//! Docker, and the only door to it: nothing outside this module opens its socket, runs its client or is async.
//!
//! Promises: the engine gets bytes that were authenticated, in an archive that we wrote; what it then claims to hold is
//! compared with the manifest. Refuses: engines that are too old, and every other engine than the one behind the local
//! socket: `DOCKER_HOST`, contexts and proxies of the environment are ignored.

mod archive;
mod client;
mod health;
mod images;
mod layers;
mod load;
mod services;
mod swarm;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bollard::models::SystemInfo;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::runtime::{Builder, Runtime};
use wt_keys::Sha256Digest;
use wt_manifests::image::Image;

pub use self::images::EngineImage;
pub use self::layers::{ImagePlan, chain_ids};
pub use self::services::{Service, Task};
pub use self::swarm::SwarmState;
use crate::{Error, Result};

pub const SOCKET: &str = "/var/run/docker.sock";
pub const OLDEST: EngineVersion = EngineVersion { major: 20, minor: 10 };
const DATA_ROOT: &str = "/var/lib/docker";
/// Where images are in the containerd store.
const CONTAINERD_ROOT: &str = "/var/lib/containerd";
const REQUEST_LIMIT: u64 = 120; // seconds
const START_POLL: Duration = Duration::from_millis(250);

/// A connection to the engine of this host.
pub struct Engine {
    docker: Docker,
    runtime: Runtime,
    info: EngineInfo,
}

/// What kind of engine answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// As the engine spells it: `20.10.24+dfsg1`.
    pub version: String,
    pub api: String,
    pub store: StoreKind,
    pub data_root: PathBuf,
}

/// Where an engine keeps images, and so what their IDs are. They differ: `facts/engine.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    Classic,
    Containerd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineVersion {
    major: u32,
    minor: u32,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("info", &self.info).finish_non_exhaustive()
    }
}

impl StoreKind {
    /// What an image is called in this store, whatever its tags.
    pub fn image_id(self, image: &Image) -> Sha256Digest {
        match self {
            Self::Classic => image.config,
            Self::Containerd => image.manifest,
        }
    }
}

impl Engine {
    /// The engine of this host. Refuses one that is too old.
    pub fn connect() -> Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(Error::io("start", "tokio"))?;
        let unreachable = |source| Error::NoEngine { socket: SOCKET, source: Box::new(source) };
        let docker =
            Docker::connect_with_unix(SOCKET, REQUEST_LIMIT, API_DEFAULT_VERSION).map_err(unreachable)?;
        let (version, info) = runtime
            .block_on(async { Ok((docker.version().await?, docker.info().await?)) })
            .map_err(unreachable)?;
        let info = EngineInfo::new(
            version.version.unwrap_or_default(),
            version.api_version.unwrap_or_default(),
            info,
        );
        if EngineVersion::parse(&info.version).is_none_or(|version| version < OLDEST) {
            return Err(Error::EngineTooOld { expected: OLDEST, found: info.version });
        }
        Ok(Self { docker, runtime, info })
    }

    /// The engine of this host, if one answers.
    pub fn find() -> Result<Option<Self>> {
        match Self::connect() {
            Ok(engine) => Ok(Some(engine)),
            Err(Error::NoEngine { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Connects to an engine that was just started.
    pub fn await_start(limit: Duration) -> Result<Self> {
        let started = Instant::now();
        loop {
            match Self::connect() {
                Err(Error::NoEngine { .. }) if started.elapsed() < limit => std::thread::sleep(START_POLL),
                answer => return answer,
            }
        }
    }

    pub fn info(&self) -> Result<EngineInfo> {
        Ok(self.info.clone())
    }

    /// Where the engine keeps its data, or would.
    pub fn data_root_or_default() -> Result<PathBuf> {
        Ok(Self::find()?.map_or_else(|| DATA_ROOT.into(), |engine| engine.info.data_root))
    }

    /// Asks the engine and waits for the answer; `action` completes "the engine could not …".
    fn ask<T>(
        &self,
        action: &'static str,
        question: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T> {
        self.runtime.block_on(question).map_err(Error::engine(action))
    }

    /// As [`Engine::ask`]; `None` where the engine knows no such thing.
    fn ask_for<T>(
        &self,
        action: &'static str,
        question: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<Option<T>> {
        match self.runtime.block_on(question) {
            Ok(found) => Ok(Some(found)),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(Error::engine(action)(error)),
        }
    }

    /// Returns once all that the engine has written is on the disk.
    pub fn sync_storage(&self) -> Result<()> {
        let folders = [self.info.data_root.as_path(), Path::new(CONTAINERD_ROOT)];
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            let file = std::fs::File::open(folder).map_err(Error::io("open", folder))?;
            rustix::fs::syncfs(&file).map_err(|errno| Error::io("sync", folder)(errno.into()))?;
        }
        Ok(())
    }
}

impl EngineInfo {
    fn new(version: String, api: String, info: SystemInfo) -> Self {
        let snapshotter = |row: &Vec<String>| row.iter().any(|cell| cell == "io.containerd.snapshotter.v1");
        let containerd = info.driver_status.iter().flatten().any(snapshotter);
        Self {
            version,
            api,
            store: if containerd { StoreKind::Containerd } else { StoreKind::Classic },
            data_root: info.docker_root_dir.unwrap_or_else(|| DATA_ROOT.to_owned()).into(),
        }
    }
}

impl EngineVersion {
    /// The first two numbers of `20.10.24+dfsg1`, `28.2.2`, `29.0.0-rc.1`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '-', '+', '~']).map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }
}

impl fmt::Display for EngineVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let parse = |text| EngineVersion::parse(text).unwrap();
        assert!(parse("20.10.24+dfsg1") >= OLDEST);
        assert!(parse("29.0.0-rc.1") > OLDEST);
        assert!(parse("19.03.15") < OLDEST);
        assert!(parse("9.1") < OLDEST);
        assert_eq!(EngineVersion::parse("dev"), None);
        assert_eq!(parse("19.03.15").to_string(), "19.03");
    }

    #[test]
    fn the_store_is_told_by_the_driver_status() {
        let info = |rows: &[[&str; 2]]| SystemInfo {
            driver_status: Some(rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()),
            ..SystemInfo::default()
        };
        let store = |rows: &[[&str; 2]]| EngineInfo::new(String::new(), String::new(), info(rows)).store;
        assert_eq!(store(&[["Backing Filesystem", "extfs"]]), StoreKind::Classic);
        assert_eq!(store(&[["driver-type", "io.containerd.snapshotter.v1"]]), StoreKind::Containerd);
    }
}
