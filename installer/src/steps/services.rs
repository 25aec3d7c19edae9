use std::time::Duration;

use wt_keys::console::Progress;

use super::swarm::secret_name;
use super::{Need, Step};
use crate::engine::Engine;
use crate::{Installation, Result};
use wt_manifests::stack::{Folders, Rendered, Stack};

const PATIENCE: Duration = Duration::from_mins(5);

/// Deploys the services by image ID and waits until they are healthy.
pub struct DeployServices;

impl Step for DeployServices {
    fn name(&self) -> &'static str {
        "services"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let services = Stack::of(&installation.bundle)?.services();
        let work = || Ok(Need::Work(format!("deploy {}", services.join(", "))));
        let Some(engine) = installation.find_engine()? else { return work() };
        let running = engine.services(installation.stack_name())?;
        let rendered = render(installation, &engine)?;
        let as_rendered = services.iter().all(|name| {
            running.iter().any(|service| service.name == *name && service.stack_digest == rendered.digest)
        });
        if as_rendered && running.iter().all(crate::engine::Service::is_healthy) {
            return Ok(Need::Nothing);
        }
        work()
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let engine = installation.engine()?;
        let rendered = render(installation, &engine)?;
        engine.deploy_stack(installation.stack_name(), &rendered)?;
        let phase = progress.phase("waiting for the services", None);
        engine.wait_healthy(installation.stack_name(), PATIENCE, &phase)?;
        Ok(format!("{} services healthy", engine.services(installation.stack_name())?.len()))
    }
}

fn render(installation: &Installation, engine: &Engine) -> Result<Rendered> {
    let folders = Folders {
        home: installation.home(),
        data: installation.site.data_root.clone(),
        run: installation.places.run(installation.product()),
    };
    let store = engine.info().store;
    Ok(Stack::of(&installation.bundle)?.render(
        installation.manifest(),
        &|image| store.image_id(image),
        &folders,
        &|name| secret_name(installation, name),
    )?)
}
