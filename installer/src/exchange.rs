//! Another certificate or license for a site that is in service: put in place, handed to what uses it, and taken back where
//! that does not become healthy.

use std::time::Duration;

use wt_keys::console::Progress;

use crate::conf::Conf;
use crate::deployment::Deployment;
use crate::engine::Engine;
use crate::wanted::Wanted;
use crate::{Error, Installation, Result, journey};

const PATIENCE: Duration = Duration::from_mins(5);
const JOURNEY_PATIENCE: Duration = Duration::from_mins(1);

/// Something of the site's that services read.
pub(crate) struct Exchange<'a> {
    /// In a sentence: `the license`.
    pub what: &'static str,
    /// Puts the new one in place.
    pub put: &'a dyn Fn() -> Result<()>,
    /// Puts back what was there before; `None` where that is the same.
    pub put_back: Option<&'a dyn Fn() -> Result<()>>,
}

impl Exchange<'_> {
    /// Returns the services that were restarted for it; none where everything is as it is to be. A run that was killed is run
    /// again.
    pub fn carry_out(&self, installation: &Installation, progress: &Progress) -> Result<Vec<String>> {
        let engine = installation.engine()?;
        let Some(put_back) = self.put_back else {
            (self.put)()?;
            return serve(installation, &engine, progress);
        };
        let work = || self.attempt(put_back, installation, &engine, progress);
        installation.journaled(self.what, "", work, |restarted| format!("restarted {}", restarted.join(", ")))
    }

    fn attempt(
        &self,
        put_back: &dyn Fn() -> Result<()>,
        installation: &Installation,
        engine: &Engine,
        progress: &Progress,
    ) -> Result<Vec<String>> {
        let why = match (self.put)().and_then(|()| serve(installation, engine, progress)) {
            Err(why) => why,
            served => return served,
        };
        let back = put_back().and_then(|()| serve(installation, engine, progress));
        let (what, source) = (self.what, Box::new(why));
        match back {
            Ok(_) => Err(Error::ExchangeBack { what, source }),
            Err(back) => Err(Error::ExchangeLost { what, back: Box::new(back), source }),
        }
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
    deployment.wait_healthy(installation, engine, &before, PATIENCE, &phase)?;
    drop(phase);
    // what the operator stopped answers nobody
    if Wanted::read(&installation.places)? == Wanted::default() {
        journey::walk(installation, JOURNEY_PATIENCE)?;
    }
    Ok(changed)
}
