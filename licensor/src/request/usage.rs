use std::path::Path;

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, capped};

use super::is_plain;
use crate::{Error, Result};

const LARGEST_FILE: u64 = 64 * 1024;
const MOST_MODULES: usize = 100;

/// What the product counted of its use, for who sells the next license. Numbers, and nothing about anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    pub users: u32,
    /// The modules that were used.
    pub modules: Vec<String>,
    pub counted_at: Utc,
}

impl Usage {
    /// Reads what the product wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = capped::read(path, "what was used", LARGEST_FILE)?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Usage { path: path.to_owned(), source })
    }

    pub(super) fn is_sound(&self) -> bool {
        self.modules.len() <= MOST_MODULES && self.modules.iter().all(|module| is_plain(module))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_product_wrote_is_read_as_it_is_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.json");
        let good = r#"{"users": 87, "modules": ["messages"], "counted_at": "2026-11-23T08:00:00Z"}"#;
        std::fs::write(&path, good).unwrap();
        assert_eq!(Usage::read(&path).unwrap().users, 87);
        for wrong in ["", "{}", &good.replace("87", "-1"), &good.replace('}', ",\"names\": []}")] {
            std::fs::write(&path, wrong).unwrap();
            assert!(matches!(Usage::read(&path), Err(Error::Usage { .. })), "{wrong}");
        }
    }
}
