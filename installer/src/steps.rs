//! An installation as a list of small steps. Each can say whether there is anything left to do, and can be done again
//! after a run that was killed in the middle of it.

mod conf;
mod engine;
mod folders;
mod images;
mod init_data;
mod journey;
mod release;
pub mod request;
mod services;
pub mod snapshot;
mod swarm;
mod trust;

pub use self::engine::InstallEngine;
pub use self::swarm::{ADMIN_PASSWORD, check_secrets};

use wt_keys::console::Progress;

use crate::journal::Event;
use crate::{Installation, Result};

/// What a step has to do on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// In words, for `plan`.
    Work(String),
    /// To be looked at in every run, and nothing is changed by it; in words, too.
    Check(String),
}

/// What became of a step; in words, but for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Nothing,
    Checked(String),
    Changed(String),
}

pub trait Step {
    fn name(&self) -> &'static str;

    /// Looks at the host; changes nothing.
    fn need(&self, installation: &Installation) -> Result<Need>;

    /// Does the work, again where a run was killed in the middle. Returns once it is on the disk, and says what was done.
    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String>;
}

/// In the order in which they are done.
pub fn all() -> [&'static dyn Step; 12] {
    [
        &trust::PinTrust,
        &folders::MakeFolders,
        &InstallEngine,
        &images::LoadImages,
        &swarm::PrepareSwarm,
        &conf::RenderConf,
        &snapshot::WriteSnapshot,
        &services::DeployServices,
        &init_data::InitData,
        &journey::WalkJourney,
        &request::WriteRequest,
        &release::RecordRelease,
    ]
}

/// Does what is left of one step, and journals it where it changes something.
pub fn run(step: &dyn Step, installation: &Installation, progress: &Progress) -> Result<Outcome> {
    match step.need(installation)? {
        Need::Nothing => return Ok(Outcome::Nothing),
        Need::Check(_) => return step.apply(installation, progress).map(Outcome::Checked),
        Need::Work(_) => {}
    }
    let record =
        |event, detail: &str| installation.journal.record((installation.clock)(), step.name(), event, detail);
    record(Event::Began, "")?;
    match step.apply(installation, progress) {
        Ok(done) => {
            record(Event::Done, &done)?;
            Ok(Outcome::Changed(done))
        }
        Err(error) => {
            // the failure itself is what the operator must see, also where the journal cannot be written
            let _ = record(Event::Failed, &error.to_string());
            Err(error)
        }
    }
}
