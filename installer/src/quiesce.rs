//! Services that keep data, held still at one moment while it is copied.
//!
//! Promises: however a run ends, nothing stays still. What is held is on the disk before it is held; whoever takes the lock
//! next lets it go ([`recover`]), and a process of ours that only waits for this one to end does so at once ([`Guard`]). What a
//! backup holds is held for as long as the site allows, even where this one hangs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wt_keys::console::{Phase, Progress};
use wt_keys::{Utc, durable};
use wt_manifests::site::{Quiesce, Site};
use wt_manifests::stack::Run;

use crate::deployment::Deployment;
use crate::engine::Engine;
use crate::guard::Guard;
use crate::site::backup::TimeSpan;
use crate::wanted::Wanted;
use crate::{Error, Installation, Places, Result, hook, record_file};

const PATIENCE: Duration = Duration::from_mins(5);
/// How often it is looked again for containers that came up meanwhile, or would not be let go.
const ROUNDS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// In the journal, where somebody else's hold is ended.
const NAME: &str = "let-go";
/// What letting go may take once the time is over, before that is a reason to tell somebody.
const SLACK_SECONDS: i64 = 15 * 60;

/// What is held, or about to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldRecord {
    stack: String,
    /// The hook before the backup was begun; the one after it must run.
    hook: bool,
    /// Containers.
    paused: BTreeSet<String>,
    /// Services; until their data is whole they must not run.
    stopped: BTreeSet<String>,
    /// When they are to go on, by this host's clock, where there is such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Utc>,
}

/// When services that are held still must go on.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    at_most: TimeSpan,
}

impl Deadline {
    pub fn new(from: Instant, at_most: TimeSpan) -> Self {
        Self { at: from + at_most.as_duration(), at_most }
    }

    pub fn check(self) -> Result<()> {
        if Instant::now() < self.at { Ok(()) } else { Err(Error::HeldTooLong { at_most: self.at_most }) }
    }
}

/// Services that are held still.
#[derive(Debug)]
pub struct Held<'a> {
    installation: &'a Installation,
    record: HoldRecord,
    since: Instant,
    guard: Guard,
}

/// How each service is held whose data a backup holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ways {
    pause: BTreeSet<String>,
    stop: BTreeSet<String>,
}

/// Holds all services still that keep data, each in the way that the release says. What fails here is let go here.
pub fn hold<'a>(installation: &'a Installation, engine: &Engine, progress: &Progress) -> Result<Held<'a>> {
    let ways = Ways::of(&installation.manifest().site, &installation.release.stack()?.data_folders());
    let mut held = Held::begin(installation)?;
    let phase = progress.phase("holding services still", None);
    match held.hold(&ways, engine, &phase) {
        Ok(()) => Ok(held),
        Err(error) => {
            let _ = held.let_go(engine, progress); // why it was not held is what must be seen
            Err(error)
        }
    }
}

/// Stops all services of the release.
pub fn stop_all<'a>(
    installation: &'a Installation,
    engine: &Engine,
    progress: &Progress,
) -> Result<Held<'a>> {
    let mut held = Held::begin(installation)?;
    let phase = progress.phase("stopping the services", None);
    let all = installation.release.stack()?.services().into_iter().collect();
    match held.stop(&all, engine, &phase) {
        Ok(()) => Ok(held),
        Err(error) => {
            let _ = held.let_go(engine, progress);
            Err(error)
        }
    }
}

impl<'a> Held<'a> {
    fn begin(installation: &'a Installation) -> Result<Self> {
        let record = HoldRecord { stack: installation.stack_name().to_owned(), ..HoldRecord::default() };
        let guard = Guard::set(installation.site.backup.hold_at_most.as_duration())?;
        Ok(Self { installation, record, since: Instant::now(), guard })
    }

    /// What takes long first, and what is frozen at one moment last.
    fn hold(&mut self, ways: &Ways, engine: &Engine, phase: &Phase) -> Result<()> {
        if let Some(script) = &self.installation.manifest().site.hooks.before_backup {
            phase.detail(script.to_string());
            self.record.hook = true;
            self.record.write(&self.installation.places)?;
            hook::run(self.installation, script)?;
        }
        self.since = Instant::now();
        self.guard.start_clock();
        let seconds = self.installation.site.backup.hold_at_most.as_duration().as_secs().cast_signed();
        self.record.until = Utc::from_unix((self.installation.clock)().unix() + seconds);
        if !ways.stop.is_empty() {
            self.stop(&ways.stop, engine, phase)?;
        }
        self.pause(&ways.pause, engine)
    }

