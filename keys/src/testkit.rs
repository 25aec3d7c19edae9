//! For tests: a vendor whose keys anybody can compute.

use crate::certificate::ANY_PRODUCT;
use crate::issue::{issue_certificate, issue_trust};
use crate::{Certificate, PublicKey, Role, Signer, SigningKey, Trust, TrustDocument, Utc};

/// A root, and the trust document that it signed.
#[derive(Debug)]
pub struct Vendor {
    pub root: SigningKey,
    pub trust: Trust,
}

pub fn insecure_key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// For published vectors: whether a signature verifies as all of ours do.
pub fn verifies(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    PublicKey::from_bytes(key).is_ok_and(|key| key.verifies(message, signature))
}

impl Vendor {
    /// With version 1 of a trust document that revokes nothing.
    pub fn insecure(seed: u8) -> Self {
        let root = insecure_key(seed);
        let document = TrustDocument {
            version: 1,
            issued: Utc::START,
            threshold: 1,
            roots: vec![root.public()],
            revoked_keys: vec![],
            revoked_licenses: vec![],
            kept_certificates: vec![],
            lowest_releases: vec![],
        };
        let trust = sign(&document, &root);
        Self { root, trust }
    }

    /// With another trust document of the same root.
    #[must_use]
    pub fn trusting(self, change: impl FnOnce(&mut TrustDocument)) -> Self {
        let mut document = self.trust.document().clone();
        change(&mut document);
        let trust = sign(&document, &self.root);
        Self { trust, ..self }
    }

    /// A key that is certified for every product, from when the trust document was issued; `change` has the last word.
    pub fn signer(&self, seed: u8, role: Role, change: impl FnOnce(&mut Certificate)) -> Signer {
        let key = insecure_key(seed);
        let issued = self.trust.document().issued;
        let mut certificate = Certificate {
            key: key.public(),
            role,
            product: ANY_PRODUCT.into(),
            not_before: issued,
            not_after: issued.plus_days(365),
            longest_term_days: (role == Role::License).then_some(366),
            most_seats: None,
        };
        change(&mut certificate);
        let certificate_envelope =
            issue_certificate(&certificate, std::slice::from_ref(&self.root), &self.trust)
                .unwrap_or_else(|error| panic!("{error}"));
        let trust = self.trust.clone();
        Signer { key, certificate, certificate_envelope, trust, earlier: vec![], warnings: vec![] }
    }
}

fn sign(document: &TrustDocument, root: &SigningKey) -> Trust {
    issue_trust(document, std::slice::from_ref(root)).unwrap_or_else(|error| panic!("{error}"))
}
