use std::path::{Path, PathBuf};

use wt_keys::console::{Done, Failure, Output};
use wt_keys::{Utc, capped};

use super::desk::absolute;
use super::issuing::{Draft, Signing, finished};
use super::summary::summary;
use crate::diff::{Difference, differences};
use crate::issue::{Plan, Weak, draft};
use crate::ledger::{Holding, Issue, Ledger};
use crate::licenses::LARGEST_LICENSE;
use crate::plans::{Plans, Preset};
use crate::term::{Ends, Zone};
use crate::{Error, Id, License, Request, Result};

/// Sign the next term of a license
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license renew 3f0c66a1 --key keys/license.key -o license.json\n  wt-license renew old.json --request new-hw.json --seats 500 --term '1 year'\n\nWhat no flag says stays as it is. The new license is good at once, and to the end of the term that follows the old one."
)]
pub struct Renew {
    /// The license: the beginning of its identifier, or its file
    #[arg(value_name = "LICENSE")]
    license: String,
    /// What the site sent now, where its hardware has changed
    #[arg(long, value_name = "HW")]
    request: Option<PathBuf>,
    /// The license to write (left out: license-ID.json)
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Sign although the request is for another machine
    #[arg(long)]
    rehost: bool,
    #[command(flatten)]
    signing: Signing,
}

impl Renew {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let path = self.signing.place.ledger()?;
        let issuing = self.signing.issuing(output, now, self.rehost);
        let wanted = self.wanted()?; // a killed run may have left its file to be written in the place of this one
        let settled = issuing.settle()?;
        let old = Ledger::open(&path)?.holding(&wanted)?;
        if old.revoked.is_some() {
            return Err(Error::RevokedAlready { license: old.signed.license.license_id }.into());
        }
        let before = Request::parse(old.signed.request.as_bytes())?;
        let (request, bytes) = match &self.request {
            Some(path) => Request::read_with_bytes(path)?,
            None => (before.clone(), old.signed.request.clone().into_bytes()),
        };
        if self.request.is_some() {
            self.compare(&before, &request, output)?;
        }
        let mut draft = self.draft(&old, &request, &bytes, now)?;
        if let Some(finished) = finished(&settled, &draft.issue.license, &draft.issue.output) {
            output.say(format_args!("license {} was signed already", finished.license_id));
            return Ok(());
        }
        issuing.check(std::slice::from_mut(&mut draft))?;
        output.say(format_args!(
            "renews license {}, which ends on {}",
            old.signed.license.license_id, old.signed.license.expires_at
        ));
        output.say(summary(&request, &draft.issue.license, "").trim_end());
        if !self.signing.dry_run && issuing.sign(std::slice::from_ref(&draft), "Sign this license?")? {
            output.say(format_args!("license written to `{}`", draft.file.display()));
        } else {
            output.say("nothing was signed");
        }
        Ok(())
    }

    fn wanted(&self) -> Result<String, Failure> {
        let path = Path::new(&self.license);
        if !path.is_file() {
            return Ok(self.license.clone());
        }
        let bytes = capped::read(path, "a license", LARGEST_LICENSE).map_err(Error::from)?;
        Ok(License::verify(&bytes, &self.signing.place.trust()?)?.document.license_id.to_string())
    }

    /// A renewal is for the machine that it was, changed as it may be.
    fn compare(&self, before: &Request, request: &Request, output: Output) -> Result<()> {
        let differences = differences(before, request)?;
        for difference in &differences {
            output.say(difference.to_text().trim_end());
        }
        let known = |difference: &Difference| difference.verdict != "FOREIGN";
        if self.rehost || differences.iter().any(known) {
            return Ok(());
        }
        let percent = differences.iter().map(|difference| difference.score_percent).max().unwrap_or(0);
        Err(Error::OtherMachine { percent })
    }

    fn draft(&self, old: &Holding, request: &Request, bytes: &[u8], now: Utc) -> Result<Draft, Failure> {
        let license = &old.signed.license;
        let plans = self.signing.sold.plans(&self.signing.place)?;
        let preset = self.signing.sold.over(self.preset(&plans, license)?);
        plans.check_modules(&request.product, &preset.modules)?;
        let zone = match &self.signing.sold.zone {
            Some(zone) => zone.clone(),
            None => old.signed.zone.parse::<Zone>()?,
        };
        let mut calendar = self.signing.sold.calendar(&preset, zone);
        if let (Ends::After(term), None) = (calendar.ends, calendar.begins) {
            let last = calendar.zone.day_of(license.expires_at.max(now));
            calendar.ends = Ends::Following(last, term);
        }
        let customer = self.signing.sold.customer.clone().unwrap_or_else(|| license.customer.clone());
        let plan = Plan::of(preset, customer, calendar.dates(now)?);
        let renewed = draft(request, plan, Id::generate()?, Weak::Accepted, now)?;
        let file = self.file.clone().unwrap_or_else(|| {
            let id = renewed.license_id.to_string();
            PathBuf::from(format!("license-{}.json", &id[..8]))
        });
        let issue = Issue {
            license: renewed,
            request: String::from_utf8_lossy(bytes).into_owned(), // one that was verified is JSON
            plan: self.signing.sold.plan.clone(),
            zone: calendar.zone.name().to_owned(),
            replaces: vec![license.license_id],
            output: absolute(&file)?,
            over: self.signing.replace,
        };
        Ok(Draft { source: PathBuf::from(&self.license), file, issue })
    }

    /// What the license says, but for how long: that is the plan's. Or all that a plan says, where one is named.
    fn preset(&self, plans: &Plans, license: &License) -> Result<Preset> {
        let (_, plan) = plans.named(self.signing.sold.plan.as_deref())?;
        if self.signing.sold.plan.is_some() {
            return Ok(plan);
        }
        let days = |from: Utc, to: Utc| u32::try_from(from.days_until(to)).unwrap_or(0);
        Ok(Preset {
            product: Some(license.product.clone()),
            edition: license.edition.clone(),
            seats: license.seats,
            modules: license.modules.clone(),
            nodes: license.nodes,
            spares: license.spares,
            notify_days: days(license.notify_at, license.expires_at),
            grace_days: days(license.expires_at, license.restrict_at),
            drift_grace_days: license.binding.drift_grace_days,
            releases: license.releases.clone(),
            term: plan.term,
        })
    }
}
