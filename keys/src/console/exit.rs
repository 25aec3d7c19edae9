/// The exit codes of every wt program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// signature, digest, structure
    NotTrusted = 3,
    LicenseRefused = 4,
    PreflightFailed = 5,
    /// unreachable or failing
    Engine = 6,
    /// unhealthy after a change and rolled back
    Unhealthy = 7,
    /// another run holds the lock
    Locked = 8,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
