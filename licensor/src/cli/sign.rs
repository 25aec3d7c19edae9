use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::console::{Done, Failure, Output, ask, is_interactive};
use wt_keys::{Error as KeyError, Utc, Verified, durable};

use super::desk::absolute;
use super::interview::interview;
use super::issuing::{Draft, Signing, finished};
use super::summary::{grade, summary, warning};
use crate::issue::{Plan, Weak, draft};
use crate::ledger::Issue;
use crate::plans::Plans;
use crate::verdict::Terms;
use crate::{Error, Grade, Id, License, Request};

/// Sign a license for the machine that a hardware request describes
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license sign hw.json --key keys/license.key --customer 'Acme GmbH' --seats 250 --term '1 year'\n  wt-license sign requests/ -o licenses/ --key keys/license.key --plan standard --yes\n\nOn a terminal it asks for what is missing, shows the license and asks before it signs; `--yes` does not ask."
)]
pub struct Sign {
    /// The request that the site sent, or a folder of requests: all of them get a license, or none
    #[arg(value_name = "HW")]
    hw: PathBuf,
    /// The license to write (left out: license.json beside the request; of a folder: the folder `licenses` in it)
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Sign although the fingerprint could be that of many machines
    #[arg(long)]
    accept_weak: bool,
    /// Sign although the machine has a license; the new one takes its place
    #[arg(long)]
    rehost: bool,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Serialize)]
struct Signed {
    schema: &'static str,
    /// `None` after a dry run.
    file: Option<PathBuf>,
    /// The worst of the nodes.
    grade: Grade,
    #[serde(flatten)]
    terms: Terms,
}

#[derive(Serialize)]
struct SignedAll {
    schema: &'static str,
    licenses: Vec<Signed>,
}

/// A request, and the bytes that it came in.
type Read = (Verified<Request>, Vec<u8>);

impl Sign {
    pub fn run(self, output: Output, now: Utc) -> Done {
        if self.hw.is_dir() { self.run_folder(output, now) } else { self.run_one(output, now) }
    }

    fn run_one(mut self, output: Output, now: Utc) -> Done {
        let read = Request::read_with_bytes(&self.hw).map_err(|error| {
            Failure::from(error).or_hint("name the `hw.json` that `wt-install fingerprint` wrote at the site")
        })?;
        let request = &*read.0;
        let plans = self.signing.sold.plans(&self.signing.place)?;
        if !self.signing.yes && !self.signing.dry_run && is_interactive() {
            interview(&mut self.signing.sold, &plans, request, now, &mut |question| ask(question))?;
        }
        let file = self.file.clone().unwrap_or_else(|| self.hw.with_file_name("license.json"));
        let mut draft = self.draft(&self.hw, &read, &plans, &file, now)?;
        let issuing = self.signing.issuing(output, now, self.rehost);
        if let Some(license) = finished(&issuing.settle()?, &draft.issue.license, &file) {
            report(output, request, &license, Some(file));
            return Ok(());
        }
        if !self.signing.dry_run {
            self.signing.place.key()?;
        }
        issuing.check(std::slice::from_mut(&mut draft))?;
        let license = &draft.issue.license;
        let whose_product =
            if self.signing.sold.product.is_some() { "" } else { ", as the request names it," };
        output.say(summary(request, license, whose_product).trim_end());
        warn(request, output);
        let signed =
            !self.signing.dry_run && issuing.sign(std::slice::from_ref(&draft), "Sign this license?")?;
        if signed {
            output.say(format_args!("license written to `{}`", file.display()));
        } else {
            output.say("nothing was signed");
        }
        report(output, request, license, signed.then_some(file));
        Ok(())
    }

