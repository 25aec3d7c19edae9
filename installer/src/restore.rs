//! Bringing a backup's data back: unpacked beside the data, compared with the signed list, put in its place by renames
//! while services stand still, and taken out again where the product is not well with it.
//!
//! Promises: what is live is all old or all new; killed at any moment, the next run makes it so ([`record`]). Refuses: what
//! is not signed, what is of another release, and every folder that the release does not have.

pub mod conf;
pub mod record;
pub mod unpack;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wt_keys::console::{Progress, Size};
use wt_keys::{durable, folder_of};

use self::record::{RestoreRecord, Stage, Swap};
use self::unpack::Unpack;
use crate::backup::encryption::Identities;
use crate::backup::folder::Backup;
use crate::backup::list::{BackupList, CONF, RENDERED};
use crate::backup::path::BackupPath;
use crate::backup::source;
use crate::conf::Conf;
use crate::engine::Engine;
use crate::file_system::{available, device, is_mount_point};
use crate::journal::Event;
use crate::operation::Operation;
use crate::outcome::{Outcome, Report};
use crate::wanted::Wanted;
use crate::{Error, Installation, Places, Result, journey, quiesce};

pub use self::record::recover;

/// In the journal.
const NAME: &str = "restore";
const JOURNEY_PATIENCE: Duration = Duration::from_mins(1);
/// What folders, links and small files take beside their bytes.
const EACH: u64 = 4096;

/// Brings the backup's data into service; returns when the product is well with it.
pub fn carry_out(
    installation: &Installation,
    backup: &Backup,
    identities: Option<&Identities>,
    report: &Report<'_>,
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
    journaled(installation, &backup.name(), || {
        let record = stage(installation, backup, identities, &targets, record, report, progress)?;
        bring_into_service(installation, record, report, progress)
    })
}

/// Goes on with a restore whose data is in place already.
pub fn resume(
    installation: &Installation,
    record: RestoreRecord,
    report: &Report<'_>,
    progress: &Progress,
) -> Result<()> {
    let name = record.backup.display().to_string();
    journaled(installation, &name, || {
        let engine = installation.engine()?;
        let held = quiesce::stop_all(installation, &engine, progress)?;
        judge(installation, &engine, held, record, report, progress)
    })
}

fn journaled(installation: &Installation, detail: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let record =
        |event, detail: &str| installation.journal.record((installation.clock)(), NAME, event, detail);
    record(Event::Began, detail)?;
    match work() {
        Ok(()) => record(Event::Done, detail),
        Err(error) => {
            let _ = record(Event::Failed, &error.to_string()); // the failure itself is what must be seen
            Err(error)
        }
    }
}

/// Unpacks everything beside what is there. Nothing that is live was touched when it fails, and nothing is left of it.
fn stage(
    installation: &Installation,
    backup: &Backup,
    identities: Option<&Identities>,
    targets: &Targets,
    mut record: RestoreRecord,
    report: &Report<'_>,
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
    report: &Report<'_>,
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
    judge(installation, &engine, held, record, report, progress)
}

/// Starts the services on the new data. Where they are not well with it, the old data is put back.
fn judge(
    installation: &Installation,
    engine: &Engine,
    held: quiesce::Held<'_>,
    mut record: RestoreRecord,
    report: &Report<'_>,
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
    report: &Report<'_>,
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

/// Where on this site the parts of a backup belong.
#[derive(Debug)]
struct Targets {
    /// Each root of the backup, and its place here.
    data: Vec<(BackupPath, PathBuf)>,
    /// The folder for the configuration, if the backup has any, and what was rendered.
    conf: Option<PathBuf>,
    aside: Vec<BackupPath>,
}

impl Targets {
    /// Refuses a backup of another product or release, and one with a folder that the release has not.
    fn of(installation: &Installation, list: &BackupList) -> Result<Self> {
        if let Some(pending) = Operation::pending(&installation.places)? {
            return Err(Error::UnderWay { kind: pending.kind, version: pending.to.version.to_string() });
        }
        let manifest = installation.manifest();
        if (&list.product, &list.version) != (&manifest.product, &manifest.version) {
            return Err(Error::BackupRelease {
                expected: format!("{} {}", manifest.product, manifest.version),
                found: format!("{} {}", list.product, list.version),
            });
        }
        let known = source::roots(installation, true).into_iter().map(|root| (root.path, root.place));
        let known: BTreeMap<BackupPath, PathBuf> = known.collect();
        let (mut data, mut conf, mut aside) = (Vec::new(), None, Vec::new());
        for root in &list.roots {
            let place = known.get(root).ok_or_else(|| Error::BackupRoot { found: root.to_string() })?;
            match root.as_bytes() {
                name if name == CONF.as_bytes() => {
                    conf = Some(Conf::folder(&installation.site, installation.product()));
                    aside.push(root.clone());
                }
                name if name == RENDERED.as_bytes() => aside.push(root.clone()),
                _ => data.push((root.clone(), place.clone())),
            }
        }
        Ok(Self { data, conf, aside })
    }

    fn swaps(&self) -> Result<Vec<Swap>> {
        let places = self.data.iter().map(|(_, place)| place).chain(&self.conf);
        places
            .map(|place| {
                if place.is_symlink() {
                    Err(Error::LinkedRoot { path: place.clone() })
                } else if is_mount_point(place) {
                    Err(Error::RestoreMount { path: place.clone() })
                } else {
                    Swap::new(place.clone())
                }
            })
            .collect()
    }

    fn conf(&self) -> Option<Swap> {
        self.conf.clone().map(|live| Swap { live, had: true })
    }

    /// Where each root is unpacked: from nothing, as what is there is a killed run's.
    fn unpack_places(&self, installation: &Installation) -> Result<Vec<(BackupPath, PathBuf)>> {
        let restoring = installation.places.restoring();
        durable::remove_folder(&restoring)?;
        durable::create_folder(&restoring, 0o700)?;
        let staged = |(root, place): &(BackupPath, PathBuf)| {
            let staged = Swap { live: place.clone(), had: true }.staged();
            if record::is_there(&staged)? {
                return Err(Error::RestoreInTheWay { path: staged });
            }
            Ok((root.clone(), staged))
        };
        let aside = self.aside.iter().map(|root| Ok((root.clone(), restoring.join(root.to_string()))));
        self.data.iter().map(staged).chain(aside).collect()
    }

    /// A row for each file system: folders that share one share its free bytes.
    fn require_room(&self, list: &BackupList) -> Result<()> {
        let mut needed: BTreeMap<u64, (PathBuf, u64)> = BTreeMap::new();
        for (root, place) in &self.data {
            let own = list.entries.iter().filter(|entry| entry.path.lies_in(root));
            let bytes = own.fold(0_u64, |sum, entry| sum.saturating_add(entry.stored()).saturating_add(EACH));
            let folder = folder_of(place);
            let row = needed.entry(device(&folder)).or_insert((folder, 0));
            row.1 = row.1.saturating_add(bytes);
        }
        for (folder, needed) in needed.into_values() {
            let free = available(&folder);
            if free < needed {
                return Err(Error::NoRoom { folder, needed, free });
            }
        }
        Ok(())
    }
}
