//! What an operator does with services: start, stop, restart and remove them, all or some.

use std::collections::BTreeSet;
use std::time::Duration;

use wt_keys::console::Progress;
use wt_manifests::stack::Run;

use crate::deployment::Deployment;
use crate::engine::Engine;
use crate::wanted::Wanted;
use crate::{Error, Installation, Result};

const PATIENCE: Duration = Duration::from_mins(5);

/// What is to become of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are to run as the release says; those that do go on.
    Start,
    Stop,
    /// Their containers are replaced.
    Restart,
    /// Stopped, and gone from the engine; data and images stay.
    Remove,
}

impl Action {
    fn run(self) -> Run {
        match self {
            Self::Start | Self::Restart => Run::AsDescribed,
            Self::Stop => Run::Stopped,
            Self::Remove => Run::Removed,
        }
    }
}

/// The named services of the release, or all of them. Refuses a name that it does not have.
pub fn named(installation: &Installation, names: &[String]) -> Result<BTreeSet<String>> {
    let known = installation.release.stack()?.services();
    match names.iter().find(|name| !known.contains(name)) {
        Some(unknown) => Err(Error::NoService { name: unknown.clone(), known }),
        None if names.is_empty() => Ok(known.into_iter().collect()),
        None => Ok(names.iter().cloned().collect()),
    }
}

/// Does it, and waits until every service is as it should be. The configuration and the licenses that lie on the host now
/// go with it.
pub fn carry_out(
    installation: &Installation,
    action: Action,
    names: &BTreeSet<String>,
    progress: &Progress,
) -> Result<()> {
    let engine = Engine::connect()?;
    let stack = installation.stack_name();
    let mut wanted = Wanted::read(&installation.places)?;
    for name in names {
        wanted.set(name, action.run());
    }
    wanted.write(&installation.places)?;
    let before = engine.services(stack)?;
    let deployment = Deployment::with(installation, &engine, &wanted)?;
    let replaced = deployment.changed(&before);
    deployment.deploy(installation, &engine)?;
    if action == Action::Restart {
        for service in before.iter().filter(|s| names.contains(&s.name) && !replaced.contains(&s.name)) {
            engine.restart_service(service)?;
        }
    }
    let phase = progress.phase("waiting for the services", None);
    deployment.wait_healthy(installation, &engine, &before, PATIENCE, &phase)?;
    engine.wait_gone(stack, PATIENCE, &phase)?;
    if action == Action::Remove {
        engine.remove_containers(stack)?;
    }
    Ok(())
}
