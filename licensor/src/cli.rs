//! `wt-license`: one file a verb.

mod desk;
mod diff;
mod interview;
mod issuing;
mod list;
mod renew;
mod revoke;
mod show;
mod sign;
mod sold;
mod summary;
mod verify;
mod verify_ledger;

use clap::{Parser, Subcommand};
use wt_keys::console::{Done, Output, Program, now};

/// Sign licenses for machines, keep a ledger of them, and check them
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  wt-license sign hw.json --key keys/license.key      writes license.json beside hw.json\n  wt-license verify license.json --trust keys/trust.json --hardware hw.json\n  wt-license list --key keys/license.key --expiring 60d"
)]
pub struct WtLicense {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Sign(Box<sign::Sign>),
    Verify(verify::Verify),
    Explain(verify::Explain),
    List(list::List),
    Show(show::Show),
    Renew(Box<renew::Renew>),
    Revoke(revoke::Revoke),
    Diff(diff::Diff),
    VerifyLedger(verify_ledger::VerifyLedger),
}

impl Program for WtLicense {
    fn run(self) -> Done {
        match self.verb {
            Verb::Sign(verb) => verb.run(self.output, now()),
            Verb::Verify(verb) => verb.run(self.output, now()),
            Verb::Explain(verb) => verb.run(self.output, now()),
            Verb::List(verb) => verb.run(self.output, now()),
            Verb::Show(verb) => verb.run(self.output, now()),
            Verb::Renew(verb) => verb.run(self.output, now()),
            Verb::Revoke(verb) => verb.run(self.output, now()),
            Verb::Diff(verb) => verb.run(self.output),
            Verb::VerifyLedger(verb) => verb.run(self.output),
        }
    }
}
