//! The request of format 2, the license of format 1, the trust document and the host snapshot of version 2, as they are written
//! today. `WT_BLESS=1` writes them anew: a change to them belongs under "Format" in the CHANGELOG, and licenses that customers
//! have must still open.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::{Path, PathBuf};

use wt_keys::issue::issue_next_trust;
use wt_keys::testkit::{Vendor, insecure_key};
use wt_keys::{
    Certificate, Chain, Document as _, Envelope, Role, Signer, SigningKey, Trust, TrustDocument, Utc,
};
use wt_licensor::check::{Bench, Host, judge};
use wt_licensor::drift::Drift;
use wt_licensor::issue::{Plan, Weak, draft, issue_license};
use wt_licensor::plans::Preset;
use wt_licensor::request::{Node, Occasion, Usage};
use wt_licensor::term::{Calendar, Ends, Term, Zone};
use wt_licensor::{
    Component, Environment, Fingerprint, Id, Info, Kind, License, Quality, Reason, Request, Snapshot, State,
    Tag,
};

const PRODUCT: &str = "acme";

fn now() -> Utc {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn signer() -> Signer {
    let vendor = Vendor::insecure(1).trusting(|trust| trust.issued = now());
    vendor.signer(3, Role::License, |certificate| certificate.product = PRODUCT.into())
}

fn component(kind: Kind, values: &[&str]) -> Component {
    let mut tags: Vec<Tag> = values.iter().map(|value| Tag::of(PRODUCT, kind, value)).collect();
    tags.sort();
    Component { kind, quality: Quality::Ok, tags, left_out: vec![] }
}

/// A machine with every component but a disk that has a number.
fn request(install_key: &SigningKey) -> Request {
    let disk = Component {
        kind: Kind::Disk,
        quality: Quality::Junk,
        tags: vec![],
        left_out: vec!["vda serial: `none`".into()],
    };
    let key = install_key.public().id().to_string();
    let fingerprint = Fingerprint {
        environment: Environment::Metal,
        components: vec![
            component(Kind::SmbiosUuid, &["4c4c4544-0051-3010-8052-b4c04f5a4d32"]),
            component(Kind::Serials, &["board=cn7475137i00ab", "chassis=51qzm2x"]),
            disk,
            component(Kind::Nic, &["3c:ec:ef:12:34:56", "3c:ec:ef:12:34:57"]),
            component(Kind::MachineId, &["8f14e45fceea167a5a36dedd4bea2543"]),
            component(Kind::InstallKey, &[&key]),
        ],
        info: Some(Info {
            model: "Example Server".into(),
            cpu: "Example 3000".into(),
            cores: 8,
            memory_bytes: 32 << 30,
            hostname: "site".into(),
            os: "Debian GNU/Linux 12".into(),
            kernel: "6.1.0".into(),
        }),
    };
    Request {
        request_id: Id::from_bytes([1; 16]),
        reason: Occasion::Renew,
        previous_license: Some(Id::from_bytes([6; 16])),
        product: PRODUCT.into(),
        release: "1.0.0".into(),
        customer_hint: "Müller & Söhne".into(),
        collected_at: now(),
        nodes: vec![Node::new("node-1", fingerprint)],
        usage: Some(Usage { users: 187, modules: vec!["wiki".into()], counted_at: now() }),
        install_key: install_key.public(),
    }
}

fn license(request: &Request) -> License {
    let ends = Ends::After(Term::days(365));
    let calendar = Calendar { zone: Zone::utc(), begins: None, ends, notify_days: 30, grace_days: 30 };
    let modules = vec!["wiki".into(), "forms".into()];
    let preset = Preset { product: Some(PRODUCT.into()), seats: 250, modules, ..Preset::default() };
    let plan = Plan::of(preset, request.customer_hint.clone(), calendar.dates(now()).unwrap());
    draft(request, plan, Id::from_bytes([7; 16]), Weak::Refused, now()).unwrap()
}

#[test]
fn the_golden_request_of_format_2_and_license_of_format_1_are_written_so_today() {
    let (signer, install_key) = (signer(), SigningKey::from_seed(&[4; 32]));
    let request = request(&install_key);
    let hw = [&Envelope::seal(&request, &[&install_key]).unwrap().to_bytes()[..], b"\n"].concat();
    let license = issue_license(&license(&request), &signer).unwrap().to_bytes();
    for (name, bytes) in
        [("hw-2.json", hw), ("license-1.json", license), ("trust.json", signer.trust.to_bytes())]
    {
        if std::env::var_os("WT_BLESS").is_some() {
            fs::create_dir_all(golden("")).unwrap();
            fs::write(golden(name), &bytes).unwrap();
        }
        assert!(fs::read(golden(name)).unwrap() == bytes, "{name} is not what its format says");
    }
}

#[test]
fn the_golden_license_of_format_1_opens_and_fits_the_machine_of_its_request() {
    let trust = Trust::parse(&fs::read(golden("trust.json")).unwrap()).unwrap();
    let request = Request::read(&golden("hw-2.json")).unwrap();
    let license = fs::read(golden("license-1.json")).unwrap();
    let opened = License::verify(&license, &trust).unwrap();
    assert_eq!((opened.document.request_id, opened.document.seats), (request.request_id, 250));
    let bench =
        Bench { trust: &trust, product: Some(PRODUCT), release: Some("1.0.0"), now: now(), past: Utc::START };
    let verdict = judge(&license, &Host::Components(&request.nodes[0].components), &bench);
    assert_eq!((verdict.state, verdict.reason, verdict.score_percent), (State::Match, Reason::Ok, Some(100)));
}

/// Version 2 of the format, after the root of the golden license was retired: its root is key 2, and it keeps the certificate.
fn later_trust(license: &[u8]) -> TrustDocument {
    let certificate = Chain::parse(license, License::NAME).unwrap().certificate;
    let certificate = signer().trust.certificate(&certificate).unwrap();
    let (roots, kept) = (vec![insecure_key(2).public()], vec![certificate.payload_digest()]);
    TrustDocument { version: 2, roots, kept_certificates: kept, ..signer().trust.document().clone() }
}

#[test]
fn the_golden_trust_document_of_version_2_is_written_so_today_and_keeps_the_golden_license() {
    let license = fs::read(golden("license-1.json")).unwrap();
    let first = signer().trust;
    let keys = [insecure_key(1), insecure_key(2)];
    let bytes = issue_next_trust(&first, &later_trust(&license), &keys).unwrap().to_bytes();
    if std::env::var_os("WT_BLESS").is_some() {
        fs::write(golden("trust-2.json"), &bytes).unwrap();
    }
    assert!(fs::read(golden("trust-2.json")).unwrap() == bytes, "trust-2.json is not what version 2 says");
    let trust = Trust::parse(&bytes).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("vnd.wt.trust.v2+json"));
    assert!(
        trust.verify::<Certificate>(&Chain::parse(&license, License::NAME).unwrap().certificate).is_err()
    );
    assert_eq!(License::verify(&license, &trust).unwrap().document.seats, 250);
    assert_eq!(first.advance(trust.envelope()).unwrap().document().version, 2);
}

