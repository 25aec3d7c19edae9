//! What a minimal host of a target has: what its archive calls essential or required, apt, and what those need.

use std::fmt::Write as _;

use super::apt::Apt;
use super::index::Index;
use crate::Result;

/// A dpkg status file that says so, from which apt resolves what is missing.
pub fn status(apt: &Apt, index: &Index) -> Result<String> {
    let mut status = String::new();
    for name in apt.simulate(&index.base())? {
        if let Some(stanza) = index.candidate(&name) {
            let _ = writeln!(status, "{}Status: install ok installed\n", stanza.text);
        }
    }
    Ok(status)
}
