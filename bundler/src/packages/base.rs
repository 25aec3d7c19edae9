//! What a minimal host of a target has: what its archive calls essential or required, apt, and what those need, each in
//! the oldest version of the suites. A newer one that something needs is then resolved like any other package.

use std::fmt::Write as _;

use super::apt::Apt;
use super::index::Index;
use crate::Result;

/// A dpkg status file that says so, from which apt resolves what is missing.
pub fn status(apt: &Apt, index: &Index) -> Result<String> {
    let mut status = String::new();
    for name in apt.simulate(&index.base(), &oldest_first(index))? {
        if let Some(stanza) = index.oldest(&name) {
            let _ = writeln!(status, "{}Status: install ok installed\n", stanza.text);
        }
    }
    Ok(status)
}

/// Preferences (apt's) for the oldest version of each package.
fn oldest_first(index: &Index) -> String {
    let mut preferences = String::new();
    for stanza in index.ambiguous().filter_map(|name| index.oldest(name)) {
        let _ = writeln!(
            preferences,
            "Package: {}\nPin: version {}\nPin-Priority: 999\n",
            stanza.package, stanza.version
        );
    }
    preferences
}
