//! What the host must be able to do, found out before the first change. Looks only; changes nothing.
//!
//! Every row says what was found, what is needed and what to do. What would make the run fail, or the product, is a
//! failure; what may be meant so, or belongs to somebody else, is a warning.

pub mod certificate;
mod clock;
mod conflicts;
mod disk;
mod domains;
mod engine;
mod folders;
mod kernel;
mod license;
mod mail;
mod network;
mod row;
mod ssd;
mod system;

use std::fmt;

use serde::Serialize;

pub use self::domains::is_ours;
pub use self::row::{Row, Table, Verdict};
use crate::engine::{Engine, SwarmState};
use crate::{Error, Installation, Result};

/// All that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Preflight {
    pub schema: &'static str,
    pub rows: Vec<Row>,
}

/// Where it is looked.
struct Scene<'a> {
    installation: &'a Installation,
    /// None where this run will install it.
    engine: Option<Engine>,
    swarm: SwarmState,
    /// The product's own services are there: they have its ports.
    is_running: bool,
}

impl<'a> Scene<'a> {
    fn of(installation: &'a Installation) -> Result<Self> {
        let engine = installation.find_engine()?;
        let swarm = engine.as_ref().map_or(Ok(SwarmState::None), Engine::swarm_state)?;
        let stack = installation.stack_name();
        let services = engine.as_ref().map(|engine| engine.services(stack)).transpose()?.unwrap_or_default();
        Ok(Self { installation, engine, swarm, is_running: !services.is_empty() })
    }
}

/// Examines the host.
pub fn examine(installation: &Installation) -> Result<Preflight> {
    let scene = Scene::of(installation)?;
    let mut rows = system::rows(&scene)?;
    rows.extend(folders::rows(&scene));
    rows.extend(disk::rows(&scene)?);
    rows.extend(ssd::rows(&scene));
    rows.extend(clock::rows(&scene)?);
    rows.extend(kernel::rows(&scene));
    rows.extend(engine::rows(&scene)?);
    rows.extend(conflicts::rows(&scene)?);
    rows.extend(network::rows(&scene)?);
    rows.extend(domains::rows(&scene));
    rows.extend(certificate::rows(&scene));
    rows.extend(license::rows(&scene)?);
    rows.extend(mail::rows(&scene));
    Ok(Preflight { schema: "wt.preflight.v1", rows })
}

impl Preflight {
    /// An error that names every row that failed.
    pub fn require(&self) -> Result<()> {
        let failed: Vec<String> =
            self.rows.iter().filter(|row| row.verdict == Verdict::Fail).map(Row::sentence).collect();
        if failed.is_empty() { Ok(()) } else { Err(Error::Preflight { failed }) }
    }

    /// What stops nothing and should be looked at.
    pub fn warnings(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.verdict == Verdict::Warn).collect()
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Table(&self.rows.iter().collect::<Vec<_>>()).fmt(f)
    }
}
