use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use wt_keys::chain::check_scope;
use wt_keys::console::{Failure, Output, confirm, is_interactive};
use wt_keys::{Signer, Utc, key_file, signed_file};

use super::desk::{Hand, Place, absolute};
use super::sold::Sold;
use crate::ledger::{Alike, Issue, Ledger, Settled, alike};
use crate::{Error, License, Result};

/// A license that waits for its signature.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it answers, for messages.
    pub source: PathBuf,
    /// Where the license goes, as it was said.
    pub file: PathBuf,
    pub issue: Issue,
}

/// What is said in the same words of every license that is signed.
#[derive(Clone, Debug, clap::Args)]
pub struct Signing {
    /// Replace the license that is there
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    hand: Hand,
    #[command(flatten)]
    pub sold: Sold,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show the license and sign nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl Signing {
    /// `rehost`: whether the machine of an earlier license may get another one.
    pub fn issuing(&self, output: Output, now: Utc, rehost: bool) -> Issuing<'_> {
        let Self { place, hand, yes, dry_run, .. } = self;
        Issuing { place, hand, output, now, rehost, yes: *yes, dry_run: *dry_run }
    }
}

/// From drafts to files: the same for one license, for a renewal and for a folder of requests.
#[derive(Clone, Copy, Debug)]
pub struct Issuing<'a> {
    pub place: &'a Place,
    pub hand: &'a Hand,
    pub output: Output,
    pub now: Utc,
    /// Whether the machine of an earlier license may get another one.
    pub rehost: bool,
    pub yes: bool,
    pub dry_run: bool,
}

impl Issuing<'_> {
    /// Writes what a killed run left to be written, and says so.
    pub fn settle(&self) -> Result<Vec<Settled>, Failure> {
        let path = match self.place.ledger() {
            Ok(path) if path.exists() && !self.dry_run => path,
            _ => return Ok(vec![]),
        };
        settle(&path, self.output)
    }

    /// What speaks against the drafts that can be said before anybody is asked for anything.
    pub fn check(&self, drafts: &mut [Draft]) -> Result<(), Failure> {
        let several = drafts.len() > 1;
        let named = |draft: &Draft, error: Error| {
            let (path, source) = (draft.source.clone(), Box::new(error));
            if several { Error::OfRequest { path, source } } else { *source }
        };
        let certificate = self.certificate();
        for draft in &*drafts {
            if let Some(certificate) = &certificate {
                check_scope(certificate, &draft.issue.license).map_err(|error| named(draft, error.into()))?;
            }
            if !draft.issue.over && draft.issue.output.symlink_metadata().is_ok() {
                let path = draft.file.clone();
                return Err(named(draft, Error::FileExists { path }).into());
            }
        }
        refuse_twins(drafts)?;
        let Some(ledger) = self.place.ledger().ok().filter(|path| path.exists()) else { return Ok(()) };
        let ledger = Ledger::open(&ledger)?;
        for draft in drafts {
            self.look_back(&ledger, draft).map_err(|error| named(draft, error))?;
        }
        Ok(())
    }

    /// What the ledger says of the machine.
    fn look_back(&self, ledger: &Ledger, draft: &mut Draft) -> Result<()> {
        for earlier in ledger.earlier(&draft.issue.license, self.now)? {
            let license = &earlier.holding.signed.license;
            if earlier.alike == Alike::Copy {
                self.output.say(format_args!(
                    "note: license {} of `{}` is for a machine with the same machine id; one may be a copy of the other",
                    license.license_id, license.customer
                ));
            } else if draft.issue.replaces.contains(&license.license_id) {
                // a renewal says so itself
            } else if self.rehost {
                draft.issue.replaces.push(license.license_id);
                self.output.say(format_args!(
                    "note: it takes the place of license {}, which stays good until {}; `wt-license revoke` ends it",
                    license.license_id, license.expires_at
                ));
            } else {
                return Err(earlier.refusal());
            }
        }
        Ok(())
    }

    /// Asks, signs, writes down, and writes the files. Whether the operator said yes.
    pub fn sign(&self, drafts: &[Draft], question: &str) -> Result<bool, Failure> {
        let key = self.place.key()?;
        let ledger = self.place.ledger()?;
        if !self.yes && is_interactive() && !confirm(question)? {
            return Ok(false);
        }
        let signer = Signer::load(key, self.place.trust_file(), &|path| self.hand.passphrase.ask(path))?;
        for warning in &signer.warnings {
            self.output.say(format_args!("warning: {warning}"));
        }
        let issues: Vec<Issue> = drafts.iter().map(|draft| draft.issue.clone()).collect();
        let started = Instant::now();
        let mut ledger = Ledger::write(&ledger)?;
        ledger.issue(&issues, &signer, &self.hand.operator.stamp(self.now))?;
        if issues.len() > 1 {
            let seconds = started.elapsed().as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            let rate = issues.len() as f64 / seconds.max(0.001);
            let count = issues.len();
            self.output.say(format_args!("{count} licenses signed in {seconds:.1} s, {rate:.0} a second"));
        }
        Ok(true)
    }

    /// Of the key; one that cannot be read is explained when the key is loaded.
    fn certificate(&self) -> Option<wt_keys::Certificate> {
        let key = self.place.key().ok()?;
        let trust = self.place.trust().ok()?;
        Some(signed_file::read_certificate(&key_file::certificate_path(key).ok()?, &trust).ok()?.1)
    }
}

pub fn settle(ledger: &Path, output: Output) -> Result<Vec<Settled>, Failure> {
    if !Ledger::open(ledger)?.has_pending()? {
        return Ok(vec![]);
    }
    let settled = Ledger::write(ledger)?.settle()?;
    for Settled { license, path, failed } in &settled {
        let (id, path) = (license.license_id, path.display());
        match failed {
            None => output.say(format_args!("license {id} of an interrupted run: `{path}` is written now")),
            Some(why) => output.say(format_args!(
                "license {id} of an interrupted run has no file: {why}\n`wt-license show {id} -o FILE` writes it"
            )),
        }
    }
    Ok(settled)
}

/// Two requests of one folder that are for the same machine.
fn refuse_twins(drafts: &[Draft]) -> Result<()> {
    let mut seen: BTreeMap<String, &Draft> = BTreeMap::new();
    for draft in drafts {
        for mark in crate::ledger::marks(&draft.issue.license) {
            let Some(other) = seen.insert(mark, draft) else { continue };
            let same = matches!(alike(&other.issue.license, &draft.issue.license), Some(Alike::Same(_)));
            if same && other.source != draft.source {
                return Err(Error::SameMachine { one: other.source.clone(), other: draft.source.clone() });
            }
        }
    }
    Ok(())
}

/// The file of a license that a killed run signed for the same request and on the same terms.
pub fn finished(settled: &[Settled], license: &License, file: &Path) -> Option<License> {
    let file = absolute(file).ok()?;
    let same = |found: &License| {
        let License { request_id, customer, product, edition, seats, modules, nodes, spares, .. } = found;
        *request_id == license.request_id
            && [customer, product, edition] == [&license.customer, &license.product, &license.edition]
            && (*seats, *nodes, *spares) == (license.seats, license.nodes, license.spares)
            && *modules == license.modules
            && found.expires_at == license.expires_at
            && found.binding == license.binding
    };
    let mut written = settled.iter().filter(|settled| settled.failed.is_none() && settled.path == file);
    written.find(|settled| same(&settled.license)).map(|settled| settled.license.clone())
}