    fn stop(&mut self, services: &BTreeSet<String>, engine: &Engine, phase: &Phase) -> Result<()> {
        let mut wanted = Wanted::read(&self.installation.places)?;
        for service in services
            .iter()
            .filter(|service| wanted.run(service) == Run::AsDescribed)
            .cloned()
            .collect::<Vec<_>>()
        {
            wanted.set(&service, Run::Stopped);
            self.record.stopped.insert(service);
        }
        self.record.write(&self.installation.places)?;
        Deployment::with(self.installation, engine, &wanted)?.deploy(self.installation, engine)?;
        engine.wait_gone(&self.record.stack, PATIENCE, phase)
    }

    /// One that the engine replaced at the very moment is caught in the next round.
    fn pause(&mut self, services: &BTreeSet<String>, engine: &Engine) -> Result<()> {
        let mut failed = None;
        for _ in 0..ROUNDS {
            let moving = engine.moving_containers(&self.record.stack, services)?;
            if moving.is_empty() {
                return Ok(());
            }
            self.record.paused.extend(moving.iter().map(|container| container.id.clone()));
            self.record.write(&self.installation.places)?;
            failed = moving.iter().find_map(|container| engine.pause(&container.id).err());
        }
        let moving = engine.moving_containers(&self.record.stack, services)?;
        let names = || moving.iter().map(|container| container.service.clone()).collect();
        match failed {
            _ if moving.is_empty() => Ok(()),
            Some(error) => Err(error),
            None => Err(Error::NotStill { services: names() }),
        }
    }

    /// What a backup copies must be copied by then.
    pub fn deadline(&self) -> Deadline {
        Deadline::new(self.since, self.installation.site.backup.hold_at_most)
    }

    /// Lets everything go on; what was stopped is healthy again when this returns. Returns how long it was held.
    pub fn let_go(mut self, engine: &Engine, progress: &Progress) -> Result<Duration> {
        self.guard.stop_clock();
        let phase = progress.phase("letting services go on", None);
        let before = engine.services(&self.record.stack)?;
        let mut held = self.since.elapsed();
        let gone = self.record.let_go(self.installation, engine);
        if !self.record.paused.is_empty() {
            held = self.since.elapsed();
        }
        if gone.is_ok() && !self.record.stopped.is_empty() {
            engine.wait_healthy(&self.record.stack, &before, PATIENCE, &phase)?;
            held = self.since.elapsed();
        }
        self.guard.dismiss();
        gone.map(|()| held)
    }
}

