//! What runs by itself on a host, and the one place that says so: the host snapshot before Docker starts and hourly, the
//! check every minute, the backup once a day where the site wants one.
//!
//! By units and timers where systemd runs. Where it does not, by cron, and by an init script for what comes before Docker.
//! All of it is named after the product, and a second run touches nothing.

mod cron;
mod systemd;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wt_keys::{durable, folder_of};

use crate::command::Command;
use crate::engine::daemon;
use crate::site::backup::TimeOfDay;
use crate::{Installation, Places, Result, home};

const LIMIT: Duration = Duration::from_mins(1);

/// What runs by itself for a product.
#[derive(Debug)]
pub struct Schedule {
    root: PathBuf,
    product: String,
    /// What is run.
    program: PathBuf,
    jobs: Vec<Job>,
}

/// Something that runs by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Job {
    name: &'static str,
    about: &'static str,
    arguments: &'static str,
    when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Before Docker at every start of the host, so that what it writes is there when the services start again; and hourly.
    BeforeDocker,
    EveryMinute,
    Daily(TimeOfDay),
}

/// Who starts things on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Systemd,
    Cron,
}

/// A file of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    path: PathBuf,
    text: String,
    mode: u32,
}

const SNAPSHOT: Job = Job {
    name: "snapshot",
    about: "Snapshot of this host",
    arguments: "fingerprint --snapshot -q",
    when: When::BeforeDocker,
};
const CHECK: Job =
    Job { name: "check", about: "Check of the services", arguments: "check -q", when: When::EveryMinute };
const BACKUP: &str = "backup";

impl Schedule {
    pub fn of(installation: &Installation) -> Self {
        Self::new(
            &installation.places,
            installation.product(),
            &installation.home(),
            installation.site.backup.at,
        )
    }

    /// With a daily backup where there is an hour for it.
    pub fn new(places: &Places, product: &str, home: &Path, backup: Option<TimeOfDay>) -> Self {
        let backup = backup.map(|at| Job {
            name: BACKUP,
            about: "Backup",
            arguments: "backup -q",
            when: When::Daily(at),
        });
        Self {
            root: places.root().to_owned(),
            product: product.to_owned(),
            program: home::program(home),
            jobs: [SNAPSHOT, CHECK].into_iter().chain(backup).collect(),
        }
    }

    pub fn is_installed(&self) -> Result<bool> {
        let manager = self.manager();
        let there = |file: &File| fs::read(&file.path).is_ok_and(|found| found == file.text.as_bytes());
        if !self.files(manager).iter().all(there) || self.stale(manager).next().is_some() {
            return Ok(false);
        }
        match manager {
            Manager::Systemd => systemd::is_enabled(self),
            Manager::Cron => Ok(cron::is_linked(self)),
        }
    }

    /// Brings it about, from whatever is there of it.
    pub fn install(&self) -> Result<()> {
        let manager = self.manager();
        self.remove_all(self.stale(manager).collect())?;
        for file in self.files(manager) {
            durable::create_folder(&folder_of(&file.path), 0o755)?;
            durable::write_if_changed(&file.path, file.text.as_bytes(), file.mode)?;
        }
        match manager {
            Manager::Systemd => systemd::enable(self),
            Manager::Cron => cron::link(self),
        }
    }

    /// Takes away all that there may be of it, whoever starts things here now. Tells whether there was any.
    pub fn remove(&self) -> Result<bool> {
        let found: Vec<PathBuf> = self.possible().filter(|path| path.symlink_metadata().is_ok()).collect();
        let any = !found.is_empty();
        self.remove_all(found)?;
        Ok(any)
    }

    /// In words, where nothing will run.
    pub fn caveat(&self) -> Option<&'static str> {
        let silent = self.manager() == Manager::Cron && !cron::is_there(&self.root);
        silent.then_some("there is neither systemd nor cron here: nothing runs by itself until there is one")
    }

    /// What it does, in words.
    pub fn summary(&self) -> String {
        let jobs: Vec<String> = self.jobs.iter().map(Job::in_words).collect();
        jobs.join(", ")
    }

    fn manager(&self) -> Manager {
        if daemon::is_systemd(&self.root) { Manager::Systemd } else { Manager::Cron }
    }

    fn files(&self, manager: Manager) -> Vec<File> {
        match manager {
            Manager::Systemd => systemd::files(self),
            Manager::Cron => cron::files(self),
        }
    }

    /// What a schedule of this product may have written, with or without a backup.
    fn possible(&self) -> impl Iterator<Item = PathBuf> {
        [systemd::possible(self), cron::possible(self)].into_iter().flatten()
    }

    /// What is there and is not to be.
    fn stale(&self, manager: Manager) -> impl Iterator<Item = PathBuf> {
        let wanted: Vec<PathBuf> = self.files(manager).into_iter().map(|file| file.path).collect();
        self.possible().filter(move |path| !wanted.contains(path) && path.symlink_metadata().is_ok())
    }

    fn remove_all(&self, paths: Vec<PathBuf>) -> Result<()> {
        let units = systemd::named(self, &paths);
        systemd::disable(self, &units)?;
        for path in &paths {
            durable::remove_file(path)?;
        }
        systemd::forget(self, &units)?;
        cron::unlink(self, &paths)
    }

    /// What units and scripts are called: `wt-worktile`.
    fn name(&self) -> String {
        format!("wt-{}", self.product)
    }

    fn command(&self, job: &Job) -> String {
        format!("{} {}", self.program.display(), job.arguments)
    }
}

