use wt_keys::console::{Done, Failure, Output, confirm, is_interactive};
use wt_keys::{Utc, shown};

use super::desk::{Operator, Place};
use super::issuing::settle;
use super::sold::plain;
use crate::Error;
use crate::ledger::Ledger;

/// Write down that a license is to be revoked
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license revoke 3f0c66a1 --reason 'the machine was sold'\n\nIt ends on site when the trust document that `wt-keys revoke` writes gets there, with a bundle or another license."
)]
pub struct Revoke {
    /// The license
    #[arg(value_name = "ID")]
    license: String,
    /// Why; customers read it
    #[arg(long, value_name = "TEXT", value_parser = plain)]
    reason: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    operator: Operator,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Revoke {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let path = self.place.ledger()?;
        let holding = Ledger::open(&path)?.holding(&self.license)?;
        let license = &holding.signed.license;
        let id = license.license_id;
        if holding.revoked.is_some() {
            return Err(Error::RevokedAlready { license: id }.into());
        }
        let question = format!("Revoke license {id} of `{}`?", shown(&license.customer));
        if !self.yes && is_interactive() && !confirm(&question)? {
            return Err(Failure::usage("nothing was revoked", "answer yes, or give `--yes`"));
        }
        settle(&path, output)?;
        Ledger::write(&path)?.revoke(id, &self.reason, &self.operator.stamp(now))?;
        output.say(format_args!("license {id} of `{}` is revoked in the ledger", shown(&license.customer)));
        let reason = self.reason.replace('\'', "'\\''");
        output.say(format_args!(
            "next: wt-keys revoke --license {id} --reason '{reason}' --root root-1.key, which writes the trust document \
             that ends it on site"
        ));
        Ok(())
    }
}
