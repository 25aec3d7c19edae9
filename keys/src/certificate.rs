//! Certificates: the roots say which key may sign what, for which product, and how long.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::envelope::Document;
use crate::{PublicKey, Utc};

/// What a key may sign. A key has one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "console", derive(clap::ValueEnum))]
pub enum Role {
    Bundle,
    License,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bundle => "bundle",
            Self::License => "license",
        })
    }
}

/// The product name in a certificate that is good for all products of its roots.
pub const ANY_PRODUCT: &str = "*";

/// Signed by a threshold of the roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub key: PublicKey,
    pub role: Role,
    /// The one product it is good for, or [`ANY_PRODUCT`].
    pub product: String,
    pub not_before: Utc,
    pub not_after: Utc,
    /// The longest license that this key may sign, in days; `None` for bundle keys.
    pub longest_term_days: Option<u32>,
    /// The most seats that a license of this key may have; `None`: as many as it says. Certificates of version 1 do not
    /// have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_seats: Option<u32>,
}

impl Document for Certificate {
    const TYPE: &'static str = "application/vnd.wt.certificate.v1+json";
    const NAME: &'static str = "certificate";
    const ONE_SPELLING: bool = true;
    const LATER_TYPE: Option<&'static str> = Some("application/vnd.wt.certificate.v2+json");

    /// Version 2 where it limits seats, so that a program that would not look at the limit refuses it by its type.
    fn payload_type(&self) -> &'static str {
        match (self.most_seats, Self::LATER_TYPE) {
            (Some(_), Some(later)) => later,
            _ => Self::TYPE,
        }
    }
}
