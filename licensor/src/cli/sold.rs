use std::path::PathBuf;

use jiff::civil::Date;
use wt_keys::console::Failure;

use super::desk::Place;
use crate::plans::{Plans, Preset};
use crate::request::is_plain;
use crate::term::{Calendar, Ends, Term, Zone, day};
use crate::{Request, Result};

/// What was sold, as far as the command line says it; the rest is the plan's.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "What was sold")]
pub struct Sold {
    /// The plans (left out: plans.toml beside the key, where there is one)
    #[arg(long, value_name = "FILE", env = "WT_PLANS")]
    plans: Option<PathBuf>,
    /// The plan that says what the other flags do not (left out: the default one)
    #[arg(long, value_name = "NAME", value_parser = plain)]
    pub plan: Option<String>,
    /// Who it is for (left out: who the request says)
    #[arg(long, value_name = "NAME", value_parser = plain)]
    pub customer: Option<String>,
    /// What was sold; another product's request is refused (left out: the product that the request names)
    #[arg(long, value_name = "NAME", value_parser = plain)]
    pub product: Option<String>,
    /// The edition that was sold
    #[arg(long, value_name = "NAME", value_parser = plain)]
    pub edition: Option<String>,
    /// How many people may use it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seats: Option<u32>,
    /// The modules that are switched on; `*` for all
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = plain)]
    pub modules: Option<Vec<String>>,
    /// How many hosts were sold; a request of more than these and the spares is refused
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub nodes: Option<u32>,
    /// How many more may stand in for one that died; how many run at once no check sees
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=64))]
    pub spares: Option<u32>,
    /// How long it is good for: `1 year`, `18 months`, `90 days`, to the end of the last day
    #[arg(long, value_name = "TERM")]
    pub term: Option<Term>,
    /// The same in days
    #[arg(long, value_name = "N", conflicts_with = "term", value_parser = clap::value_parser!(u32).range(1..=36_600))]
    pub days: Option<u32>,
    /// The last day on which it is good, instead
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["term", "days"], value_parser = day)]
    pub expires: Option<Date>,
    /// The first day on which it is good (left out: it is good at once)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub begins: Option<Date>,
    /// Where the customer's days begin and end (left out: what the plans say, or UTC)
    #[arg(long, value_name = "Asia/Shanghai", env = "WT_ZONE")]
    pub zone: Option<Zone>,
}

/// All that was sold.
#[derive(Clone, Debug)]
pub struct Terms {
    pub plan: String,
    pub preset: Preset,
    pub customer: String,
    pub calendar: Calendar,
}

impl Sold {
    pub fn plans(&self, place: &Place) -> Result<Plans> {
        let beside = || place.beside("plans.toml").filter(|path| path.exists());
        self.plans.clone().or_else(beside).map_or_else(|| Ok(Plans::default()), |path| Plans::read(&path))
    }

    /// Without anybody to ask.
    pub fn terms(&self, plans: &Plans, request: &Request) -> Result<Terms, Failure> {
        let (plan, preset) = plans.named(self.plan.as_deref())?;
        let customer = self.customer.clone().or_else(|| hinted(request)).ok_or_else(|| {
            Failure::usage("the request does not say who the customer is", "say it: `--customer NAME`")
        })?;
        let zone = match &self.zone {
            Some(zone) => zone.clone(),
            None => plans.zone()?,
        };
        let preset = self.over(preset);
        plans.check_modules(&request.product, &preset.modules)?;
        let calendar = self.calendar(&preset, zone);
        Ok(Terms { plan, preset, customer, calendar })
    }

    /// What the flags say, and a preset where they say nothing.
    pub fn over(&self, preset: Preset) -> Preset {
        Preset {
            product: self.product.clone().or(preset.product),
            edition: self.edition.clone().unwrap_or(preset.edition),
            seats: self.seats.unwrap_or(preset.seats),
            modules: self.modules.clone().unwrap_or(preset.modules),
            nodes: self.nodes.unwrap_or(preset.nodes),
            spares: self.spares.unwrap_or(preset.spares),
            term: self.given_term().unwrap_or(preset.term),
            ..preset
        }
    }

    pub fn given_term(&self) -> Option<Term> {
        self.term.or(self.days.map(Term::days))
    }

    pub fn calendar(&self, preset: &Preset, zone: Zone) -> Calendar {
        Calendar {
            zone,
            begins: self.begins,
            ends: self.expires.map_or(Ends::After(preset.term), Ends::On),
            notify_days: preset.notify_days,
            grace_days: preset.grace_days,
        }
    }
}

/// Who the request says the customer is.
pub fn hinted(request: &Request) -> Option<String> {
    Some(request.customer_hint.clone()).filter(|hint| !hint.trim().is_empty())
}

/// A text that may stand in a license.
pub fn plain(text: &str) -> Result<String, &'static str> {
    if is_plain(text) { Ok(text.to_owned()) } else { Err("expected 1 to 200 characters on one line") }
}
