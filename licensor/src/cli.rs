//! `wt-license`: one file a verb.

mod sign;
mod summary;
mod verify;

use clap::{Parser, Subcommand};
use wt_keys::console::{Done, Output, Program, now};

/// Sign licenses for machines, and check them
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  wt-license sign hw.json --key keys/license.key      writes license.json beside hw.json\n  wt-license verify license.json --trust keys/trust.json --hardware hw.json"
)]
pub struct WtLicense {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Sign(sign::Sign),
    Verify(verify::Verify),
    Explain(verify::Explain),
}

impl Program for WtLicense {
    fn run(self) -> Done {
        match self.verb {
            Verb::Sign(verb) => verb.run(self.output, now()),
            Verb::Verify(verb) => verb.run(self.output, now()),
            Verb::Explain(verb) => verb.run(self.output, now()),
        }
    }
}
