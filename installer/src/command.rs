//! Other programs, run with a clean environment and within a time limit. What they say is kept for the error.
//!
//! Input and output are files in memory: a daemon that a program leaves behind cannot hold us up by keeping a pipe
//! open, and input (which may be a secret) touches neither a disk nor an argument list.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{Error, Result};

pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SHOWN_OUTPUT: usize = 4000;
const POLL: Duration = Duration::from_millis(20);

/// A program and how it is to be run.
#[derive(Debug)]
pub struct Command {
    program: String,
    process: Process,
    limit: Duration,
}

/// What a program did.
#[derive(Debug)]
pub struct Finished {
    program: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Command {
    /// Nothing of our environment is passed on; English messages, root's home, no terminal.
    pub fn new(program: &str, limit: Duration) -> Self {
        let mut process = Process::new(program);
        process
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", "/root")
            .env("LC_ALL", "C")
            .current_dir("/")
            .process_group(0);
        Self { program: program.to_owned(), process, limit }
    }

    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.process.args(args);
        self
    }

    #[must_use]
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.process.env(name, value);
        self
    }

    /// Runs it to its end, whatever that is.
    pub fn run(self, input: &[u8]) -> Result<Finished> {
        let Self { program, mut process, limit } = self;
        let failed = |source| Error::Command { program: program.clone(), source };
        let (mut stdout, mut stderr) = (memory(&[]).map_err(failed)?, memory(&[]).map_err(failed)?);
        let mut child = process
            .stdin(Stdio::from(memory(input).map_err(failed)?))
            .stdout(Stdio::from(stdout.try_clone().map_err(failed)?))
            .stderr(Stdio::from(stderr.try_clone().map_err(failed)?))
            .spawn()
            .map_err(failed)?;
        let ended = wait(&mut child, limit).map_err(failed)?;
        let (stdout, stderr) = (text(&mut stdout).map_err(failed)?, text(&mut stderr).map_err(failed)?);
        match ended {
            Some(status) => Ok(Finished { program, status, stdout, stderr }),
            None => {
                Err(Error::CommandTime { program, limit: limit.as_secs(), output: tail(&stdout, &stderr) })
            }
        }
    }

    /// Runs it; an exit code other than 0 is an error. Returns what it wrote to stdout.
    pub fn succeed(self, input: &[u8]) -> Result<String> {
        let finished = self.run(input)?;
        if finished.status.success() { Ok(finished.stdout) } else { Err(finished.into_error()) }
    }
}

impl Finished {
    pub fn into_error(self) -> Error {
        let output = tail(&self.stdout, &self.stderr);
        Error::CommandFailed { program: self.program, status: self.status, output }
    }
}

fn memory(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("wt", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// Waits; past the limit, ends the program with all that it started.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

fn text(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The end of what was said, errors last, indented for a message.
fn tail(stdout: &str, stderr: &str) -> String {
    let said = format!("{}\n{}", stdout.trim_end(), stderr.trim_end());
    let from = said.ceil_char_boundary(said.len().saturating_sub(SHOWN_OUTPUT));
    said[from..].trim().lines().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn input_and_output_pass_and_nothing_of_our_environment_does() {
        let said = Command::new("sh", LONG).args(["-c", "cat; env"]).succeed(b"hello\n").unwrap();
        let mut lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("_=")).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["HOME=/root", "LC_ALL=C", &format!("PATH={PATH}"), "PWD=/", "hello"]);
    }

    #[test]
    fn a_failure_keeps_what_was_said() {
        let error =
            Command::new("sh", LONG).args(["-c", "echo a; echo b >&2; exit 3"]).succeed(b"").unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed (exit status: 3)\n  | a\n  | b");
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let started = Instant::now();
        let error = Command::new("sh", Duration::from_millis(200))
            .args(["-c", "echo begun; sleep 30 & sleep 30"])
            .succeed(b"")
            .unwrap_err();
        assert!(error.to_string().contains("begun"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_daemon_that_keeps_the_output_open_does_not_hold_us_up() {
        let started = Instant::now();
        Command::new("sh", LONG).args(["-c", "setsid sleep 20 & exit 0"]).succeed(b"").unwrap();
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
