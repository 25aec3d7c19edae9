//! A release into service. What does not become healthy is undone.

use std::time::{Duration, Instant};

use wt_keys::console::Progress;

use crate::operation::Operation;
use crate::outcome::{Observer, Outcome};
use crate::release::Release;
use crate::{Error, Installation, Result, rollback, steps};

/// Brings a release into service, step by step; tells whether anything changed. An upgrade that fails once the old
/// release is being replaced is undone.
pub fn carry_out(installation: &Installation, report: &Observer<'_>, progress: &Progress) -> Result<bool> {
    Operation::check(installation)?;
    let operation = Operation::of(installation);
    let from = operation.as_ref().and_then(|operation| operation.from.as_ref());
    let leaving = from.map(|from| Release::kept(&installation.places, &from.manifest)).transpose()?;
    let begin = || match &operation {
        Some(operation) => operation.begin(installation, leaving.as_ref()),
        None => Ok(()),
    };
    let mut changed = false;
    for step in steps::all() {
        let started = Instant::now();
        match steps::run(step, installation, &begin, progress) {
            Ok(outcome) => {
                changed |= matches!(outcome, Outcome::Changed(_));
                report(step.name(), &outcome, started.elapsed());
            }
            Err(error) => match leaving {
                Some(leaving) if step.replaces() => {
                    return Err(undo(installation, leaving, error, report, progress));
                }
                _ => return Err(error),
            },
        }
    }
    Ok(changed)
}

/// Brings the old release back; the error says why, and whether that went well.
fn undo(
    installation: &Installation,
    leaving: Release,
    why: Error,
    report: &Observer<'_>,
    progress: &Progress,
) -> Error {
    let failed = Outcome::Failed(why.to_string());
    report("upgrade", &failed, Duration::ZERO);
    let why = Box::new(why);
    let version = leaving.manifest().version.to_string();
    match rollback::to(installation, leaving, report, progress) {
        Ok(()) => Error::RolledBack { version, source: why },
        Err(back) => Error::RollbackFailed { version, back: Box::new(back), source: why },
    }
}
