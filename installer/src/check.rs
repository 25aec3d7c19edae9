//! The check: facts about the host and the product, a verdict on each, and who is told.
//!
//! Promises: what stopped by itself is started again, what the operator stopped is not; every number is in one report,
//! which is replaced whole; nobody is told of a passing moment, nor twice a day of the same thing; what services and the
//! engine say is repeated without secrets. Refuses: to touch anything while another run is at work or a change is
//! unfinished.

pub mod alarm;
pub mod facts;
mod judge;
pub mod letter;
mod metrics;
pub mod record;
pub mod repair;

use std::{fmt, mem};

use serde::{Deserialize, Serialize};
use wt_keys::Utc;
use wt_manifests::Manifest;

use self::facts::Facts;
pub use self::judge::judge;
use crate::SiteFile;
use crate::redact::Redactor;

/// What was looked at, and what is to be thought of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `service`, `disk`, `license`, …
    pub check: String,
    /// Which one of them, where there are several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    pub level: Level,
    pub found: String,
    pub expected: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The number behind it, where there is one: days, or percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Good,
    /// It works, and will not for ever.
    Warn,
    Bad,
}

/// What one check found; `check.json` is this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub product: String,
    pub version: String,
    pub at: Utc,
    pub good: bool,
    pub findings: Vec<Finding>,
    /// What was started, made anew or written, in words.
    pub repaired: Vec<String>,
    /// The latest time that a check has seen, by whatever clock.
    pub latest: Utc,
}

impl Finding {
    /// What it is about: `disk /data`.
    pub fn what(&self) -> String {
        format!("{} {}", self.check, self.subject).trim_end().to_owned()
    }

    pub fn is_bad(&self) -> bool {
        self.level == Level::Bad
    }
}

impl Report {
    pub const SCHEMA: &str = "wt.check.v1";

    pub fn new(release: &Manifest, site: &SiteFile, facts: &Facts, repaired: Vec<String>) -> Self {
        let mut findings = judge(facts, &site.check);
        let redactor = Redactor::of(site);
        let redacted = |text: String| redactor.redact(&text).text().to_owned();
        for finding in &mut findings {
            finding.found = redacted(mem::take(&mut finding.found));
        }
        Self {
            schema: Self::SCHEMA.to_owned(),
            product: release.product.clone(),
            version: release.version.to_string(),
            at: facts.now,
            good: !findings.iter().any(Finding::is_bad),
            findings,
            repaired: repaired.into_iter().map(redacted).collect(),
            latest: facts.latest.max(facts.now),
        }
    }

    pub fn bad(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_bad())
    }
}

impl Level {
    fn mark(self) -> &'static str {
        match self {
            Self::Good => "ok  ",
            Self::Warn => "warn",
            Self::Bad => "BAD ",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for repaired in &self.repaired {
            writeln!(f, "done  {repaired}")?;
        }
        let width = self.findings.iter().map(|finding| finding.what().chars().count()).max().unwrap_or(0);
        for finding in &self.findings {
            writeln!(f, "{}  {:width$}  {}", finding.level.mark(), finding.what(), finding.found)?;
            if finding.level != Level::Good {
                writeln!(f, "      {:width$}  expected {}", "", finding.expected)?;
                if !finding.hint.is_empty() {
                    writeln!(f, "      hint: {}", finding.hint)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wt_keys::Utc;

    use super::facts::{EngineFact, JourneyFact};
    use super::*;

    const SITE: &str = r#"
company-domain = "acme"
[domains]
web = "web.example.com"
[administrator]
mail = "root@example.com"
username = "root"
name = "Root"
password = "hidden words"
[check.account]
username = "check"
password = "other words"
[[node]]
name = "node1"
address = "192.0.2.10"
roles = ["app"]
"#;

    #[test]
    fn what_services_and_the_engine_say_is_reported_without_secrets() {
        let facts = Facts {
            now: Utc::START,
            past: Utc::START,
            latest: Utc::START,
            engine: EngineFact::Silent { why: "refused: --requirepass swordfish".into() },
            services: Vec::new(),
            journey: JourneyFact::Failed { why: "not hidden words".into(), as_administrator: true },
            disks: Vec::new(),
            certificate: None,
            license: None,
            operation: None,
            unsent: Some("535 other words".into()),
            holder: None,
            overdue: None,
            backup: None,
        };
        let site = SiteFile::parse(SITE).unwrap();
        let repaired = vec!["token=swordfish".to_owned()];
        let report = Report::new(&wt_manifests::testkit::manifest(), &site, &facts, repaired);
        let text = serde_json::to_string(&report).unwrap();
        assert!(!["swordfish", "hidden", "other words"].iter().any(|secret| text.contains(secret)), "{text}");
        assert_eq!(text.matches("[removed]").count(), 4, "{text}");
    }
}
