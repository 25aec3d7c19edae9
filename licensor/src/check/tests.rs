use wt_keys::durable;
use wt_keys::trust::{RevokedKey, RevokedLicense};

use super::*;
use crate::Id;
use crate::testkit::{Desk, Machine, PRODUCT, install_key, now};

fn bench(trust: &Trust) -> Bench<'_> {
    Bench { trust, product: Some(PRODUCT), release: Some("5.2.0"), now: now(), past: Utc::START }
}

fn components(machine: &Machine, key: u8) -> Vec<Component> {
    crate::fingerprint::collect(machine.sysroot(), "/".as_ref(), PRODUCT, &install_key(key).public())
        .components
}

/// A license for one machine, judged on another.
fn judged(licensed: &Machine, host: &Machine, key: u8) -> Verdict {
    let desk = Desk::new();
    let license = desk.sign(&Desk::license(licensed));
    judge(&license, &Host::Components(&components(host, key)), &bench(&desk.signer.trust))
}

fn at(moment: &str) -> Verdict {
    let (desk, machine) = (Desk::new(), Machine::metal());
    let license = desk.sign(&Desk::license(&machine));
    let bench = Bench { now: moment.parse().unwrap(), ..bench(&desk.signer.trust) };
    judge(&license, &Host::Components(&components(&machine, 1)), &bench)
}

#[test]
fn the_machine_itself_matches_whole() {
    let verdict = judged(&Machine::metal(), &Machine::metal(), 1);
    assert_eq!((verdict.state, verdict.reason, verdict.score_percent), (State::Match, Reason::Ok, Some(100)));
    assert_eq!(verdict.days_left, Some(365));
}

#[test]
fn a_new_network_card_changes_nothing() {
    let host = Machine::metal();
    host.put_nic("eno1", "3c:ec:ef:99:99:01");
    assert_eq!(judged(&Machine::metal(), &host, 1).score_percent, Some(100), "one of two is enough");
    host.put_nic("eno2", "3c:ec:ef:99:99:02");
    let verdict = judged(&Machine::metal(), &host, 1);
    assert_eq!((verdict.state, verdict.score_percent), (State::Match, Some(85)));
}

#[test]
fn a_reinstalled_system_on_a_new_disk_matches_by_its_board() {
    let host = Machine::metal();
    host.put_disk("naa.5000c500ffffeee1");
    host.put("etc/machine-id", "c9f0f895fb98ab9159f51fd0297e236d");
    let verdict = judged(&Machine::metal(), &host, 2);
    assert_eq!((verdict.state, verdict.score_percent), (State::Match, Some(60)));
}

#[test]
fn a_new_mainboard_is_drift() {
    let host = Machine::metal();
    host.put_board("11b7a4d2-4f0e-11ec-8d3d-0242ac130003", "J0K1L2M3");
    host.put_nic("eno1", "3c:ec:ef:99:99:01");
    host.put_nic("eno2", "3c:ec:ef:99:99:02");
    let verdict = judged(&Machine::metal(), &host, 1);
    assert_eq!((verdict.state, verdict.reason), (State::Drift, Reason::HwDrift));
    assert!(verdict.is_licensed());
}

#[test]
fn another_machine_is_foreign_also_with_a_copy_of_the_disk_image() {
    let verdict = judged(&Machine::metal(), &Machine::other_metal(), 2);
    assert_eq!((verdict.state, verdict.score_percent), (State::Foreign, Some(0)));
    let copied = Machine::other_metal();
    copied.put("etc/machine-id", "8f14e45fceea167a5a36dedd4bea2543");
    let verdict = judged(&Machine::metal(), &copied, 1);
    assert_eq!((verdict.state, verdict.score_percent), (State::Foreign, Some(20)));
    assert!(!verdict.is_licensed());
}

#[test]
fn without_a_strong_component_more_must_match() {
    let host = Machine::container();
    assert_eq!(judged(&Machine::container(), &host, 1).state, State::Match);
    assert_eq!(judged(&Machine::container(), &host, 2).state, State::Drift, "57 of 100");
    host.put("etc/machine-id", "c9f0f895fb98ab9159f51fd0297e236d");
    assert_eq!(judged(&Machine::container(), &host, 2).state, State::Foreign);
}

#[test]
fn nothing_never_matches_nothing() {
    assert_eq!(judged(&Machine::metal(), &Machine::nothing(), 2).state, State::Foreign);
    assert_eq!(judged(&Machine::nothing(), &Machine::nothing(), 2).state, State::Foreign);
    assert_eq!(judged(&Machine::junk(), &Machine::junk(), 2).state, State::Foreign);
    let desk = Desk::new();
    let license = desk.sign(&Desk::license(&Machine::metal()));
    assert_eq!(judge(&license, &Host::Components(&[]), &bench(&desk.signer.trust)).state, State::Foreign);
}

