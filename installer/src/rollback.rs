//! The way back to a release that was in service before: its images are still in the engine, the rest was kept.

use std::time::Instant;

use wt_keys::console::Progress;

use crate::conf::left;
use crate::installed::{Build, Installed};
use crate::operation::{Kind, Operation};
use crate::outcome::{Observer, Outcome};
use crate::release::Release;
use crate::{Error, Installation, Places, Result, steps, trust_store};

/// Takes `installation`'s release out of service and brings `older` back; returns when that is healthy.
pub fn to(
    installation: &Installation,
    older: Release,
    report: &Observer<'_>,
    progress: &Progress,
) -> Result<()> {
    let newer = &installation.release;
    let back = installation.with(older);
    let started = Instant::now();
    back.engine()?.compare_images(back.manifest())?;
    left::restore(&back, newer)?;
    report("conf", &Outcome::Changed("as it was".to_owned()), started.elapsed());
    for step in steps::back() {
        let started = Instant::now();
        let outcome = steps::run(step, &back, &|| Ok(()), progress)?;
        report(step.name(), &outcome, started.elapsed());
    }
    Operation::end(&back.places)
}

/// The release that `wt-install rollback` returns to: the one before what is installed, or the one that an unfinished
/// change began from.
pub fn target(installation: &Installation) -> Result<Build> {
    let pending = Operation::pending(&installation.places)?;
    let target = match pending {
        Some(Operation { kind: Kind::Rollback, to, .. }) => Some(to),
        Some(Operation { from, .. }) => from,
        None => installation.installed.as_ref().and_then(|installed| installed.previous.clone()),
    };
    target.ok_or(Error::NoPrevious)
}

/// What is to be taken out of service: what is installed, or what an unfinished upgrade was to bring.
pub fn newer(installation: &Installation, target: &Build) -> Result<Release> {
    let pending = Operation::pending(&installation.places)?;
    let coming = pending.filter(|pending| pending.kind == Kind::Upgrade).map(|pending| pending.to.manifest);
    let installed = installation.installed.as_ref().map(|installed| installed.manifest);
    match coming.or(installed).filter(|newer| *newer != target.manifest) {
        // one that was never kept has not changed a thing
        Some(newer) => Release::kept(&installation.places, &newer)
            .or_else(|_| Release::kept(&installation.places, &installation.release.digest())),
        None => Release::kept(&installation.places, &target.manifest),
    }
}

/// Refuses to go back to what was withdrawn since it was installed here. An upgrade that is undone does not ask: what it
/// takes the place of was in service a moment ago. Nor does one that was begun by hand: the host has something of both.
pub fn check(places: &Places, older: &Release) -> Result<()> {
    match Operation::pending(places)? {
        Some(Operation { kind: Kind::Rollback, to, .. }) if to == Build::of(older) => Ok(()),
        _ => older.check_not_withdrawn(&trust_store::load(places, None)?),
    }
}

/// Remembers that the way back was begun by hand.
pub fn begin(installation: &Installation, target: &Build) -> Result<()> {
    let operation = Operation {
        kind: Kind::Rollback,
        product: installation.product().to_owned(),
        to: target.clone(),
        from: installation.installed.as_ref().map(|installed: &Installed| Build::from(installed)),
        began: (installation.clock)(),
    };
    operation.begin(installation, None)
}
