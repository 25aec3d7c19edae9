//! The trust document: which roots there are, and what they have revoked. It only ever moves forward.

use std::cmp::Ordering;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::envelope::{Document, Envelope, Verified};
use crate::{Error, KeyId, PublicKey, Result, Utc};

const MOST_ROOTS: usize = 16;
const MOST_REVOKED: usize = 100_000;

/// Signed by a threshold of the roots that it lists and, from version 2 on, of the roots it follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustDocument {
    pub version: u64,
    pub issued: Utc,
    pub threshold: u32,
    pub roots: Vec<PublicKey>,
    pub revoked_keys: Vec<RevokedKey>,
    pub revoked_licenses: Vec<RevokedLicense>,
    pub lowest_releases: Vec<LowestRelease>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedKey {
    pub key: KeyId,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedLicense {
    pub license: String,
    pub reason: String,
}

/// Releases of `product` below `version` are not to be installed any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowestRelease {
    pub product: String,
    pub version: Version,
}

impl Document for TrustDocument {
    const TYPE: &'static str = "application/vnd.wt.trust.v1+json";
    const NAME: &'static str = "trust document";
}

impl TrustDocument {
    fn check(&self) -> Result<()> {
        let invalid = |why| Err(Error::TrustInvalid(why));
        let unique = self.roots.iter().enumerate().all(|(i, key)| !self.roots[..i].contains(key));
        match () {
            () if self.version == 0 => invalid("version 0"),
            () if self.roots.is_empty() || self.roots.len() > MOST_ROOTS => {
                invalid("no roots, or more than 16")
            }
            () if !unique => invalid("the same root twice"),
            () if self.threshold == 0 || self.threshold as usize > self.roots.len() => {
                invalid("a threshold that its roots cannot reach")
            }
            () if self.revoked_keys.len() > MOST_REVOKED || self.revoked_licenses.len() > MOST_REVOKED => {
                invalid("more than 100000 revocations")
            }
            () => Ok(()),
        }
    }
}

/// A trust document that is in force.
#[derive(Clone, Debug)]
pub struct Trust {
    document: Verified<TrustDocument>,
    envelope: Envelope,
}

impl Trust {
    /// Pins a trust document that the caller holds to be genuine: built in, pinned on site, or named by the operator.
    pub fn pin(envelope: Envelope) -> Result<Self> {
        let document: Verified<TrustDocument> = envelope
            .verify_self_signed(None, |trust: &TrustDocument| (trust.roots.clone(), trust.threshold))?;
        document.check()?;
        Ok(Self { document, envelope })
    }

