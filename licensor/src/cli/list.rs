use std::fmt::Write as _;

use serde::Serialize;
use wt_keys::console::{Done, Output};
use wt_keys::{Utc, shown};

use super::desk::Place;
use crate::ledger::{Holding, Ledger, Standing};
use crate::term::Term;
use crate::{Id, License};

/// List the licenses of the ledger
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license list --key keys/license.key\n  wt-license list --expiring 60d --csv > renewals.csv"
)]
pub struct List {
    #[command(flatten)]
    place: Place,
    /// Only those that end within TERM, and those that have ended and still work
    #[arg(long, value_name = "TERM")]
    expiring: Option<Term>,
    /// Only those of customers whose name holds TEXT
    #[arg(long, value_name = "TEXT")]
    customer: Option<String>,
    /// As a table for spreadsheets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    licenses: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    license_id: Id,
    standing: Standing,
    days_left: i64,
    customer: String,
    product: String,
    edition: String,
    seats: u32,
    nodes: u32,
    spares: u32,
    modules: Vec<String>,
    not_before: Utc,
    expires_at: Utc,
    restrict_at: Utc,
    signed_at: Utc,
    operator: String,
    plan: Option<String>,
    replaced_by: Option<Id>,
}

const HEADINGS: [&str; 16] = [
    "license",
    "standing",
    "days_left",
    "customer",
    "product",
    "edition",
    "seats",
    "nodes",
    "spares",
    "modules",
    "begins",
    "expires",
    "restricted",
    "signed",
    "operator",
    "replaced_by",
];

impl List {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let mut holdings = Ledger::open(&self.place.ledger()?)?.holdings()?;
        holdings.retain(|holding| self.wants(holding, now));
        let licenses: Vec<Listed> = holdings.iter().map(|holding| Listed::of(holding, now)).collect();
        if self.csv {
            output.data(csv(&licenses));
        } else {
            let text = table(&licenses);
            output.report(&Report { schema: "wt.license.list.v1", licenses }, text);
        }
        Ok(())
    }

    fn wants(&self, holding: &Holding, now: Utc) -> bool {
        let License { customer, expires_at, .. } = &holding.signed.license;
        let text = |text: &str| text.to_lowercase();
        self.expiring.is_none_or(|term| holding.stands(now) && *expires_at <= term.after(now))
            && self.customer.as_ref().is_none_or(|wanted| text(customer).contains(&text(wanted)))
    }
}

impl Listed {
    fn of(holding: &Holding, now: Utc) -> Self {
        let license = holding.signed.license.clone();
        Self {
            license_id: license.license_id,
            standing: holding.standing(now),
            days_left: now.days_until(license.expires_at),
            customer: license.customer,
            product: license.product,
            edition: license.edition,
            seats: license.seats,
            nodes: license.nodes,
            spares: license.spares,
            modules: license.modules,
            not_before: license.not_before,
            expires_at: license.expires_at,
            restrict_at: license.restrict_at,
            signed_at: holding.at,
            operator: holding.operator.clone(),
            plan: holding.signed.plan.clone(),
            replaced_by: holding.replaced_by,
        }
    }

    fn cells(&self) -> [String; 16] {
        [
            self.license_id.to_string(),
            self.standing.to_string(),
            self.days_left.to_string(),
            self.customer.clone(),
            self.product.clone(),
            self.edition.clone(),
            self.seats.to_string(),
            self.nodes.to_string(),
            self.spares.to_string(),
            self.modules.join(" "),
            self.not_before.to_string(),
            self.expires_at.to_string(),
            self.restrict_at.to_string(),
            self.signed_at.to_string(),
            self.operator.clone(),
            self.replaced_by.map_or_else(String::new, |id| id.to_string()),
        ]
    }
}

/// The beginning of an identifier is enough for every command.
fn table(licenses: &[Listed]) -> String {
    let mut text = format!(
        "{:<10}{:<10}{:<22}{:>6}{:>7}{:>6}  customer\n",
        "license", "standing", "expires", "days", "seats", "nodes"
    );
    for listed in licenses {
        let id = listed.license_id.to_string();
        let (customer, product, edition) =
            (shown(&listed.customer), shown(&listed.product), shown(&listed.edition));
        let _ = writeln!(
            text,
            "{:<10}{:<10}{:<22}{:>6}{:>7}{:>6}  {customer} ({product}, {edition})",
            &id[..8],
            listed.standing.to_string(),
            listed.expires_at.to_string(),
            listed.days_left,
            listed.seats,
            listed.nodes
        );
    }
    text
}

/// As in RFC 4180. The customer's name came from outside, and a spreadsheet computes what begins like a formula.
fn csv(licenses: &[Listed]) -> String {
    let line =
        |cells: &[String]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n";
    let mut text = line(&HEADINGS.map(str::to_owned));
    for listed in licenses {
        text += &line(&listed.cells());
    }
    text
}

fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t']) && cell.parse::<i64>().is_err();
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\n', '\r', '\'', ' ']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        for (cell, written) in [
            ("Acme", "Acme"),
            ("Müller & Söhne, Köln", "\"Müller & Söhne, Köln\""),
            ("the \"best\"", "\"the \"\"best\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("-3", "-3"),
            ("-3+4", "\"'-3+4\""),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
