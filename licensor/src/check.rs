//! The check inside the product: reads files, starts nothing, opens no connection, never fails and never panics.
//!
//! First the license by itself (signature, revocation, product, release, dates), then the host beside it. The date is the
//! clock's, but never before what is known to be past: the issue of the license and of the trust document, which the
//! vendor vouches for, and the latest time that this host has seen. A clock that runs behind is reported and locks nobody
//! out: what only the host has seen may have been a clock that was ahead.

use std::io::ErrorKind;
use std::path::Path;

use wt_keys::{Error as KeyError, Trust, Trusted, Utc, shown};

use crate::licenses::{self, Candidate, judge_all};
use crate::refusal::refused;
use crate::score::{self, Likelihood};
use crate::verdict::Terms;
use crate::{Component, Error, License, Reason, Snapshot, State, Verdict, snapshot};

/// How far a clock may be off before anybody speaks of it.
pub const CLOCK_TOLERANCE_DAYS: u32 = 1;

#[derive(Clone, Copy, Debug)]
pub struct LicenseInputs<'a> {
    /// `license.json`; the licenses beside it count, too ([`crate::licenses`]).
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
    /// What it is and what it remembers, known to be of this host since its last start.
    Snapshot(&'a Snapshot),
    /// What it is, and nothing that it remembers.
    Components(&'a [Component]),
    /// Nothing is known, and this is why.
    Unreadable(Reason),
    /// A desk looks at a license and has no machine.
    NotCompared,
}

/// As the product judges it, with the licenses that lie beside it.
pub fn check(inputs: &LicenseInputs<'_>) -> Verdict {
    check_these(inputs, &licenses::read(inputs.license))
}

/// The same of one file, whatever lies beside it: before it is put in place, say.
pub fn check_alone(inputs: &LicenseInputs<'_>) -> Verdict {
    check_these(inputs, licenses::read_file(inputs.license).as_slice())
}

fn check_these(inputs: &LicenseInputs<'_>, licenses: &[Candidate]) -> Verdict {
    let snapshot = read_snapshot(inputs);
    let host = match &snapshot {
        Ok(snapshot) => Host::Snapshot(snapshot),
        Err((reason, _)) => Host::Unreadable(*reason),
    };
    let bench = Bench {
        trust: inputs.trust,
        product: Some(inputs.product),
        release: inputs.release,
        now: inputs.now,
        past: Utc::START,
    };
    let verdict = judge_all(licenses, &host, &bench);
    match snapshot {
        Err((reason, Some(error))) if verdict.reason == reason => {
            Verdict { detail: Some(error.to_string()), ..verdict }
        }
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

/// The same of one license, on what was read already.
pub fn judge(license: &[u8], host: &Host<'_>, bench: &Bench<'_>) -> Verdict {
    judge_under(license, host, bench, bench.trust)
}

/// The same, where more is known to be revoked than the license's own trust documents say.
pub(crate) fn judge_under(license: &[u8], host: &Host<'_>, bench: &Bench<'_>, newest: &Trust) -> Verdict {
    let trusted = match License::verify(license, bench.trust) {
        Ok(trusted) => trusted,
        Err(error) => return refused(&error),
    };
    if let Err(error) = newest.check_not_revoked(trusted.certificate.key.id()) {
        return refused(&error.into());
    }
    let license = &*trusted.document;
    let vouched = license.issued_at.max(trusted.trust.document().issued);
    let seen = match host {
        Host::Snapshot(snapshot) => snapshot.latest.max(bench.past),
        _ => bench.past,
    };
    let clock_behind = bench.now.plus_days(CLOCK_TOLERANCE_DAYS) < vouched.max(seen);
    let surely = bench.now.max(vouched);
    let now = surely.max(seen);
    let in_force = || judge_host(license, host, now, surely);
    let verdict = match judge_terms(&trusted, newest, bench, now) {
        // expired only by what this host has seen, and a clock may have been ahead then
        Some(expired)
            if expired.state == State::Expired && judge_terms(&trusted, newest, bench, surely).is_none() =>
        {
            match in_force() {
                licensed if licensed.is_licensed() && clock_behind => {
                    Verdict { state: State::Grace, reason: Reason::ClockBehind, ..licensed }
                }
                verdict => verdict,
            }
        }
        Some(refused) => refused,
        None => in_force(),
    };
    Verdict {
        judged_at: Some(now),
        days_left: Some(now.days_until(license.expires_at)),
        clock_behind,
        license: Some(Terms::of(license)),
        ..verdict
    }
}

/// What speaks against a genuine license whatever the host is.
fn judge_terms(trusted: &Trusted<License>, newest: &Trust, bench: &Bench<'_>, now: Utc) -> Option<Verdict> {
    let license = &*trusted.document;
    let id = license.license_id.to_string();
    let mut revoked =
        [&trusted.trust, newest].into_iter().flat_map(|trust| &trust.document().revoked_licenses);
    if let Some(revoked) = revoked.find(|revoked| revoked.license == id) {
        let verdict = Verdict::new(State::Revoked, Reason::LicenseRevoked);
        return Some(Verdict { detail: Some(shown(&revoked.reason).to_string()), ..verdict });
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

/// `surely` is the time without what only this host has seen: no clock that was ahead shortens a grace.
fn judge_host(license: &License, host: &Host<'_>, now: Utc, surely: Utc) -> Verdict {
    let components = match host {
        Host::Unreadable(reason) => return Verdict::new(State::Unreadable, *reason),
        Host::NotCompared => None,
        Host::Snapshot(snapshot) => Some(&snapshot.components[..]),
        Host::Components(components) => Some(*components),
    };
    let score = components.map(|components| score::best(&license.binding, components));
    let likelihood =
        score.as_ref().map(|score| score.as_ref().map_or(Likelihood::Foreign, |score| score.likelihood));
    let drift_days_left =
        (likelihood == Some(Likelihood::Drift)).then(|| drift_days_left(license, host, surely));
    let (state, reason) = match likelihood {
        Some(Likelihood::Foreign) => (State::Foreign, Reason::HwForeign),
        Some(Likelihood::Drift) if drift_days_left.is_some_and(|days| days < 0) => {
            (State::Foreign, Reason::HwDriftOver)
        }
        _ if now > license.expires_at => (State::Grace, Reason::ExpiredGrace),
        Some(Likelihood::Drift) => (State::Drift, Reason::HwDrift),
        Some(Likelihood::Match) if now >= license.notify_at => (State::Match, Reason::ExpiresSoon),
        Some(Likelihood::Match) => (State::Match, Reason::Ok),
        None => (State::Valid, Reason::NotCompared),
    };
    Verdict { drift_days_left, ..Verdict::new(state, reason).with_score(score.flatten()) }
}

/// Whole days that a changed machine still works: all of them, where nobody knows since when it has changed.
fn drift_days_left(license: &License, host: &Host<'_>, now: Utc) -> i64 {
    let drift = match host {
        Host::Snapshot(snapshot) => &snapshot.drift[..],
        _ => &[],
    };
    let since =
        drift.iter().find(|drift| drift.license == license.license_id).map_or(now, |drift| drift.since);
    now.days_until(since.min(now).plus_days(license.binding.drift_grace_days))
}

#[cfg(test)]
#[cfg(feature = "issue")]
mod tests;
