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

    fn seats(&self) -> Option<u32> {
        Some(250)
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
fn what_was_signed_before_a_rotation_stays_good_where_its_certificate_is_kept() {
    let before = Vendor::insecure(1).trusting(|trust| trust.version = 2);
    let signer = before.signer(3, Role::Bundle, |_| {});
    let sealed = Chain::seal(&NOTE, &signer).unwrap();
    let next = crate::testkit::insecure_key(2);
    let site = |kept_certificates| {
        let roots = vec![next.public()];
        let document =
            TrustDocument { version: 3, roots, kept_certificates, ..before.trust.document().clone() };
        crate::issue::issue_trust(&document, std::slice::from_ref(&next)).unwrap()
    };
    let keeps = site(vec![sealed.certificate.payload_digest()]);
    assert_eq!(sealed.verify::<Note>(&keeps).unwrap().trust.document().version, 3);
    let refused = |chain: &Chain, site: &Trust| chain.verify::<Note>(site).unwrap_err();
    assert!(matches!(refused(&sealed, &site(vec![])), Error::UntrustedKey { .. }));
    let other = site(vec![sealed.document.payload_digest()]);
    assert!(matches!(refused(&sealed, &other), Error::UntrustedKey { .. }));
    // it says that its signer had a later document than any that is at hand
    let later = Note { trust_version: Some(4) };
    let later = Chain { document: Envelope::seal(&later, &[&signer.key]).unwrap(), ..sealed.clone() };
    assert!(matches!(refused(&later, &keeps), Error::TrustOlder { expected: 4, found: 3 }));
    // a root that went certifies nothing any more
    let forged = Chain { certificate: before.signer(4, Role::Bundle, |_| {}).certificate_envelope, ..sealed };
    assert!(matches!(refused(&forged, &keeps), Error::UntrustedKey { .. }));
}

fn trust(version: u64, threshold: u32, roots: &[u8], by: &[u8]) -> Trust {
    let roots = roots.iter().map(|seed| crate::testkit::insecure_key(*seed).public()).collect();
    let first = Vendor::insecure(1).trust.document().clone();
    Trust::pin(sealed(&TrustDocument { version, threshold, roots, ..first }, by)).unwrap()
}

fn sealed<D: Document>(document: &D, by: &[u8]) -> Envelope {
    let keys: Vec<_> = by.iter().map(|seed| crate::testkit::insecure_key(*seed)).collect();
    Envelope::seal(document, &keys.iter().collect::<Vec<_>>()).unwrap()
}

/// A note by key 8, which the roots `by` have certified.
fn carrying(by: &[u8], trust: &[&Trust]) -> Chain {
    let certificate = Vendor::insecure(1).signer(8, Role::Bundle, |_| {}).certificate;
    let trust = trust.iter().map(|trust| trust.envelope().clone()).collect();
    Chain { document: sealed(&NOTE, &[8]), certificate: sealed(&certificate, by), trust }
}

#[test]
fn what_the_roots_in_force_certified_is_good_beside_documents_that_roots_that_went_have_signed() {
    // what was revoked by roots 1 and 2, and what root 1 alone has signed, is known to nobody after root 1
    let second = trust(2, 2, &[1, 2, 3], &[1, 2]);
    let third = trust(3, 2, &[2, 3, 4], &[1, 2, 3, 4]);
    assert!(carrying(&[2, 3], &[&second]).verify::<Note>(&third).is_ok());
    let (second, third) = (trust(2, 1, &[1, 2], &[1]), trust(3, 1, &[2], &[1, 2]));
    assert!(carrying(&[2], &[&second]).verify::<Note>(&third).is_ok());
    let refused = carrying(&[1], &[&second]).verify::<Note>(&third);
    assert!(matches!(refused, Err(Error::UntrustedKey { what: Certificate::NAME, .. })));
}

#[test]
fn a_certificate_that_is_kept_is_good_beside_documents_of_which_some_are_known() {
    let second = trust(2, 2, &[1, 2, 4], &[1, 2, 4]);
    let third = trust(3, 2, &[1, 2, 4], &[1, 4]);
    let chain = carrying(&[1, 2], &[&second, &third]);
    let mut document = trust(4, 2, &[2, 4, 5], &[2, 4]).document().clone();
    let refused = chain.verify::<Note>(&Trust::pin(sealed(&document, &[2, 4])).unwrap());
    assert!(matches!(refused, Err(Error::UntrustedKey { .. })));
    document.kept_certificates = vec![chain.certificate.payload_digest()];
    let site = Trust::pin(sealed(&document, &[1, 2, 4])).unwrap();
    assert!(site.follow(&chain.trust).is_err(), "one of the two is known");
    assert_eq!(chain.verify::<Note>(&site).unwrap().trust.document().version, 4);
    let key = crate::testkit::insecure_key(8).public().id();
    document.revoked_keys = vec![RevokedKey { key, reason: "stolen".into() }];
    let refused = chain.verify::<Note>(&Trust::pin(sealed(&document, &[2, 4])).unwrap());
    assert!(matches!(refused, Err(Error::KeyRevoked { .. })));
}

/// Nothing in a head changes unnoticed, and nothing that a site has not heard is passed over.
#[test]
fn documents_that_are_not_from_before_the_one_in_force_are_not_passed_over() {
    let site = trust(3, 1, &[2], &[2]);
    let good = carrying(&[2], &[&trust(1, 1, &[1], &[1]), &trust(2, 1, &[1, 2], &[1])]);
    assert!(good.verify::<Note>(&site).is_ok());
    let refused = |trust: &[&Trust]| carrying(&[2], trust).verify::<Note>(&site).unwrap_err();
    // as old as the one in force, later, of strangers after one of ours, not in order
    for strange in [3, 4] {
        let strange = trust(strange, 1, &[1], &[1]);
        assert!(matches!(refused(&[&strange]), Error::UntrustedKey { .. }));
        assert!(matches!(refused(&[&trust(2, 1, &[1], &[1]), &strange]), Error::UntrustedKey { .. }));
    }
    refused(&[&trust(1, 1, &[1], &[1]), &trust(2, 1, &[9], &[9])]);
    refused(&[&trust(2, 1, &[1], &[1]), &trust(1, 1, &[1], &[1])]);
    assert!(matches!(refused(&[&trust(3, 1, &[1, 2], &[2])]), Error::TrustFork { version: 3 }));
    // a byte of a signature
    let bytes = good.to_bytes();
    let at = bytes.len() - 20;
    let flipped = [&bytes[..at], if bytes[at] == b'A' { b"B" } else { b"A" }, &bytes[at + 1..]].concat();
    assert!(Chain::parse(&flipped, "the head").unwrap().verify::<Note>(&site).is_err());
    // it says that its signer had a later one
    let later = Note { trust_version: Some(4) };
    let later = Chain { document: sealed(&later, &[8]), ..good };
    assert!(matches!(later.verify::<Note>(&site), Err(Error::TrustOlder { expected: 4, found: 3 })));
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

#[test]
fn a_certificate_limits_seats_and_is_of_version_2_then() {
    let limited = |most_seats| Vendor::insecure(1).signer(2, Role::Bundle, |it| it.most_seats = most_seats);
    let text = |signer: &crate::Signer| String::from_utf8(signer.certificate_envelope.to_bytes()).unwrap();
    assert!(text(&limited(None)).contains("vnd.wt.certificate.v1+json"));
    let signer = limited(Some(250));
    assert!(text(&signer).contains("vnd.wt.certificate.v2+json"));
    let sealed = Chain::seal(&NOTE, &signer).unwrap();
    assert!(sealed.verify::<Note>(&signer.trust).is_ok());
    let refused = Chain::seal(&NOTE, &limited(Some(249)));
    assert!(matches!(refused, Err(Error::TooManySeats { limit: 249, found: 250 })));
    // a reader asks, too, whatever the signer asked
    let narrow = Chain { certificate: limited(Some(249)).certificate_envelope, ..sealed };
    assert!(matches!(narrow.verify::<Note>(&signer.trust), Err(Error::TooManySeats { .. })));
}

#[test]
fn a_certificate_under_the_wrong_version_is_refused() {
    let vendor = Vendor::insecure(1);
    let certificate = |most_seats| {
        let signer = vendor.signer(2, Role::License, |it| it.most_seats = most_seats);
        serde_json::to_vec(&signer.certificate).unwrap()
    };
    for (version, most_seats, fine) in
        [(1, None, true), (2, None, false), (1, Some(9), false), (2, Some(9), true), (3, Some(9), false)]
    {
        let payload_type = format!("application/vnd.wt.certificate.v{version}+json");
        let envelope = Envelope::seal_for_test(&payload_type, &certificate(most_seats), &[&vendor.root]);
        assert_eq!(vendor.trust.verify::<Certificate>(&envelope).is_ok(), fine, "{version} {most_seats:?}");
    }
}