#[test]
fn a_strong_component_that_cannot_be_read_is_drift_and_says_so() {
    let desk = Desk::new();
    let license = desk.sign(&Desk::license(&Machine::metal()));
    let mut components = components(&Machine::other_metal(), 1);
    components[0].quality = crate::Quality::Unreadable;
    components[0].tags.clear();
    let verdict = judge(&license, &Host::Components(&components), &bench(&desk.signer.trust));
    assert_eq!(verdict.state, State::Drift);
    assert!(verdict.explain().contains("smbios_uuid  strong      weight  25  cannot be read"));
}

#[test]
fn a_machine_that_is_like_the_licensed_one_in_nothing_is_foreign_also_where_it_cannot_be_read() {
    let desk = Desk::new();
    let license = desk.sign(&Desk::license(&Machine::metal()));
    let mut components = components(&Machine::other_metal(), 2);
    for component in &mut components[..2] {
        component.quality = crate::Quality::Unreadable;
        component.tags.clear();
    }
    let verdict = judge(&license, &Host::Components(&components), &bench(&desk.signer.trust));
    assert_eq!((verdict.state, verdict.score_percent), (State::Foreign, Some(0)));
}

#[test]
fn a_host_may_be_any_of_the_licensed_machines() {
    let desk = Desk::new();
    let mut license = Desk::license(&Machine::metal());
    let mut second = Desk::license(&Machine::other_metal()).binding.nodes.remove(0);
    second.label = "node-2".into();
    license.binding.nodes.push(second);
    let host = components(&Machine::other_metal(), 1);
    let verdict = judge(&desk.sign(&license), &Host::Components(&host), &bench(&desk.signer.trust));
    assert_eq!((verdict.state, verdict.node.as_deref()), (State::Match, Some("node-2")));
}

#[test]
fn the_dates_decide_in_their_order() {
    for (moment, state, reason, days) in [
        ("2026-11-23T08:00:00Z", State::Match, Reason::Ok, 365),
        ("2027-10-24T23:59:58Z", State::Match, Reason::Ok, 30),
        ("2027-10-24T23:59:59Z", State::Match, Reason::ExpiresSoon, 30),
        ("2027-11-23T23:59:59Z", State::Match, Reason::ExpiresSoon, 0),
        ("2027-11-24T00:00:00Z", State::Grace, Reason::ExpiredGrace, -1),
        ("2027-12-23T23:59:58Z", State::Grace, Reason::ExpiredGrace, -30),
        ("2027-12-23T23:59:59Z", State::Expired, Reason::Expired, -30),
        ("9999-12-30T00:00:00Z", State::Expired, Reason::Expired, -2_911_750),
    ] {
        let verdict = at(moment);
        assert_eq!(
            (verdict.state, verdict.reason, verdict.days_left),
            (state, reason, Some(days)),
            "{moment}"
        );
    }
}

#[test]
fn a_clock_behind_the_license_is_reported_and_locks_nobody_out() {
    for (moment, behind) in
        [("2026-11-22T09:00:00Z", false), ("2026-11-22T07:59:59Z", true), ("1970-01-01T00:00:00Z", true)]
    {
        let verdict = at(moment);
        assert_eq!((verdict.state, verdict.clock_behind), (State::Match, behind), "{moment}");
        assert_eq!(verdict.explain().contains("clock "), behind);
    }
}

#[test]
fn a_license_that_begins_later_is_not_in_force_yet() {
    let (desk, machine) = (Desk::new(), Machine::metal());
    let mut license = Desk::license(&machine);
    license.not_before = now().plus_days(2);
    let license = desk.sign(&license);
    let host = components(&machine, 1);
    let state = |now| {
        let bench = Bench { now, ..bench(&desk.signer.trust) };
        judge(&license, &Host::Components(&host), &bench).state
    };
    assert_eq!(state(now()), State::NotYet);
    assert_eq!(state(now().plus_days(1)), State::Match, "a day of tolerance");
}

#[test]
fn another_product_or_release_is_refused() {
    let (desk, machine) = (Desk::new(), Machine::metal());
    let mut license = Desk::license(&machine);
    license.releases = ">=5.2, <6".into();
    let license = desk.sign(&license);
    let state = |product, release| {
        let bench = Bench { product, release, ..bench(&desk.signer.trust) };
        judge(&license, &Host::NotCompared, &bench).state
    };
    assert_eq!(state(Some(PRODUCT), Some("5.3.0")), State::Valid);
    assert_eq!(state(Some("other"), Some("5.3.0")), State::WrongProduct);
    assert_eq!(state(Some(PRODUCT), Some("6.0.0")), State::WrongRelease);
    assert_eq!(state(None, None), State::Valid);
}

