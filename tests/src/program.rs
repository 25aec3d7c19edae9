//! Running a program and judging what it said.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What `tests/build` made.
pub fn shipped(name: &str) -> PathBuf {
    let path = crate::repository().join("target/wt").join(name);
    assert!(path.exists(), "{} is not there: run tests/build", path.display());
    path
}

/// A file of the throw-away keys that the shipped programs trust.
pub fn key(name: &str) -> PathBuf {
    crate::repository().join("target/wt/keys").join(name)
}

/// A finished program.
#[derive(Debug)]
pub struct Ran {
    pub what: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

#[expect(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "most checks end with this")]
impl Ran {
    pub fn of(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        let output = command.output().unwrap_or_else(|e| panic!("{what}: {e}"));
        Self::from_output(what, &output)
    }

    pub fn from_output(what: String, Output { status, stdout, stderr }: &Output) -> Self {
        Self {
            what,
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(stdout).into_owned(),
            stderr: String::from_utf8_lossy(stderr).into_owned(),
        }
    }

    /// Panics unless it ended with `code`; shows what it said.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}{}", self.what, self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(said, "{}\nexpected `{text}` in\n{}{}", self.what, self.stdout, self.stderr);
        self
    }
}

/// Runs a shipped program in `folder`, with an environment of its own but for the engine's address.
pub fn run<A: AsRef<OsStr>>(name: &str, folder: &Path, arguments: impl IntoIterator<Item = A>) -> Ran {
    Ran::of(
        Command::new(shipped(name))
            .args(arguments)
            .current_dir(folder)
            .env("XDG_CACHE_HOME", crate::repository().join("target/cache")) // never the user's
            .env_remove("WT_CACHE_SIZE")
            .env_remove("WT_TRUST")
            .env_remove("WT_KEY")
            .env_remove("WT_LICENSE_KEY"),
    )
}
