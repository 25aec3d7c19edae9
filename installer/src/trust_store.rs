//! Which roots a site trusts: pinned at the first install, moved forward by bundles, never back.

use std::io::ErrorKind;
use std::path::Path;

use wt_keys::{Trust, durable, signed_file};

use crate::{Error, Places, Result};

/// The trust document that this program was built with (`WT_ROOTS` at build time); empty where there was none.
const BUILT_IN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/trust.json"));

/// What is pinned on this host; else what the operator names; else what is built in. A trust file that was named, or is
/// built in, moves the pinned one forward where it is its successor.
pub fn load(places: &Places, named: Option<&Path>) -> Result<Trust> {
    let offered = match named {
        Some(path) => Some(signed_file::read_trust(path)?),
        None if BUILT_IN.is_empty() => None,
        None => Some(Trust::parse(BUILT_IN)?),
    };
    let pinned = places.pinned_trust();
    match pinned.try_exists() {
        Ok(true) => {}
        Ok(false) => return offered.ok_or(Error::NoTrust),
        // what is pinned may have revoked what is offered
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(Error::NotRoot),
        Err(error) => return Err(Error::io("look for", &pinned)(error)),
    }
    forward(signed_file::read_trust(&pinned)?, offered, named.is_some())
}

/// A program that is older than what a bundle brought has roots that may say nothing any more: what is pinned stands.
fn forward(pinned: Trust, offered: Option<Trust>, is_named: bool) -> Result<Trust> {
    match offered {
        Some(offered) if !is_named && offered.document().version < pinned.document().version => Ok(pinned),
        Some(offered) => Ok(pinned.advance(offered.envelope())?),
        None => Ok(pinned),
    }
}

/// Tells whether `trust` is what is pinned.
pub fn is_pinned(places: &Places, trust: &Trust) -> bool {
    std::fs::read(places.pinned_trust()).is_ok_and(|found| found == trust.to_bytes())
}

pub fn pin(places: &Places, trust: &Trust) -> Result<()> {
    durable::write_if_changed(&places.pinned_trust(), &trust.to_bytes(), 0o644)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use wt_keys::issue::issue_trust;
    use wt_keys::testkit::{Vendor, insecure_key};

    use super::*;

    #[test]
    fn a_program_from_before_a_rotation_takes_nothing_back() {
        let first = Vendor::insecure(1);
        let mut document = first.trust.document().clone();
        (document.version, document.roots) = (2, vec![insecure_key(2).public()]);
        let second = issue_trust(&document, &[first.root, insecure_key(2)]).unwrap();
        let version = |trust: Result<Trust>| trust.map(|trust| trust.document().version);
        let after =
            |offered: &Trust, is_named| version(forward(second.clone(), Some(offered.clone()), is_named));
        assert_eq!(after(&first.trust, false).unwrap(), 2);
        assert!(after(&first.trust, true).is_err(), "who names it is told");
        assert!(after(&Vendor::insecure(9).trust.clone(), true).is_err());
        assert_eq!(version(forward(first.trust.clone(), Some(second.clone()), false)).unwrap(), 2);
        assert_eq!(version(forward(second.clone(), None, false)).unwrap(), 2);
    }
}
