use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use wt_keys::console::{Done, Output, now};
use wt_licensor::Verdict;
use wt_manifests::stack::Run;

use crate::check::facts;
use crate::engine::{Engine, Service};
use crate::installed::Installed;
use crate::wanted::Wanted;
use crate::{Error, Places};

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
    /// The key whose certificate the bundle came with.
    signed_by: String,
    home: PathBuf,
    data_root: PathBuf,
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
    super::require_root()?;
    let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
    let wanted = Wanted::read(places)?;
    let engine = match Engine::connect() {
        Err(silent @ Error::NoEngine { .. }) => Err(silent),
        answer => Ok(answer?),
    };
    let services = match &engine {
        Ok(engine) => rows(&installed, &wanted, &engine.services(&installed.product)?),
        Err(_) => rows(&installed, &wanted, &[]),
    };
    let unhealthy: Vec<String> =
        services.iter().filter(|row| !row.healthy).map(|row| row.name.clone()).collect();
    let report = Report {
        schema: "wt.status.v1",
        engine: engine.as_ref().ok().map(|engine| engine.info().version.clone()),
        healthy: unhealthy.is_empty(),
        services,
        license: facts::license(&installed, places, now())?,
        product: installed.product,
        version: installed.version.to_string(),
        release: installed.release,
        signed_by: installed.bundle_signed_by,
        home: installed.home,
        data_root: installed.data_root,
    };
    output.report(&report, &report);
    engine?;
    if report.healthy {
        Ok(())
    } else {
        Err(Error::NotHealthy { stack: report.product, services: unhealthy }.into())
    }
}

/// A row for each service of the release; one that the engine does not have runs nowhere, which is well where it is not
/// to be there.
fn rows(installed: &Installed, wanted: &Wanted, running: &[Service]) -> Vec<ServiceRow> {
    let absent = |name: &String| {
        let removed = wanted.run(name) == Run::Removed;
        ServiceRow { name: name.clone(), running: 0, wanted: u64::from(!removed), healthy: removed }
    };
    let mut rows: Vec<ServiceRow> = running.iter().map(ServiceRow::from).collect();
    let missing = installed.services.iter().filter(|name| running.iter().all(|s| s.name != **name));
    rows.extend(missing.map(absent));
    rows
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} ({})", self.product, self.version, self.release)?;
        writeln!(f, "signed by  {:.16}…", self.signed_by)?;
        writeln!(f, "folders    {} and {}", self.home.display(), self.data_root.display())?;
        match &self.engine {
            Some(version) => writeln!(f, "engine     Docker {version}")?,
            None => writeln!(f, "engine     does not answer")?,
        }
        let width = self.services.iter().map(|service| service.name.len()).max().unwrap_or(0).max(10);
        for service in &self.services {
            let state = match service.healthy {
                true if service.wanted == 0 => "stopped",
                true => "healthy",
                false => "NOT HEALTHY",
            };
            writeln!(f, "{:<width$} {}/{} {state}", service.name, service.running, service.wanted)?;
        }
        match &self.license {
            Some(verdict) => write!(f, "\nlicense\n{}", verdict.explain()),
            None => Ok(()),
        }
    }
}
