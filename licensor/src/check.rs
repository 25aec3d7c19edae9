//! The check inside the product: reads files, starts nothing, opens no connection, never fails and never panics.
//!
//! First the license by itself (signature, revocation, product, release, dates), then the host beside it. The date is
//! the clock's, but never before what is known to be past (the issue of the license, the snapshot of this host since its
//! last start): a clock that runs behind is reported and locks nobody out.

use std::io::ErrorKind;
use std::path::Path;

use wt_keys::{Error as KeyError, Trust, Trusted, Utc, capped};

use crate::score::{self, Likelihood};
use crate::verdict::Terms;
use crate::{Component, Error, License, Reason, Snapshot, State, Verdict, snapshot};

const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// How far a clock may be off before anybody speaks of it.
const CLOCK_TOLERANCE_DAYS: u32 = 1;

#[derive(Clone, Copy, Debug)]
pub struct LicenseInputs<'a> {
    pub license: &'a Path,
    /// What `wt-install` wrote under `/run`.
    pub snapshot: &'a Path,
    /// `/proc/sys/kernel/random/boot_id`
    pub boot_id: &'a Path,
    /// The roots, as pinned on this site.
    pub trust: &'a Trust,
    pub product: &'a str,
    /// The release that runs, as a semantic version; `None` if it is not to be compared.
    pub release: Option<&'a str>,
    pub now: Utc,
}

/// What a license is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    pub trust: &'a Trust,
    /// `None` if it is not to be compared.
    pub product: Option<&'a str>,
    /// `None` if it is not to be compared.
    pub release: Option<&'a str>,
    pub now: Utc,
    /// Known to be past, besides the dates of the license; [`Utc::START`] where nothing is.
    pub past: Utc,
}

/// What is known about the host.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    Components(&'a [Component]),
    /// Nothing is known, and this is why.
    Unreadable(Reason),
    /// A desk looks at a license and has no machine.
    NotCompared,
}

pub fn check(inputs: &LicenseInputs<'_>) -> Verdict {
    let license = match capped::read(inputs.license, "a license", LARGEST_FILE) {
        Ok(license) => license,
        Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Verdict::new(State::Missing, Reason::LicenseMissing);
        }
        Err(error) => return Verdict::new(State::Unreadable, Reason::LicenseUnreadable).because(&error),
    };
    let snapshot = read_snapshot(inputs);
    let host = match &snapshot {
        Ok(snapshot) => Host::Components(&snapshot.components),
        Err((reason, _)) => Host::Unreadable(*reason),
    };
    let bench = Bench {
        trust: inputs.trust,
        product: Some(inputs.product),
        release: inputs.release,
        now: inputs.now,
        past: snapshot.as_ref().map_or(Utc::START, |snapshot| snapshot.taken_at),
    };
    let verdict = judge(&license, &host, &bench);
    match snapshot {
        Err((reason, Some(error))) if verdict.reason == reason => verdict.because(&error),
        _ => verdict,
    }
}

/// The snapshot, if it is of this host since its last start, and of this product.
fn read_snapshot(inputs: &LicenseInputs<'_>) -> Result<Snapshot, (Reason, Option<Error>)> {
    let snapshot = Snapshot::read(inputs.snapshot).map_err(|error| match &error {
        Error::Keys(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            (Reason::SnapshotMissing, None)
        }
        _ => (Reason::SnapshotUnreadable, Some(error)),
    })?;
    let boot_id = snapshot::read_boot_id(inputs.boot_id).map_err(|e| (Reason::BootIdUnreadable, Some(e)))?;
    match () {
        () if boot_id.is_empty() => Err((Reason::BootIdUnreadable, None)),
        () if boot_id != snapshot.boot_id => Err((Reason::SnapshotStale, None)),
        () if snapshot.product != inputs.product => Err((Reason::SnapshotOfOtherProduct, None)),
        () => Ok(snapshot),
    }
}

