use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;
use wt_keys::console::{Done, Output};
use wt_keys::{Utc, shown};

use super::desk::Place;
use crate::ledger::{Holding, Ledger, Standing, write_again};
use crate::verdict::Terms;
use crate::{Id, License};

/// Show a license of the ledger, or write its file again
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license show 3f0c66a1 --key keys/license.key\n  wt-license show 3f0c66a1 -o license.json\n\nThe beginning of an identifier is enough."
)]
pub struct Show {
    /// The license
    #[arg(value_name = "ID")]
    license: String,
    #[command(flatten)]
    place: Place,
    /// Write the license, as it was signed
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write the request that it answers
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    replace: bool,
}

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    entry: u64,
    standing: Standing,
    signed_at: Utc,
    operator: String,
    plan: Option<String>,
    zone: String,
    replaces: Vec<Id>,
    replaced_by: Option<Id>,
    revoked: Option<String>,
    license: License,
}

impl Show {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let holding = Ledger::open(&self.place.ledger()?)?.holding(&self.license)?;
        for (path, bytes) in [(&self.file, &holding.signed.file), (&self.request, &holding.signed.request)] {
            if let Some(path) = path {
                write_again(bytes, path, self.replace)?;
                output.say(format_args!("`{}` is written", path.display()));
            }
        }
        let text = text(&holding, now);
        output.report(&Shown::of(holding, now), text);
        Ok(())
    }
}

impl Shown {
    fn of(holding: Holding, now: Utc) -> Self {
        Self {
            schema: "wt.license.show.v1",
            entry: holding.number,
            standing: holding.standing(now),
            signed_at: holding.at,
            operator: holding.operator,
            plan: holding.signed.plan,
            zone: holding.signed.zone,
            replaces: holding.signed.replaces,
            replaced_by: holding.replaced_by,
            revoked: holding.revoked.map(|(_, revoked)| revoked.reason),
            license: holding.signed.license,
        }
    }
}

fn text(holding: &Holding, now: Utc) -> String {
    let (signed, license) = (&holding.signed, &holding.signed.license);
    let days = now.days_until(license.expires_at);
    let mut text = format!("{}, {days} days left\n", holding.standing(now));
    Terms::of(license).describe(&mut text);
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "  {name:<11} {}", shown(value));
    };
    match license.spares {
        0 => line("spares", &0),
        spares => {
            line("spares", &format_args!("{spares}; how many of its machines run at once no check sees"));
        }
    }
    line("begins", &license.not_before);
    line("zone", &signed.zone);
    line("signed", &format_args!("{} by {}, entry {}", holding.at, holding.operator, holding.number));
    if let Some(plan) = &signed.plan {
        line("plan", plan);
    }
    for node in &license.binding.nodes {
        let kinds: Vec<_> = node.components.iter().map(|component| component.kind.name()).collect();
        line("machine", &format_args!("`{}`: {}", node.label, kinds.join(", ")));
    }
    for replaced in &signed.replaces {
        line("replaces", replaced);
    }
    if let Some(by) = &holding.replaced_by {
        line("replaced by", by);
    }
    if let Some((at, revoked)) = &holding.revoked {
        line("revoked", &format_args!("{at}: {}", revoked.reason));
    }
    text
}
