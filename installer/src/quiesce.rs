//! Services that keep data, held still at one moment while it is copied.
//!
//! Promises: however a run ends, nothing stays still. What is held is on the disk before it is held; whoever takes the lock
//! next lets it go ([`recover`]), and a process of ours that only waits for this one to end does so at once ([`Guard`]). What a
//! backup holds is held for as long as the site allows, even where this one hangs.

mod record;
mod ways;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use wt_keys::Utc;
use wt_keys::console::{Phase, Progress};
use wt_manifests::stack::Run;

use self::record::HoldRecord;
pub use self::record::{is_holding, overdue, recover, recover_here};
use self::ways::Ways;
use crate::deployment::Deployment;
use crate::engine::Engine;
use crate::guard::Guard;
use crate::site::backup::TimeSpan;
use crate::wanted::Wanted;
use crate::{Error, Installation, Result, hook};

const PATIENCE: Duration = Duration::from_mins(5);
/// How often it is looked again for containers that came up meanwhile, or would not be let go.
const ROUNDS: u32 = 5;

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
