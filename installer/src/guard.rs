//! A process that does nothing but wait for this one to end. Should that be before what was begun is whole again, it does
//! what the next run would do: [`crate::cli`]'s `let-go`. Where it cannot be, or is killed too, the next run does it.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::{Error, Result};

/// The verb that it runs.
pub const VERB: &str = "let-go";
const THIS_PROGRAM: &str = "/proc/self/exe";

/// It waits as long as the other end of its input is open, which the kernel closes however a process ends.
#[derive(Debug)]
pub struct Guard(Child);

impl Guard {
    /// In a group of its own: a signal from the terminal is not for it.
    pub fn set() -> Result<Self> {
        let child = Command::new(THIS_PROGRAM)
            .args([VERB, "--quiet"])
            .env_clear()
            .env("PATH", crate::command::PATH)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.map(Self).map_err(|source| Error::Command { program: THIS_PROGRAM.to_owned(), source })
    }

    /// There is nothing left for it to do; it is gone when this returns.
    pub fn dismiss(mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            let _ = input.write_all(b"."); // one that was killed needs no telling
        }
        let _ = self.0.wait();
    }
}

/// In that process: waits for the other to end. Tells whether it was dismissed before.
pub fn was_dismissed(mut input: impl Read) -> bool {
    input.read(&mut [0]).is_ok_and(|got| got > 0)
}
