use std::fmt;
use std::path::{Path, PathBuf};

use wt_keys::{Trust, Utc, shown};
use wt_licensor::check::{Bench, CLOCK_TOLERANCE_DAYS, Host, judge};
use wt_licensor::licenses::{self, Candidate, judge_all};
use wt_licensor::request::Usage;
use wt_licensor::{Id, License, Request, State, Verdict, install_key};

use super::difference::{self, Change};
use crate::{Error, Installation, Result, home, host_snapshot, trust_store};

/// A license that may be put in place here.
#[derive(Debug)]
pub struct Offer {
    /// Where it goes.
    pub path: PathBuf,
    pub content: Vec<u8>,
    pub license: License,
    /// What the product will say, once it lies there.
    pub verdict: Verdict,
    /// What it says now.
    pub before: Verdict,
    pub changes: Vec<Change>,
    /// Where it brings a newer one under which the site is licensed as well.
    pub(super) trust: Option<Trust>,
}

impl Offer {
    /// Refuses what the product of this site would refuse on this host; `place` is where it looks for its license.
    pub fn of(installation: &Installation, place: &Path, content: Vec<u8>) -> Result<Self> {
        let (places, product, now) = (&installation.places, installation.product(), (installation.clock)());
        let trust = trust_store::load(places, None)?;
        let key = install_key::load(&places.installation_key())?;
        let snapshot = host_snapshot::take(places, product, &installation.site.data_root, &key, now)?;
        let release = installation.manifest().version.to_string();
        let bench =
            Bench { trust: &trust, product: Some(product), release: Some(&release), now, past: Utc::START };
        let modules = &installation.manifest().site.modules;
        let offer = Self::judge(place, content, modules, &Host::Snapshot(&snapshot), &bench)?;
        // the request of this site may say what was counted
        let request = Request::read(&home::request(&installation.home())).ok();
        Ok(offer.used(request.and_then(|request| request.usage.clone()).as_ref()))
    }

    fn judge(
        place: &Path,
        content: Vec<u8>,
        modules: &[String],
        host: &Host<'_>,
        bench: &Bench<'_>,
    ) -> Result<Self> {
        let alone = judge(&content, host, bench);
        let begun = match (alone.state, &alone.license) {
            // on its first day it must be good for this host
            (State::NotYet, Some(terms)) => {
                judge(&content, host, &Bench { now: bench.now.max(terms.not_before), ..*bench })
            }
            _ => alone.clone(),
        };
        if !begun.is_licensed() {
            return Err(refused(begun));
        }
        let trusted = License::verify(&content, bench.trust)?;
        let license = (*trusted.document).clone();
        // by this clock, too: the product counts what the host has seen before, by whatever clock, until that is forgotten
        let by_clock = bench.now.plus_days(CLOCK_TOLERANCE_DAYS);
        let is_next = alone.state == State::NotYet || by_clock < license.not_before;
        let mut all = licenses::read(place);
        let before = judge_all(&all, host, bench);
        let old = before.license.as_ref().and_then(|terms| find(&all, terms.license_id, bench.trust));
        let name = name_of(&license, is_next, place, &all, bench.trust);
        all.retain(|candidate| candidate.name != name);
        all.push(Candidate { name: name.clone(), content: Ok(content.clone()) });
        let verdict = judge_all(&all, host, bench);
        check_it_counts(&license, &name, is_next, &begun, &verdict)?;
        let mut changes = match old.filter(|(old, _)| old.license_id != license.license_id) {
            Some((old, _)) => changes(&old, &license, modules, &before, &verdict),
            None => vec![],
        };
        let (pinned, brought) = (bench.trust.document().version, trusted.trust.document().version);
        let under_it = || judge_all(&all, host, &Bench { trust: &trusted.trust, ..*bench });
        let trust = (brought > pinned && is_as_good(&under_it(), &verdict)).then_some(trusted.trust);
        if trust.is_some() {
            changes.push(Change::new("trust", pinned, brought));
        }
        Ok(Self { path: place.with_file_name(name), content, license, verdict, before, changes, trust })
    }

    fn used(mut self, usage: Option<&Usage>) -> Self {
        if let Some(usage) = usage.filter(|usage| usage.users > self.license.seats) {
            let counted = format!("{} users, counted {}", usage.users, usage.counted_at);
            let seats = format!("{} seats", self.license.seats);
            self.changes.push(Change::new("in use", counted, seats).worse(true, "fewer than are in use"));
        }
        self
    }

    /// It lies beside the one that is in force until its term begins.
    pub fn is_next(&self) -> bool {
        self.verdict.license.as_ref().is_none_or(|terms| terms.license_id != self.license.license_id)
    }

