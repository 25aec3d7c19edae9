//! A verdict in words: the same for the customer, for the vendor's desk and in the product's log, and the same in
//! `sdk/node/wt-license.mjs`, which the vectors show.

use std::fmt::Write as _;

use wt_keys::shown;

use crate::verdict::Terms;
use crate::{Reason, State, Verdict};

impl Verdict {
    /// A first line that says it all, what was compared, and what to do next.
    pub fn explain(&self) -> String {
        let mut text = format!("{} ({}): {}\n", self.state, self.reason, self.headline());
        if let Some(detail) = &self.detail {
            let _ = writeln!(text, "  because     {}", detail.replace('\n', "\n              "));
        }
        if let Some(terms) = &self.license {
            terms.describe(&mut text);
        }
        if let Some(end) = self.renewed_until {
            let _ = writeln!(text, "  renewed     until {end}, by what lies beside it");
        }
        for other in &self.others {
            let _ =
                writeln!(text, "  beside it   {}: {} ({})", shown(&other.file), other.state, other.reason);
        }
        if let (Some(node), Some(score)) = (&self.node, self.score_percent) {
            let _ = writeln!(text, "  machine     {score} % like `{node}` of the license");
        }
        for compared in &self.components {
            let (kind, class, result) = (compared.kind, compared.class, compared.result);
            let _ = writeln!(text, "    {kind:<12} {class:<11} weight {:>3}  {result}", compared.weight);
        }
        if self.clock_behind {
            text.push_str("  clock       more than a day behind what is known to be past\n");
        }
        if let Some(next) = self.next_step() {
            let _ = writeln!(text, "next: {next}");
        }
        text
    }

    fn headline(&self) -> String {
        let days = self.days_left.unwrap_or_default();
        let left = counted(days);
        match (self.state, self.reason) {
            (State::Match, _) => format!("licensed for this machine, {left} left"),
            (State::Drift, _) => {
                let drift = counted(self.drift_days_left.unwrap_or_default());
                format!(
                    "licensed, but this machine has changed; it works for {drift} more, the license for {left}"
                )
            }
            (State::Grace, Reason::ClockBehind) => {
                "licensed by the clock, expired by what this host has seen; still working".into()
            }
            (State::Grace, _) => format!("expired {} ago; still working", counted(days.saturating_neg())),
            (State::Valid, _) => format!("a license in force, {left} left; no machine was compared"),
            (State::Foreign, Reason::HwDriftOver) => {
                let over = counted(self.drift_days_left.unwrap_or_default().saturating_neg());
                format!("this machine has changed, and the days for that are over since {over}")
            }
            (State::Foreign, _) => "the license is for another machine".into(),
            (State::Expired, _) => format!("expired {} ago", counted(days.saturating_neg())),
            (State::NotYet, _) => match &self.license {
                Some(terms) => format!("the license does not begin before {}", terms.not_before),
                None => "the license does not begin yet".into(),
            },
            (State::WrongProduct, _) => "the license is for another product".into(),
            (State::WrongRelease, _) => "the license is not for this release".into(),
            (State::Untrusted, _) => "this is not a license of the vendor".into(),
            (State::Revoked, Reason::KeyRevoked) => "the key that signed the license was revoked".into(),
            (State::Revoked, _) => "the license was revoked".into(),
            (State::Missing, _) => "there is no license".into(),
            (State::Unreadable, Reason::LicenseUnreadable) => "the license cannot be read".into(),
            (State::Unreadable, Reason::SnapshotStale) => {
                "what is known about this host is from another host, or from before its last start".into()
            }
            (State::Unreadable, Reason::SnapshotMissing) => "nothing is known about this host".into(),
            (State::Unreadable, Reason::SnapshotOfOtherProduct) => {
                "what is known about this host was written for another product".into()
            }
            (State::Unreadable, _) => "this host cannot be read".into(),
        }
    }

    /// What its reader does next; `None` where there is nothing to do.
    pub fn next_step(&self) -> Option<&'static str> {
        Some(match self.reason {
            Reason::Ok | Reason::NotCompared => return None,
            Reason::ExpiresSoon | Reason::ExpiredGrace | Reason::Expired => {
                "run `wt-install fingerprint` and send its `hw.json` to the vendor to renew"
            }
            Reason::HwDrift | Reason::HwDriftOver | Reason::HwForeign | Reason::LicenseMissing => {
                "run `wt-install fingerprint` and send its `hw.json` to the vendor for a license of this machine"
            }
            Reason::ClockBehind => {
                "set the clock; if it is right now and was wrong before, run `wt-install check --clock-is-right`"
            }
            Reason::NotYet => "wait for the day on which it begins, or check the clock",
            Reason::WrongProduct | Reason::WrongRelease | Reason::LicenseRevoked => {
                "ask the vendor for a license of what is installed"
            }
            Reason::KeyRevoked => "ask the vendor for a license signed with its present key",
            Reason::IssuerUnknown | Reason::IssuerScope => {
                "ask the vendor for a license signed with a key that may sign it; this one was not made for what is installed"
            }
            Reason::SigBad | Reason::Format => {
                "copy the license again as it came from the vendor; an editor or a mail program may have changed it"
            }
            Reason::LicenseUnreadable => "let the product's user read the file",
            Reason::SnapshotMissing
            | Reason::SnapshotUnreadable
            | Reason::SnapshotStale
            | Reason::SnapshotOfOtherProduct => {
                "run `wt-install fingerprint` on the host, which writes the snapshot anew"
            }
            Reason::BootIdUnreadable => "run the container with the kernel's /proc",
        })
    }
}

fn counted(days: i64) -> String {
    if days == 1 { "1 day".into() } else { format!("{days} days") }
}

impl Terms {
    /// One line each, for a verdict and for a license about to be signed.
    pub(crate) fn describe(&self, text: &mut String) {
        let _ = writeln!(text, "  license     {}", self.license_id);
        let _ = writeln!(text, "  customer    {}", self.customer);
        let _ =
            writeln!(text, "  product     {}, {}, releases {}", self.product, self.edition, self.releases);
        let _ = writeln!(text, "  nodes       {}", self.nodes);
        let _ = writeln!(text, "  seats       {}", self.seats);
        let _ = writeln!(text, "  modules     {}", self.modules.join(", "));
        let _ = writeln!(text, "  expires     {}, restricted from {}", self.expires_at, self.restrict_at);
    }
}
