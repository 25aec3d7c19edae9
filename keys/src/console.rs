//! What the command line of every wt program shares: exit codes, messages, flags, passphrases, progress.
//!
//! Data goes to stdout, everything else to stderr. Nothing outside this module and the `cli` folders prints.

mod clock;
mod confirm;
mod exit;
mod failure;
mod output;
mod passphrase;
mod program;
mod progress;
mod stdout;

pub use clock::now;
pub use confirm::{ask, confirm, is_interactive};
pub use exit::Exit;
pub use failure::{Explain, Failure};
pub use output::{Output, Size, escaped};
pub use passphrase::PassphraseFile;
pub use program::{Program, run};
pub use progress::{Phase, Progress};
pub use stdout::write_stdout;

/// What a verb returns.
pub type Done = std::result::Result<(), Failure>;
