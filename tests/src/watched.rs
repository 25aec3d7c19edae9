//! Running a program and watching what it takes: memory at its peak, and bytes read.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::program::Ran;

/// How often it is looked at. The peak is the kernel's own mark; only what is new in the last moment can be missed.
const INTERVAL: Duration = Duration::from_millis(5);

/// A program that ended.
#[derive(Debug)]
pub struct Watched {
    pub ran: Ran,
    /// The most memory that it had at once, in bytes (`VmHWM`).
    pub peak: u64,
    /// What it read by whatever call, in bytes (`rchar`).
    pub read: u64,
    /// Until its end was seen: a few milliseconds more than it ran.
    pub took: Duration,
}

impl Watched {
    /// # Panics
    /// Where the program cannot be started or watched.
    pub fn of(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{what}: {error}"));
        let number = child.id();
        let pid = Pid::from_child(&child);
        let mut peak = 0;
        // it is left as a zombie, whose counters can still be read
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), options).unwrap_or_else(|error| panic!("{what}: {error}")).is_none() {
            let status = fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
            peak = field(&status, "VmHWM:").map_or(peak, |kib| kib << 10);
            std::thread::sleep(INTERVAL);
        }
        let took = begun.elapsed();
        let io = fs::read_to_string(format!("/proc/{number}/io")).unwrap_or_default();
        let read = field(&io, "rchar:").unwrap_or_else(|| panic!("{what}: no counters"));
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{what}: {error}"));
        Self { ran: Ran::from_output(what, &output), peak, read, took }
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_reads_are_counted() {
        let line = "x=$(head -c 50000000 /dev/zero | tr '\\0' x); sleep 0.2; true";
        let watched = Watched::of(Command::new("bash").args(["-c", line]));
        assert!(watched.peak > 50_000_000, "{}", watched.peak);
        assert!(watched.read > 50_000_000, "{}", watched.read);
    }
}
