//! A process that does nothing but wait for this one to end, or to hang. Should that be before what was begun is whole again,
//! it does what the next run would do: [`crate::cli`]'s `let-go`. Where it cannot be, or is killed too, the next run does it.
//!
//! A process that waits for a disk for ever neither sees a deadline nor ends when it is killed, and keeps its lock. So
//! this one has a clock of its own, ends the other first, and then needs no lock: who holds it will never do anything again.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, kill_process};

use crate::{Error, Result};

/// The verb that it runs.
pub const VERB: &str = "let-go";
const THIS_PROGRAM: &str = "/proc/self/exe";
/// What it is told: the clock runs, the clock stands, it is not needed any more.
const BEGIN: u8 = b'b';
const STOP: u8 = b's';
const DISMISS: u8 = b'.';
/// A run that only is slow sees by itself that its time is over.
pub const GRACE: Duration = Duration::from_secs(10);

/// It waits as long as the other end of its input is open, which the kernel closes however a process ends.
#[derive(Debug)]
pub struct Guard(Child);

/// What became of the process that it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It did all that it had to do.
    Well,
    Ended,
    /// The clock ran out.
    Hangs,
}

impl Guard {
    /// In a group of its own: a signal from the terminal is not for it.
    pub fn set(at_most: Duration) -> Result<Self> {
        let child = Command::new(THIS_PROGRAM)
            .args([VERB, "--quiet", "--of", &std::process::id().to_string()])
            .args(["--at-most", &at_most.as_secs().to_string()])
            .env_clear()
            .env("PATH", crate::command::PATH)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        child.map(Self).map_err(|source| Error::Command { program: THIS_PROGRAM.to_owned(), source })
    }

    /// From now on there is so much time.
    pub fn start_clock(&mut self) {
        self.tell(BEGIN);
    }

    /// This process sees to it.
    pub fn stop_clock(&mut self) {
        self.tell(STOP);
    }

    /// There is nothing left for it to do; it is gone when this returns.
    pub fn dismiss(mut self) {
        self.tell(DISMISS);
        let _ = self.0.wait();
    }

    fn tell(&mut self, what: u8) {
        if let Some(input) = &mut self.0.stdin {
            let _ = input.write_all(&[what]); // one that was killed needs no telling
        }
    }
}

/// In that process: waits for what becomes of the other, which is given so long once its clock runs.
pub fn wait(input: impl Read + Send + 'static, clock: Duration) -> Fate {
    let (sender, told) = mpsc::channel();
    thread::spawn(move || pass_on(input, &sender));
    follow(&told, clock)
}

/// What was told is heard before the clock is looked at.
fn follow(told: &mpsc::Receiver<u8>, clock: Duration) -> Fate {
    let mut due: Option<Instant> = None;
    loop {
        let next = match due {
            None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => told.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match next {
            Ok(BEGIN) => due = Some(Instant::now() + clock),
            Ok(STOP) => due = None,
            Ok(_) => return Fate::Well,
            Err(RecvTimeoutError::Disconnected) => return Fate::Ended,
            Err(RecvTimeoutError::Timeout) => return Fate::Hangs,
        }
    }
}

fn pass_on(mut input: impl Read, to: &mpsc::Sender<u8>) {
    let mut byte = [0];
    while input.read_exact(&mut byte).is_ok() && to.send(byte[0]).is_ok() {}
}

/// Ends the other process. It may not be gone when this returns, nor for long, and does nothing of its own any more.
pub fn end(process: u32) {
    if let Some(parent) = getppid().filter(|_| is_there(process)) {
        let _ = kill_process(parent, Signal::KILL); // one that is gone needs no ending
    }
}

/// Whether it is still there: a process whose parent is gone has another one.
pub fn is_there(process: u32) -> bool {
    getppid().map(Pid::as_raw_nonzero).is_some_and(|parent| parent.get().cast_unsigned() == process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ends_is_told_from_one_that_hangs_and_one_that_is_done() {
        let fate = |told: &[u8], goes_on: bool| {
            let (sender, heard) = mpsc::channel();
            for byte in told {
                sender.send(*byte).unwrap();
            }
            let _open = goes_on.then_some(sender);
            follow(&heard, Duration::ZERO)
        };
        assert_eq!(fate(b"bs.", true), Fate::Well);
        assert_eq!(fate(b"b", false), Fate::Ended);
        assert_eq!(fate(b"bs", false), Fate::Ended);
        assert_eq!(fate(b"b", true), Fate::Hangs);
        assert_eq!(fate(b"bsb", true), Fate::Hangs);
    }

    #[test]
    fn it_waits_until_the_other_end_is_closed() {
        let (input, mut to) = std::io::pipe().unwrap();
        to.write_all(b"bs").unwrap();
        drop(to);
        assert_eq!(wait(input, Duration::from_hours(1)), Fate::Ended);
    }

    #[test]
    fn only_the_parent_is_ended() {
        assert!(!is_there(std::process::id()));
        let parent = getppid().map(Pid::as_raw_nonzero).unwrap().get().cast_unsigned();
        assert!(is_there(parent));
        end(std::process::id()); // this test would end
    }
}
