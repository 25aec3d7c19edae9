//! Bringing a backup's data back: unpacked beside the data, compared with the signed list, put in its place by renames
//! while services stand still, and taken out again where the product is not well with it.
//!
//! Promises: what is live is all old or all new; killed at any moment, the next run makes it so ([`record`]). Refuses: what
//! is not signed, what is of another release, and every folder that the release does not have.

pub mod conf;
pub mod record;
mod targets;
pub mod unpack;

use std::time::{Duration, Instant};

use wt_keys::console::{Progress, Size};

use self::record::{RestoreRecord, Stage};
use self::targets::Targets;
use self::unpack::Unpack;
use crate::backup::encryption::Identities;
use crate::backup::folder::Backup;
use crate::engine::Engine;
use crate::outcome::{Observer, Outcome};
use crate::wanted::Wanted;
use crate::{Error, Installation, Places, Result, journey, quiesce};

pub use self::record::recover;

/// In the journal.
const NAME: &str = "restore";
const JOURNEY_PATIENCE: Duration = Duration::from_mins(1);

/// Brings the backup's data into service; returns when the product is well with it.
pub fn carry_out(
    installation: &Installation,
    backup: &Backup,
    identities: Option<&Identities>,
    report: &Observer<'_>,
    progress: &Progress,
) -> Result<()> {
    let targets = Targets::of(installation, &backup.list)?;
    targets.require_room(&backup.list)?;
    let record = RestoreRecord {
        backup: backup.folder.clone(),
        list: backup.list.payload_digest(),
        stage: Stage::Unpacking,
        swaps: targets.swaps()?,
    };
    let work = || {
        let record = stage(installation, backup, identities, &targets, record, report, progress)?;
        bring_into_service(installation, record, report, progress)
    };
    installation.journaled(NAME, &backup.name(), work, |()| String::new())
}

/// Goes on with a restore whose data is in place already.
pub fn resume(
    installation: &Installation,
    record: RestoreRecord,
    report: &Observer<'_>,
    progress: &Progress,
) -> Result<()> {
    let name = record.backup.display().to_string();
    let work = || {
        let engine = installation.engine()?;
        let held = quiesce::stop_all(installation, &engine, progress)?;
        prove(installation, &engine, held, record, report, progress)
    };
    installation.journaled(NAME, &name, work, |()| String::new())
}

/// Unpacks everything beside what is there. Nothing that is live was touched when it fails, and nothing is left of it.
fn stage(
    installation: &Installation,
    backup: &Backup,
    identities: Option<&Identities>,
    targets: &Targets,
    mut record: RestoreRecord,
    report: &Observer<'_>,
    progress: &Progress,
) -> Result<RestoreRecord> {
    let (places, started) = (&installation.places, Instant::now());
    record.enter(places, Stage::Unpacking)?;
    let unpacked = targets.unpack_places(installation).and_then(|staged| {
        let size = backup.list.entries.iter().map(crate::backup::list::Entry::size).sum();
        let phase = progress.phase("unpacking", Some(size));
        let mut unpack = Unpack::new(staged)?;
        backup.data(&phase)?.visit(identities, &mut unpack)?;
        unpack.finish()?;
        match targets.conf() {
            Some(swap) => conf::stage(installation, &backup.list, &places.restoring(), &swap.staged()),
            None => Ok(()),
        }
    });
    if let Err(error) = unpacked {
        record.discard(places)?;
        return Err(error);
    }
    let words = format!("{} files and folders, {}", backup.list.entries.len(), Size(backup.list.stored()));
    report("unpack", &Outcome::Changed(words), started.elapsed());
    Ok(record)
}

/// With the services stopped, and started again.
fn bring_into_service(
    installation: &Installation,
    mut record: RestoreRecord,
    report: &Observer<'_>,
    progress: &Progress,
) -> Result<()> {
    let (engine, started) = (installation.engine()?, Instant::now());
    let held = match quiesce::stop_all(installation, &engine, progress) {
        Ok(held) => held,
        Err(error) => {
            record.discard(&installation.places)?;
            return Err(error);
        }
    };
    report("stop", &Outcome::Changed("all services stand still".to_owned()), started.elapsed());
    let started = Instant::now();
    if let Err(why) = record.swap(&installation.places) {
        return Err(go_back(installation, &engine, held, record, why, report, progress));
    }
    let words = format!("{} folders are the backup's", record.swaps.len());
    report("swap", &Outcome::Changed(words), started.elapsed());
    prove(installation, &engine, held, record, report, progress)
}

/// Starts the services on the new data. Where they are not well with it, the old data is put back.
fn prove(
    installation: &Installation,
    engine: &Engine,
    held: quiesce::Held<'_>,
    mut record: RestoreRecord,
    report: &Observer<'_>,
    progress: &Progress,
) -> Result<()> {
    let started = Instant::now();
    let well = held.let_go(engine, progress).and_then(|_| walk(installation, progress));
    match well {
        Ok(words) => {
            report("services", &Outcome::Checked(words), started.elapsed());
            record.clean(&installation.places)
        }
        Err(why) => {
            report(NAME, &Outcome::Failed(why.to_string()), started.elapsed());
            match quiesce::stop_all(installation, engine, progress) {
                Ok(held) => Err(go_back(installation, engine, held, record, why, report, progress)),
                Err(stuck) => Err(not_back(record, stuck, why)),
            }
        }
    }
}

/// Refuses while one is not finished.
pub fn none_is_pending(places: &Places) -> Result<()> {
    match RestoreRecord::read(places)? {
        Some(record) => Err(Error::RestorePending { backup: record.backup }),
        None => Ok(()),
    }
}

/// Nobody could log in where the operator has stopped a service.
fn walk(installation: &Installation, progress: &Progress) -> Result<String> {
    if Wanted::read(&installation.places)? != Wanted::default() {
        return Ok("healthy; some are not to run, so no user journey was walked".to_owned());
    }
    let _phase = progress.phase("walking the user journey", None);
    match journey::walk(installation, JOURNEY_PATIENCE) {
        Ok(steps) => Ok(format!("healthy, and the user journey passes, all {steps} steps")),
        // passwords may have been others when the backup was made, or where
        Err(Error::LogInRefused { step, .. }) => Ok(format!(
            "healthy; `{step}` was refused, as with a password that the restored data does not know"
        )),
        Err(error) => Err(error),
    }
}

/// Puts back what was there before; the error says why, and whether that went well.
fn go_back(
    installation: &Installation,
    engine: &Engine,
    held: quiesce::Held<'_>,
    mut record: RestoreRecord,
    why: Error,
    report: &Observer<'_>,
    progress: &Progress,
) -> Error {
    let started = Instant::now();
    let back = record.swap_back(&installation.places);
    let running = held.let_go(engine, progress);
    let back = back.and_then(|()| record.discard(&installation.places)).and(running);
    match back {
        Ok(_) => {
            report("back", &Outcome::Changed("the data is what it was before".to_owned()), started.elapsed());
            Error::RestoreUndone { source: Box::new(why) }
        }
        Err(stuck) => not_back(record, stuck, why),
    }
}

fn not_back(record: RestoreRecord, stuck: Error, why: Error) -> Error {
    Error::RestoreStuck { backup: record.backup, back: Box::new(stuck), source: Box::new(why) }
}
