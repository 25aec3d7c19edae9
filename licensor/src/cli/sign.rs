use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::console::{Done, Failure, Output, PassphraseFile, ask, confirm, is_interactive};
use wt_keys::{Signer, Utc, durable};

use super::summary::{grade, summary, warning};
use crate::issue::{
    DEFAULT_DAYS, DEFAULT_EDITION, DEFAULT_MODULES, DEFAULT_NODES, DEFAULT_SEATS, Plan, Weak, draft,
    end_of_day, issue_license,
};
use crate::request::is_plain;
use crate::verdict::Terms;
use crate::{Error, Grade, Id, License, Request};

/// Sign a license for the machine that a hardware request describes
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(
    after_help = "Example:\n  wt-license sign hw.json --key keys/license.key --customer 'Acme GmbH' --seats 250 --days 365\n\nOn a terminal it shows the license and asks before it signs; `--yes` does not ask."
)]
pub struct Sign {
    /// The request that the site sent
    #[arg(value_name = "HW")]
    hw: PathBuf,
    /// The license to write (left out: license.json beside the request)
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace the license that is there
    #[arg(long)]
    replace: bool,
    /// The license key; its certificate lies beside it as FILE with .cert
    #[arg(long, value_name = "FILE", env = "WT_LICENSE_KEY")]
    key: Option<PathBuf>,
    /// The trust document (left out: trust.json beside the key)
    #[arg(long, value_name = "FILE", env = "WT_TRUST")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseFile,
    /// Who it is for (left out: who the request says)
    #[arg(long, value_name = "NAME", value_parser = plain)]
    customer: Option<String>,
    /// What was sold; another product's request is refused (left out: the product that the request names)
    #[arg(long, value_name = "NAME", value_parser = plain)]
    product: Option<String>,
    /// How many hosts were sold; a request of more is refused
    #[arg(long, value_name = "N", default_value_t = DEFAULT_NODES, value_parser = clap::value_parser!(u32).range(1..))]
    nodes: u32,
    /// The edition that was sold
    #[arg(long, value_name = "NAME", default_value = DEFAULT_EDITION, value_parser = plain)]
    edition: String,
    /// How many people may use it
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEATS, value_parser = clap::value_parser!(u32).range(1..))]
    seats: u32,
    /// The modules that are switched on; `*` for all
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = DEFAULT_MODULES, value_parser = plain)]
    modules: Vec<String>,
    /// How long it is good for, to the end of the last day
    #[arg(long, value_name = "N", default_value_t = DEFAULT_DAYS, conflicts_with = "expires", value_parser = clap::value_parser!(u32).range(1..=36_600))]
    days: u32,
    /// The last day on which it is good, instead
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = last_second_of)]
    expires: Option<Utc>,
    /// Sign although the fingerprint could be that of many machines
    #[arg(long)]
    accept_weak: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Show the license and sign nothing
    #[arg(long)]
    dry_run: bool,
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

impl Sign {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let request = Request::read(&self.hw).map_err(|error| {
            Failure::from(error).or_hint("name the `hw.json` that `wt-install fingerprint` wrote at the site")
        })?;
        let weak = if self.accept_weak { Weak::Accepted } else { Weak::Refused };
        let license = draft(&request, self.plan(&request, now)?, Id::generate()?, weak, now)?;
        let whose_product = if self.product.is_some() { "" } else { ", as the request names it," };
        output.say(summary(&request, &license, whose_product).trim_end());
        warn(&request, output);
        let file = if self.dry_run { None } else { self.sign(&license)? };
        match &file {
            Some(file) => output.say(format_args!("license written to `{}`", file.display())),
            None => output.say("nothing was signed"),
        }
        if output.json {
            let (grade, terms) = (grade(&request), Terms::of(&license));
            output.report(&Signed { schema: "wt.license.sign.v1", file, grade, terms }, "");
        }
        Ok(())
    }

    fn plan(&self, request: &Request, now: Utc) -> Result<Plan, Failure> {
        let expires_at = self.expires.unwrap_or_else(|| end_of_day(now.plus_days(self.days)));
        if expires_at <= now {
            return Err(Failure::usage(
                format!("a license that expired on {expires_at}"),
                "give a day to come: `--expires YYYY-MM-DD`",
            ));
        }
        Ok(Plan {
            customer: self.customer(request)?,
            product: self.product.clone(),
            nodes: self.nodes,
            edition: self.edition.clone(),
            seats: self.seats,
            modules: self.modules.clone(),
            expires_at,
        })
    }

    fn customer(&self, request: &Request) -> Result<String, Failure> {
        let hint = Some(&request.customer_hint).filter(|hint| !hint.trim().is_empty());
        if let Some(customer) = self.customer.as_ref().or(hint) {
            return Ok(customer.clone());
        }
        if self.asks() {
            return typed_customer(&ask("Customer:")?);
        }
        Err(Failure::usage("the request does not say who the customer is", "say it: `--customer NAME`"))
    }

    /// `None` if the operator said no.
    fn sign(&self, license: &License) -> Result<Option<PathBuf>, Failure> {
        let key = self.key.as_ref().ok_or_else(|| {
            Failure::usage("no license key was given", "name it: `--key FILE`, or `WT_LICENSE_KEY=FILE`")
        })?;
        let file = self.file.clone().unwrap_or_else(|| self.hw.with_file_name("license.json"));
        if !self.replace {
            refuse_to_replace(&file)?;
        }
        if self.asks() && !confirm("Sign this license?")? {
            return Ok(None);
        }
        let signer = Signer::load(key, self.trust.as_deref(), &|path| self.passphrase.ask(path))?;
        let chain = issue_license(license, &signer)?;
        durable::write(&file, &chain.to_bytes(), 0o644)?;
        Ok(Some(file))
    }

    fn asks(&self) -> bool {
        !self.yes && !self.dry_run && is_interactive()
    }
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

fn refuse_to_replace(file: &Path) -> Result<(), Error> {
    if file.symlink_metadata().is_ok() {
        return Err(Error::FileExists { path: file.to_owned() });
    }
    Ok(())
}

fn typed_customer(typed: &str) -> Result<String, Failure> {
    plain(typed).map_err(|why| {
        Failure::usage(
            format!("`{typed}` is no customer's name: {why}"),
            "type it again, or say it: `--customer NAME`",
        )
    })
}

/// A text that may stand in a license.
fn plain(text: &str) -> Result<String, &'static str> {
    if is_plain(text) { Ok(text.to_owned()) } else { Err("expected 1 to 200 characters on one line") }
}

/// `2027-11-23` → `2027-11-23T23:59:59Z`
fn last_second_of(day: &str) -> Result<Utc, wt_keys::Error> {
    format!("{day}T23:59:59Z")
        .parse()
        .map_err(|_| wt_keys::Error::Time { found: day.chars().take(40).collect() })
}

#[cfg(test)]
mod tests {
    use wt_keys::console::Exit;

    use super::*;

    #[test]
    fn a_typed_customer_that_may_not_stand_in_a_license_is_a_wrong_call() {
        assert_eq!(typed_customer("Müller & Söhne").unwrap(), "Müller & Söhne");
        for wrong in ["", "a\tb", "a\u{1b}[2J", &"x".repeat(201)] {
            assert_eq!(typed_customer(wrong).unwrap_err().exit(), Exit::Usage, "{wrong}");
        }
    }
}
