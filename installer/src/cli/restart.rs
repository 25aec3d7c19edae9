use std::time::Duration;

use wt_keys::console::{Done, Output};

use super::lock::Lock;
use crate::installation::Installed;
use crate::{Error, Places};

const PATIENCE: Duration = Duration::from_mins(5);

/// Restart services, all or the named ones, and wait until they are healthy
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install restart web")]
pub struct Restart {
    /// Left out: all of them
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

impl Restart {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
        let _lock = Lock::take(places)?;
        let engine = crate::engine::Engine::connect()?;
        let running = engine.services(&installed.product)?;
        if let Some(unknown) = self.services.iter().find(|name| running.iter().all(|s| s.name != **name)) {
            let known = running.into_iter().map(|service| service.name).collect();
            return Err(Error::NoService { name: unknown.clone(), known }.into());
        }
        for service in running.iter().filter(|s| self.services.is_empty() || self.services.contains(&s.name))
        {
            engine.restart_service(service)?;
            output.detail(format_args!("{} restarts", service.name));
        }
        let phase = output.progress().phase("waiting for the services", None);
        engine.wait_healthy(&installed.product, PATIENCE, &phase)?;
        drop(phase);
        output.say("restarted and healthy");
        Ok(())
    }
}
