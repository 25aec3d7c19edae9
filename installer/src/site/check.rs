//! `[check]`: what the check every minute calls bad, and whom it tells.

use serde::{Deserialize, Deserializer};
use wt_manifests::byte_size::ByteSize;

use super::{Line, MailAddress, Secret};

/// All of it may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CheckSettings {
    /// Percent of a file system, or of its inodes, that may be used before it is worth a warning.
    #[serde(deserialize_with = "percent")]
    pub disk_warn: u8,
    /// The same, before it is bad.
    #[serde(deserialize_with = "percent")]
    pub disk_bad: u8,
    /// What must be free of a file system, however large it is.
    pub disk_free: ByteSize,
    /// Who gets mail; left out: the administrator.
    pub mail_to: Vec<MailAddress>,
    /// Who logs in for the user journey; left out: the administrator.
    pub account: Option<Account>,
}

/// An account of the product that is there for the check alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub username: Line,
    pub password: Secret,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self {
            disk_warn: 85,
            disk_bad: 95,
            disk_free: ByteSize(512 << 20),
            mail_to: Vec::new(),
            account: None,
        }
    }
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u8::deserialize(deserializer)? {
        found @ 1..=100 => Ok(found),
        found => Err(serde::de::Error::custom(format!("`{found}` is not a percentage of 1 to 100"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_as_usual() {
        let settings: CheckSettings = toml::from_str("disk-bad = 97").unwrap();
        assert_eq!((settings.disk_warn, settings.disk_bad, settings.disk_free.0), (85, 97, 512 << 20));
        for wrong in ["disk-bad = 0", "disk-bad = 101", "disk = 1"] {
            assert!(toml::from_str::<CheckSettings>(wrong).is_err(), "{wrong}");
        }
    }
}
