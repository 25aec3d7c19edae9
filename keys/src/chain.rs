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
        let (trust, last) = pinned.follow(&self.trust)?;
        let certificate: Verified<Certificate> = trust.verify(&self.certificate)?;
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
        (Some(limit), Some(found)) if found > limit => Err(Error::TermTooLong { limit, found }),
        _ => Ok(()),
    }
}

#[cfg(feature = "sign")]
impl Chain {
    /// Signs `document` and puts the signer's certificate and the trust document beside it.
    pub fn seal<D: Certified>(document: &D, signer: &crate::Signer) -> Result<Self> {
        let document = document.clone().under(signer.trust.document());
        check_scope(&signer.certificate, &document)?;
        let chain = Self {
            document: Envelope::seal(&document, &[&signer.key])?,
            certificate: signer.certificate_envelope.clone(),
            trust: vec![signer.trust.envelope().clone()],
        };
        chain.verify::<D>(&signer.trust)?;
        Ok(chain)
    }
}

#[cfg(test)]
#[cfg(feature = "certify")]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::testkit::Vendor;
    use crate::trust::RevokedKey;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        trust_version: Option<u64>,
    }

    impl Document for Note {
        const TYPE: &'static str = "application/vnd.wt.test-note.v1+json";
        const NAME: &'static str = "note";
    }

    impl Certified for Note {
        const ROLE: Role = Role::Bundle;

        fn product(&self) -> &'static str {
            "acme"
        }

        fn issued(&self) -> Utc {
            Utc::START
        }

        fn trust_version(&self) -> Option<u64> {
            self.trust_version
        }

        fn under(self, trust: &TrustDocument) -> Self {
            Self { trust_version: Some(trust.version) }
        }
    }

    const NOTE: Note = Note { trust_version: None };

    /// The vendor at version 1, and at version 2 of its trust, which revokes what was certified under 1.
    fn before_and_after() -> (Vendor, Vendor) {
        let stolen = Vendor::insecure(1).signer(3, Role::Bundle, |_| {}).public().id();
        let after = Vendor::insecure(1).trusting(|trust| {
            trust.version = 2;
            trust.revoked_keys = vec![RevokedKey { key: stolen, reason: "stolen".into() }];
        });
        (Vendor::insecure(1), after)
    }

    #[test]
    fn an_older_trust_document_in_place_of_the_signers_own_is_refused() {
        let (before, after) = before_and_after();
        let sealed = Chain::seal(&NOTE, &after.signer(2, Role::Bundle, |_| {})).unwrap();
        assert_eq!(sealed.verify::<Note>(&before.trust).unwrap().document.trust_version, Some(2));
        let exchanged = Chain { trust: vec![before.trust.envelope().clone()], ..sealed.clone() };
        for site in [&before.trust, &after.trust] {
            let refused = exchanged.verify::<Note>(site);
            assert!(matches!(refused, Err(Error::TrustOlder { expected: 2, found: 1 })));
        }
        let third = Vendor::insecure(1).trusting(|trust| trust.version = 3);
        let newer = Chain { trust: vec![third.trust.envelope().clone()], ..sealed };
        assert!(newer.verify::<Note>(&before.trust).is_ok());
    }

    #[test]
    fn what_was_revoked_is_revoked_for_whoever_gets_the_document() {
        let (before, after) = before_and_after();
        let mut signer = before.signer(3, Role::Bundle, |_| {});
        assert!(Chain::seal(&NOTE, &signer).unwrap().verify::<Note>(&before.trust).is_ok());
        signer.trust = after.trust;
        assert!(matches!(Chain::seal(&NOTE, &signer), Err(Error::KeyRevoked { .. })));
    }

    #[test]
    fn a_root_that_was_certified_is_called_that() {
        let vendor = Vendor::insecure(1);
        let mut signer = vendor.signer(2, Role::Bundle, |_| {});
        signer.certificate.key = vendor.root.public();
        signer.certificate_envelope = Envelope::seal(&signer.certificate, &[&vendor.root]).unwrap();
        signer.key = crate::testkit::insecure_key(1);
        let refused = Chain::seal(&NOTE, &signer);
        assert!(matches!(refused, Err(Error::RootCertified { key }) if key == vendor.root.public().id()));
    }

    #[test]
    fn a_head_of_line_feeds_and_one_of_too_many_documents_are_refused() {
        let vendor = Vendor::insecure(1);
        let good = Chain::seal(&NOTE, &vendor.signer(2, Role::Bundle, |_| {})).unwrap();
        let bytes = good.to_bytes();
        assert!(Chain::parse(&bytes, "the head").is_ok());
        let document = [good.trust[0].to_bytes(), b"\n".to_vec()].concat();
        let with = |more: usize| Chain::parse(&[bytes.clone(), document.repeat(more)].concat(), "the head");
        assert!(with(MOST_TRUST_DOCUMENTS - 1).is_ok());
        for wrong in [with(MOST_TRUST_DOCUMENTS), Chain::parse(&vec![b'\n'; 16 << 20], "the head")] {
            assert!(matches!(wrong, Err(Error::Malformed { .. })));
        }
    }

    #[test]
    fn what_a_stranger_wrote_is_shown_short() {
        let field = "x".repeat(1 << 20);
        let refused = Envelope::parse(format!("{{\"{field}\":1}}").as_bytes(), "the head").unwrap_err();
        let shown = crate::console::Failure::from(refused).to_string();
        assert!(shown.contains("unknown field `xxxx") && shown.len() < 500, "{} bytes", shown.len());
    }
}
