use std::collections::HashMap;

use serde::Serialize;
use wt_keys::Utc;

use super::entry::{Entry, Event, Revoked, Signed};
use crate::Id;

/// What the ledger says of one license.
#[derive(Clone, Debug)]
pub struct Holding {
    pub number: u64,
    pub at: Utc,
    pub operator: String,
    pub signed: Signed,
    /// The license that took its place last.
    pub replaced_by: Option<Id>,
    pub revoked: Option<(Utc, Revoked)>,
}

/// How things stand with a license at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Later,
    InForce,
    Grace,
    Expired,
    Replaced,
    Revoked,
}

impl Holding {
    /// In the order in which they were signed.
    pub fn all(entries: Vec<Entry>) -> Vec<Self> {
        let mut holdings: Vec<Self> = Vec::new();
        let mut places: HashMap<Id, usize> = HashMap::new();
        for Entry { number, at, operator, event, .. } in entries {
            match event {
                Event::Signed(signed) => {
                    let id = signed.license.license_id;
                    for replaced in &signed.replaces {
                        if let Some(place) = places.get(replaced) {
                            holdings[*place].replaced_by = Some(id);
                        }
                    }
                    places.insert(id, holdings.len());
                    let (replaced_by, revoked) = (None, None);
                    holdings.push(Self { number, at, operator, signed: *signed, replaced_by, revoked });
                }
                Event::Revoked(revoked) => {
                    if let Some(place) = places.get(&revoked.license_id) {
                        holdings[*place].revoked = Some((at, revoked));
                    }
                }
            }
        }
        holdings
    }

    pub fn standing(&self, now: Utc) -> Standing {
        let license = &self.signed.license;
        match () {
            () if self.revoked.is_some() => Standing::Revoked,
            () if now > license.restrict_at => Standing::Expired,
            () if self.replaced_by.is_some() => Standing::Replaced,
            () if now > license.expires_at => Standing::Grace,
            () if now < license.not_before => Standing::Later,
            () => Standing::InForce,
        }
    }

    /// Whether it would be a second license beside a new one.
    pub fn stands(&self, now: Utc) -> bool {
        matches!(self.standing(now), Standing::Later | Standing::InForce | Standing::Grace)
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Later => "later",
            Self::InForce => "in force",
            Self::Grace => "grace",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
        })
    }
}