impl HoldRecord {
    fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.held())
    }

    fn write(&self, places: &Places) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings only: cannot fail
        Ok(durable::write(&places.held(), &bytes, 0o600)?)
    }

    /// All of it, whatever fails; then the record is gone, unless something did.
    fn let_go(&self, installation: &Installation, engine: &Engine) -> Result<()> {
        let unpaused = self.unpause(engine);
        let started = self.start(installation, engine);
        let script = installation.manifest().site.hooks.after_backup.as_ref().filter(|_| self.hook);
        let ran = script.map_or(Ok(()), |script| hook::run(installation, script));
        unpaused.and(started)?;
        durable::remove_file(&installation.places.held())?;
        ran
    }

    fn unpause(&self, engine: &Engine) -> Result<()> {
        let mut failed = None;
        for _ in 0..ROUNDS {
            let frozen = engine.up_containers(&self.stack)?.into_iter().filter(|container| container.paused);
            let ours: Vec<String> =
                frozen.map(|container| container.id).filter(|id| self.paused.contains(id)).collect();
            if ours.is_empty() {
                return Ok(());
            }
            failed = ours.iter().filter_map(|id| engine.unpause(id).err()).last();
            if failed.is_some() {
                std::thread::sleep(PAUSE);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn start(&self, installation: &Installation, engine: &Engine) -> Result<()> {
        if self.stopped.is_empty() {
            return Ok(());
        }
        Deployment::of(installation, engine)?.deploy(installation, engine)
    }
}

impl Ways {
    /// A service that sees only logs goes on, unless the release names it.
    fn of(site: &Site, seen: &std::collections::BTreeMap<String, Vec<String>>) -> Self {
        let sees_data = |folders: &Vec<String>| {
            let data = || site.data.iter().map(|folder| folder.path.as_str());
            folders.iter().any(|seen| data().any(|data| overlap(seen, data)))
        };
        let usual = seen.iter().filter(|(_, folders)| sees_data(folders)).map(|(name, _)| name);
        let named = site.stores.iter().map(|store| &store.service);
        let mut ways = Self::default();
        for service in usual.chain(named) {
            let store = site.stores.iter().find(|store| store.service == *service);
            match store.map(|store| store.quiesce).unwrap_or_default() {
                Quiesce::Pause => ways.pause.insert(service.clone()),
                Quiesce::Stop => ways.stop.insert(service.clone()),
                Quiesce::Hooks => false,
            };
        }
        ways
    }
}

/// Whether one of two folders is the other, or lies in it.
fn overlap(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        outer.is_empty()
            || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(a, b) || within(b, a)
}

/// Lets go what a run of this program held that was killed. Tells whether there was such a thing. To be called with the
/// lock held.
pub fn recover(installation: &Installation) -> Result<bool> {
    match HoldRecord::read(&installation.places)? {
        Some(record) => let_go_of(&record, installation).map(|()| true),
        None => Ok(false),
    }
}

/// The same, where nothing was read yet.
pub fn recover_here(places: &Places, clock: fn() -> Utc) -> Result<bool> {
    let Some(record) = HoldRecord::read(places)? else { return Ok(false) };
    record.unpause(&Engine::connect()?)?; // whatever else cannot be read here
    let_go_of(&record, &Installation::current(places, clock)?).map(|()| true)
}

/// Whether something is held still.
pub fn is_holding(places: &Places) -> Result<bool> {
    Ok(HoldRecord::read(places)?.is_some())
}

/// When services should have gone on that are held still, where that is long past.
pub fn overdue(places: &Places, now: Utc) -> Result<Option<Utc>> {
    let until = HoldRecord::read(places)?.and_then(|record| record.until);
    Ok(until.filter(|until| now.unix() > until.unix() + SLACK_SECONDS))
}

fn let_go_of(record: &HoldRecord, installation: &Installation) -> Result<()> {
    let engine = Engine::connect()?;
    let why = "a run was killed while it held services still";
    installation.journaled(NAME, why, || record.let_go(installation, &engine), |()| String::new())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wt_manifests::site::{DataFolder, FolderMode, Owner, Store};

    use super::*;

    #[test]
    fn what_keeps_data_is_held_in_the_way_that_the_release_says() {
        let folder = |path: &str| DataFolder {
            path: path.parse().unwrap(),
            owner: Owner { user: 1, group: 1 },
            mode: FolderMode(0o750),
        };
        let store = |service: &str, quiesce| Store { service: service.to_owned(), quiesce };
        let site = Site {
            data: vec![folder("redis/db"), folder("mongodb/db"), folder("files"), folder("search")],
            logs: vec![folder("nginx/logs")],
            stores: vec![
                store("mongodb", Quiesce::Stop),
                store("search", Quiesce::Hooks),
                store("web", Quiesce::Pause),
            ],
            ..Site::default()
        };
        let seen = |service: &str, folders: &[&str]| {
            (service.to_owned(), folders.iter().map(|&f| f.to_owned()).collect())
        };
        let seen = BTreeMap::from([
            seen("redis", &["redis"]),
            seen("mongodb", &["mongodb/db", "mongodb/logs"]),
            seen("files", &["files/part"]),
            seen("search", &["search"]),
            seen("nginx", &["nginx/logs"]),
            seen("all", &[""]),
            seen("near", &["redis/db2"]),
        ]);
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let ways = Ways::of(&site, &seen);
        assert_eq!(ways.pause, names(&["all", "files", "redis", "web"]));
        assert_eq!(ways.stop, names(&["mongodb"]));
    }

    #[test]
    fn what_is_held_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        assert!(!is_holding(&places).unwrap());
        let record = HoldRecord {
            stack: "acme".into(),
            hook: true,
            paused: ["a".into()].into(),
            stopped: BTreeSet::new(),
            until: Utc::from_unix(3600),
        };
        record.write(&places).unwrap();
        assert_eq!(HoldRecord::read(&places).unwrap(), Some(record));
        let overdue = |second| overdue(&places, Utc::from_unix(second).unwrap()).unwrap();
        assert_eq!((overdue(3600 + SLACK_SECONDS), overdue(0)), (None, None));
        assert_eq!(overdue(3601 + SLACK_SECONDS), Utc::from_unix(3600));
        std::fs::write(places.held(), "{").unwrap();
        assert!(HoldRecord::read(&places).is_err(), "what cannot be read is not passed over");
    }
}