    /// Whether the other one does what was said of this.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.path, &self.content, &self.changes) == (&other.path, &other.content, &other.changes)
    }

    /// What somebody may not want of it.
    pub fn worse(&self) -> Vec<&Change> {
        self.changes.iter().filter(|change| change.worse.is_some()).collect()
    }
}

/// Whether the site has the same of its licenses, those of later terms among them.
fn is_as_good(under_it: &Verdict, verdict: &Verdict) -> bool {
    let what = |verdict: &Verdict| {
        (verdict.state, verdict.renewed_until, verdict.license.as_ref().map(|terms| terms.license_id))
    };
    what(under_it) == what(verdict)
}

fn refused(verdict: Verdict) -> Error {
    Error::LicenseRefused { verdict: Box::new(verdict) }
}

/// The one with this identifier, and the name of its file.
fn find(candidates: &[Candidate], id: Id, trust: &Trust) -> Option<(License, String)> {
    candidates.iter().find_map(|candidate| {
        let license = License::verify(candidate.content.as_ref().ok()?, trust).ok()?.document;
        (license.license_id == id).then(|| ((*license).clone(), candidate.name.clone()))
    })
}

/// One that is there already, as it is or with other signatures, stays where it is. A term that has not begun lies beside.
fn name_of(license: &License, is_next: bool, place: &Path, beside: &[Candidate], trust: &Trust) -> String {
    match find(beside, license.license_id, trust) {
        Some((_, name)) => name,
        None if is_next => format!("license-{}.json", license.license_id),
        None => place.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// Whether it is what the product goes by then, or will go by. What lies beside it may have revoked it, or outrank it.
fn check_it_counts(
    license: &License,
    name: &str,
    is_next: bool,
    begun: &Verdict,
    verdict: &Verdict,
) -> Result<()> {
    let decides = verdict.license.as_ref().map(|terms| terms.license_id);
    let (state, reason) = match verdict.others.iter().find(|other| other.file == name) {
        Some(other) => (other.state, other.reason),
        None => (verdict.state, verdict.reason),
    };
    let is_as_expected = state.is_licensed() || (is_next && state == State::NotYet);
    if !is_as_expected {
        return Err(refused(Verdict { state, reason, ..begun.clone() }));
    }
    match decides.filter(|id| *id != license.license_id && !is_next) {
        Some(decides) => {
            let why = if verdict.state == state {
                "which was signed later".to_owned()
            } else {
                format!("which is {} here, and this one {state}", verdict.state)
            };
            Err(Error::LicenseOutranked { found: license.license_id, decides, why })
        }
        None => Ok(()),
    }
}

/// What follows for the site; nothing is worse than no license.
fn changes(
    old: &License,
    new: &License,
    modules: &[String],
    before: &Verdict,
    after: &Verdict,
) -> Vec<Change> {
    let mut changes = difference::of(old, new, modules);
    let end = |verdict: &Verdict, license: &License| verdict.renewed_until.unwrap_or(license.expires_at);
    let ends = match &after.license {
        Some(terms) if terms.license_id == old.license_id => end(after, old),
        _ => end(after, new),
    };
    let ended = end(before, old);
    if ends != ended {
        changes.push(Change::new("good until", ended, ends).worse(ends < ended, "shorter"));
    }
    if new.not_before > ended.plus_days(1) {
        changes.push(Change::new("nothing", ended, new.not_before).worse(true, "no license in between"));
    }
    if after.state != before.state {
        let is_worse = before.state == State::Match;
        changes.push(
            Change::new("state", before.state, after.state).worse(is_worse, "not this machine as it is"),
        );
    }
    if !before.is_licensed() {
        for change in &mut changes {
            change.worse = None;
        }
    }
    changes
}

/// What it is, and what it changes.
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let License { license_id, customer, issued_at, expires_at, .. } = &self.license;
        writeln!(f, "license {license_id} for {}, signed {issued_at}, until {expires_at}", shown(customer))?;
        match &self.before.license {
            Some(terms) if terms.license_id == *license_id => writeln!(f, "  is the one in force")?,
            Some(terms) => writeln!(f, "  {:<11} {} ({})", "now", terms.license_id, self.before.state)?,
            None => writeln!(f, "  {:<11} {} ({})", "now", self.before.state, self.before.reason)?,
        }
        for Change { what, was, is, worse } in &self.changes {
            let worse = worse.as_ref().map(|why| format!("  ({why})")).unwrap_or_default();
            writeln!(f, "  {what:<11} {} → {}{}", shown(was), shown(is), shown(&worse))?;
        }
        let (path, first) = (self.path.display(), self.license.not_before);
        if self.is_next() {
            write!(f, "  {:<11} {path}, in force from {first} on", "goes to")
        } else {
            write!(f, "  {:<11} {path}", "goes to")
        }
    }
}

#[cfg(test)]
mod tests;
