//! DSSE envelopes (secure-systems-lab/dsse, protocol version 1) in one exact spelling.
//!
//! What is signed is `PAE(type, payload)`, so a document of one type can never pass as another. The envelope itself
//! has one valid spelling: compact JSON, fields in order, standard base64, signatures in ascending order of their key
//! id, each key once. Anything else is refused, so that no bit of a signed file can change unnoticed; but for signatures
//! beside a trust document that may be those of roots of which the reader does not know (FORMAT.md, section 2).

use std::fmt;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::at_most::at_most;
use crate::key::SIGNATURE_BYTES;
use crate::{Error, KeyId, PublicKey, Result, Sha256Digest};

/// Old and new roots together, at most.
const MOST_SIGNATURES: usize = 32;

/// A kind of signed document.
pub trait Document: Serialize + DeserializeOwned {
    /// The media type that is part of what is signed.
    const TYPE: &'static str;
    /// What to call it in messages.
    const NAME: &'static str;
    /// Whether its payload has one spelling: compact JSON, fields in order. Then a reader in another language that
    /// forgives more, or less, than ours cannot read anything else in it: FORMAT.md, section 2.
    const ONE_SPELLING: bool = false;
    /// The type of documents that say what the first one has no words for, where there is one.
    const LATER_TYPE: Option<&'static str> = None;

    /// Which of the two types this one is; it has no other.
    fn payload_type(&self) -> &'static str {
        Self::TYPE
    }

    /// What a signed payload says it needs that this program does not know. Asked before the rest is read, which may be
    /// in words that only a newer program knows.
    fn beyond_us(_payload: &[u8]) -> Option<String> {
        None
    }

    /// Reads a payload. Whether somebody vouches for it is for the caller to know: a signature was verified before, or
    /// it is yet to be made.
    fn from_payload(payload: &[u8]) -> Result<Self> {
        if let Some(need) = Self::beyond_us(payload) {
            return Err(Error::BeyondUs { what: Self::NAME, need });
        }
        let document: Self = serde_json::from_slice(payload)
            .map_err(|error| Error::Payload { what: Self::NAME, source: error.into() })?;
        if Self::ONE_SPELLING && serde_json::to_vec(&document).ok().as_deref() != Some(payload) {
            return Err(Error::PayloadSpelling { what: Self::NAME });
        }
        Ok(document)
    }
}

/// A document whose signature was checked: the only way to its content.
#[derive(Clone)]
pub struct Verified<D> {
    content: D,
    payload: Sha256Digest,
}

impl<D> Verified<D> {
    /// The digest of the exact bytes that were signed.
    pub fn payload_digest(&self) -> Sha256Digest {
        self.payload
    }

    pub fn into_content(self) -> D {
        self.content
    }
}

impl<D> Deref for Verified<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.content
    }
}

impl<D: fmt::Debug> fmt::Debug for Verified<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verified").field(&self.content).finish()
    }
}

/// A signed document whose signature was not checked yet. Its payload cannot be read from outside this module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<(KeyId, [u8; SIGNATURE_BYTES])>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelling {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    #[serde(deserialize_with = "at_most::<_, _, MOST_SIGNATURES>")]
    signatures: Vec<SignatureSpelling>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureSpelling {
    keyid: KeyId,
    sig: String,
}

impl Envelope {
    /// Reads the one valid spelling; `what` names the document in messages.
    pub fn parse(bytes: &[u8], what: &'static str) -> Result<Self> {
        let malformed = || Error::Malformed { what };
        let spelling: Spelling =
            serde_json::from_slice(bytes).map_err(|error| Error::Json { what, source: error.into() })?;
        let payload = BASE64.decode(&spelling.payload).map_err(|_| malformed())?;
        let mut signatures = Vec::new();
        for SignatureSpelling { keyid, sig } in &spelling.signatures {
            let signature =
                BASE64.decode(sig).ok().and_then(|sig| sig.try_into().ok()).ok_or_else(malformed)?;
            signatures.push((*keyid, signature));
        }
        let envelope = Self { payload_type: spelling.payload_type, payload, signatures };
        let ascending = envelope.signatures.is_sorted_by(|a, b| a.0 < b.0);
        if !ascending || envelope.to_bytes() != bytes {
            return Err(malformed());
        }
        Ok(envelope)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let spelling = Spelling {
            payload_type: self.payload_type.clone(),
            payload: BASE64.encode(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|(keyid, sig)| SignatureSpelling { keyid: *keyid, sig: BASE64.encode(sig) })
                .collect(),
        };
        serde_json::to_vec(&spelling).unwrap_or_default() // strings only: cannot fail
    }