#[test]
fn revoked_licenses_and_keys_are_refused_by_a_later_trust_document() {
    let desk = Desk::new();
    let license = desk.sign(&Desk::license(&Machine::metal()));
    let reason = |trust: Trust| {
        let verdict = judge(&license, &Host::NotCompared, &bench(&trust));
        (verdict.state, verdict.reason)
    };
    let later = Desk::trust(|trust| {
        trust.version = 2;
        trust.revoked_licenses =
            vec![RevokedLicense { license: Id::from_bytes([7; 16]).to_string(), reason: "returned".into() }];
    });
    assert_eq!(reason(later), (State::Revoked, Reason::LicenseRevoked));
    let later = Desk::trust(|trust| {
        trust.version = 2;
        trust.revoked_keys = vec![RevokedKey { key: desk.public().id(), reason: "lost".into() }];
    });
    assert_eq!(reason(later), (State::Revoked, Reason::KeyRevoked));
}

#[test]
fn a_license_of_somebody_else_is_not_trusted() {
    let desk = Desk::new();
    let license = desk.sign(&Desk::license(&Machine::metal()));
    let stranger = wt_keys::testkit::Vendor::insecure(9);
    let verdict = judge(&license, &Host::NotCompared, &bench(&stranger.trust));
    assert_eq!(verdict.state, State::Untrusted);
    assert_eq!(verdict.license, None);
}

#[test]
fn a_certificate_of_another_role_signs_no_license() {
    let desk = Desk::with_certificate(|certificate| certificate.role = wt_keys::Role::Bundle);
    let license = Desk::license(&Machine::metal());
    assert!(crate::issue::issue_license(&license, &desk.signer).is_err());
}

#[test]
fn every_flipped_bit_and_every_cut_of_the_file_is_refused_without_a_panic() {
    let (desk, machine) = (Desk::new(), Machine::metal());
    let good = desk.sign(&Desk::license(&machine));
    let host = components(&machine, 1);
    let state = |bytes: &[u8]| judge(bytes, &Host::Components(&host), &bench(&desk.signer.trust)).state;
    assert_eq!(state(&good), State::Match);
    for byte in 0..good.len() {
        assert_eq!(state(&good[..byte]), State::Untrusted, "cut at {byte}");
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[byte] ^= 1 << bit;
            assert_eq!(state(&bad), State::Untrusted, "byte {byte}, bit {bit}");
        }
    }
    assert_eq!(state(&[&good[..], b"\n"].concat()), State::Untrusted);
}

/// A site: the files that the check reads.
struct Site {
    machine: Machine,
    desk: Desk,
}

impl Site {
    fn new() -> Self {
        let site = Self { machine: Machine::metal(), desk: Desk::new() };
        let license = site.desk.sign(&Desk::license(&site.machine));
        durable::write(&site.machine.sysroot().join("license.json"), &license, 0o644).unwrap();
        site.snapshot(PRODUCT);
        site
    }

    fn snapshot(&self, product: &str) {
        self.snapshot_at(product, now());
    }

    fn snapshot_at(&self, product: &str, now: Utc) {
        let snapshot =
            Snapshot::take(self.machine.sysroot(), "/".as_ref(), product, &install_key(1).public(), now)
                .unwrap();
        snapshot.write(&self.machine.sysroot().join("run/wt/host.json")).unwrap();
    }

    fn check(&self) -> (State, Reason) {
        let verdict = self.check_at(now());
        (verdict.state, verdict.reason)
    }

    fn check_at(&self, now: Utc) -> Verdict {
        let root = self.machine.sysroot();
        let verdict = check(&LicenseInputs {
            license: &root.join("license.json"),
            snapshot: &root.join("run/wt/host.json"),
            boot_id: &root.join(snapshot::BOOT_ID),
            trust: &self.desk.signer.trust,
            product: PRODUCT,
            release: Some("5.2.0"),
            now,
        });
        assert!(!verdict.explain().is_empty());
        verdict
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.machine.sysroot().join(path)).unwrap();
    }
}

#[test]
fn a_site_with_its_license_and_snapshot_is_licensed() {
    assert_eq!(Site::new().check(), (State::Match, Reason::Ok));
}

