//! What is held still, on the disk, and letting it go: also what a run held that was killed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable};

use super::ROUNDS;
use crate::deployment::Deployment;
use crate::engine::Engine;
use crate::{Installation, Places, Result, hook, record_file};

/// In the journal, where somebody else's hold is ended.
const NAME: &str = "let-go";
/// What letting go may take once the time is over, before that is a reason to tell somebody.
const SLACK_SECONDS: i64 = 15 * 60;
const PAUSE: Duration = Duration::from_millis(200);

/// What is held, or about to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldRecord {
    pub(super) stack: String,
    /// The hook before the backup was begun; the one after it must run.
    pub(super) hook: bool,
    /// Containers.
    pub(super) paused: BTreeSet<String>,
    /// Services; until their data is whole they must not run.
    pub(super) stopped: BTreeSet<String>,
    /// When they are to go on, by this host's clock, where there is such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Utc>,
}

impl HoldRecord {
    fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.held())
    }

    pub(super) fn write(&self, places: &Places) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings only: cannot fail
        Ok(durable::write(&places.held(), &bytes, 0o600)?)
    }

    /// All of it, whatever fails; then the record is gone, unless something did.
    pub(super) fn let_go(&self, installation: &Installation, engine: &Engine) -> Result<()> {
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
    use super::*;

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
