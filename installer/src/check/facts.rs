//! What is so on this host: asked and read, not judged.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use wt_keys::Utc;
use wt_licensor::{LicenseInputs, Verdict, check};
use wt_manifests::stack::Run;

use super::alarm::Alarms;
use crate::backup::last::LastBackup;
use crate::deployment::Deployment;
use crate::engine::{Engine, Service, SwarmState};
use crate::file_system::{FileSystem, Usage, mount_of};
use crate::installed::Installed;
use crate::operation::Operation;
use crate::wanted::Wanted;
use crate::{Error, Installation, Places, Result, certificate, journey, quiesce, trust_store};

/// A container that ended is started again by the engine within this.
const SERVICES_PATIENCE: Duration = Duration::from_secs(20);
const JOURNEY_PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(500);

/// All that a verdict needs.
#[derive(Clone, Debug)]
pub struct Facts {
    pub now: Utc,
    /// Known to be past: when the bundle was built, and the trust document written.
    pub past: Utc,
    /// The latest time that a check before this one has seen.
    pub latest: Utc,
    pub engine: EngineFact,
    pub services: Vec<ServiceFact>,
    pub journey: JourneyFact,
    pub disks: Vec<Disk>,
    /// When the certificate in service ends, where there is one.
    pub certificate: Option<Utc>,
    /// Where the product asks for one.
    pub license: Option<Verdict>,
    pub operation: Option<Operation>,
    /// Why the last mail could not be sent.
    pub unsent: Option<String>,
    /// The run that kept this check from doing anything.
    pub holder: Option<Holder>,
    /// When services should have gone on that are held still, where that is long past.
    pub overdue: Option<Utc>,
    /// Where the site wants a backup every day.
    pub backup: Option<BackupFact>,
}

/// A run that holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub process: Option<u32>,
    pub since: Utc,
}

/// The daily backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFact {
    /// The last one that came.
    pub last: Option<Utc>,
    /// Since when the site's answers are what they are.
    pub asked: Utc,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineFact {
    Answers {
        version: String,
    },
    /// It answers, and is no manager of a swarm.
    NoSwarm {
        version: String,
        state: String,
    },
    Silent {
        why: String,
    },
}

/// A service of the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFact {
    pub name: String,
    /// What the operator wants of it.
    pub run: Run,
    /// How often it is to run; `None`: once on every node.
    pub replicas: Option<u64>,
    /// As the engine has it.
    pub service: Option<Service>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JourneyFact {
    /// The release has none, or the engine does not answer.
    None,
    Walked {
        steps: usize,
    },
    /// With these services stopped it cannot be walked.
    NotWalked {
        stopped: Vec<String>,
    },
    Failed {
        why: String,
        as_administrator: bool,
    },
}

/// A file system, and which of our folders lie on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    pub mount: PathBuf,
    pub bytes: Usage,
    /// `None` where they are made as they are needed.
    pub inodes: Option<Usage>,
}

impl Holder {
    /// Hours that a run may have before a check speaks of it, and before it is bad.
    const LONG: i64 = 1;
    pub const TOO_LONG: i64 = 6;

    pub fn hours(&self, now: Utc) -> i64 {
        (now.unix() - self.since.unix()) / 3600
    }

    pub fn is_long(&self, now: Utc) -> bool {
        self.hours(now) >= Self::LONG
    }
}

/// Looks at everything, and waits a moment for what is about to come back.
pub fn gather(installation: &Installation, latest: Utc, holder: Option<Holder>) -> Result<Facts> {
    let places = &installation.places;
    let now = (installation.clock)();
    let (engine, services) = engine(installation)?;
    let manifest = installation.manifest();
    Ok(Facts {
        now,
        past: manifest.created.max(trust_store::load(places, None)?.document().issued),
        latest,
        journey: walk(installation, &engine, &services)?,
        disks: disks(installation),
        certificate: certificate::installed(places)?.and_then(|pair| Some(pair.facts().ok()?.not_after)),
        license: installation.installed.as_ref().map(|i| license(i, places, now)).transpose()?.flatten(),
        operation: Operation::pending(places)?,
        unsent: Alarms::read(places)?.unsent,
        holder,
        overdue: quiesce::overdue(places, now)?,
        backup: backup(installation)?,
        engine,
        services,
    })
}

fn backup(installation: &Installation) -> Result<Option<BackupFact>> {
    if installation.site.backup.at.is_none() {
        return Ok(None);
    }
    let path = &installation.site_path;
    let changed = fs::metadata(path).map_err(Error::io("look at", path))?.mtime();
    let last = LastBackup::read(&installation.places)?.map(|last| last.created);
    Ok(Some(BackupFact { last, asked: Utc::from_unix(changed).unwrap_or(Utc::START) }))
}

