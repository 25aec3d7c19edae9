//! An installation as a list of small steps. Each can say whether there is anything left to do, and can be done again
//! after a run that was killed in the middle of it.

mod certificate;
mod conf;
mod engine;
pub(crate) mod folders;
mod hooks;
mod images;
mod init_data;
mod journey;
mod keep;
mod release;
mod request;
mod schedule;
mod services;
mod snapshot;
mod swarm;
mod trust;
mod wrappers;

pub use self::folders::program_size;
pub use self::init_data::InitData;

use wt_keys::console::Progress;

use crate::outcome::Outcome;
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

pub trait Step {
    fn name(&self) -> &'static str;

    /// Whether it puts the new release in the old one's place: where it fails, an upgrade is undone.
    fn replaces(&self) -> bool {
        false
    }

    /// Looks at the host; changes nothing.
    fn need(&self, installation: &Installation) -> Result<Need>;

    /// Does the work, again where a run was killed in the middle. Returns once it is on the disk, and says what was done.
    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String>;
}

/// In the order in which they are done.
pub fn all() -> [&'static dyn Step; 18] {
    [
        &trust::PinTrust,
        &folders::MakeFolders,
        &engine::InstallEngine,
        &images::LoadImages,
        &keep::KeepRelease,
        &swarm::PrepareSwarm,
        &hooks::BEFORE,
        &certificate::TakeCertificate,
        &conf::RenderConf,
        &snapshot::WriteSnapshot,
        &schedule::InstallSchedule,
        &wrappers::WriteWrappers,
        &services::DeployServices,
        &InitData,
        &hooks::AFTER,
        &journey::WalkJourney,
        &request::WriteRequest,
        &release::RecordRelease,
    ]
}

/// Those that bring a release back that was in service before.
pub fn back() -> [&'static dyn Step; 4] {
    [&services::DeployServices, &journey::WalkJourney, &request::WriteRequest, &release::RecordRelease]
}

/// Does what is left of one step, and journals it where it changes something; `begin` is called before that.
pub fn run(
    step: &dyn Step,
    installation: &Installation,
    begin: &dyn Fn() -> Result<()>,
    progress: &Progress,
) -> Result<Outcome> {
    match step.need(installation)? {
        Need::Nothing => return Ok(Outcome::Nothing),
        Need::Check(_) => return step.apply(installation, progress).map(Outcome::Checked),
        Need::Work(_) => {}
    }
    begin()?;
    let apply = || step.apply(installation, progress);
    installation.journaled(step.name(), "", apply, String::clone).map(Outcome::Changed)
}
