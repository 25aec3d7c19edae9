use std::path::PathBuf;
use std::time::Duration;

use clap::CommandFactory as _;
use wt_keys::console::{Done, Failure, Output};

use super::lock::Lock;
use super::open::{self, SiteArgument, TrustArgument, VolumeFolders};
use crate::outcome::Outcome;
use crate::preflight::{self, Table};
use crate::{Installation, Places, certificate, install};

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
        let warnings = preflight.warnings();
        if !warnings.is_empty() && !output.verbose {
            output.say(Table(&warnings));
        }
        if install::carry_out(
            &installation,
            &|step, outcome, took| told(output, step, outcome, took),
            &output.progress(),
        )? {
            output.say(format_args!("\n{}", next(&installation)));
        } else {
            output.say("nothing to do: everything is as the bundle says");
        }
        Ok(())
    }
}

/// A line for each step; what there was nothing to do for only with `-v`.
pub fn told(output: Output, step: &str, outcome: &Outcome, took: Duration) {
    let seconds = took.as_secs_f32();
    match outcome {
        Outcome::Changed(said) | Outcome::Checked(said) => {
            output.say(format_args!("  {step:<10} {said} ({seconds:.1} s)"));
        }
        Outcome::Failed(why) => output.say(format_args!("  {step:<10} failed: {why}\n  going back:")),
        Outcome::Nothing => output.detail(format_args!("  {step:<10} nothing to do")),
    }
}

/// What the operator does next.
fn next(installation: &Installation) -> String {
    let site = &installation.manifest().site;
    let up = format!(
        "{} {} is up: {}",
        installation.product(),
        installation.manifest().version,
        address(installation),
    );
    match site.license {
        Some(_) => format!(
            "{up}\nnext: send {} to the vendor, and run `wt-install license FILE` with the license that comes back",
            installation.home().join("hw.json").display(),
        ),
        None => up,
    }
}

/// Where a person finds it: as the first step of the journey does.
fn address(installation: &Installation) -> String {
    let site = &installation.manifest().site;
    let tls = site.journey.first().and_then(|step| step.tls_port);
    let has_certificate = matches!(certificate::installed(&installation.places), Ok(Some(_)));
    let (scheme, usual, port) = match tls.filter(|_| has_certificate) {
        Some(port) => ("https", 443, port),
        None => ("http", 80, site.ports.first().map_or(80, |port| port.number)),
    };
    let port = if port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{}{port}", installation.site.node().address)
}
