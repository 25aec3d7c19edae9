use std::fs;

use tempfile::TempDir;
use wt_keys::console::{Exit, Explain as _};
use wt_keys::issue::issue_trust;
use wt_keys::testkit::{Vendor, insecure_key};
use wt_keys::trust::RevokedLicense;
use wt_keys::{Chain, Role, Signer, TrustDocument};
use wt_licensor::license::{Binding, BoundComponent, BoundNode};
use wt_licensor::{Component, Kind, Quality, Reason, Tag};

use super::*;

const PRODUCT: &str = "acme";

fn day(text: &str) -> Utc {
    format!("{text}T00:00:00Z").parse().unwrap()
}

fn host(uuid: &str) -> Vec<Component> {
    let component = |kind, value: &str| Component {
        kind,
        quality: Quality::Ok,
        tags: vec![Tag::of(PRODUCT, kind, value)],
        left_out: vec![],
    };
    vec![component(Kind::SmbiosUuid, uuid), component(Kind::MachineId, "this installation")]
}

fn license(id: u8) -> License {
    let bound = |component: Component| BoundComponent {
        kind: component.kind,
        class: component.kind.class(),
        weight: 50,
        tags: component.tags,
    };
    License {
        license_id: Id::from_bytes([id; 16]),
        request_id: Id::from_bytes([9; 16]),
        customer: "Example Ltd".into(),
        product: PRODUCT.into(),
        edition: "standard".into(),
        seats: 100,
        modules: vec!["messages".into(), "drive".into()],
        nodes: 1,
        spares: 0,
        issued_at: day("2026-01-01").plus_days(id.into()),
        not_before: day("2026-02-01"),
        notify_at: day("2026-12-01"),
        expires_at: day("2026-12-31"),
        restrict_at: day("2027-01-14"),
        releases: "*".into(),
        binding: Binding {
            match_percent: 60,
            match_percent_without_strong: 60,
            drift_percent: 25,
            drift_grace_days: 14,
            nodes: vec![BoundNode {
                label: "node1".into(),
                components: host("this machine").into_iter().map(bound).collect(),
            }],
        },
    }
}

/// Of the term that follows that of [`license`].
fn next(id: u8) -> License {
    let dates = ["2026-12-31", "2027-12-01", "2027-12-31", "2028-01-14"].map(day);
    let [not_before, notify_at, expires_at, restrict_at] = dates;
    License { not_before, notify_at, expires_at, restrict_at, ..license(id) }
}

fn vendor(change: impl FnOnce(&mut TrustDocument)) -> Signer {
    certified(&Vendor::insecure(1).trusting(change))
}

fn certified(vendor: &Vendor) -> Signer {
    vendor.signer(2, Role::License, |certificate| {
        certificate.not_after = day("2040-01-01");
        certificate.longest_term_days = Some(4000);
    })
}

/// The folder of a site's licenses, and who signs them.
struct Site {
    folder: TempDir,
    signer: Signer,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), signer: vendor(|_| {}) }
    }

    fn sign(&self, license: &License) -> Vec<u8> {
        Chain::seal(license, &self.signer).unwrap().to_bytes()
    }

    fn with(self, name: &str, license: &License) -> Self {
        fs::write(self.folder.path().join(name), self.sign(license)).unwrap();
        self
    }

    fn offered(&self, content: Vec<u8>, uuid: &str, now: &str) -> Result<Offer> {
        self.offered_after(Utc::START, content, uuid, now)
    }

    /// On a host that has seen `past`.
    fn offered_after(&self, past: Utc, content: Vec<u8>, uuid: &str, now: &str) -> Result<Offer> {
        let (place, modules) = (self.folder.path().join("license.json"), ["messages", "drive", "goals"]);
        let bench = Bench {
            trust: &vendor(|_| {}).trust,
            product: Some(PRODUCT),
            release: Some("5.2.0"),
            now: day(now),
            past,
        };
        let components = host(uuid);
        Offer::judge(&place, content, &modules.map(str::to_owned), &Host::Components(&components), &bench)
    }

    fn offer(&self, license: &License) -> Result<Offer> {
        self.offered(self.sign(license), "this machine", "2026-06-01")
    }
}

fn name(offer: &Offer) -> String {
    offer.path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn worse(offer: &Offer) -> Vec<&'static str> {
    offer.worse().iter().map(|change| change.what).collect()
}

