use wt_keys::testkit::Vendor;
use wt_keys::{Certificate, PublicKey, Role, Signer, Trust, TrustDocument};

use super::{Machine, PRODUCT, install_key, now, request};
use crate::issue::{Plan, Weak, draft, issue_license};
use crate::plans::Preset;
use crate::term::{Calendar, Ends, Zone, day};
use crate::{Id, License};

/// A vendor: one root, one license key.
pub struct Desk {
    pub signer: Signer,
}

fn vendor() -> Vendor {
    Vendor::insecure(1).trusting(|trust| trust.issued = "2026-11-01T08:00:00Z".parse().unwrap())
}

impl Desk {
    pub fn new() -> Self {
        Self::with_certificate(|_| {})
    }

    pub fn with_certificate(change: impl FnOnce(&mut Certificate)) -> Self {
        let signer = vendor().signer(2, Role::License, |certificate| {
            certificate.product = PRODUCT.into();
            certificate.not_after = "2031-11-01T08:00:00Z".parse().unwrap();
            change(certificate);
        });
        Self { signer }
    }

    /// The desk's trust document, or a later one.
    pub fn trust(change: impl FnOnce(&mut TrustDocument)) -> Trust {
        vendor().trusting(change).trust
    }

    pub fn public(&self) -> PublicKey {
        self.signer.public()
    }

    pub fn plan() -> Plan {
        let ends = Ends::On(day("2027-11-23").unwrap());
        let calendar = Calendar { zone: Zone::utc(), begins: None, ends, notify_days: 30, grace_days: 30 };
        Plan::of(Preset::default(), "Acme GmbH".into(), calendar.dates(now()).unwrap())
    }

    pub fn license(machine: &Machine) -> License {
        let request = request(machine, &install_key(1));
        draft(&request, Self::plan(), Id::from_bytes([7; 16]), Weak::Accepted, now()).unwrap()
    }

    pub fn sign(&self, license: &License) -> Vec<u8> {
        issue_license(license, &self.signer).unwrap().to_bytes()
    }
}
