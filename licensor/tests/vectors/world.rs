//! A vendor, its documents and a site, for the cases. INSECURE: every key is computed from one byte.

use std::collections::BTreeMap;

use wt_keys::trust::{RevokedKey, RevokedLicense};
use wt_keys::{Certificate, Chain, Document as _, Envelope, Role, SigningKey, TrustDocument, Utc};
use wt_licensor::license::{Binding, BoundComponent, BoundNode};
use wt_licensor::{Component, Id, Kind, License, Quality, Snapshot, Tag};

pub const PRODUCT: &str = "acme";
pub const BOOT_ID: &str = "6a5b7c1e-0f5c-4f0e-9a37-4a2f5f0c9d11";
/// Of the license key.
pub const SIGNER: u8 = 3;

pub fn at(moment: &str) -> Utc {
    moment.parse().unwrap()
}

pub fn now() -> Utc {
    at("2026-11-23T08:00:00Z")
}

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub fn id(byte: u8) -> Id {
    Id::from_bytes([byte; 16])
}

/// Signs with several keys.
pub fn seal<D: wt_keys::Document>(document: &D, signers: &[u8]) -> Envelope {
    let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::seal(document, &keys.iter().collect::<Vec<_>>()).unwrap()
}

pub fn trust_document(version: u64, threshold: u32, roots: &[u8]) -> TrustDocument {
    TrustDocument {
        version,
        issued: at("2026-11-01T08:00:00Z"),
        threshold,
        roots: roots.iter().map(|seed| key(*seed).public()).collect(),
        revoked_keys: vec![],
        revoked_licenses: vec![],
        kept_certificates: vec![],
        lowest_releases: vec![],
    }
}

/// Version 1: one root.
pub fn first_trust() -> Envelope {
    seal(&trust_document(1, 1, &[1]), &[1])
}

pub fn revoking_key(version: u64) -> TrustDocument {
    let mut document = trust_document(version, 1, &[1]);
    document.revoked_keys =
        vec![RevokedKey { key: key(SIGNER).public().id(), reason: "a laptop was\nstolen".into() }];
    document
}

pub fn revoking_license(version: u64, license: Id) -> TrustDocument {
    let mut document = trust_document(version, 1, &[1]);
    document.revoked_licenses =
        vec![RevokedLicense { license: license.to_string(), reason: "returned \u{202e}".into() }];
    document
}

/// What a trust document names it by.
pub fn digest(certificate: &Certificate) -> wt_keys::Sha256Digest {
    wt_keys::Sha256Digest::of(&serde_json::to_vec(certificate).unwrap())
}

/// Version 2, after root 1 was retired: of root 2, which keeps `certificates`.
pub fn keeping(certificates: &[&Certificate]) -> TrustDocument {
    let mut document = trust_document(2, 1, &[2]);
    document.kept_certificates = certificates.iter().map(|certificate| digest(certificate)).collect();
    document.kept_certificates.sort_unstable();
    document
}

pub fn certificate() -> Certificate {
    Certificate {
        key: key(SIGNER).public(),
        role: Role::License,
        product: PRODUCT.into(),
        not_before: at("2026-11-01T08:00:00Z"),
        not_after: at("2031-11-01T08:00:00Z"),
        longest_term_days: Some(1100),
        most_seats: None,
    }
}

pub fn component(kind: Kind, values: &[&str]) -> Component {
    let mut tags: Vec<Tag> = values.iter().map(|value| Tag::of(PRODUCT, kind, value)).collect();
    tags.sort();
    Component { kind, quality: Quality::Ok, tags, left_out: vec![] }
}

/// What the licensed machine is.
pub fn machine() -> Vec<Component> {
    let mut nic = component(Kind::Nic, &["3c:ec:ef:12:34:56", "3c:ec:ef:12:34:57", "3c:ec:ef:12:34:58"]);
    nic.left_out = vec!["docker0: `02:42:00:00:00:01` – virtual \"x\"\u{7f}".into()];
    vec![
        component(Kind::SmbiosUuid, &["4c4c4544-0051-3010-8052-b4c04f5a4d32"]),
        component(Kind::Serials, &["board=cn7475137i00ab", "chassis=51qzm2x"]),
        component(Kind::Disk, &["wwid=a", "wwid=b", "wwid=c"]),
        nic,
        component(Kind::MachineId, &["8f14e45fceea167a5a36dedd4bea2543"]),
        component(Kind::InstallKey, &["1"]),
    ]
}

/// The machine with other values for some components.
pub fn machine_with(others: &[(Kind, &[&str])]) -> Vec<Component> {
    let mut machine = machine();
    for (kind, values) in others {
        let place = machine.iter_mut().find(|component| component.kind == *kind).unwrap();
        *place = component(*kind, values);
    }
    machine
}

/// With some that could not be read.
pub fn machine_hiding(kinds: &[Kind], mut machine: Vec<Component>) -> Vec<Component> {
    for component in machine.iter_mut().filter(|component| kinds.contains(&component.kind)) {
        component.quality = Quality::Unreadable;
        component.tags.clear();
    }
    machine
}

