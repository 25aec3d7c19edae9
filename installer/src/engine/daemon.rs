//! The engine's processes on this host: how they are started, started again, and whether they do anything.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Engine;
use crate::command::Command;
use crate::{Error, Result};

const ASK_LIMIT: Duration = Duration::from_mins(2);
const START_LIMIT: Duration = Duration::from_secs(90);
/// A process that does not hear is killed by systemd only after this.
const RESTART_LIMIT: Duration = Duration::from_mins(5);
/// The processes that do an engine's work.
const PROCESSES: [&str; 2] = ["dockerd", "containerd"];
const HOST: &str = "/";

/// Starts an engine that is installed, if it does not answer, and waits until it does.
pub fn start() -> Result<Engine> {
    match Engine::connect() {
        Err(Error::NoEngine { .. }) => {}
        answer => return answer,
    }
    if is_systemd(HOST) {
        // one that failed too often systemd does not try again
        Command::new("systemctl", ASK_LIMIT)
            .args(["reset-failed", "docker.service", "docker.socket"])
            .run(b"")?;
    }
    run("start", &["docker"], START_LIMIT)?;
    Engine::await_start(START_LIMIT)
}

/// Stops the engine and all that starts it by itself.
pub fn stop() -> Result<()> {
    let services: &[&str] = match (is_systemd(HOST), has_service("containerd")) {
        (true, true) => &["docker.socket", "docker", "containerd"],
        (true, false) => &["docker.socket", "docker"],
        (false, _) => &["docker"],
    };
    run("stop", services, RESTART_LIMIT)
}

/// Starts the engine anew, with what it keeps images in.
pub fn restart() -> Result<Engine> {
    let services: &[&str] = if has_service("containerd") { &["containerd", "docker"] } else { &["docker"] };
    run("restart", services, RESTART_LIMIT)?;
    Engine::await_start(START_LIMIT)
}

fn run(verb: &'static str, services: &[&str], limit: Duration) -> Result<()> {
    let action = match verb {
        "start" => "be started",
        "stop" => "be stopped",
        _ => "be started anew",
    };
    let failed = |source| Error::Daemon { action, source: Box::new(source) };
    if is_systemd(HOST) {
        return Command::new("systemctl", limit)
            .arg(verb)
            .args(services)
            .succeed(b"")
            .map(drop)
            .map_err(failed);
    }
    for service in services {
        Command::new("service", limit).args([service, verb]).succeed(b"").map_err(failed)?;
    }
    Ok(())
}

/// Whether systemd runs the host below `root`.
pub fn is_systemd(root: impl AsRef<Path>) -> bool {
    root.as_ref().join("run/systemd/system").is_dir()
}

fn has_service(name: &str) -> bool {
    if is_systemd(HOST) {
        let unit = format!("{name}.service");
        ["/lib/systemd/system", "/usr/lib/systemd/system", "/etc/systemd/system"]
            .iter()
            .any(|folder| Path::new(folder).join(&unit).exists())
    } else {
        Path::new("/etc/init.d").join(name).exists()
    }
}

/// Whether an engine that does not answer ended without being told to.
pub fn died(root: &Path) -> Result<bool> {
    if !is_systemd(root) {
        return Ok(left_its_number(root));
    }
    let said = Command::new("systemctl", ASK_LIMIT).args(["is-failed", "docker.service"]).run(b"")?;
    Ok(said.stdout.trim() == "failed")
}

/// An engine that is told to end takes the file with its process id away.
fn left_its_number(root: &Path) -> bool {
    let number = fs::read_to_string(root.join("run/docker.pid")).unwrap_or_default();
    let number = number.trim();
    !number.is_empty() && !root.join("proc").join(number).exists()
}

/// The processor time that the engine's processes have used, in ticks; it stands still where they do nothing.
pub(super) fn ticks() -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|process| ticks_of(&fs::read_to_string(process.path().join("stat")).ok()?)).sum()
}

/// Of a line of `/proc/PID/stat`, if it is one of the engine's: fields 14 and 15, counted behind the name.
fn ticks_of(stat: &str) -> Option<u64> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let time = |at: usize| fields.get(at)?.parse::<u64>().ok();
    PROCESSES.contains(&name).then(|| Some(time(11)? + time(12)?))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_engines_processes_is_read_and_of_no_others() {
        let line = |name: &str| {
            format!(
                "7 ({name}) S 1 7 7 0 -1 4194560 88861 0 12 0 1234 66 0 0 20 0 10 0 100 1980424192 30000 184"
            )
        };
        assert_eq!(ticks_of(&line("dockerd")), Some(1300));
        assert_eq!(ticks_of(&line("a) dockerd (b")), None);
        assert_eq!(ticks_of(&line("bash")), None);
        assert_eq!(ticks_of(""), None);
    }

    #[test]
    fn an_engine_that_left_its_number_behind_died() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("run")).unwrap();
        fs::create_dir_all(root.path().join("proc/17")).unwrap();
        assert!(!left_its_number(root.path()), "it was told to end");
        fs::write(root.path().join("run/docker.pid"), "17").unwrap();
        assert!(!left_its_number(root.path()), "it is there");
        fs::write(root.path().join("run/docker.pid"), "18\n").unwrap();
        assert!(left_its_number(root.path()));
    }
}
