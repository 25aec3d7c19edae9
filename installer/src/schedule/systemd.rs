//! A oneshot service and a timer for each job.

use std::path::PathBuf;

use super::{BACKUP, CHECK, File, Job, SNAPSHOT, Schedule, When, run};
use crate::Result;
use crate::engine::daemon;

const FOLDER: &str = "etc/systemd/system";

pub(super) fn files(schedule: &Schedule) -> Vec<File> {
    let file = |name: String, text| File { path: schedule.root.join(FOLDER).join(name), text, mode: 0o644 };
    let both = |job: &Job| {
        [
            file(format!("{}.service", unit(schedule, job.name)), service(schedule, job)),
            file(format!("{}.timer", unit(schedule, job.name)), timer(schedule, job)),
        ]
    };
    schedule.jobs.iter().flat_map(both).collect()
}

pub(super) fn possible(schedule: &Schedule) -> Vec<PathBuf> {
    let files = |name| {
        ["service", "timer"]
            .map(|kind| schedule.root.join(FOLDER).join(format!("{}.{kind}", unit(schedule, name))))
    };
    [SNAPSHOT.name, CHECK.name, BACKUP].into_iter().flat_map(files).collect()
}

fn unit(schedule: &Schedule, job: &str) -> String {
    format!("{}-{job}", schedule.name())
}

fn service(schedule: &Schedule, job: &Job) -> String {
    let (order, more, install) = match job.when {
        When::BeforeDocker => ("Before=docker.service\n", "", "\n[Install]\nWantedBy=multi-user.target\n"),
        // it says what is bad in its own places; that the check itself fails is another matter. Nor does the journal need
        // two lines a minute from systemd.
        When::EveryMinute => (
            "After=docker.service\n",
            "SuccessExitStatus=1 8\nTimeoutStartSec=15min\nLogLevelMax=notice\n",
            "",
        ),
        // the process that lets services go on must outlive a backup that is killed
        When::Daily(_) => {
            ("After=docker.service\n", "Nice=10\nIOSchedulingClass=idle\nKillMode=process\n", "")
        }
    };
    format!(
        "[Unit]\nDescription={about} for {product}\nRequiresMountsFor={program}\n{order}\n\
         [Service]\nType=oneshot\nExecStart={command}\n{more}{install}",
        about = job.about,
        product = schedule.product,
        program = schedule.program.display(),
        command = schedule.command(job),
    )
}

fn timer(schedule: &Schedule, job: &Job) -> String {
    let when = match job.when {
        When::BeforeDocker => "OnActiveSec=1h\nOnUnitActiveSec=1h\n".to_owned(),
        When::EveryMinute => "OnActiveSec=1min\nOnUnitActiveSec=1min\nAccuracySec=1s\n".to_owned(),
        When::Daily(at) => format!("OnCalendar=*-*-* {at}:00\nPersistent=true\n"),
    };
    format!(
        "[Unit]\nDescription={} for {}: when\n\n[Timer]\n{when}\n[Install]\nWantedBy=timers.target\n",
        job.about, schedule.product
    )
}

/// The units that are enabled, and the timers among them.
fn units(schedule: &Schedule) -> (Vec<String>, Vec<String>) {
    let timers: Vec<String> =
        schedule.jobs.iter().map(|job| format!("{}.timer", unit(schedule, job.name))).collect();
    let at_boot = schedule.jobs.iter().filter(|job| job.when == When::BeforeDocker);
    let at_boot = at_boot.map(|job| format!("{}.service", unit(schedule, job.name)));
    (at_boot.chain(timers.iter().cloned()).collect(), timers)
}

/// A unit that the operator masked stays as it is.
pub(super) fn is_enabled(schedule: &Schedule) -> Result<bool> {
    let (units, timers) = units(schedule);
    let enabled = answers("is-enabled", &units)?;
    let active = answers("is-active", &timers)?;
    let masked = |unit: &String| enabled.iter().any(|(name, state)| name == unit && state == "masked");
    Ok(enabled.iter().all(|(_, state)| state == "enabled" || state == "masked")
        && active.iter().all(|(timer, state)| state == "active" || masked(timer)))
}

/// One line for each unit; whether all of them say yes is in the exit code, too.
fn answers(question: &str, units: &[String]) -> Result<Vec<(String, String)>> {
    let said = super::Command::new("systemctl", super::LIMIT).args([question]).args(units).run(b"")?;
    let states = said.stdout.lines().map(str::to_owned).chain(std::iter::repeat(String::new()));
    Ok(units.iter().cloned().zip(states).collect())
}

pub(super) fn enable(schedule: &Schedule) -> Result<()> {
    let (units, timers) = units(schedule);
    let enabled = answers("is-enabled", &units)?;
    let masked = |unit: &&str| !enabled.iter().any(|(name, state)| name == unit && state == "masked");
    let with = |verb: &'static str, units: &[String]| -> Result<()> {
        let units: Vec<&str> = units.iter().map(String::as_str).filter(masked).collect();
        if units.is_empty() {
            return Ok(());
        }
        run("systemctl", &[&[verb], &units[..]].concat()).map(drop)
    };
    run("systemctl", &["daemon-reload"])?;
    with("enable", &units)?;
    with("restart", &timers)
}

/// Before their files go.
pub(super) fn disable(schedule: &Schedule, units: &[String]) -> Result<()> {
    if units.is_empty() || !daemon::is_systemd(&schedule.root) {
        return Ok(());
    }
    run("systemctl", &[&["disable", "--now", "--quiet"], &as_str(units)[..]].concat()).map(drop)
}

/// After their files are gone.
pub(super) fn forget(schedule: &Schedule, units: &[String]) -> Result<()> {
    if units.is_empty() || !daemon::is_systemd(&schedule.root) {
        return Ok(());
    }
    run("systemctl", &["daemon-reload"])?;
    // it complains about those that never failed
    let _ = run("systemctl", &[&["reset-failed"], &as_str(units)[..]].concat());
    Ok(())
}

/// The units among some files.
pub(super) fn named(schedule: &Schedule, paths: &[PathBuf]) -> Vec<String> {
    let folder = schedule.root.join(FOLDER);
    let units = paths.iter().filter(|path| path.starts_with(&folder) && path.symlink_metadata().is_ok());
    units.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
}

fn as_str(units: &[String]) -> Vec<&str> {
    units.iter().map(String::as_str).collect()
}