    /// Reads and pins a trust file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Self::pin(Envelope::parse(line, TrustDocument::NAME)?)
    }

    /// Moves to a newer document; an older one changes nothing. Either must be signed by a threshold of the roots in
    /// force, which is checked before anything in it is read, and by a threshold of its own.
    pub fn advance(self, envelope: &Envelope) -> Result<Self> {
        if *envelope == self.envelope {
            return Ok(self);
        }
        let in_force = (&self.document.roots[..], self.document.threshold);
        let document: Verified<TrustDocument> = envelope
            .verify_self_signed(Some(in_force), |trust: &TrustDocument| {
                (trust.roots.clone(), trust.threshold)
            })?;
        document.check()?;
        match document.version.cmp(&self.document.version) {
            Ordering::Less => Ok(self),
            Ordering::Equal => Err(Error::TrustFork { version: self.document.version }),
            Ordering::Greater => Ok(Self { document, envelope: envelope.clone() }),
        }
    }

    /// Verifies a document that the roots sign themselves.
    pub fn verify<D: Document>(&self, envelope: &Envelope) -> Result<Verified<D>> {
        envelope.verify_threshold(&self.document.roots, self.document.threshold)
    }

    pub fn document(&self) -> &TrustDocument {
        &self.document
    }

    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// As it is kept in a file: the envelope and a line feed.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.envelope.to_bytes()[..], b"\n"].concat()
    }

    /// Refuses a release that was withdrawn.
    pub fn check_release(&self, product: &str, version: &Version) -> Result<()> {
        let floors = self.document.lowest_releases.iter().filter(|lowest| lowest.product == product);
        match floors.map(|lowest| &lowest.version).max() {
            Some(lowest) if version < lowest => Err(Error::Withdrawn {
                product: product.to_owned(),
                expected: lowest.clone(),
                found: version.clone(),
            }),
            _ => Ok(()),
        }
    }

    pub fn check_not_revoked(&self, key: KeyId) -> Result<()> {
        match self.document.revoked_keys.iter().find(|revoked| revoked.key == key) {
            Some(revoked) => Err(Error::KeyRevoked { key, reason: revoked.reason.clone() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "certify")]
mod tests {
    use super::*;
    use crate::SigningKey;

    fn key(n: u8) -> SigningKey {
        SigningKey::from_seed(&[n; 32])
    }

    fn document(version: u64, threshold: u32, roots: &[u8]) -> TrustDocument {
        TrustDocument {
            version,
            issued: "2026-11-23T08:00:00Z".parse().unwrap(),
            threshold,
            roots: roots.iter().map(|n| key(*n).public()).collect(),
            revoked_keys: vec![],
            revoked_licenses: vec![],
            lowest_releases: vec![],
        }
    }

    fn signed(document: &TrustDocument, by: &[u8]) -> Envelope {
        let keys: Vec<SigningKey> = by.iter().map(|n| key(*n)).collect();
        Envelope::seal(document, &keys.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_document_without_its_own_threshold_is_not_pinned() {
        assert!(Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1, 2])).is_ok());
        assert!(matches!(
            Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1])),
            Err(Error::Threshold { threshold: 2, found: 1, .. })
        ));
        assert!(Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1, 9])).is_err());
    }

    #[test]
    fn senseless_documents_are_refused() {
        for (version, threshold, roots) in [(0, 1, &[1][..]), (1, 0, &[1]), (1, 2, &[1]), (1, 1, &[1, 1])] {
            assert!(Trust::pin(signed(&document(version, threshold, roots), roots)).is_err());
        }
    }

    #[test]
    fn roots_change_only_when_the_old_and_the_new_threshold_have_signed() {
        let first = || Trust::pin(signed(&document(1, 2, &[1, 2, 3]), &[1, 2])).unwrap();
        let next = document(2, 2, &[3, 4, 5]);
        for (by, accepted) in [
            (&[1, 2, 4, 5][..], true),
            (&[2, 3, 4], true),
            (&[1, 2], false),
            (&[4, 5], false),
            (&[1, 4, 5], false),
            (&[1, 2, 4], false),
            (&[1, 2, 4, 5, 9], false),
        ] {
            assert_eq!(first().advance(&signed(&next, by)).is_ok(), accepted, "{by:?}");
        }
    }

    #[test]
    fn a_document_of_strangers_is_not_even_read() {
        let pinned = Trust::pin(signed(&document(1, 1, &[1]), &[1])).unwrap();
        let nonsense = Envelope::seal_for_test(TrustDocument::TYPE, b"{ not JSON", &[&key(9)]);
        assert!(matches!(pinned.advance(&nonsense), Err(Error::UntrustedKey { .. })));
    }

    #[test]
    fn a_withdrawn_release_is_refused() {
        let mut trust = document(1, 1, &[1]);
        trust.lowest_releases =
            vec![LowestRelease { product: "acme".into(), version: "2.0.0".parse().unwrap() }];
        let trust = Trust::pin(signed(&trust, &[1])).unwrap();
        assert!(trust.check_release("acme", &"2.0.0".parse().unwrap()).is_ok());
        assert!(trust.check_release("other", &"1.0.0".parse().unwrap()).is_ok());
        let refused = trust.check_release("acme", &"1.9.9".parse().unwrap());
        assert!(matches!(refused, Err(Error::Withdrawn { .. })));
    }

    #[test]
    fn trust_never_goes_back_and_never_forks() {
        let old = signed(&document(1, 1, &[1]), &[1]);
        let new = signed(&document(5, 1, &[1]), &[1]);
        let trust = Trust::pin(old.clone()).unwrap().advance(&new).unwrap();
        assert_eq!(trust.document().version, 5);
        let trust = trust.advance(&old).unwrap();
        assert_eq!(trust.document().version, 5);
        let mut other = document(5, 1, &[1]);
        other.issued = other.issued.plus_days(1);
        assert!(matches!(trust.advance(&signed(&other, &[1])), Err(Error::TrustFork { version: 5 })));
    }
}