impl Job {
    fn in_words(&self) -> String {
        match self.when {
            When::BeforeDocker => format!("{} at every start and hourly", self.name),
            When::EveryMinute => format!("{} every minute", self.name),
            When::Daily(at) => format!("{} at {at}", self.name),
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    Command::new(program, LIMIT).args(arguments).succeed(b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(root: &Path, backup: Option<&str>) -> Schedule {
        let at = backup.map(|at| at.parse().unwrap());
        Schedule::new(&Places::below(root), "worktile", Path::new("/opt/worktile"), at)
    }

    fn text<'a>(files: &'a [File], name: &str) -> &'a str {
        &files.iter().find(|file| file.path.ends_with(name)).unwrap().text
    }

    #[test]
    fn what_runs_by_itself_is_a_command_that_there_is() {
        use clap::Parser as _;
        for job in schedule(Path::new("/"), Some("02:30")).jobs {
            let line = ["wt-install"].into_iter().chain(job.arguments.split(' '));
            let parsed = crate::cli::WtInstall::try_parse_from(line);
            assert!(parsed.is_ok(), "{}: {}", job.arguments, parsed.unwrap_err());
        }
    }

    #[test]
    fn systemd_gets_a_service_and_a_timer_for_each() {
        let files = schedule(Path::new("/"), Some("02:30")).files(Manager::Systemd);
        assert_eq!(files.len(), 6);
        let snapshot = text(&files, "etc/systemd/system/wt-worktile-snapshot.service");
        assert!(snapshot.contains("\nBefore=docker.service\n"), "{snapshot}");
        assert!(snapshot.contains("\nExecStart=/opt/worktile/bin/wt-install fingerprint --snapshot -q\n"));
        assert!(snapshot.contains("\nWantedBy=multi-user.target\n"));
        let check = text(&files, "wt-worktile-check.service");
        assert!(check.contains("\nSuccessExitStatus=1 8\n") && !check.contains("[Install]"), "{check}");
        assert!(text(&files, "wt-worktile-check.timer").contains("\nOnUnitActiveSec=1min\n"));
        assert!(text(&files, "wt-worktile-backup.timer").contains("\nOnCalendar=*-*-* 02:30:00\n"));
    }

    #[test]
    fn cron_gets_a_line_for_each_and_an_init_script_what_comes_before_docker() {
        let files = schedule(Path::new("/"), Some("02:30")).files(Manager::Cron);
        let lines: Vec<&str> = text(&files, "etc/cron.d/wt-worktile")
            .lines()
            .filter(|line| line.contains("/opt/worktile/bin/wt-install"))
            .collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].starts_with("* * * * * root /opt/worktile/bin/wt-install check -q"), "{lines:?}");
        assert!(lines[2].starts_with("30 2 * * * root "), "{lines:?}");
        let script = files.iter().find(|file| file.path.ends_with("etc/init.d/wt-worktile")).unwrap();
        assert_eq!(script.mode, 0o755);
        assert!(script.text.contains("# X-Start-Before:    docker\n"), "{}", script.text);
    }

    #[test]
    fn what_another_manager_or_another_day_left_is_stale() {
        let root = tempfile::tempdir().unwrap();
        let with = schedule(root.path(), Some("02:30"));
        for file in [with.files(Manager::Systemd), with.files(Manager::Cron)].concat() {
            durable::create_folder(&folder_of(&file.path), 0o755).unwrap();
            durable::write(&file.path, file.text.as_bytes(), file.mode).unwrap();
        }
        let names = |manager| -> Vec<String> {
            let stale = schedule(root.path(), None);
            let stale = stale.stale(manager).map(|path| path.file_name().unwrap().to_owned());
            stale.map(|name| name.into_string().unwrap()).collect()
        };
        assert_eq!(
            names(Manager::Systemd),
            ["wt-worktile-backup.service", "wt-worktile-backup.timer", "wt-worktile", "wt-worktile"]
        );
        assert_eq!(names(Manager::Cron).len(), 6);
    }
}
