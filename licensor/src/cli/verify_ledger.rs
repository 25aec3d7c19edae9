use serde::Serialize;
use wt_keys::Sha256Digest;
use wt_keys::console::{Done, Output};

use super::desk::Place;
use crate::ledger::{Ledger, Verified};

/// Prove that the ledger was not altered
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license verify-ledger --ledger ledger.db --trust trust.json\n\nNote down the digest that it prints: `--holds DIGEST` proves later that no entry up to there was taken away."
)]
pub struct VerifyLedger {
    #[command(flatten)]
    place: Place,
    /// A digest that it printed earlier
    #[arg(long, value_name = "DIGEST")]
    holds: Option<Sha256Digest>,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    #[serde(flatten)]
    verified: Verified,
}

impl VerifyLedger {
    pub fn run(self, output: Output) -> Done {
        let ledger = Ledger::open(&self.place.ledger()?)?;
        let verified = ledger.verify(&self.place.trust()?, self.holds)?;
        let Verified { entries, licenses, revocations, sealed, head } = &verified;
        let open = match entries - sealed {
            0 => "all under a seal".to_owned(),
            open => format!("{open} of them after the last seal; the next signature seals them"),
        };
        let text = format!(
            "{licenses} licenses and {revocations} revocations in {entries} entries, {open}\nlast entry  {head}\n"
        );
        output.report(&Report { schema: "wt.license.verify-ledger.v1", verified }, text);
        Ok(())
    }
}
