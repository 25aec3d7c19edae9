use wt_keys::console::{Done, Output, now};

use super::lock::Lock;
use crate::outcome::Outcome;
use crate::steps;
use crate::{Installation, Places};

/// Fill the data stores, if that was not done yet; an installation does it by itself
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install init-data")]
pub struct InitData {}

pub fn run(output: Output, places: &Places) -> Done {
    super::require_root()?;
    let _lock = Lock::take(places)?;
    let installation = Installation::current(places, now)?;
    let outcome = steps::run(&steps::InitData, &installation, &|| Ok(()), &output.progress())?;
    output.say(match outcome {
        Outcome::Changed(done) => done,
        _ => "nothing to do: the data stores were filled before".to_owned(),
    });
    Ok(())
}