fn engine(installation: &Installation) -> Result<(EngineFact, Vec<ServiceFact>)> {
    let engine = match Engine::connect() {
        Ok(engine) => engine,
        Err(error @ (Error::NoEngine { .. } | Error::EngineTooOld { .. })) => {
            let why = error.to_string().replace('\n', ";");
            return Ok((EngineFact::Silent { why }, Vec::new()));
        }
        Err(error) => return Err(error),
    };
    let version = engine.info().version.clone();
    match engine.swarm_state()? {
        SwarmState::Manager | SwarmState::NewManager => {}
        state => return Ok((EngineFact::NoSwarm { version, state: format!("{state:?}") }, Vec::new())),
    }
    let started = Instant::now();
    loop {
        let services = services(installation, &engine)?;
        if services.iter().all(ServiceFact::is_well) || started.elapsed() > SERVICES_PATIENCE {
            return Ok((EngineFact::Answers { version }, services));
        }
        std::thread::sleep(POLL);
    }
}

/// Every service of the release, as it is wanted and as it is.
pub(super) fn services(installation: &Installation, engine: &Engine) -> Result<Vec<ServiceFact>> {
    let wanted = Wanted::read(&installation.places)?;
    let running = engine.services(installation.stack_name())?;
    let deployment = Deployment::with(installation, engine, &wanted)?;
    let replicas = replicas(&deployment.rendered.json);
    let names = installation.release.stack()?.services();
    let fact = |name: String| ServiceFact {
        run: wanted.run(&name),
        replicas: replicas.get(&name).copied().unwrap_or(Some(1)),
        service: running.iter().find(|service| service.name == name).cloned(),
        name,
    };
    Ok(names.into_iter().map(fact).collect())
}

/// How often each service of a rendered stack is to run; `None`: once on every node.
fn replicas(json: &str) -> BTreeMap<String, Option<u64>> {
    let stack: Value = serde_json::from_str(json).unwrap_or_default();
    let services = stack["services"].as_object().into_iter().flatten();
    let count =
        |deploy: &Value| (deploy["mode"] != "global").then(|| deploy["replicas"].as_u64().unwrap_or(1));
    services.map(|(name, service)| (name.clone(), count(&service["deploy"]))).collect()
}

impl ServiceFact {
    pub fn is_well(&self) -> bool {
        match (self.run, &self.service) {
            (Run::AsDescribed, Some(service)) => self.is_enough(service.wanted) && service.is_healthy(),
            (Run::AsDescribed, None) => false,
            (Run::Stopped | Run::Removed, _) => true,
        }
    }

    pub fn is_enough(&self, wanted: u64) -> bool {
        self.replicas.is_none_or(|replicas| wanted >= replicas)
    }
}

/// With the account that the site has for it.
fn walk(installation: &Installation, engine: &EngineFact, services: &[ServiceFact]) -> Result<JourneyFact> {
    let manifest = installation.manifest();
    let stopped = services.iter().filter(|service| service.run != Run::AsDescribed);
    let stopped: Vec<String> = stopped.map(|service| service.name.clone()).collect();
    match engine {
        _ if manifest.site.journey.is_empty() => return Ok(JourneyFact::None),
        EngineFact::Answers { .. } if !stopped.is_empty() => return Ok(JourneyFact::NotWalked { stopped }),
        EngineFact::Answers { .. } => {}
        EngineFact::NoSwarm { .. } | EngineFact::Silent { .. } => return Ok(JourneyFact::None),
    }
    let as_administrator = installation.site.check.account.is_none();
    match journey::walk(installation, JOURNEY_PATIENCE) {
        Ok(steps) => Ok(JourneyFact::Walked { steps }),
        Err(error @ (Error::Journey { .. } | Error::LogInRefused { .. })) => {
            Ok(JourneyFact::Failed { why: error.to_string(), as_administrator })
        }
        Err(error) => Err(error),
    }
}

/// The file systems that the product, its data, its engine and this program write to.
fn disks(installation: &Installation) -> Vec<Disk> {
    let places = &installation.places;
    let mut folders = vec![places.state(), installation.home(), installation.site.data_root.clone()];
    folders.push(places.logs(installation.product()));
    if let Ok(stores) = Engine::connect().and_then(|engine| engine.stores()) {
        folders.extend([stores.root, stores.received, stores.layers]);
    }
    let mut disks = BTreeMap::new();
    for folder in folders {
        let Some(mount) = mount_of(&folder) else { continue };
        let Some(FileSystem { bytes, inodes, .. }) = FileSystem::of(&mount) else { continue };
        disks.insert(mount.clone(), Disk { mount, bytes, inodes });
    }
    disks.into_values().collect()
}

/// What the product will say about its license, where it asks for one.
pub fn license(installed: &Installed, places: &Places, now: Utc) -> Result<Option<Verdict>> {
    let Some(license) = &installed.license else { return Ok(None) };
    let trust = trust_store::load(places, None)?;
    Ok(Some(check(&LicenseInputs {
        license,
        snapshot: &places.snapshot(&installed.product),
        boot_id: &places.boot_id(),
        trust: &trust,
        product: &installed.product,
        release: Some(&installed.version.to_string()),
        now,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_replicas_is_what_the_stack_says() {
        let found = replicas(
            r#"{"services": {"web": {"deploy": {"replicas": 2}}, "im": {}, "box": {"deploy": {"replicas": 0}},
                "agent": {"deploy": {"mode": "global"}}}}"#,
        );
        let of = |name: &str| found[name];
        assert_eq!((of("web"), of("im"), of("box"), of("agent")), (Some(2), Some(1), Some(0), None));
    }
}
