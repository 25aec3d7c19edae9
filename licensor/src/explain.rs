//! A verdict in words: the same for the customer, for the vendor's desk and in the product's log.

use std::fmt::Write as _;

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
        if let (Some(node), Some(score)) = (&self.node, self.score_percent) {
            let _ = writeln!(text, "  machine     {score} % like `{node}` of the license");
        }
        for compared in &self.components {
            let (kind, class, result) = (compared.kind, compared.class, compared.result);
            let _ = writeln!(text, "    {kind:<12} {class:<11} weight {:>3}  {result}", compared.weight);
        }
        if self.clock_behind {
            text.push_str(
                "  clock       more than a day behind what is known to be past; it was not believed\n",
            );
        }
        if let Some(next) = self.next_step() {
            let _ = writeln!(text, "next: {next}");
        }
        text
    }

    fn headline(&self) -> String {
        let days = self.days_left.unwrap_or_default();
        match self.state {
            State::Match => format!("licensed for this machine, {days} days left"),
            State::Drift => format!("licensed, but this machine has changed; {days} days left"),
            State::Grace => format!("expired {} days ago; still working", days.unsigned_abs()),
            State::Valid => format!("a license in force, {days} days left; no machine was compared"),
            State::Foreign => "the license is for another machine".into(),
            State::Expired => format!("expired {} days ago", days.unsigned_abs()),
            State::NotYet => "the license does not begin yet".into(),
            State::WrongProduct => "the license is for another product".into(),
            State::WrongRelease => "the license is not for this release".into(),
            State::Untrusted => "this is not a license of the vendor".into(),
            State::Revoked => "the license was revoked".into(),
            State::Missing => "there is no license".into(),
            State::Unreadable => match self.reason {
                Reason::LicenseUnreadable => "the license cannot be read".into(),
                Reason::SnapshotStale => "what is known about this host is from before its last start".into(),
                _ => "this host cannot be read".into(),
            },
        }
    }

    fn next_step(&self) -> Option<&'static str> {
        Some(match self.reason {
            Reason::Ok | Reason::NotCompared => return None,
            Reason::ExpiresSoon | Reason::ExpiredGrace | Reason::Expired => {
                "run `wt-install fingerprint` and send its `hw.json` to the vendor to renew"
            }
            Reason::HwDrift | Reason::HwForeign | Reason::LicenseMissing => {
                "run `wt-install fingerprint` and send its `hw.json` to the vendor for a license of this machine"
            }
            Reason::NotYet => "wait for the day on which it begins, or check the clock",
            Reason::WrongProduct | Reason::WrongRelease | Reason::LicenseRevoked => {
                "ask the vendor for a license of what is installed"
            }
            Reason::KeyRevoked => "ask the vendor for a license signed with its present key",
            Reason::SigBad | Reason::IssuerUnknown | Reason::IssuerScope | Reason::Format => {
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
