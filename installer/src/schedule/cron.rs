//! A line for each job in a file of cron's, and an init script for what comes before Docker.

use std::fs;
use std::path::{Path, PathBuf};

use super::{File, Job, Schedule, When, run};
use crate::Result;

const TABLES: &str = "etc/cron.d";
const SCRIPTS: &str = "etc/init.d";
const PROGRAMS: [&str; 4] = ["usr/sbin/cron", "usr/sbin/crond", "usr/bin/crond", "usr/sbin/cronie"];

pub(super) fn files(schedule: &Schedule) -> Vec<File> {
    let [table, script] = paths(schedule);
    vec![
        File { path: table, text: table_text(schedule), mode: 0o644 },
        File { path: script, text: script_text(schedule), mode: 0o755 },
    ]
}

pub(super) fn possible(schedule: &Schedule) -> Vec<PathBuf> {
    paths(schedule).to_vec()
}

fn paths(schedule: &Schedule) -> [PathBuf; 2] {
    [TABLES, SCRIPTS].map(|folder| schedule.root.join(folder).join(schedule.name()))
}

/// Whether there is a cron to read it.
pub(super) fn is_there(root: &Path) -> bool {
    PROGRAMS.iter().any(|program| root.join(program).exists())
}

fn table_text(schedule: &Schedule) -> String {
    let head = format!(
        "# What runs by itself for {}; `wt-install uninstall` takes it away.\n\
         SHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nMAILTO=\"\"\n",
        schedule.product
    );
    schedule.jobs.iter().fold(head, |text, job| {
        text + &format!("{} root {} >/dev/null 2>&1\n", when(job), schedule.command(job))
    })
}

fn when(job: &Job) -> String {
    match job.when {
        When::BeforeDocker => "17 * * * *".to_owned(),
        When::EveryMinute => "* * * * *".to_owned(),
        When::Daily(at) => format!("{} {} * * *", at.minute, at.hour),
    }
}

fn script_text(schedule: &Schedule) -> String {
    let jobs: Vec<&Job> = schedule.jobs.iter().filter(|job| job.when == When::BeforeDocker).collect();
    let about: Vec<&str> = jobs.iter().map(|job| job.about).collect();
    let commands: Vec<String> = jobs.iter().map(|job| schedule.command(job)).collect();
    format!(
        "#!/bin/sh\n\
         ### BEGIN INIT INFO\n\
         # Provides:          {name}\n\
         # Required-Start:    $local_fs\n\
         # Required-Stop:\n\
         # X-Start-Before:    docker\n\
         # Default-Start:     2 3 4 5\n\
         # Default-Stop:\n\
         # Short-Description: {about} for {product}\n\
         ### END INIT INFO\n\
         case \"$1\" in\n\
         start) {commands} ;;\n\
         stop | restart | force-reload | status) ;;\n\
         *) echo \"usage: $0 start\" >&2; exit 2 ;;\n\
         esac\n",
        name = schedule.name(),
        about = about.join(", "),
        product = schedule.product,
        commands = commands.join(" && "),
    )
}

/// Whether some runlevel knows the script; one in which it was switched off counts, too.
pub(super) fn is_linked(schedule: &Schedule) -> bool {
    (2..=5).any(|level| {
        let folder = schedule.root.join(format!("etc/rc{level}.d"));
        fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.get(3..).is_some_and(|rest| rest == schedule.name())
        })
    })
}

pub(super) fn link(schedule: &Schedule) -> Result<()> {
    if is_linked(schedule) {
        return Ok(());
    }
    run("update-rc.d", &[&schedule.name(), "defaults"]).map(drop)
}

/// After the script itself is gone.
pub(super) fn unlink(schedule: &Schedule, gone: &[PathBuf]) -> Result<()> {
    let [_, script] = paths(schedule);
    if !gone.contains(&script) || !is_linked(schedule) {
        return Ok(());
    }
    run("update-rc.d", &[&schedule.name(), "remove"]).map(drop)
}
