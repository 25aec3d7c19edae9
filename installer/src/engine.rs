//! Docker, and the only door to it: nothing outside this module opens its socket, runs its client or is async.
//!
//! Promises: the engine gets bytes that were authenticated, in an archive that we wrote; what it then claims to hold is
//! compared with the manifest. Refuses: engines that are too old, and every other engine than the one behind the local
//! socket: `DOCKER_HOST`, contexts and proxies of the environment are ignored.

mod archive;
mod client;
pub mod daemon;
mod discard;
mod health;
mod images;
mod layers;
mod leave;
mod load;
mod logs;
mod objects;
mod pause;
mod services;
mod setup;
mod stores;
mod stuck;
mod swarm;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bollard::models::SystemInfo;
use bollard::query_parameters::ListContainersOptions;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::runtime::{Builder, Runtime};
use wt_keys::{Sha256Digest, time};
use wt_manifests::image::Image;

pub use self::discard::Discard;
pub use self::images::EngineImage;
pub use self::layers::{ImagePlan, PresentLayers, chain_ids};
pub use self::logs::{LogLine, LogRequest};
pub use self::pause::UpContainer;
pub use self::services::{Service, Task};
pub use self::setup::Setup;
pub use self::stores::{Stores, layout};
pub use self::stuck::MADE_ANEW;
pub use self::swarm::SwarmState;
use crate::{Error, Result};

pub const SOCKET: &str = "/var/run/docker.sock";
pub const OLDEST: EngineVersion = EngineVersion { major: 20, minor: 10 };
/// Where an engine keeps its data, unless it was told otherwise.
pub const DATA_ROOT: &str = "/var/lib/docker";
/// Where images are in the containerd store.
pub const CONTAINERD_ROOT: &str = "/var/lib/containerd";
/// Where there is one of these, below the root of a host, Docker is installed.
const SIGNS: [&str; 7] = [
    "usr/bin/dockerd",
    "usr/sbin/dockerd",
    "usr/local/bin/dockerd",
    "snap/bin/docker",
    "etc/systemd/system/docker.service",
    "lib/systemd/system/docker.service",
    "usr/lib/systemd/system/docker.service",
];
const REQUEST_LIMIT: u64 = 120; // seconds
/// What Docker's client puts on all that belongs to a stack.
const STACK_LABEL: &str = "com.docker.stack.namespace";
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
    pub store: StoreKind,
    pub data_root: PathBuf,
}

/// Where an engine keeps images, and so what their IDs are: the classic store names an image by the digest of its
/// config, the containerd store by that of its manifest.
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
        let docker =
            Docker::connect_with_unix(SOCKET, REQUEST_LIMIT, API_DEFAULT_VERSION).map_err(unreachable)?;
        let (version, info) = runtime
            .block_on(async { Ok((docker.version().await?, docker.info().await?)) })
            .map_err(unreachable)?;
        let info = EngineInfo::new(version.version.unwrap_or_default(), info);
        if EngineVersion::parse(&info.version).is_none_or(|version| version < OLDEST) {
            return Err(Error::EngineTooOld { expected: OLDEST, found: info.version });
        }
        Ok(Self { docker, runtime, info })
    }

    /// The engine of this host; `None` where no Docker is installed. One that is installed and does not answer is an
    /// error: it is stopped or broken, and no reason to install another.
    pub fn find() -> Result<Option<Self>> {
        match Self::connect() {
            Err(Error::NoEngine { source, .. })
                if nobody_listens(&source) && !is_installed(Path::new("/")) =>
            {
                Ok(None)
            }
            answer => answer.map(Some),
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

    pub fn info(&self) -> &EngineInfo {
        &self.info
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

    /// The time by its own clock, by which it says when something came about; in thousandths of a second since 1970.
    fn now(&self) -> Result<Option<i64>> {
        let info = self.ask("describe itself", self.docker.info())?;
        Ok(info.system_time.as_deref().and_then(time::millis))
    }

    /// Whether it runs containers that are not of this stack.
    pub fn runs_others(&self, stack: &str) -> Result<bool> {
        let all =
            self.ask("list its containers", self.docker.list_containers(None::<ListContainersOptions>))?;
        let ours = |labels: Option<&HashMap<String, String>>| {
            labels.and_then(|labels| labels.get(STACK_LABEL)).is_some_and(|of| of == stack)
        };
        Ok(all.iter().any(|container| !ours(container.labels.as_ref())))
    }

    /// Returns once all that the engine has written is on the disk.
    pub fn sync_storage(&self) -> Result<()> {
        let stores = self.stores()?;
        for folder in [stores.root, stores.received, stores.layers].iter().filter(|folder| folder.is_dir()) {
            let file = std::fs::File::open(folder).map_err(Error::io("open", folder))?;
            rustix::fs::syncfs(&file).map_err(|errno| Error::io("sync", folder)(errno.into()))?;
        }
        Ok(())
    }
}

fn unreachable(source: bollard::errors::Error) -> Error {
    match io_kind(&source) {
        Some(ErrorKind::PermissionDenied) => Error::NotRoot,
        _ => Error::NoEngine { socket: SOCKET, source: Box::new(source) },
    }
}

/// Neither a hanging engine nor one that answers with an error: there is no socket, or nothing behind it.
fn nobody_listens(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::SocketNotFoundError(_))
        || matches!(io_kind(error), Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused))
}

