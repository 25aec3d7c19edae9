//! What is told by mail of what has become bad, and of what is good again.

use std::fmt::{self, Write as _};

use super::{Finding, Report};
use crate::{Installation, Result, mail};

/// One mail, whatever there is to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    pub bad: Vec<Finding>,
    /// Told before, and no better.
    pub still: Vec<Finding>,
    pub good: Vec<String>,
}

/// By the site's mail server, to those whom the site names.
pub fn post(installation: &Installation, report: &Report, letter: &Letter) -> Result<()> {
    let site = &installation.site;
    let Some(smtp) = &site.smtp else { return Ok(()) }; // what is bad is in the report, the log and the metrics
    let node = site.node().name.as_str();
    let to = match site.check.mail_to.as_slice() {
        [] => std::slice::from_ref(&site.administrator.mail),
        named => named,
    };
    let (subject, text) = (letter.subject(report, node), letter.text(report, node));
    mail::send(smtp, &mail::Email { to, subject: &subject, text: &text })
}

impl Letter {
    /// `worktile on node1: bad: service web, disk /data`
    pub fn subject(&self, report: &Report, node: &str) -> String {
        let names = |findings: &[Finding]| findings.iter().map(Finding::what).collect::<Vec<_>>().join(", ");
        let what = match self {
            Self { bad, .. } if !bad.is_empty() => format!("bad: {}", names(bad)),
            Self { good, .. } if !good.is_empty() => format!("good again: {}", good.join(", ")),
            Self { still, .. } => format!("still bad: {}", names(still)),
        };
        format!("{} on {node}: {what}", report.product)
    }

    pub fn text(&self, report: &Report, node: &str) -> String {
        let mut text = format!("{} {} on {node}, at {}\n", report.product, report.version, report.at);
        self.sections(&mut text).unwrap_or_default(); // into a string: cannot fail
        if !report.repaired.is_empty() {
            let _ = write!(text, "\nDone about it just now: {}\n", report.repaired.join(", "));
        }
        text.push_str("\n`wt-install status` on that host shows more.\n");
        text
    }

    fn sections(&self, text: &mut String) -> fmt::Result {
        for (title, findings) in [("Bad", &self.bad), ("Still bad", &self.still)] {
            if !findings.is_empty() {
                write!(text, "\n{title}:\n")?;
            }
            for finding in findings {
                let indented = finding.found.replace('\n', "\n  ");
                writeln!(text, "  {}: {indented}\n    expected {}", finding.what(), finding.expected)?;
                if !finding.hint.is_empty() {
                    writeln!(text, "    hint: {}", finding.hint)?;
                }
            }
        }
        if !self.good.is_empty() {
            write!(text, "\nGood again:\n  {}\n", self.good.join("\n  "))?;
        }
        Ok(())
    }
}
