use std::path::PathBuf;
use std::time::Instant;

use clap::CommandFactory as _;
use wt_keys::console::{Done, Failure, Output};

use super::lock::Lock;
use super::open::{self, SiteArgument, TrustArgument, VolumeFolders};
use crate::steps::{self, Outcome};
use crate::{Installation, Places, preflight};

/// What `wt-install BUNDLE` takes.
#[derive(Debug, clap::Args)]
pub struct Install {
    /// The bundle to install, or to upgrade to
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    volumes: VolumeFolders,
    #[command(flatten)]
    trust: TrustArgument,
    #[command(flatten)]
    site: SiteArgument,
}

impl Install {
    pub fn run(self, output: Output, places: &Places) -> Done {
        let Some(bundle) = self.bundle else {
            return Err(Failure::usage("no bundle was named", "wt-install BUNDLE, or `wt-install --help`"));
        };
        if let Some(error) = open::no_such_bundle(&bundle, &super::WtInstall::command()) {
            return Err(error.into());
        }
        let bundle = open::bundle(&bundle, &self.volumes, &self.trust, places)?;
        output.say(open::headline(&bundle));
        super::require_root()?;
        let _lock = Lock::take(places)?;
        open::verify_body(&bundle, output)?;
        let installation = open::installation(bundle, &self.site, places)?;
        let preflight = preflight::examine(&installation)?;
        output.detail(format_args!("{preflight}"));
        if let Err(error) = preflight.require() {
            output.say(&preflight);
            return Err(error.into());
        }
        let mut changed = false;
        for step in steps::all() {
            let started = Instant::now();
            let outcome = steps::run(step, &installation, &output.progress())?;
            changed |= matches!(outcome, Outcome::Changed(_));
            let seconds = started.elapsed().as_secs_f32();
            match outcome {
                Outcome::Changed(said) | Outcome::Checked(said) => {
                    output.say(format_args!("  {:<10} {said} ({seconds:.1} s)", step.name()));
                }
                Outcome::Nothing => output.detail(format_args!("  {:<10} nothing to do", step.name())),
            }
        }
        if changed {
            output.say(format_args!("\n{}", next(&installation)));
        } else {
            output.say("nothing to do: everything is as the bundle says");
        }
        Ok(())
    }
}

/// What the operator does next.
fn next(installation: &Installation) -> String {
    let site = &installation.manifest().site;
    let port = site.ports.first().map_or(80, |port| port.number);
    let port = if port == 80 { String::new() } else { format!(":{port}") };
    let up = format!(
        "{} {} is up: http://{}{port}",
        installation.product(),
        installation.manifest().version,
        installation.site.node().address,
    );
    match (&site.license, installation.license()) {
        (Some(place), Some(license)) => format!(
            "{up}\nnext: send {} to the vendor, put the license that comes back at {} and run `wt-install restart {}`",
            installation.home().join("hw.json").display(),
            license.display(),
            place.service,
        ),
        _ => up,
    }
}