    /// Whether it holds exactly what was signed there. Nothing is read, and nothing is proven of who signed this copy.
    pub(crate) fn holds<D: Document>(&self, document: &Verified<D>) -> bool {
        self.check_type::<D>().is_ok() && Sha256Digest::of(&self.payload) == document.payload
    }

    /// Whether exactly what was signed is among `digests`.
    pub(crate) fn is_named(&self, digests: &[Sha256Digest]) -> bool {
        !digests.is_empty() && digests.contains(&self.payload_digest())
    }

    /// The digest of what was signed, whoever signed it.
    pub(crate) fn payload_digest(&self) -> Sha256Digest {
        Sha256Digest::of(&self.payload)
    }

    /// The ids that the envelope names as its signers; hints, not proof.
    pub fn claimed_signers(&self) -> impl Iterator<Item = KeyId> {
        self.signatures.iter().map(|(keyid, _)| *keyid)
    }

    /// Verifies that `signer`, and nobody else, signed a document of type `D`.
    pub fn verify<D: Document>(&self, signer: &PublicKey) -> Result<Verified<D>> {
        self.verify_threshold(std::slice::from_ref(signer), 1)
    }

    /// Verifies that at least `threshold` of `keys`, and nobody else, signed a document of type `D`.
    pub fn verify_threshold<D: Document>(&self, keys: &[PublicKey], threshold: u32) -> Result<Verified<D>> {
        self.check_type::<D>()?;
        self.check_signatures(D::NAME, keys, threshold, Strangers::Refused)?;
        self.content()
    }

    /// Whether `key` signed a document of type `D`, whoever else did.
    #[cfg(all(feature = "certify", feature = "console"))]
    pub(crate) fn is_signed_by<D: Document>(&self, key: &PublicKey) -> bool {
        self.check_type::<D>().is_ok()
            && self.check_signatures(D::NAME, std::slice::from_ref(key), 1, Strangers::Ignored).is_ok()
    }

    /// Verifies a document by its digest, which a document that was verified names; `None` where it is not named. Nobody
    /// vouches for the bytes of its signatures.
    pub(crate) fn verify_named<D: Document>(&self, digests: &[Sha256Digest]) -> Option<Result<Verified<D>>> {
        self.is_named(digests).then(|| self.check_type::<D>().and_then(|()| self.content()))
    }

    /// What is in it, of the type that it says; who vouches for it was asked before, or is asked next.
    fn content<D: Document>(&self) -> Result<Verified<D>> {
        let content = D::from_payload(&self.payload)?;
        if content.payload_type() != self.payload_type {
            let found = self.payload_type.clone();
            return Err(Error::PayloadType { expected: content.payload_type(), found });
        }
        Ok(Verified { content, payload: self.payload_digest() })
    }

    /// Verifies a document that brings the keys it must be signed with: `own` reads them, and their threshold, from it.
    /// With `predecessors`, a threshold of those must have signed too, which is checked before anything is read, and
    /// then nobody else may have signed a document that `follows` them.
    pub(crate) fn verify_self_signed<D: Document>(
        &self,
        predecessors: Option<(&[PublicKey], u32)>,
        own: impl Fn(&D) -> (Vec<PublicKey>, u32),
        follows: impl Fn(&D) -> bool,
    ) -> Result<Verified<D>> {
        self.check_type::<D>()?;
        if let Some((keys, threshold)) = predecessors {
            self.check_signatures(D::NAME, keys, threshold, Strangers::Ignored)?;
        }
        let content: Verified<D> = self.content()?;
        let (mut keys, threshold) = own(&content);
        self.check_signatures(D::NAME, &keys, threshold, Strangers::Ignored)?;
        if let Some((predecessors, _)) = predecessors.filter(|_| follows(&content)) {
            keys.extend_from_slice(predecessors);
            self.check_signatures(D::NAME, &keys, 1, Strangers::Refused)?;
        }
        Ok(content)
    }