#[test]
fn a_snapshot_from_before_the_last_start_is_refused() {
    let site = Site::new();
    site.machine.put(snapshot::BOOT_ID, "00000000-1111-2222-3333-444444444444\n");
    assert_eq!(site.check(), (State::Unreadable, Reason::SnapshotStale));
    site.machine.put(snapshot::BOOT_ID, "\n");
    assert_eq!(site.check(), (State::Unreadable, Reason::BootIdUnreadable));
    site.remove(snapshot::BOOT_ID);
    assert_eq!(site.check(), (State::Unreadable, Reason::BootIdUnreadable));
}

#[test]
fn a_clock_set_back_since_the_snapshot_is_reported_and_not_believed() {
    let site = Site::new();
    let judged_at = |moment: &str| {
        let verdict = site.check_at(moment.parse().unwrap());
        (verdict.state, verdict.clock_behind, verdict.days_left)
    };
    site.snapshot_at(PRODUCT, "2027-11-30T08:00:00Z".parse().unwrap());
    assert_eq!(judged_at("2027-11-29T08:00:00Z"), (State::Grace, false, Some(-7)), "a day of tolerance");
    assert_eq!(judged_at("2027-11-20T08:00:00Z"), (State::Grace, true, Some(-7)));
    site.snapshot(PRODUCT);
    assert_eq!(
        judged_at("2027-11-20T08:00:00Z"),
        (State::Match, false, Some(3)),
        "a new snapshot, a new floor"
    );
    site.snapshot_at(PRODUCT, "2027-11-30T08:00:00Z".parse().unwrap());
    site.machine.put(snapshot::BOOT_ID, "00000000-1111-2222-3333-444444444444\n");
    assert_eq!(
        judged_at("2027-11-20T08:00:00Z"),
        (State::Unreadable, false, Some(3)),
        "a stale one says nothing"
    );
}

#[test]
fn a_flipped_bit_of_every_byte_and_every_cut_of_a_snapshot_is_a_verdict_without_a_panic() {
    let site = Site::new();
    let path = site.machine.sysroot().join("run/wt/host.json");
    let good = std::fs::read(&path).unwrap();
    let put = |bytes: &[u8]| {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        site.check()
    };
    for byte in 0..good.len() {
        assert_eq!(put(&good[..byte]), (State::Unreadable, Reason::SnapshotUnreadable), "cut at {byte}");
        let mut bad = good.clone();
        bad[byte] ^= 1 << (byte % 8);
        let (state, reason) = put(&bad);
        // another digit of a tag is another machine, another one of a date another date
        assert_ne!((state, reason), (State::Untrusted, Reason::Format), "byte {byte}");
    }
    assert_eq!(put(&good), (State::Match, Reason::Ok));
}

#[test]
fn modules_are_those_of_the_license_while_the_product_is_to_work() {
    let (desk, machine) = (Desk::new(), Machine::metal());
    let mut license = Desk::license(&machine);
    license.modules = vec!["wiki".into()];
    let has = |license: &License, host: &Machine, key, module: &str| {
        let components = components(host, key);
        judge(&desk.sign(license), &Host::Components(&components), &bench(&desk.signer.trust))
            .has_module(module)
    };
    assert!(has(&license, &machine, 1, "wiki") && !has(&license, &machine, 1, "forms"));
    assert!(!has(&license, &Machine::other_metal(), 2, "wiki"));
    license.modules = vec!["*".into()];
    assert!(has(&license, &machine, 1, "forms"));
}

#[test]
fn what_is_missing_or_unreadable_is_named() {
    let site = Site::new();
    site.snapshot("other");
    assert_eq!(site.check(), (State::Unreadable, Reason::SnapshotOfOtherProduct));
    site.remove("run/wt/host.json");
    assert_eq!(site.check(), (State::Unreadable, Reason::SnapshotMissing));
    site.machine.put("run/wt/host.json", "{}");
    assert_eq!(site.check(), (State::Unreadable, Reason::SnapshotUnreadable));
    site.machine.put("license.json", "not a license");
    assert_eq!(site.check(), (State::Untrusted, Reason::Format));
    site.remove("license.json");
    assert_eq!(site.check(), (State::Missing, Reason::LicenseMissing));
    site.machine.put("license.json/x", "a folder");
    assert_eq!(site.check(), (State::Unreadable, Reason::LicenseUnreadable));
}

#[test]
fn the_verdict_is_spelt_as_its_schema_says() {
    let json = serde_json::to_value(judged(&Machine::metal(), &Machine::container(), 2)).unwrap();
    assert_eq!(json["schema"], "wt.verdict.v1");
    assert_eq!((&json["state"], &json["reason"]), (&"FOREIGN".into(), &"HW_FOREIGN".into()));
    assert_eq!(json["components"][0]["result"], "differ");
}