#[test]
fn a_request_of_format_1_is_refused_by_name() {
    use wt_keys::console::{Exit, Explain as _};
    let error = Request::read(&golden("hw-1.json")).unwrap_err();
    assert_eq!(
        (error.exit(), std::error::Error::source(&error).unwrap().to_string()),
        (
            Exit::NotTrusted,
            "a hardware request of format 1, which an older `wt-install` wrote\n  expected format 2".into()
        )
    );
    assert!(error.hint().unwrap().starts_with("run `wt-install fingerprint`"));
}

#[test]
fn the_golden_snapshot_of_version_2_is_written_so_today_and_version_1_is_read() {
    let request = request(&SigningKey::from_seed(&[4; 32]));
    let snapshot = Snapshot {
        schema: Snapshot::SCHEMA.into(),
        product: PRODUCT.into(),
        boot_id: "6a5b7c1e-0f5c-4f0e-9a37-4a2f5f0c9d11".into(),
        taken_at: now(),
        latest: now().plus_days(1),
        drift: vec![Drift { license: Id::from_bytes([7; 16]), since: now() }],
        components: request.nodes[0].components.clone(),
    };
    if std::env::var_os("WT_BLESS").is_some() {
        fs::write(golden("snapshot-2.json"), snapshot.to_bytes()).unwrap();
    }
    assert!(fs::read(golden("snapshot-2.json")).unwrap() == snapshot.to_bytes(), "not what version 2 says");
    let first = Snapshot::read(&golden("snapshot-1.json")).unwrap();
    assert_eq!(first, Snapshot { latest: now(), drift: vec![], ..snapshot });
}
