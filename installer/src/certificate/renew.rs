//! Another certificate for a site that is in service: put in place, handed to what uses it, and taken back where that does
//! not become healthy.

use std::time::Duration;

use wt_keys::console::Progress;

use super::{Choice, Pair, store};
use crate::conf::Conf;
use crate::deployment::Deployment;
use crate::engine::Engine;
use crate::wanted::Wanted;
use crate::{Error, Installation, Result, journey};

const PATIENCE: Duration = Duration::from_mins(5);
const JOURNEY_PATIENCE: Duration = Duration::from_mins(1);

/// Puts `pair` into service, or none. Returns the services that were restarted for it; none where everything is as it is to
/// be. A run that was killed is run again.
pub fn renew(installation: &Installation, pair: Option<&Pair>, progress: &Progress) -> Result<Vec<String>> {
    let engine = installation.engine()?;
    let before = store::installed(&installation.places)?;
    place(installation, pair)?;
    let renewed = serve(installation, &engine, progress);
    let Err(why) = renewed else {
        remember(installation, pair)?;
        return renewed;
    };
    if before.as_ref() == pair {
        return Err(why); // there is nothing to go back to
    }
    let source = Box::new(why);
    let back = place(installation, before.as_ref()).and_then(|()| serve(installation, &engine, progress));
    match back {
        Ok(_) => Err(Error::CertificateBack { source }),
        Err(back) => Err(Error::CertificateLost { back: Box::new(back), source }),
    }
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

/// Hands out what is in place; waits until a person could work with it. Configuration may say whether there is one.
fn serve(installation: &Installation, engine: &Engine, progress: &Progress) -> Result<Vec<String>> {
    Conf::render(installation, None)?.write()?;
    let stack = installation.stack_name();
    let before = engine.services(stack)?;
    let deployment = Deployment::of(installation, engine)?;
    let changed = deployment.changed(&before);
    if !changed.is_empty() {
        deployment.deploy(installation, engine)?;
    }
    let phase = progress.phase("waiting for the services", None);
    engine.wait_healthy(stack, &before, PATIENCE, &phase)?;
    drop(phase);
    // what the operator stopped answers nobody
    if Wanted::read(&installation.places)? == Wanted::default() {
        journey::walk(installation, JOURNEY_PATIENCE)?;
    }
    Ok(changed)
}
