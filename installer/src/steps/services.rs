use std::time::{Duration, Instant};

use wt_keys::console::Progress;

use super::{Need, Step};
use crate::deployment::Deployment;
use crate::engine::{Service, SwarmState};
use crate::measured::Measured;
use crate::{Installation, Result};

const PATIENCE: Duration = Duration::from_mins(5);

/// Deploys the services by image ID, with the configuration and the secrets of the site, and waits until they are healthy.
pub struct DeployServices;

impl Step for DeployServices {
    fn name(&self) -> &'static str {
        "services"
    }

    fn replaces(&self) -> bool {
        true
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let all =
            || Ok(Need::Work(format!("deploy {}", installation.release.stack()?.services().join(", "))));
        let Some(engine) = installation.find_engine()? else { return all() };
        if engine.swarm_state()? != SwarmState::Manager {
            return all();
        }
        let running = engine.services(installation.stack_name())?;
        let deployment = Deployment::of(installation, &engine)?;
        let (changed, gone) = (deployment.changed(&running), deployment.gone(&running));
        let current = running.iter().all(|service| service.stack_digest == deployment.rendered.digest);
        let unwell: Vec<&str> = running
            .iter()
            .filter(|service| !service.is_healthy())
            .map(|service| service.name.as_str())
            .collect();
        Ok(match () {
            () if !changed.is_empty() => Need::Work(format!("deploy {}", changed.join(", "))),
            () if !gone.is_empty() => Need::Work(format!("remove {}", gone.join(", "))),
            () if !current => Need::Work("label the services; none is restarted".to_owned()),
            () if !unwell.is_empty() => Need::Work(format!("wait for {}", unwell.join(", "))),
            () => Need::Nothing,
        })
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let engine = installation.engine()?;
        let started = Instant::now();
        let before = engine.services(installation.stack_name())?;
        let deployment = Deployment::of(installation, &engine)?;
        deployment.deploy(installation, &engine)?;
        let phase = progress.phase("waiting for the services", None);
        deployment.wait_healthy(installation, &engine, &before, PATIENCE, &phase)?;
        Measured::note_deploying(&installation.places, started.elapsed())?;
        let running = engine.services(installation.stack_name())?;
        Ok(format!(
            "{} services healthy",
            running.iter().filter(|service: &&Service| service.wanted > 0).count()
        ))
    }
}
