use wt_keys::console::{Done, Exit, Output, now};
use wt_keys::{Utc, durable};

use super::lock::{CheckLock, Lock};
use crate::check::alarm::Alarms;
use crate::check::facts;
use crate::check::{self, Report, record, repair};
use crate::installed::Installed;
use crate::operation::Operation;
use crate::uninstall::scope::Scope;
use crate::{Error, Installation, Places, Result, quiesce};

/// Start what stopped by itself, look at everything, and say what is bad; runs by itself every minute
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install check\n\nThe last result is in /var/lib/wt-install/check.json, and for Prometheus in metrics/wt.prom beside it."
)]
pub struct Check {
    /// Forget that this clock once showed a later time
    #[arg(long)]
    clock_is_right: bool,
}

impl Check {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        if Scope::is_pending(places)? {
            return Err(Error::UninstallUnderWay.into());
        }
        let installed = Installed::read(places)?.ok_or_else(|| not_installed(places))?;
        let Some(_check) = CheckLock::take(places)? else { busy(output) };
        if self.clock_is_right {
            durable::remove_file(&places.check_report())?;
        }
        let repaired = unless_locked(places, || repair(places))?;
        let holder = if repaired.is_none() { Lock::holder(places) } else { None };
        // a run that may hang is no reason to say nothing
        let speaks = holder.as_ref().is_some_and(|holder| holder.is_long(now()))
            || quiesce::overdue(places, now())?.is_some();
        if repaired.is_none() && !speaks {
            busy(output);
        }
        let installation = Installation::current(places, now)?;
        let latest = record::read(places).map_or(Utc::START, |last| last.latest);
        let facts = facts::gather(&installation, latest, holder)?;
        let report =
            Report::new(installation.manifest(), &installation.site, &facts, repaired.unwrap_or_default());
        // what another run began meanwhile may be why something is bad: the last result stands
        let write = || -> Result<bool> {
            if Installed::read(places)?.as_ref() != Some(&installed) {
                return Ok(false);
            }
            record::write(places, &report, &facts)?;
            Ok(true)
        };
        let written = match unless_locked(places, write)? {
            None if speaks => write()?,
            written => written == Some(true),
        };
        if !written {
            busy(output);
        }
        tell(&installation, &report)?;
        output.report(&report, &report);
        outcome(&report)
    }
}

/// Under the lock, and not while something is unfinished.
fn repair(places: &Places) -> Result<Vec<String>> {
    if Operation::pending(places)?.is_some() {
        return Ok(Vec::new());
    }
    repair::carry_out(&Installation::current(places, now)?)
}

/// What `work` gives; `None` where another run holds the lock.
fn unless_locked<T>(places: &Places, work: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    let _lock = match Lock::take_at_once(places) {
        Err(Error::Locked { .. }) => return Ok(None),
        lock => lock?,
    };
    work().map(Some)
}

fn not_installed(places: &Places) -> Error {
    match Operation::pending(places) {
        Ok(Some(pending)) => pending.into(),
        _ => Error::NotInstalled,
    }
}

/// Nothing is wrong with that, and it happens every minute of a long run.
fn busy(output: Output) -> ! {
    output.say("another run of wt-install is at work; the last result stands");
    std::process::exit(Exit::Locked as i32);
}

/// A mail, if there is something to tell.
fn tell(installation: &Installation, report: &Report) -> Result<()> {
    let places = &installation.places;
    let alarms = Alarms::read(places)?.after(report);
    let Some(letter) = alarms.letter(report) else { return alarms.write(places) };
    let alarms = match check::letter::post(installation, report, &letter) {
        Ok(()) => alarms.told(&letter, report.at),
        Err(error) => alarms.not_told(&error),
    };
    alarms.write(places)
}

fn outcome(report: &Report) -> Done {
    let bad: Vec<String> = report.bad().map(check::Finding::what).collect();
    let hint = report.bad().map(|finding| finding.hint.clone()).find(|hint| !hint.is_empty());
    if bad.is_empty() {
        Ok(())
    } else {
        Err(Error::Unwell { checks: report.findings.len(), bad, hint }.into())
    }
}
