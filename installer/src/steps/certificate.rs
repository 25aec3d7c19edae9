use wt_keys::console::Progress;

use super::{Need, Step};
use crate::certificate::{self, Choice};
use crate::{Installation, Result};

/// Takes the certificate that site.toml names, where its files are others than those taken last. Services get it with
/// their deployment.
#[derive(Debug)]
pub struct TakeCertificate;

impl Step for TakeCertificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        Ok(match choice(installation)? {
            Choice::Keep(_) => Need::Nothing,
            Choice::Take(pair, _) => Need::Work(told(&pair)),
        })
    }

    /// Killed between the two, the next run takes the same files again.
    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let Choice::Take(pair, taken) = choice(installation)? else { return Ok(String::new()) };
        certificate::put(&installation.places, &pair)?;
        certificate::remember(&installation.places, &taken)?;
        Ok(told(&pair))
    }
}

fn choice(installation: &Installation) -> Result<Choice> {
    Choice::of(&installation.places, installation.site.certificate.as_ref())
}

fn told(pair: &certificate::Pair) -> String {
    let names = pair.facts().map(|facts| facts.names.join(", ")).unwrap_or_default();
    format!("take the certificate of {names}")
}
