//! Another certificate for a site that is in service.

use wt_keys::console::Progress;

use super::{Choice, Pair, store};
use crate::exchange::Exchange;
use crate::{Installation, Result};

/// Puts `pair` into service, or none. Returns the services that were restarted for it; none where everything is as it is to
/// be. What does not become healthy is taken back; a run that was killed is run again.
pub fn renew(installation: &Installation, pair: Option<&Pair>, progress: &Progress) -> Result<Vec<String>> {
    let before = store::installed(&installation.places)?;
    let put_back = || place(installation, before.as_ref());
    let exchange = Exchange {
        what: "certificate",
        put: &|| place(installation, pair),
        put_back: (before.as_ref() != pair).then_some(&put_back),
    };
    let restarted = exchange.carry_out(installation, progress)?;
    remember(installation, pair)?;
    Ok(restarted)
}

/// Where site.toml names that very pair, there is nothing left to be taken from there.
fn remember(installation: &Installation, pair: Option<&Pair>) -> Result<()> {
    match Choice::of(&installation.places, installation.site.certificate.as_ref()) {
        Ok(Choice::Take(named, taken)) if Some(&named) == pair => {
            store::remember(&installation.places, &taken)
        }
        _ => Ok(()), // what the files say is for the run that takes them
    }
}

fn place(installation: &Installation, pair: Option<&Pair>) -> Result<()> {
    match pair {
        Some(pair) => store::put(&installation.places, pair),
        None => store::remove(&installation.places),
    }
}