    /// One transaction for all of them.
    fn run_folder(self, output: Output, now: Utc) -> Done {
        let files = requests(&self.hw)?;
        let folder = self.file.clone().unwrap_or_else(|| self.hw.join("licenses"));
        let plans = self.signing.sold.plans(&self.signing.place)?;
        let issuing = self.signing.issuing(output, now, self.rehost);
        let settled = issuing.settle()?;
        let (mut reads, mut drafts, mut done) = (vec![], vec![], 0);
        for file in &files {
            let read = Request::read_with_bytes(file)?;
            let target = folder.join(file.file_name().unwrap_or_default());
            let draft = self.draft(file, &read, &plans, &target, now).inspect_err(|_| {
                output.say(format_args!("`{}` gets no license, and so none of them does", file.display()));
            })?;
            if finished(&settled, &draft.issue.license, &target).is_some() {
                done += 1;
            } else {
                reads.push(read.0);
                drafts.push(draft);
            }
        }
        if drafts.is_empty() && done > 0 {
            return Ok(());
        }
        issuing.check(&mut drafts)?;
        for (request, draft) in reads.iter().zip(&drafts) {
            output.detail(summary(request, &draft.issue.license, "").trim_end());
        }
        let weak = reads.iter().filter(|request| grade(request) != Grade::A).count();
        output.say(format_args!(
            "{} licenses, {weak} of them for machines that can be told from others only in part",
            drafts.len()
        ));
        let mut signed = false;
        if !self.signing.dry_run {
            durable::create_folder(&folder, 0o755)?;
            signed = issuing.sign(&drafts, "Sign these licenses?")?;
        }
        if signed {
            output.say(format_args!("licenses written to `{}`", folder.display()));
        } else {
            output.say("nothing was signed");
        }
        if output.json {
            let one = |(request, draft): (&Verified<Request>, &Draft)| {
                of(request, &draft.issue.license, signed.then(|| draft.file.clone()))
            };
            let licenses = reads.iter().zip(&drafts).map(one).collect();
            output.report(&SignedAll { schema: "wt.license.sign-all.v1", licenses }, "");
        }
        Ok(())
    }

    fn draft(
        &self,
        source: &Path,
        (request, bytes): &Read,
        plans: &Plans,
        file: &Path,
        now: Utc,
    ) -> Result<Draft, Failure> {
        let terms = self.signing.sold.terms(plans, request)?;
        let plan = Plan::of(terms.preset, terms.customer, terms.calendar.dates(now)?);
        let weak = if self.accept_weak { Weak::Accepted } else { Weak::Refused };
        let issue = Issue {
            license: draft(request, plan, Id::generate()?, weak, now)?,
            request: String::from_utf8_lossy(bytes).into_owned(), // one that was verified is JSON
            plan: Some(terms.plan),
            zone: terms.calendar.zone.name().to_owned(),
            replaces: vec![],
            output: absolute(file)?,
            over: self.signing.replace,
        };
        Ok(Draft { source: source.to_owned(), file: file.to_owned(), issue })
    }
}

fn report(output: Output, request: &Request, license: &License, file: Option<PathBuf>) {
    if output.json {
        output.report(&of(request, license, file), "");
    }
}

fn of(request: &Request, license: &License, file: Option<PathBuf>) -> Signed {
    Signed { schema: "wt.license.sign.v1", file, grade: grade(request), terms: Terms::of(license) }
}

/// The requests of a folder, by name.
fn requests(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Error::from(KeyError::io("read", folder)(error));
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(|error| Error::from(KeyError::io("read", folder)(error)))?.path();
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let hint = "requests are files whose names end in `.json`";
        return Err(Failure::usage(format!("there is no request in `{}`", folder.display()), hint));
    }
    Ok(files)
}

fn warn(request: &Request, output: Output) {
    for (node, warning) in request.nodes.iter().filter_map(|node| Some((node, warning(node)?))) {
        output.say(warning);
        for component in &node.components {
            for left_out in &component.left_out {
                output.detail(format_args!("  {} left out: {left_out}", component.kind));
            }
        }
    }
}
