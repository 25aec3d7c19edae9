//! `wt-keys`: one file a verb.

mod certify;
mod init;
mod kept;
mod next_trust;
mod revoke;
mod rotate;
mod show;

use clap::{Parser, Subcommand};

use crate::console::{Done, Output, Program, now};

/// Make the keys of a vendor, and say what each may sign
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  wt-keys init --dir keys          root, bundle and license keys, and trust.json\n  wt-keys show keys/trust.json"
)]
pub struct WtKeys {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Init),
    Certify(certify::Certify),
    Revoke(revoke::Revoke),
    Rotate(rotate::Rotate),
    Show(show::Show),
}

impl Program for WtKeys {
    fn run(self) -> Done {
        match self.verb {
            Verb::Init(verb) => verb.run(self.output, now()),
            Verb::Certify(verb) => verb.run(self.output, now()),
            Verb::Revoke(verb) => verb.run(self.output, now()),
            Verb::Rotate(verb) => verb.run(self.output, now()),
            Verb::Show(verb) => verb.run(self.output),
        }
    }
}
