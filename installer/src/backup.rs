//! Backups: what the site's data was at one moment, in a folder that its installation key vouches for.
//!
//! Attacks this module is written against: a service that swaps a folder for a link while root reads it; a backup that was
//! changed, cut, or made by somebody else, and is restored by root; a list that names places outside the folders of the
//! release; a file that is read as one thing by us and as another by `tar`; a backup that fills the disk of the data. The
//! answers: folders are opened one below the other ([`crate::beneath`]); the list is verified before it is read, each chunk
//! of the data before it reaches a decompressor ([`data_reader`]); tar headers are not parsed but compared with the only
//! ones that the list allows ([`tar`]); the room is looked at first, and what fails leaves nothing.
//!
//! Not kept: extended attributes and access control lists, sockets, pipes and devices (the latter are named).

pub mod bounds;
pub mod data_reader;
pub mod data_writer;
pub mod encryption;
pub mod folder;
pub mod last;
pub mod list;
pub mod path;
pub mod retention;
pub mod source;
pub mod tar;

use std::path::{Path, PathBuf};
use std::time::Duration;

use wt_keys::console::Progress;
use wt_keys::{PublicKey, SigningKey};
use wt_licensor::install_key;

use self::data_writer::{DataWriter, Written};
use self::encryption::Recipient;
use self::folder::{Backup, Unfinished};
use self::list::{BackupList, FORMAT};
use self::source::{Measure, Root};
use crate::engine::Engine;
use crate::file_system::available;
use crate::operation::Operation;
use crate::{Error, Installation, Result, quiesce, restore};

/// In the journal.
pub const NAME: &str = "backup";
const PATIENCE: Duration = Duration::from_mins(5);
/// What the list and the file system itself need beside the data.
const SPARE: u64 = 4 << 20;
/// What other data may compress worse than that of the last backup, in percent.
const WORSE: u64 = 125;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Order {
    /// Where the backup is to lie.
    pub folder: PathBuf,
    pub logs: bool,
    pub recipients: Vec<Recipient>,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    pub backup: Backup,
    /// How long services were held still.
    pub held: Duration,
}

/// Makes a backup. However it ends, all services go on.
pub fn carry_out(installation: &Installation, order: &Order, progress: &Progress) -> Result<Made> {
    refuse_in_between(installation)?;
    let key = install_key::load_or_make(&installation.places.installation_key())?;
    let roots = source::roots(installation, order.logs);
    let folder = prepare(installation, order, &roots, &key)?;
    let measure = source::measure(&roots)?;
    require_room(installation, &folder, &key.public(), measure)?;
    let work = || make(installation, order, &folder, &roots, &key, measure, progress);
    installation.journaled(NAME, &folder.display().to_string(), work, |made| made.backup.name())
}

/// Returns once every service is healthy: those that waited for the ones held still, too.
pub fn await_health(installation: &Installation, progress: &Progress) -> Result<()> {
    let engine = installation.engine()?;
    let phase = progress.phase("waiting for the services", None);
    let before = engine.services(installation.stack_name())?;
    engine.wait_healthy(installation.stack_name(), &before, PATIENCE, &phase)
}

/// In the middle of an upgrade or of a restore nobody could say what the data is of.
fn refuse_in_between(installation: &Installation) -> Result<()> {
    Operation::refuse_pending(&installation.places)?;
    restore::none_is_pending(&installation.places)
}

/// The folder for backups, without what a killed run left there.
fn prepare(installation: &Installation, order: &Order, roots: &[Root], key: &SigningKey) -> Result<PathBuf> {
    let folder = source::real(&std::path::absolute(&order.folder).map_err(Error::io("find", &order.folder))?);
    let (places, site, product) = (&installation.places, &installation.site, installation.product());
    if let Some(inside) = source::lies_in(&folder, places, site, product, roots) {
        return Err(Error::BackupInside { folder, inside });
    }
    wt_keys::durable::create_folder(&folder, 0o700)?;
    retention::remove_leftovers(&folder, product, key)?;
    Ok(folder)
}

/// As much as the data takes, unless an earlier backup shows how well it compresses.
fn require_room(installation: &Installation, folder: &Path, key: &PublicKey, measure: Measure) -> Result<()> {
    let newest =
        retention::ours(folder, installation.product(), key, (installation.clock)())?.into_iter().next();
    let expected = newest.map_or(measure.stored, |backup| {
        let (stored, length) = (backup.stored.max(1), backup.length);
        let scaled = u128::from(measure.stored) * u128::from(length) / u128::from(stored);
        let scaled = scaled * u128::from(WORSE) / 100;
        u64::try_from(scaled).unwrap_or(u64::MAX).min(measure.stored)
    });
    let needed = expected.saturating_add(measure.tally.list).saturating_add(SPARE);
    let free = available(folder);
    if free < needed { Err(Error::NoRoom { folder: folder.to_owned(), needed, free }) } else { Ok(()) }
}

fn make(
    installation: &Installation,
    order: &Order,
    folder: &Path,
    roots: &[Root],
    key: &SigningKey,
    measure: Measure,
    progress: &Progress,
) -> Result<Made> {
    let created = (installation.clock)();
    let manifest = installation.manifest();
    let name = folder::name(&manifest.product, &manifest.version, created);
    let unfinished = Unfinished::create(folder, &name, key)?;
    let encrypted = !order.recipients.is_empty();
    let phase = progress.phase("copying", Some(measure.size));
    let (file, path) = (unfinished.make_data(encrypted)?, unfinished.data(encrypted));
    let mut writer = DataWriter::new(file, &path, &order.recipients, &phase)?;
    let (still, rest): (Vec<&Root>, Vec<&Root>) = roots.iter().partition(|root| root.still);
    let engine = Engine::connect()?;
    let held = quiesce::hold(installation, &engine, progress)?;
    writer.until(Some(held.deadline()));
    let copied = add(&mut writer, &still);
    writer.until(None);
    let let_go = held.let_go(&engine, progress);
    let (mut held_roots, held) = (copied?, let_go?);
    held_roots.extend(add(&mut writer, &rest)?);
    let Written { data, entries, left_out } = writer.finish()?;
    drop(phase);
    let list = BackupList {
        format: FORMAT,
        product: manifest.product.clone(),
        version: manifest.version.clone(),
        release: manifest.release.clone(),
        manifest: installation.release.digest(),
        created,
        logs: order.logs,
        data,
        roots: held_roots,
        left_out,
        entries,
    };
    let phase = progress.phase("reading it again", Some(list.data.length));
    Ok(Made { backup: unfinished.publish(&list, key, &phase)?, held })
}

/// Returns those that there were.
fn add(writer: &mut DataWriter<'_>, roots: &[&Root]) -> Result<Vec<path::BackupPath>> {
    let mut added = Vec::new();
    for root in roots {
        if writer.add(&root.path, &root.place)? {
            added.push(root.path.clone());
        }
    }
    Ok(added)
}
