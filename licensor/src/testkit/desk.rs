use wt_keys::issue::{issue_certificate, issue_trust};
use wt_keys::{Certificate, PublicKey, Role, Signer, SigningKey, Trust, TrustDocument};

use super::{Machine, PRODUCT, install_key, now, request};
use crate::issue::{Plan, Weak, draft, issue_license};
use crate::{Id, License};

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn trust_document(version: u64) -> TrustDocument {
    TrustDocument {
        version,
        issued: "2026-11-01T08:00:00Z".parse().unwrap(),
        threshold: 1,
        roots: vec![key(1).public()],
        revoked_keys: vec![],
        revoked_licenses: vec![],
        lowest_releases: vec![],
    }
}

/// A vendor: one root, one license key.
pub struct Desk {
    pub signer: Signer,
}

impl Desk {
    pub fn new() -> Self {
        Self::with_certificate(|_| {})
    }

    pub fn with_certificate(change: impl FnOnce(&mut Certificate)) -> Self {
        let trust = Self::trust(|_| {});
        let mut certificate = Certificate {
            key: key(2).public(),
            role: Role::License,
            product: PRODUCT.into(),
            not_before: "2026-11-01T08:00:00Z".parse().unwrap(),
            not_after: "2031-11-01T08:00:00Z".parse().unwrap(),
            longest_term_days: Some(366),
        };
        change(&mut certificate);
        let certificate_envelope = issue_certificate(&certificate, &[key(1)], &trust).unwrap();
        Self { signer: Signer { key: key(2), certificate, certificate_envelope, trust } }
    }

    /// The desk's trust document, or a later one.
    pub fn trust(change: impl FnOnce(&mut TrustDocument)) -> Trust {
        let mut document = trust_document(1);
        change(&mut document);
        issue_trust(&document, &[key(1)]).unwrap()
    }

    pub fn public(&self) -> PublicKey {
        self.signer.public()
    }

    pub fn plan() -> Plan {
        Plan {
            customer: "Acme GmbH".into(),
            product: None,
            nodes: 1,
            edition: "standard".into(),
            seats: 100,
            modules: vec!["*".into()],
            expires_at: "2027-11-23T23:59:59Z".parse().unwrap(),
        }
    }

    pub fn license(machine: &Machine) -> License {
        let request = request(machine, &install_key(1));
        draft(&request, Self::plan(), Id::from_bytes([7; 16]), Weak::Accepted, now()).unwrap()
    }

    pub fn sign(&self, license: &License) -> Vec<u8> {
        issue_license(license, &self.signer).unwrap().to_bytes()
    }
}
