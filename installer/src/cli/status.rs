use std::fmt;

use serde::Serialize;
use wt_keys::console::{Done, Output, now};
use wt_licensor::{LicenseInputs, Verdict, check};

use crate::engine::{Engine, Service};
use crate::installation::Installed;
use crate::{Error, Places, Result, trust_store};

/// Show what is installed, whether it is healthy, and whether it is licensed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install status --json")]
pub struct Status {}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    product: String,
    version: String,
    release: String,
    engine: Option<String>,
    healthy: bool,
    services: Vec<ServiceRow>,
    license: Option<Verdict>,
}

#[derive(Serialize)]
struct ServiceRow {
    name: String,
    running: u64,
    wanted: u64,
    healthy: bool,
}

impl From<&Service> for ServiceRow {
    fn from(service: &Service) -> Self {
        Self {
            name: service.name.clone(),
            running: service.running,
            wanted: service.wanted,
            healthy: service.is_healthy(),
        }
    }
}

pub fn run(output: Output, places: &Places) -> Done {
    let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
    let engine = Engine::find()?;
    let services = match &engine {
        Some(engine) => engine.services(&installed.product)?.iter().map(ServiceRow::from).collect(),
        None => Vec::new(),
    };
    let all_there =
        installed.services.iter().all(|name| services.iter().any(|row: &ServiceRow| row.name == *name));
    let report = Report {
        schema: "wt.status.v1",
        engine: engine.map(|engine| engine.info().version.clone()),
        healthy: all_there && services.iter().all(|service| service.healthy),
        services,
        license: license(&installed, places)?,
        product: installed.product,
        version: installed.version.to_string(),
        release: installed.release,
    };
    output.report(&report, &report);
    if report.healthy { Ok(()) } else { Err(Error::NotHealthy.into()) }
}

/// What the product will say about its license. `None` where this user may not look.
fn license(installed: &Installed, places: &Places) -> Result<Option<Verdict>> {
    let trust = trust_store::load(places, None)?;
    Ok(Some(check(&LicenseInputs {
        license: &installed.home.join("conf/apps/web/license.json"),
        snapshot: &places.snapshot(&installed.product),
        boot_id: &places.boot_id(),
        trust: &trust,
        product: &installed.product,
        release: Some(&installed.version.to_string()),
        now: now(),
    })))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} ({})", self.product, self.version, self.release)?;
        match &self.engine {
            Some(version) => writeln!(f, "engine     Docker {version}")?,
            None => writeln!(f, "engine     does not answer")?,
        }
        for service in &self.services {
            let state = if service.healthy { "healthy" } else { "NOT HEALTHY" };
            writeln!(f, "{:<10} {}/{} {state}", service.name, service.running, service.wanted)?;
        }
        match &self.license {
            Some(verdict) => write!(f, "\nlicense\n{}", verdict.explain()),
            None => Ok(()),
        }
    }
}