#[track_caller]
fn refused_as(offer: Result<Offer>) -> (State, Reason) {
    match offer {
        Err(Error::LicenseRefused { verdict }) => (verdict.state, verdict.reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_first_license_goes_where_the_product_looks_and_is_worse_than_none_in_nothing() {
    let offer = Site::new().offer(&license(1)).unwrap();
    assert_eq!(
        (name(&offer), offer.verdict.state, offer.is_next()),
        ("license.json".into(), State::Match, false)
    );
    assert!(offer.changes.is_empty());
    let text = offer.to_string();
    assert!(text.contains("for Example Ltd") && text.contains("MISSING (LICENSE_MISSING)"), "{text}");
}

#[test]
fn what_the_product_would_refuse_goes_nowhere() {
    let site = Site::new().with("license.json", &license(1));
    let with = |change: &dyn Fn(&mut License)| {
        let mut license = license(2);
        change(&mut license);
        site.sign(&license)
    };
    let good = with(&|_| {});
    for (content, uuid, now, state, exit) in [
        (good.clone(), "this machine", "2027-02-01", State::Expired, Exit::LicenseRefused),
        (
            with(&|license| license.binding.nodes[0].components.truncate(1)),
            "another",
            "2026-06-01",
            State::Foreign,
            Exit::LicenseRefused,
        ),
        (
            with(&|license| license.product = "other".into()),
            "this machine",
            "2026-06-01",
            State::WrongProduct,
            Exit::LicenseRefused,
        ),
        (
            with(&|license| license.releases = "<5".into()),
            "this machine",
            "2026-06-01",
            State::WrongRelease,
            Exit::LicenseRefused,
        ),
        (good[..good.len() - 9].to_vec(), "this machine", "2026-06-01", State::Untrusted, Exit::NotTrusted),
        (b"hello".to_vec(), "this machine", "2026-06-01", State::Untrusted, Exit::NotTrusted),
    ] {
        let error = site.offered(content, uuid, now).unwrap_err();
        assert_eq!((error.exit(), error.hint().is_some()), (exit, true), "{state}");
        assert_eq!(refused_as(Err(error)).0, state);
    }
}

#[test]
fn what_a_license_takes_away_is_named() {
    let site = Site::new().with("license.json", &license(5));
    let worse_of = |change: &dyn Fn(&mut License)| {
        let mut license = license(6);
        change(&mut license);
        worse(&site.offer(&license).unwrap())
    };
    assert!(worse_of(&|_| {}).is_empty());
    assert!(worse_of(&|license| license.seats = 250).is_empty());
    assert!(worse_of(&|license| license.modules = vec!["*".into()]).is_empty());
    assert_eq!(worse_of(&|license| license.seats = 99), ["seats"]);
    assert_eq!(worse_of(&|license| license.modules = vec!["goals".into(), "messages".into()]), ["modules"]);
    assert_eq!(worse_of(&|license| license.issued_at = day("2026-01-05")), ["signed"]);
    assert_eq!(worse_of(&|license| license.binding.drift_grace_days = 1), ["drift days"]);
    assert_eq!(worse_of(&|license| license.restrict_at = day("2027-01-01")), ["restricted"]);
    assert_eq!(worse_of(&|license| license.customer = "Another Ltd".into()), ["customer"]);
    assert_eq!(worse_of(&|license| license.releases = ">=5".into()), ["releases"]);
    let short = |license: &mut License| {
        (license.notify_at, license.expires_at) = (day("2026-10-01"), day("2026-11-30"));
    };
    assert_eq!(worse_of(&short), ["good until"]);
    let nearly =
        |license: &mut License| license.binding.nodes[0].components[1].tags = host("x")[0].tags.clone();
    assert_eq!(
        worse_of(&|license| {
            nearly(license);
            license.binding.nodes[0].components[1].tags = vec![Tag::of(PRODUCT, Kind::MachineId, "another")];
        }),
        ["state"]
    );
    // all modules, and then those that are named
    let all = Site::new().with("license.json", &License { modules: vec!["*".into()], ..license(5) });
    let offer = all.offer(&license(6)).unwrap();
    assert_eq!(offer.worse()[0].worse.as_deref(), Some("switched off: goals"));
    // what is not in force has nothing to lose
    let expired = Site::new().with("license.json", &License { product: "other".into(), ..license(5) });
    assert!(worse(&expired.offer(&License { seats: 1, ..license(6) }).unwrap()).is_empty());
}

#[test]
fn seats_that_are_in_use_are_missed() {
    let usage = |users| Usage { users, modules: vec![], counted_at: day("2026-05-01") };
    let offer = |users| Site::new().offer(&license(1)).unwrap().used(Some(&usage(users)));
    assert!(worse(&offer(100)).is_empty());
    assert_eq!(worse(&offer(101)), ["in use"]);
}

#[test]
fn a_next_term_lies_beside_the_one_in_force_until_it_begins() {
    let site = Site::new().with("license.json", &license(1));
    let offer = site.offer(&next(2)).unwrap();
    assert_eq!(name(&offer), format!("license-{}.json", "02".repeat(16)));
    assert!(offer.is_next() && worse(&offer).is_empty());
    assert_eq!(offer.verdict.license.as_ref().unwrap().license_id, license(1).license_id);
    assert_eq!(offer.verdict.renewed_until, Some(day("2027-12-31")));
    // a day on which nobody is licensed
    let later = License { not_before: day("2027-03-01"), ..next(2) };
    assert_eq!(worse(&site.offer(&later).unwrap()), ["nothing"]);
    // on its day it would be refused, which is said today
    assert_eq!(refused_as(site.offered(site.sign(&next(2)), "this machine", "2030-01-01")).0, State::Expired);
    let foreign = site.offered(
        site.sign(&{
            let mut license = next(2);
            license.binding.nodes[0].components.truncate(1);
            license
        }),
        "another",
        "2026-06-01",
    );
    assert_eq!(refused_as(foreign).0, State::Foreign);
}

/// The product counts what the host has seen, until an operator says that the clock is right.
#[test]
fn a_next_term_lies_beside_also_where_the_hosts_clock_was_once_ahead() {
    let site = Site::new().with("license.json", &license(1));
    let offer =
        site.offered_after(day("2027-06-01"), site.sign(&next(2)), "this machine", "2026-06-01").unwrap();
    assert_eq!(name(&offer), format!("license-{}.json", "02".repeat(16)));
}

#[test]
fn what_was_agreed_to_is_told_from_what_came_meanwhile() {
    let site = Site::new().with("license.json", &license(1));
    let agreed = site.offer(&license(3)).unwrap();
    assert!(agreed.is_same(&site.offer(&license(3)).unwrap()));
    let site = site.with("license.json", &License { seats: 250, ..license(2) });
    assert!(!agreed.is_same(&site.offer(&license(3)).unwrap()));
}

#[test]
fn a_renewal_takes_the_place_of_the_present_one_and_leaves_the_next_term_alone() {
    let begun = format!("license-{}.json", "02".repeat(16));
    let site = Site::new().with("license.json", &license(1)).with(&begun, &next(2));
    let offer = site.offer(&License { seats: 250, ..license(3) }).unwrap();
    assert_eq!(
        (name(&offer).as_str(), offer.verdict.renewed_until),
        ("license.json", Some(day("2027-12-31")))
    );
    assert!(worse(&offer).is_empty());
    // what is there stays where it is, also with new signatures
    let offer = site.offer(&next(2)).unwrap();
    assert_eq!((name(&offer), offer.is_next()), (begun, true));
    assert_eq!(name(&site.offer(&license(1)).unwrap()), "license.json");
}

#[test]
fn one_that_would_not_count_is_refused() {
    let site = Site::new().with("license-2.json", &license(5));
    assert!(site.offer(&license(6)).is_ok());
    match site.offer(&license(4)) {
        Err(error @ Error::LicenseOutranked { .. }) => assert_eq!(error.exit(), Exit::LicenseRefused),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_lies_beside_may_have_revoked_it() {
    let revoking = |trust: &mut TrustDocument| {
        trust.version = 2;
        trust.revoked_licenses =
            vec![RevokedLicense { license: license(6).license_id.to_string(), reason: "sold twice".into() }];
    };
    let site = Site { signer: vendor(revoking), ..Site::new() }.with("license.json", &license(4));
    let six = Chain::seal(&license(6), &vendor(|_| {})).unwrap().to_bytes();
    fs::rename(site.folder.path().join("license.json"), site.folder.path().join("license-2.json")).unwrap();
    assert_eq!(
        refused_as(site.offered(six, "this machine", "2026-06-01")),
        (State::Revoked, Reason::LicenseRevoked)
    );
}

#[test]
fn a_newer_trust_document_is_taken_where_the_site_stays_licensed_under_it() {
    let newer = |trust: &mut TrustDocument| trust.version = 2;
    let site = Site { signer: vendor(newer), ..Site::new() };
    assert_eq!(site.offer(&license(1)).unwrap().trust.unwrap().document().version, 2);
    assert!(Site::new().offer(&license(1)).unwrap().trust.is_none(), "it is the pinned one");

    // the present license has its certificate of a root that is retired
    let mut site = Site::new().with("license.json", &license(1));
    let (old, root) = (Vendor::insecure(1), insecure_key(3));
    let mut document = old.trust.document().clone();
    (document.version, document.roots) = (2, vec![root.public()]);
    let trust = issue_trust(&document, &[old.root, insecure_key(3)]).unwrap();
    site.signer = certified(&Vendor { root, trust });
    let offer = site.offer(&next(2)).unwrap();
    assert!(offer.is_next() && offer.verdict.is_licensed() && offer.trust.is_none());
    // the next term that lies there has
    let site = site.with("license.json", &license(4));
    let old = Chain::seal(&next(5), &vendor(|_| {})).unwrap().to_bytes();
    fs::write(site.folder.path().join("license-5.json"), old).unwrap();
    let offer = site.offer(&license(6)).unwrap();
    assert!(offer.verdict.is_licensed() && offer.trust.is_none());
}
