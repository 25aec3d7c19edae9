//! The trust document: which roots there are, and what they have revoked. It only ever moves forward.

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

    /// Moves to a newer document; an older one, and another copy of the one in force, change nothing.
    pub fn advance(self, envelope: &Envelope) -> Result<Self> {
        let next = self.check(envelope)?;
        Ok(self.newer(next))
    }

    /// Moves forward along the documents of a chain, which stand oldest first. Those before the one in force must have
    /// led up to it; nothing that they say is used. Returns the version of the last one, too.
    pub fn follow(&self, chain: &[Envelope]) -> Result<(Self, u64)> {
        let in_force = chain.iter().position(|envelope| envelope.holds(&self.document)).unwrap_or(0);
        check_predecessors(&chain[..chain.len().min(in_force + 1)])?;
        let (mut trust, mut last) = (self.clone(), 0);
        for envelope in &chain[in_force..] {
            let next = trust.check(envelope)?;
            last = next.above(last)?;
            trust = trust.newer(next);
        }
        Ok((trust, last))
    }

    /// A document that goes before or after the one in force is signed by a threshold of the roots in force, which is
    /// checked before anything in it is read, and by a threshold of its own. For a copy of the one in force its own are
    /// enough: it says the same, whoever else signed it.
    fn check(&self, envelope: &Envelope) -> Result<Self> {
        if envelope.holds(&self.document) {
            return Self::pin(envelope.clone());
        }
        let in_force = (&self.document.roots[..], self.document.threshold);
        let document: Verified<TrustDocument> = envelope
            .verify_self_signed(Some(in_force), |trust: &TrustDocument| {
                (trust.roots.clone(), trust.threshold)
            })?;
        document.check()?;
        if document.version == self.document.version {
            return Err(Error::TrustFork { version: document.version });
        }
        Ok(Self { document, envelope: envelope.clone() })
    }

    fn newer(self, other: Self) -> Self {
        if other.document.version > self.document.version { other } else { self }
    }

    /// Its version, which must be above that of the document before it.
    fn above(&self, before: u64) -> Result<u64> {
        let found = self.document.version;
        if found > before { Ok(found) } else { Err(Error::TrustOrder { before, found }) }
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
        crate::signed_file::to_file(&self.envelope)
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

    /// Refuses a root key that signs documents.
    pub fn check_no_root(&self, key: &PublicKey) -> Result<()> {
        if self.document.roots.contains(key) { Err(Error::RootCertified { key: key.id() }) } else { Ok(()) }
    }

    pub fn check_not_revoked(&self, key: KeyId) -> Result<()> {
        match self.document.revoked_keys.iter().find(|revoked| revoked.key == key) {
            Some(revoked) => Err(Error::KeyRevoked { key, reason: revoked.reason.clone() }),
            None => Ok(()),
        }
    }
}

/// Each document after the first follows the one before it, by a threshold of its roots.
fn check_predecessors(chain: &[Envelope]) -> Result<()> {
    let Some((first, others)) = chain.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Ok(());
    };
    let mut trust = Trust::pin(first.clone())?;
    for envelope in others {
        let next = trust.check(envelope)?;
        next.above(trust.document.version)?;
        trust = next;
    }
    Ok(())
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

    /// v1 of root 1, and v2 of root 2, which both roots signed.
    fn rotated() -> (Envelope, Envelope) {
        (signed(&document(1, 1, &[1]), &[1]), signed(&document(2, 1, &[2]), &[1, 2]))
    }

    #[test]
    fn a_copy_with_fewer_signatures_is_the_same_document() {
        let (first, second) = rotated();
        let stripped = signed(&document(2, 1, &[2]), &[2]);
        let site = Trust::pin(stripped.clone()).unwrap();
        assert_eq!(site.clone().advance(&second).unwrap().document().version, 2);
        let whole = Trust::pin(second.clone()).unwrap();
        assert_eq!(whole.advance(&stripped).unwrap().document().version, 2);
        // with it a rotation still stands on both roots
        assert!(Trust::pin(first.clone()).unwrap().advance(&stripped).is_err());
        assert_eq!(site.follow(&[first, second]).unwrap().0.document().version, 2);
    }

    #[test]
    fn a_copy_that_its_own_roots_did_not_sign_is_not_the_same_document() {
        let site = Trust::pin(signed(&document(2, 2, &[1, 2, 3]), &[1, 2])).unwrap();
        for by in [&[1][..], &[9], &[1, 9]] {
            assert!(site.clone().advance(&signed(&document(2, 2, &[1, 2, 3]), by)).is_err(), "{by:?}");
        }
        assert!(site.advance(&signed(&document(2, 2, &[1, 2, 3]), &[2, 3])).is_ok());
    }

    #[test]
    fn what_stands_before_the_pinned_document_led_up_to_it() {
        let (first, second) = rotated();
        let third = signed(&document(3, 1, &[3]), &[2, 3]);
        let site = Trust::pin(third.clone()).unwrap();
        assert!(site.follow(&[first.clone(), second.clone(), third.clone()]).is_ok());
        let junk = signed(&document(1, 1, &[9]), &[9]);
        let nonsense = Envelope::seal_for_test(TrustDocument::TYPE, b"{ not JSON", &[&key(9)]);
        for wrong in [
            &[junk, third.clone()][..],
            &[nonsense, third.clone()],
            &[first.clone(), third.clone()],
            &[second.clone(), first.clone(), third.clone()],
            &[second.clone(), second.clone(), third.clone()],
            &[first, second.clone(), third.clone(), third.clone()],
            &[third.clone(), second, third],
        ] {
            assert!(site.follow(wrong).is_err());
        }
    }

    #[test]
    fn documents_stand_oldest_first() {
        let [one, two, three] = [1, 2, 3].map(|version| signed(&document(version, 1, &[1]), &[1]));
        let site = Trust::pin(one.clone()).unwrap();
        assert!(site.follow(&[two.clone(), three.clone()]).is_ok());
        assert!(matches!(site.follow(&[three.clone(), two.clone()]), Err(Error::TrustOrder { .. })));
        // a site that is ahead of all of them
        let ahead = Trust::pin(signed(&document(7, 1, &[1]), &[1])).unwrap();
        assert_eq!(ahead.follow(&[one, two]).unwrap().1, 2);
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
