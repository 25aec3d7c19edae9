use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::capped;
use wt_keys::console::{Done, Failure, Output, confirm, now};
use wt_licensor::Verdict;
use wt_licensor::licenses::LARGEST_LICENSE;

use super::lock::Lock;
use crate::check::facts;
use crate::license::{Change, Offer};
use crate::operation::Operation;
use crate::{Error, Installation, Places};

/// Show what the site's license is worth, or put another one into service
///
/// A new one is checked as the product will check it on this host, before anything changes; what it changes is said. One that
/// takes something away is asked about. The one before is kept; where the product does not become healthy, it comes back. The
/// license of a term that has not begun lies beside the present one until then.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install license\n  wt-install license license.json\n\nExit code 0: in force; 3: not trusted; 4: refused."
)]
pub struct License {
    /// The license that the vendor sent
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Do not ask about what it takes away
    #[arg(short, long, requires = "file")]
    yes: bool,
    /// Say what would change; change nothing
    #[arg(long, requires = "file")]
    dry_run: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    file: &'a Path,
    /// Where the one is, or would be, that lay there.
    kept: Option<PathBuf>,
    changes: &'a [Change],
    restarted: Vec<String>,
    verdict: &'a Verdict,
}

impl License {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let Some(file) = &self.file else { return show(output, &Installation::current(places, now)?) };
        let content = capped::read(file, "a license", LARGEST_LICENSE).map_err(|error| {
            Failure::from(error).or_hint("name the file that the vendor sent for this site's hw.json")
        })?;
        let offer = offer(output, places, &content)?.1;
        output.say(&offer);
        if self.dry_run {
            report(output, &offer, offer.kept(places)?, vec![], &offer.verdict);
            return Ok(());
        }
        let worse = offer.worse();
        if !worse.is_empty()
            && !self.yes
            && !confirm("It takes something away. Put it in place all the same?")?
        {
            return Err(Failure::usage("not confirmed: nothing was changed", "say `--yes`, or answer `y`"));
        }
        let _lock = Lock::take(places)?;
        // what lies there may be another by now
        let agreed = offer;
        let (installation, offer) = self::offer(output, places, &content)?;
        if !offer.is_same(&agreed) {
            let found = "what lies there has changed meanwhile: nothing was changed";
            return Err(Failure::usage(found, "run this again, and see what changes now"));
        }
        Operation::check(&installation)?;
        let kept = offer.kept(places)?;
        let restarted = offer.put(&installation, &output.progress())?;
        if restarted.is_empty() {
            output.say("nothing to do: the services have it");
        } else {
            output.say(format_args!("in place; restarted and healthy: {}", restarted.join(", ")));
        }
        if let Some(kept) = &kept {
            output.say(format_args!("what lay there is kept as {}", kept.display()));
        }
        let verdict = judged(&installation)?;
        report(output, &offer, kept, restarted, &verdict);
        in_force(verdict)
    }
}

/// What is to be put in place; says why where it cannot be.
fn offer(output: Output, places: &Places, content: &[u8]) -> Result<(Installation, Offer), Failure> {
    let installation = Installation::current(places, now)?;
    let place = installation.license().ok_or_else(none_is_asked_for)?;
    let offer = Offer::of(&installation, &place, content.to_owned());
    if let Err(Error::LicenseRefused { verdict }) = &offer {
        output.report(verdict, verdict.explain());
    }
    Ok((installation, offer?))
}

fn report(output: Output, offer: &Offer, kept: Option<PathBuf>, restarted: Vec<String>, verdict: &Verdict) {
    let (file, changes) = (&*offer.path, &*offer.changes);
    let report = Report { schema: "wt.license.v1", file, kept, changes, restarted, verdict };
    output.report(&report, verdict.explain());
}

fn show(output: Output, installation: &Installation) -> Done {
    let verdict = judged(installation)?;
    output.report(&verdict, verdict.explain());
    in_force(verdict)
}

fn none_is_asked_for() -> Failure {
    Failure::usage("this product asks for no license", "`wt-install status` shows what there is to see of it")
}

/// As the product does it.
fn judged(installation: &Installation) -> Result<Verdict, Failure> {
    let installed = installation.installed.as_ref().ok_or(Error::NotInstalled)?;
    let verdict = facts::license(installed, &installation.places, (installation.clock)())?;
    verdict.ok_or_else(none_is_asked_for)
}

fn in_force(verdict: Verdict) -> Done {
    if verdict.is_licensed() {
        Ok(())
    } else {
        Err(Error::LicenseRefused { verdict: Box::new(verdict) }.into())
    }
}