    /// Verifies that a document was signed by the key that it names itself, and by nobody else. It proves that the
    /// sender holds that key, and nothing about who the sender is.
    pub fn verify_named_key<D: Document>(&self, named: impl Fn(&D) -> PublicKey) -> Result<Verified<D>> {
        let document = self.verify_self_signed(None, |document| (vec![named(document)], 1), |_| true)?;
        self.verify(&named(&document))
    }

    fn check_type<D: Document>(&self) -> Result<()> {
        let found = &*self.payload_type;
        if found == D::TYPE || Some(found) == D::LATER_TYPE {
            return Ok(());
        }
        Err(Error::PayloadType { expected: D::TYPE, found: self.payload_type.clone() })
    }

    fn check_signatures(
        &self,
        what: &'static str,
        keys: &[PublicKey],
        threshold: u32,
        strangers: Strangers,
    ) -> Result<()> {
        let message = pre_authentication_encoding(&self.payload_type, &self.payload);
        let mut found = 0;
        for (keyid, signature) in &self.signatures {
            match keys.iter().find(|key| key.id() == *keyid) {
                Some(key) if key.verifies(&message, signature) => found += 1,
                Some(_) => return Err(Error::BadSignature { what, key: *keyid }),
                None if strangers == Strangers::Ignored => {}
                None => return Err(untrusted(what, keys, *keyid)),
            }
        }
        if let (0, Some(stranger)) = (found, self.claimed_signers().next()) {
            return Err(untrusted(what, keys, stranger));
        }
        if found == 0 || found < threshold {
            return Err(Error::Threshold { what, threshold: threshold.max(1), found });
        }
        Ok(())
    }
}

fn untrusted(what: &'static str, keys: &[PublicKey], found: KeyId) -> Error {
    let expected = keys.iter().map(|key| key.id().to_string()).collect::<Vec<_>>().join(", ");
    Error::UntrustedKey { what, expected, found }
}

/// What to do with a signature by a key that is not in the list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strangers {
    Refused,
    /// they count for nothing: the keys of an earlier or later trust document
    Ignored,
}

/// DSSE's PAE: `DSSEv1 <length of type> <type> <length of payload> <payload>`.
fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[cfg(feature = "sign")]
impl Envelope {
    /// Serialises the document once and signs those bytes.
    pub fn seal<D: Document>(document: &D, signers: &[&crate::SigningKey]) -> Result<Self> {
        let payload = serde_json::to_vec(document)
            .map_err(|error| Error::Payload { what: D::NAME, source: error.into() })?;
        let payload_type = document.payload_type();
        let message = pre_authentication_encoding(payload_type, &payload);
        let mut signatures = Vec::new();
        for signer in signers {
            signatures.push((signer.public().id(), signer.sign(&message)?));
        }
        signatures.sort_by_key(|(keyid, _)| *keyid);
        signatures.dedup_by_key(|(keyid, _)| *keyid);
        Ok(Self { payload_type: payload_type.to_owned(), payload, signatures })
    }
}

#[cfg(any(feature = "testkit", all(test, feature = "sign")))]
impl Envelope {
    /// Signs bytes that no document would serialise to.
    pub fn seal_for_test(payload_type: &str, payload: &[u8], signers: &[&crate::SigningKey]) -> Self {
        let message = pre_authentication_encoding(payload_type, payload);
        let sign = |signer: &&crate::SigningKey| {
            let signature = signer.sign(&message).unwrap_or_else(|error| panic!("{error}"));
            (signer.public().id(), signature)
        };
        let mut signatures: Vec<_> = signers.iter().map(sign).collect();
        signatures.sort_by_key(|(keyid, _)| *keyid);
        Self { payload_type: payload_type.to_owned(), payload: payload.to_vec(), signatures }
    }
}

#[cfg(test)]
#[cfg(feature = "sign")]
mod tests;