/// The same on what was read already.
pub fn judge(license: &[u8], host: &Host<'_>, bench: &Bench<'_>) -> Verdict {
    let trusted = match License::verify(license, bench.trust) {
        Ok(trusted) => trusted,
        Err(error) => return refused(&error),
    };
    let license = &*trusted.document;
    let floor = license.issued_at.max(trusted.trust.document().issued).max(bench.past);
    let clock_behind = bench.now.plus_days(CLOCK_TOLERANCE_DAYS) < floor;
    let now = bench.now.max(floor);
    let verdict = judge_terms(&trusted, bench, now).unwrap_or_else(|| judge_host(license, host, now));
    Verdict {
        days_left: Some(now.days_until(license.expires_at)),
        clock_behind,
        license: Some(Terms::of(license)),
        ..verdict
    }
}

fn refused(error: &Error) -> Verdict {
    let (state, reason) = match error {
        Error::Keys(KeyError::BadSignature { .. }) => (State::Untrusted, Reason::SigBad),
        Error::Keys(KeyError::UntrustedKey { .. } | KeyError::Threshold { .. }) => {
            (State::Untrusted, Reason::IssuerUnknown)
        }
        Error::Keys(
            KeyError::Role { .. }
            | KeyError::Product { .. }
            | KeyError::Validity { .. }
            | KeyError::TermTooLong { .. }
            | KeyError::TooManySeats { .. },
        ) => (State::Untrusted, Reason::IssuerScope),
        Error::Keys(KeyError::KeyRevoked { .. }) => (State::Revoked, Reason::KeyRevoked),
        _ => (State::Untrusted, Reason::Format),
    };
    Verdict::new(state, reason).because(error)
}

/// What speaks against a genuine license whatever the host is.
fn judge_terms(trusted: &Trusted<License>, bench: &Bench<'_>, now: Utc) -> Option<Verdict> {
    let license = &*trusted.document;
    let id = license.license_id.to_string();
    let revoked = &trusted.trust.document().revoked_licenses;
    if let Some(revoked) = revoked.iter().find(|revoked| revoked.license == id) {
        let verdict = Verdict::new(State::Revoked, Reason::LicenseRevoked);
        return Some(Verdict { detail: Some(revoked.reason.clone()), ..verdict });
    }
    let (state, reason) = match () {
        () if bench.product.is_some_and(|product| product != license.product) => {
            (State::WrongProduct, Reason::WrongProduct)
        }
        () if bench.release.is_some_and(|release| !license.covers(release)) => {
            (State::WrongRelease, Reason::WrongRelease)
        }
        () if now.plus_days(CLOCK_TOLERANCE_DAYS) < license.not_before => (State::NotYet, Reason::NotYet),
        () if now >= license.restrict_at && now > license.expires_at => (State::Expired, Reason::Expired),
        () => return None,
    };
    Some(Verdict::new(state, reason))
}

fn judge_host(license: &License, host: &Host<'_>, now: Utc) -> Verdict {
    let (likelihood, score) = match host {
        Host::Unreadable(reason) => return Verdict::new(State::Unreadable, *reason),
        Host::NotCompared => (None, None),
        Host::Components(components) => {
            let score = score::best(&license.binding, components);
            (Some(score.as_ref().map_or(Likelihood::Foreign, |score| score.likelihood)), score)
        }
    };
    let (state, reason) = match likelihood {
        Some(Likelihood::Foreign) => (State::Foreign, Reason::HwForeign),
        _ if now > license.expires_at => (State::Grace, Reason::ExpiredGrace),
        Some(Likelihood::Drift) => (State::Drift, Reason::HwDrift),
        Some(Likelihood::Match) if now >= license.notify_at => (State::Match, Reason::ExpiresSoon),
        Some(Likelihood::Match) => (State::Match, Reason::Ok),
        None => (State::Valid, Reason::NotCompared),
    };
    Verdict::new(state, reason).with_score(score)
}

#[cfg(test)]
#[cfg(feature = "issue")]
mod tests;
