use std::fmt;

use serde::Serialize;
use wt_keys::console::{Done, Output};

use super::open::{self, BundleArgument, SiteArgument};
use crate::forecast::Forecast;
use crate::preflight::{self, Preflight};
use crate::steps::{self, Need};
use crate::{Installation, Places, Result};

/// Say what installing a bundle would do; changes nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install plan worktile-5.2.0-amd64.tar.zst --site site.toml")]
pub struct Plan {
    #[command(flatten)]
    bundle: BundleArgument,
    #[command(flatten)]
    site: SiteArgument,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    bundle: String,
    preflight: Preflight,
    forecast: Forecast,
    steps: Vec<Planned>,
}

#[derive(Serialize)]
struct Planned {
    step: &'static str,
    /// `None`: there is nothing to do.
    work: Option<String>,
}

impl Plan {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let bundle = self.bundle.open(places)?;
        let headline = open::headline(&bundle);
        let installation = open::installation(bundle, &self.site, places)?;
        let report = Report {
            schema: "wt.plan.v1",
            bundle: headline,
            preflight: preflight::examine(&installation)?,
            forecast: Forecast::of(&installation)?,
            steps: planned(&installation)?,
        };
        let fits = report.preflight.require();
        output.report(&report, &report);
        Ok(fits?)
    }
}

fn planned(installation: &Installation) -> Result<Vec<Planned>> {
    steps::all()
        .into_iter()
        .map(|step| {
            let work = match step.need(installation)? {
                Need::Nothing => None,
                Need::Work(work) | Need::Check(work) => Some(work),
            };
            Ok(Planned { step: step.name(), work })
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}\n{}", self.bundle, self.preflight, self.forecast)?;
        for planned in &self.steps {
            writeln!(f, "  {:<10} {}", planned.step, planned.work.as_deref().unwrap_or("-"))?;
        }
        Ok(())
    }
}
