//! A signed document together with what proves it: the signer's certificate and the trust documents.
//!
//! It is what the head of a bundle and a license file hold: one DSSE envelope a line, each line ended by a line feed.
//! Line 1 is the document, line 2 the certificate of its signer, every further line a trust document, oldest first.

use crate::certificate::ANY_PRODUCT;
use crate::envelope::{Document, Envelope, Verified};
use crate::{Certificate, Error, Result, Role, Trust, TrustDocument, Utc};

/// How many root rotations can be jumped in one run.
const MOST_TRUST_DOCUMENTS: usize = 16;
const MOST_LINES: usize = 2 + MOST_TRUST_DOCUMENTS;

/// A document that a certified key signs.
pub trait Certified: Document + Clone {
    const ROLE: Role;

    fn product(&self) -> &str;

    /// When it was signed, by the signer's clock; it must lie within the certificate's validity.
    fn issued(&self) -> Utc;

    /// For how many days it is good, where the certificate limits that.
    fn term_days(&self) -> Option<u32> {
        None
    }

    /// How many seats it gives, where the certificate limits that.
    fn seats(&self) -> Option<u32> {
        None
    }

    /// The version of the trust document that the signer had, where the document says it: what it is carried with must
    /// not be older, or somebody took out what was revoked since.
    fn trust_version(&self) -> Option<u64> {
        None
    }

    /// The same document, saying that it is signed under `trust`, where it can.
    #[must_use]
    fn under(self, _trust: &TrustDocument) -> Self {
        self
    }
}

/// Read, but not verified.
#[derive(Clone, Debug)]
pub struct Chain {
    pub document: Envelope,
    pub certificate: Envelope,
    pub trust: Vec<Envelope>,
}

/// A document that was verified up to the roots.
#[derive(Clone, Debug)]
pub struct Trusted<D> {
    pub document: Verified<D>,
    pub certificate: Verified<Certificate>,
    /// The trust that is in force now: what was pinned, or newer if the chain brought newer.
    pub trust: Trust,
}

impl Chain {
    /// Splits `bytes` into its envelopes; `what` names the file in messages.
    pub fn parse(bytes: &[u8], what: &'static str) -> Result<Self> {
        let text = bytes.strip_suffix(b"\n").ok_or(Error::Malformed { what })?;
        let lines: Vec<&[u8]> = text.splitn(MOST_LINES + 1, |byte| *byte == b'\n').collect();
        let [document, certificate, trust @ ..] = lines.as_slice() else {
            return Err(Error::Malformed { what });
        };
        if trust.is_empty() || trust.len() > MOST_TRUST_DOCUMENTS {
            return Err(Error::Malformed { what });
        }
        Ok(Self {
            document: Envelope::parse(document, what)?,
            certificate: Envelope::parse(certificate, Certificate::NAME)?,
            trust: trust
                .iter()
                .map(|line| Envelope::parse(line, TrustDocument::NAME))
                .collect::<Result<_>>()?,
        })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for envelope in [&self.document, &self.certificate].into_iter().chain(&self.trust) {
            bytes.extend_from_slice(&envelope.to_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    /// Verifies everything: trust documents forward from `pinned`, the certificate by the roots, the document by the
    /// certified key, and that the key was allowed to sign this document at that time.
    pub fn verify<D: Certified>(&self, pinned: &Trust) -> Result<Trusted<D>> {
        let (trust, last) = self.forward(pinned)?;
        let certificate = trust.certificate(&self.certificate)?;
        trust.check_not_revoked(certificate.key.id())?;
        trust.check_no_root(&certificate.key)?;
        let document: Verified<D> = self.document.verify(&certificate.key)?;
        check_scope(&certificate, &*document)?;
        match document.trust_version() {
            Some(expected) if last < expected => return Err(Error::TrustOlder { expected, found: last }),
            _ => {}
        }
        Ok(Trusted { document, certificate, trust })
    }

    /// The trust that is in force, and the version of the last document that counts. Documents that the roots in force do not
    /// lead on from, and that end before the one that is pinned, are from before a rotation: it has all that they said, and
    /// whether the certificate is good is for its roots alone to say.
    fn forward(&self, pinned: &Trust) -> Result<(Trust, u64)> {
        match pinned.follow(&self.trust) {
            Err(_) if pinned.is_past(&self.trust) => Ok((pinned.clone(), pinned.document().version)),
            followed => followed,
        }
    }
}

/// Checks that a certificate allows a document; a signer asks this before it signs.
pub fn check_scope<D: Certified>(certificate: &Certificate, document: &D) -> Result<()> {
    if certificate.role != D::ROLE {
        return Err(Error::Role { expected: D::ROLE, found: certificate.role });
    }
    if certificate.product != ANY_PRODUCT && certificate.product != document.product() {
        return Err(Error::Product {
            expected: certificate.product.clone(),
            found: document.product().to_owned(),
        });
    }
    let issued = document.issued();
    if issued < certificate.not_before || issued > certificate.not_after {
        return Err(Error::Validity {
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            issued,
        });
    }
    match (certificate.longest_term_days, document.term_days()) {
        (Some(limit), Some(found)) if found > limit => return Err(Error::TermTooLong { limit, found }),
        _ => {}
    }
    match (certificate.most_seats, document.seats()) {
        (Some(limit), Some(found)) if found > limit => Err(Error::TooManySeats { limit, found }),
        _ => Ok(()),
    }
}

#[cfg(feature = "sign")]
impl Chain {
    /// Signs `document` and puts the signer's certificate and the trust documents beside it.
    pub fn seal<D: Certified>(document: &D, signer: &crate::Signer) -> Result<Self> {
        let document = document.clone().under(signer.trust.document());
        check_scope(&signer.certificate, &document)?;
        let chain = Self {
            document: Envelope::seal(&document, &[&signer.key])?,
            certificate: signer.certificate_envelope.clone(),
            trust: [&signer.earlier[..], &[signer.trust.envelope().clone()]].concat(),
        };
        chain.verify::<D>(&signer.trust)?;
        Ok(chain)
    }
}

#[cfg(test)]
#[cfg(feature = "certify")]
mod tests;
