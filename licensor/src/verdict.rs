//! The verdict: what a license is worth here and now, for programs ([`State`], [`Reason`]) and for people (`explain`).

use std::fmt;

use serde::Serialize;
use wt_keys::Utc;

use crate::license::ANY;
use crate::score::{Compared, Score};
use crate::{Id, License};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// This is the machine, and the license is in force.
    Match,
    /// The machine has changed: everything works, and a new license should be asked for.
    Drift,
    /// It has expired, and is not restricted yet.
    Grace,
    /// The license is in force; no machine was compared. The check inside a product never says this.
    Valid,
    /// It is for another machine.
    Foreign,
    Expired,
    NotYet,
    WrongProduct,
    WrongRelease,
    /// Not signed by the vendor, changed since, or not a license at all.
    Untrusted,
    Revoked,
    /// There is no license.
    Missing,
    /// The license or the host cannot be read, so nothing can be said.
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    Ok,
    ExpiresSoon,
    NotCompared,
    HwDrift,
    /// It has changed, and the days that a changed machine has are over.
    HwDriftOver,
    HwForeign,
    ExpiredGrace,
    /// In force by the clock, and expired by what the host has seen before.
    ClockBehind,
    Expired,
    NotYet,
    WrongProduct,
    WrongRelease,
    LicenseRevoked,
    KeyRevoked,
    SigBad,
    IssuerUnknown,
    IssuerScope,
    Format,
    LicenseMissing,
    LicenseUnreadable,
    SnapshotMissing,
    SnapshotUnreadable,
    SnapshotStale,
    SnapshotOfOtherProduct,
    BootIdUnreadable,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub schema: &'static str,
    pub state: State,
    pub reason: Reason,
    /// The time that the dates were compared with; `None` where no license could be trusted.
    pub judged_at: Option<Utc>,
    /// Whole days until the license expires, or those that follow it without a gap do; negative afterwards. `None` where
    /// no license could be trusted.
    pub days_left: Option<i64>,
    /// When the last of those expires that follow; `None` if there are none.
    pub renewed_until: Option<Utc>,
    /// Whole days that a changed machine has; `None` where it has not changed.
    pub drift_days_left: Option<i64>,
    /// The clock is more than a day behind what is known to be past, and was not believed.
    pub clock_behind: bool,
    /// What a trusted license says; `None` where there is none.
    pub license: Option<Terms>,
    /// The bound machine that this host is most like.
    pub node: Option<String>,
    pub score_percent: Option<u32>,
    pub components: Vec<Compared>,
    /// The error behind the reason, in words.
    pub detail: Option<String>,
    /// The licenses beside it that did not decide, by file.
    pub others: Vec<Other>,
}

/// A license that lies beside the one that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Other {
    pub file: String,
    pub state: State,
    pub reason: Reason,
}

/// What is licensed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Terms {
    pub license_id: Id,
    pub customer: String,
    pub product: String,
    pub edition: String,
    /// How many were sold; not judged yet.
    pub nodes: u32,
    pub seats: u32,
    pub modules: Vec<String>,
    pub releases: String,
    pub issued_at: Utc,
    pub not_before: Utc,
    pub notify_at: Utc,
    pub expires_at: Utc,
    pub restrict_at: Utc,
    pub drift_grace_days: u32,
}

impl State {
    /// Whether the product is to work.
    pub fn is_licensed(self) -> bool {
        matches!(self, Self::Match | Self::Drift | Self::Grace | Self::Valid)
    }
}

impl Verdict {
    pub const SCHEMA: &str = "wt.verdict.v1";

    /// Without anything that led to it.
    pub fn new(state: State, reason: Reason) -> Self {
        Self {
            schema: Self::SCHEMA,
            state,
            reason,
            judged_at: None,
            days_left: None,
            renewed_until: None,
            drift_days_left: None,
            clock_behind: false,
            license: None,
            node: None,
            score_percent: None,
            components: vec![],
            detail: None,
            others: vec![],
        }
    }

    pub(crate) fn with_score(mut self, score: Option<Score>) -> Self {
        if let Some(Score { node, percent, components, .. }) = score {
            self.node = Some(node);
            self.score_percent = Some(percent);
            self.components = components;
        }
        self
    }

    /// Whether the product is to work.
    pub fn is_licensed(&self) -> bool {
        self.state.is_licensed()
    }

    /// Whether a module is switched on: never where the product is not to work.
    pub fn has_module(&self, name: &str) -> bool {
        let modules = self.license.iter().flat_map(|terms| &terms.modules);
        self.is_licensed() && modules.into_iter().any(|module| module == ANY || module == name)
    }
}

impl Terms {
    pub(crate) fn of(license: &License) -> Self {
        Self {
            license_id: license.license_id,
            customer: license.customer.clone(),
            product: license.product.clone(),
            edition: license.edition.clone(),
            nodes: license.nodes,
            seats: license.seats,
            modules: license.modules.clone(),
            releases: license.releases.clone(),
            issued_at: license.issued_at,
            not_before: license.not_before,
            notify_at: license.notify_at,
            expires_at: license.expires_at,
            restrict_at: license.restrict_at,
            drift_grace_days: license.binding.drift_grace_days,
        }
    }
}

/// As in JSON: `WRONG_PRODUCT`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spelt(self, f)
    }
}

/// As in JSON: `HW_FOREIGN`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spelt(self, f)
    }
}

fn spelt(name: &impl Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let json = serde_json::to_string(name).map_err(|_| fmt::Error)?;
    f.pad(json.trim_matches('"'))
}