/// What the operating system said, where it was asked.
fn io_kind(error: &bollard::errors::Error) -> Option<ErrorKind> {
    if let bollard::errors::Error::IOError { err } = error {
        return Some(err.kind()); // it passes for its own source
    }
    let error: &(dyn StdError + 'static) = error;
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind).last()
}

/// A filter for what is of a stack.
fn of_stack(stack: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{STACK_LABEL}={stack}")])])
}

fn is_installed(root: &Path) -> bool {
    SIGNS.iter().any(|sign| root.join(sign).symlink_metadata().is_ok())
}

impl EngineInfo {
    fn new(version: String, info: SystemInfo) -> Self {
        let snapshotter = |row: &Vec<String>| row.iter().any(|cell| cell == "io.containerd.snapshotter.v1");
        let containerd = info.driver_status.iter().flatten().any(snapshotter);
        Self {
            version,
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
    fn only_a_socket_with_nobody_behind_it_means_that_there_is_no_engine() {
        let said = |kind: ErrorKind| bollard::errors::Error::IOError { err: kind.into() };
        let absent = bollard::errors::Error::SocketNotFoundError(SOCKET.to_owned());
        let failing =
            bollard::errors::Error::DockerResponseServerError { status_code: 500, message: "no".to_owned() };
        assert!(nobody_listens(&absent));
        assert!(nobody_listens(&asked_at_a_dead_socket()));
        for other in [said(ErrorKind::ConnectionReset), bollard::errors::Error::RequestTimeoutError, failing]
        {
            assert!(!nobody_listens(&other), "{other}");
            assert!(matches!(unreachable(other), Error::NoEngine { .. }));
        }
        assert!(matches!(unreachable(said(ErrorKind::PermissionDenied)), Error::NotRoot));
    }

    /// What the client library says where a process left its socket behind.
    fn asked_at_a_dead_socket() -> bollard::errors::Error {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let docker = Docker::connect_with_unix(socket.to_str().unwrap(), 1, API_DEFAULT_VERSION).unwrap();
        runtime.block_on(docker.version()).unwrap_err()
    }

    #[test]
    fn a_stopped_engine_is_one_that_is_installed() {
        let root = tempfile::tempdir().unwrap();
        assert!(!is_installed(root.path()));
        std::fs::create_dir_all(root.path().join("usr/sbin")).unwrap();
        std::fs::write(root.path().join("usr/sbin/dockerd"), "").unwrap();
        assert!(is_installed(root.path()));
    }

    #[test]
    fn the_store_is_told_by_the_driver_status() {
        let info = |rows: &[[&str; 2]]| SystemInfo {
            driver_status: Some(rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()),
            ..SystemInfo::default()
        };
        let store = |rows: &[[&str; 2]]| EngineInfo::new(String::new(), info(rows)).store;
        assert_eq!(store(&[["Backing Filesystem", "extfs"]]), StoreKind::Classic);
        assert_eq!(store(&[["driver-type", "io.containerd.snapshotter.v1"]]), StoreKind::Containerd);
    }
}
