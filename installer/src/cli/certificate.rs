use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use wt_keys::console::{Done, Output, now};

use super::lock::Lock;
use crate::certificate::{self, Facts, Pair};
use crate::operation::Operation;
use crate::preflight::certificate::examine;
use crate::preflight::{Row, Table, Verdict};
use crate::{Error, Installation, Places, Result};

/// Show the site's certificate, or put another one into service
///
/// A new one is checked before anything changes. Only the services that use it are restarted; where they do not become
/// healthy, the old one comes back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install certificate\n  wt-install certificate worktile.crt worktile.key"
)]
pub struct Certificate {
    /// The certificate, and behind it those that signed it; PEM
    #[arg(value_name = "CERTIFICATE", id = "certificate", requires = "key", conflicts_with_all = ["previous", "remove"])]
    chain: Option<PathBuf>,
    /// Its private key; PEM, not encrypted
    #[arg(value_name = "KEY")]
    key: Option<PathBuf>,
    /// Put the one back that was in service before
    #[arg(long, conflicts_with = "remove")]
    previous: bool,
    /// Serve plain HTTP
    #[arg(long)]
    remove: bool,
    /// Say what would change; change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    certificate: Option<Facts>,
    days_left: Option<i64>,
    /// What is to be said about it.
    rows: Vec<Row>,
}

impl Certificate {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let installation = Installation::current(places, now)?;
        let old = certificate::installed(places)?;
        let new = match (&self.chain, &self.key) {
            (Some(chain), Some(key)) => Some(Pair::read(chain, key)?),
            _ if self.previous => Some(certificate::previous(places)?.ok_or(Error::NoPreviousCertificate)?),
            _ if self.remove => None,
            _ => {
                show(output, &installation, old.as_ref());
                return Ok(());
            }
        };
        if let Some(new) = &new {
            check(output, &installation, new)?;
        }
        output.say(format_args!("was  {}\nnew  {}", told(old.as_ref()), told(new.as_ref())));
        if self.dry_run {
            return Ok(());
        }
        let _lock = Lock::take(places)?;
        Operation::check(&installation)?;
        let restarted = certificate::renew(&installation, new.as_ref(), &output.progress())?;
        if restarted.is_empty() {
            output.say("nothing to do: it is in service");
        } else {
            output.say(format_args!("in service; restarted and healthy: {}", restarted.join(", ")));
        }
        Ok(())
    }
}

/// Refuses a pair that the site cannot use; says what speaks against one that it can.
fn check(output: Output, installation: &Installation, pair: &Pair) -> Result<()> {
    let rows = examine(pair, &installation.site.domains, (installation.clock)());
    let bad: Vec<&Row> = rows.iter().filter(|row| row.verdict != Verdict::Ok).collect();
    if !bad.is_empty() {
        output.say(Table(&bad));
    }
    let failed: Vec<String> =
        bad.iter().filter(|row| row.verdict == Verdict::Fail).map(|row| row.sentence()).collect();
    if failed.is_empty() { Ok(()) } else { Err(Error::CertificateRefused { failed }) }
}

fn told(pair: Option<&Pair>) -> String {
    match pair.map(Pair::facts) {
        None => "none: plain HTTP".to_owned(),
        Some(Ok(facts)) => {
            let days = facts.days_left(now());
            format!("{}, until {} ({days} days)", facts.names.join(", "), facts.not_after)
        }
        Some(Err(why)) => why,
    }
}

fn show(output: Output, installation: &Installation, pair: Option<&Pair>) {
    let now = (installation.clock)();
    let facts = pair.and_then(|pair| pair.facts().ok());
    let report = Report {
        schema: "wt.certificate.v1",
        days_left: facts.as_ref().map(|facts| facts.days_left(now)),
        certificate: facts,
        rows: pair.map(|pair| examine(pair, &installation.site.domains, now)).unwrap_or_default(),
    };
    output.report(&report, &report);
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(facts) = &self.certificate else {
            return writeln!(f, "none: the site is served over plain HTTP");
        };
        writeln!(f, "names    {}", facts.names.join(", "))?;
        writeln!(f, "subject  {}\nissuer   {}", facts.subject, facts.issuer)?;
        writeln!(f, "from     {}\nuntil    {}", facts.not_before, facts.not_after)?;
        writeln!(f, "sha256   {}\n", facts.sha256)?;
        Table(&self.rows.iter().collect::<Vec<_>>()).fmt(f)
    }
}