/// It has drifted: a new board, chassis, disks and cards.
pub fn changed_machine() -> Vec<Component> {
    machine_with(&[
        (Kind::SmbiosUuid, &["another"]),
        (Kind::Serials, &["board=another"]),
        (Kind::Nic, &["3c:ec:ef:99:99:99"]),
    ])
}

pub fn other_machine() -> Vec<Component> {
    machine_with(&[
        (Kind::SmbiosUuid, &["another"]),
        (Kind::Serials, &["board=another"]),
        (Kind::Disk, &["wwid=another"]),
        (Kind::Nic, &["3c:ec:ef:99:99:99"]),
        (Kind::MachineId, &["another"]),
        (Kind::InstallKey, &["2"]),
    ])
}

pub fn bound(label: &str, components: &[Component]) -> BoundNode {
    let weights = [25, 20, 20, 15, 15, 5];
    let components = components.iter().zip(weights).map(|(component, weight)| BoundComponent {
        kind: component.kind,
        class: component.kind.class(),
        weight,
        tags: component.tags.clone(),
    });
    BoundNode { label: label.into(), components: components.collect() }
}

/// A year for the machine.
pub fn license() -> License {
    License {
        license_id: id(7),
        request_id: id(1),
        customer: "Müller & Söhne".into(),
        product: PRODUCT.into(),
        edition: "standard".into(),
        seats: 250,
        modules: vec!["wiki".into(), "forms".into()],
        nodes: 1,
        spares: 0,
        issued_at: now(),
        not_before: now(),
        notify_at: at("2027-10-24T23:59:59Z"),
        expires_at: at("2027-11-23T23:59:59Z"),
        restrict_at: at("2027-12-23T23:59:59Z"),
        releases: "*".into(),
        binding: Binding {
            match_percent: 50,
            match_percent_without_strong: 70,
            drift_percent: 25,
            drift_grace_days: 30,
            nodes: vec![bound("node-1", &machine())],
        },
    }
}

/// The year after, issued a month before it begins.
pub fn next_year() -> License {
    License {
        license_id: id(8),
        issued_at: at("2027-10-01T08:00:00Z"),
        not_before: at("2027-11-24T00:00:00Z"),
        notify_at: at("2028-10-24T23:59:59Z"),
        expires_at: at("2028-11-23T23:59:59Z"),
        restrict_at: at("2028-12-23T23:59:59Z"),
        ..license()
    }
}

/// The bytes of a license file, of documents that are signed already.
pub fn file(document: Envelope, certificate: Envelope, trust: Vec<Envelope>) -> Vec<u8> {
    Chain { document, certificate, trust }.to_bytes()
}

/// Signed as the vendor does.
pub fn signed(license: &License) -> Vec<u8> {
    file(seal(license, &[SIGNER]), seal(&certificate(), &[1]), vec![first_trust()])
}

/// With a payload that no desk would sign.
pub fn signed_payload(payload: &str) -> Vec<u8> {
    let envelope = Envelope::seal_for_test(License::TYPE, payload.as_bytes(), &[&key(SIGNER)]);
    file(envelope, seal(&certificate(), &[1]), vec![first_trust()])
}

pub fn snapshot(components: Vec<Component>) -> Snapshot {
    Snapshot {
        schema: Snapshot::SCHEMA.to_owned(),
        product: PRODUCT.into(),
        boot_id: BOOT_ID.into(),
        taken_at: now(),
        latest: now(),
        drift: vec![],
        components,
    }
}

/// What a case is about: a site, as it is where nothing is wrong, with something changed.
pub struct Site {
    pub files: BTreeMap<String, Option<Vec<u8>>>,
    pub trust: Vec<u8>,
    pub product: Option<String>,
    pub release: Option<String>,
    pub now: Utc,
    pub host: bool,
}

impl Site {
    pub fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            trust: [&first_trust().to_bytes()[..], b"\n"].concat(),
            product: Some(PRODUCT.into()),
            release: Some("1.0.0".into()),
            now: now(),
            host: true,
        }
        .with("license.json", &signed(&license()))
        .with("host.json", &snapshot(machine()).to_bytes())
        .with("boot_id", format!("{BOOT_ID}\n").as_bytes())
    }

    pub fn with(mut self, name: &str, content: &[u8]) -> Self {
        self.files.insert(name.into(), Some(content.to_vec()));
        self
    }

    pub fn with_folder(mut self, name: &str) -> Self {
        self.files.insert(name.into(), None);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.files.remove(name);
        self
    }

    pub fn license(self, content: &[u8]) -> Self {
        self.with("license.json", content)
    }

    pub fn host(self, components: Vec<Component>) -> Self {
        self.with("host.json", &snapshot(components).to_bytes())
    }

    pub fn snapshot(self, change: impl FnOnce(&mut Snapshot)) -> Self {
        let mut snapshot = snapshot(machine());
        change(&mut snapshot);
        self.with("host.json", &snapshot.to_bytes())
    }

    pub fn trusting(self, trust: &Envelope) -> Self {
        Self { trust: [&trust.to_bytes()[..], b"\n"].concat(), ..self }
    }

    pub fn at(self, moment: &str) -> Self {
        Self { now: at(moment), ..self }
    }
}
