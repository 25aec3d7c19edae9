use serde::{Deserialize, Serialize};
use wt_keys::{Document, Sha256Digest, Utc};

use super::machine;
use crate::{Id, License};

/// One line of the ledger. Its canonical bytes are the compact JSON of this, and the chain is made of their digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// From 1, without gaps.
    pub number: u64,
    /// The digest of the entry before; of nothing for the first.
    pub previous: Sha256Digest,
    pub at: Utc,
    /// Who sat at the desk.
    pub operator: String,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Signed(Box<Signed>),
    /// For the next trust document; `wt-keys revoke` puts it there.
    Revoked(Revoked),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    pub license: License,
    /// The bytes of `license.json`, from which the file can be written again.
    pub file: String,
    /// The bytes of `hw.json`.
    pub request: String,
    /// The plan that it was sold under; `None` for a renewal.
    pub plan: Option<String>,
    /// The time zone in which its days end.
    pub zone: String,
    /// The licenses of the same machines that it takes the place of.
    pub replaces: Vec<Id>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    pub license_id: Id,
    pub reason: String,
}

impl Entry {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // our own structs: cannot fail
    }

    /// Reads the one valid spelling.
    pub fn parse(body: &str) -> Result<Self, &'static str> {
        let entry: Self = serde_json::from_str(body).map_err(|_| "it is not an entry")?;
        if entry.to_json() == body { Ok(entry) } else { Err("it is spelt differently than it was written") }
    }

    /// Every license that it says something about.
    pub fn licenses(&self) -> Vec<Id> {
        match &self.event {
            Event::Signed(signed) => [&[signed.license.license_id], &signed.replaces[..]].concat(),
            Event::Revoked(revoked) => vec![revoked.license_id],
        }
    }

    /// What finds licenses of the same machine.
    pub fn marks(&self) -> Vec<String> {
        match &self.event {
            Event::Signed(signed) => machine::marks(&signed.license),
            Event::Revoked(_) => vec![],
        }
    }
}

/// What the license key says of the ledger after each signature: whoever lacks the key cannot write the entries before
/// it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    pub number: u64,
    pub digest: Sha256Digest,
}

impl Document for Seal {
    const TYPE: &'static str = "application/vnd.wt.ledger-seal.v1+json";
    const NAME: &'static str = "seal of the ledger";
}
