//! The trust document: which roots there are, and what they have revoked. It only ever moves forward.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::at_most::at_most;
use crate::envelope::{Document, Envelope, Verified};
use crate::{Certificate, Error, KeyId, PublicKey, Result, Sha256Digest, Utc};

const FIRST_VERSION: u64 = 1;
/// What every JSON reader reads exactly.
const LAST_VERSION: u64 = (1 << 53) - 1;
const MOST_ROOTS: usize = 16;
const MOST_REVOKED: usize = 100_000;
const MOST_KEPT: usize = 1000;

/// Signed by a threshold of the roots that it lists and, from version 2 on, of the roots it follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustDocument {
    pub version: u64,
    pub issued: Utc,
    pub threshold: u32,
    #[serde(deserialize_with = "at_most::<_, _, MOST_ROOTS>")]
    pub roots: Vec<PublicKey>,
    pub revoked_keys: Vec<RevokedKey>,
    pub revoked_licenses: Vec<RevokedLicense>,
    /// Certificates that are good whoever signed them: the SHA-256 of what was signed. Documents of version 1 have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_certificates: Vec<Sha256Digest>,
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
    const ONE_SPELLING: bool = true;
    const LATER_TYPE: Option<&'static str> = Some("application/vnd.wt.trust.v2+json");

    /// Version 2 where it keeps certificates, so that a program that would not look at them refuses it by its type.
    fn payload_type(&self) -> &'static str {
        match Self::LATER_TYPE {
            Some(later) if !self.kept_certificates.is_empty() => later,
            _ => Self::TYPE,
        }
    }
}

impl TrustDocument {
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |why| Err(Error::TrustInvalid(why));
        let unique = self.roots.iter().enumerate().all(|(i, key)| !self.roots[..i].contains(key));
        match () {
            () if self.version == 0 || self.version > LAST_VERSION => invalid("version 0, or above 2^53"),
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
            () if self.kept_certificates.len() > MOST_KEPT
                || !self.kept_certificates.is_sorted_by(|a, b| a < b) =>
            {
                invalid("more than 1000 certificates that are kept, or not in ascending order")
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
        let document: Verified<TrustDocument> = envelope.verify_self_signed(
            None,
            |trust: &TrustDocument| (trust.roots.clone(), trust.threshold),
            |_| true,
        )?;
        document.check()?;
        if document.version == FIRST_VERSION {
            // no roots before it could have signed, too
            envelope.verify_threshold::<TrustDocument>(&document.roots, document.threshold)?;
        }
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

    /// Moves forward along the documents of a chain, which stand oldest first. Those before the first one that the roots in
    /// force vouch for must have led up to it; nothing that they say is used. Returns the version of the last one, too.
    pub fn follow(&self, chain: &[Envelope]) -> Result<(Self, u64)> {
        let first = self.first_known(chain).unwrap_or(0);
        if first > 0 {
            last_of(&chain[..=first])?;
        }
        let (mut trust, mut last) = (self.clone(), 0);
        for envelope in &chain[first..] {
            let next = trust.check(envelope)?;
            last = next.above(last)?;
            trust = trust.newer(next);
        }
        Ok((trust, last))
    }

    /// The first document that is the one in force, or else that its roots vouch for.
    fn first_known(&self, chain: &[Envelope]) -> Option<usize> {
        let in_force = chain.iter().position(|envelope| envelope.holds(&self.document));
        in_force.or_else(|| chain.iter().position(|envelope| self.check(envelope).is_ok()))
    }

    /// Whether the documents, oldest first, led up to one that is older than the one in force. Who stole their roots makes
    /// such documents, too: nothing that they say is used.
    pub(crate) fn is_past(&self, chain: &[Envelope]) -> bool {
        last_of(chain).is_ok_and(|last| last.is_some_and(|last| last < self.document.version))
    }

    /// A document that goes before or after the one in force is signed by a threshold of the roots in force, which is
    /// checked before anything in it is read, and by a threshold of its own. For a copy of the one in force its own are
    /// enough: it says the same, and from version 2 on, whoever signed it that is not of its own roots may be of those
    /// before it, which are not at hand. The same holds for an older one that brought the roots in force.
    fn check(&self, envelope: &Envelope) -> Result<Self> {
        if envelope.holds(&self.document) {
            return Self::pin(envelope.clone());
        }
        let in_force = (&self.document.roots[..], self.document.threshold);
        let document: Verified<TrustDocument> = envelope.verify_self_signed(
            Some(in_force),
            |trust: &TrustDocument| (trust.roots.clone(), trust.threshold),
            |trust| trust.version == FIRST_VERSION || trust.version >= self.document.version,
        )?;
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

    /// Verifies a certificate: the roots signed it, or the document in force keeps it. Who signed one that is kept may be
    /// roots that are at hand no more, and is not asked: what it says is what the roots in force name.
    pub fn certificate(&self, envelope: &Envelope) -> Result<Verified<Certificate>> {
        match envelope.verify_named(&self.document.kept_certificates) {
            Some(kept) => kept,
            None => self.verify(envelope),
        }
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

/// The version of the last document, where each after the first follows the one before it by a threshold of its roots.
fn last_of(chain: &[Envelope]) -> Result<Option<u64>> {
    let Some((first, others)) = chain.split_first() else { return Ok(None) };
    let mut trust = Trust::pin(first.clone())?;
    for envelope in others {
        let next = trust.check(envelope)?;
        next.above(trust.document.version)?;
        trust = next;
    }
    Ok(Some(trust.document.version))
}

#[cfg(test)]
#[cfg(feature = "certify")]
mod tests;
