//! The ledger of a desk, with the real programs: what is in it, what it refuses, how it is renewed and revoked.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod world;

use std::fs;

use clap::Parser as _;
use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;
use wt_licensor::Id;

use world::{Desk, HERE, THERE, said};

const KEY: &str = "--key license.key";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    desk
}

fn id(listed: &serde_json::Value) -> String {
    listed["license_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_second_license_of_a_machine_is_refused_with_the_name_of_the_first() {
    let desk = desk();
    desk.done(&format!("sign hw.json {KEY} -q"));
    let first = id(&desk.listed("")[0]);
    let refused = desk.ends(&format!("sign hw.json {KEY} -o second.json -q"), 4);
    assert!(
        refused.starts_with(&format!(
            "error: there is a license of this machine: {first}\n  for      `Acme GmbH`, signed "
        )),
        "{refused}"
    );
    assert!(refused.contains("\n  the same install_key\nhint: `wt-license renew "), "{refused}");
    assert!(!desk.path("second.json").exists());
    // another machine with the same machine id gets one, and the desk is told
    desk.request("copy.json", HERE, 12, "Acme GmbH");
    let noted = desk.command(&format!("sign copy.json {KEY} -o copy.license")).output().unwrap();
    assert!(
        said(&noted).contains(&format!(
            "note: license {first} of `Acme GmbH` is for a machine with the same machine id"
        )),
        "{}",
        said(&noted)
    );
    desk.done(&format!("sign hw.json {KEY} -o second.json -q --rehost"));
    let standings: Vec<_> =
        desk.listed("").iter().map(|it| it["standing"].as_str().unwrap().to_owned()).collect();
    assert_eq!(standings, ["replaced", "in_force", "in_force"]);
    assert!(
        desk.done("verify-ledger --ledger ledger.db")
            .starts_with("3 licenses and 0 revocations in 3 entries, all under a seal\n")
    );
}

#[test]
fn what_was_signed_is_found_shown_and_written_again() {
    let desk = desk();
    desk.request("other.json", THERE, 12, "=cmd|' /C calc'!A0");
    desk.done(&format!("sign hw.json {KEY} -q --term 90d --seats 250 --zone Asia/Shanghai"));
    desk.done(&format!("sign other.json {KEY} -o other.license -q"));
    assert_eq!(desk.listed("").len(), 2);
    assert_eq!(desk.listed(" --expiring 60d").len(), 0);
    let due = desk.listed(" --expiring 100d");
    assert_eq!((due.len(), &due[0]["seats"]), (1, &250.into()));
    assert!(due[0]["expires_at"].as_str().unwrap().ends_with("T15:59:59Z"), "the end of a day in Shanghai");
    assert_eq!(desk.listed(" --customer acme").len(), 1);
    let csv = desk.done("list --ledger ledger.db --csv");
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.contains(",\"'=cmd|' /C calc'!A0\","), "{csv}");
    let id = id(&due[0]);
    let shown = desk.done(&format!("show {} --ledger ledger.db -o again.json", &id[..6]));
    for expected in [
        "in force, ",
        "  seats       250\n",
        "  zone        Asia/Shanghai\n",
        " by desk, entry 1\n",
        "  plan        standard\n",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert_eq!(fs::read(desk.path("again.json")).unwrap(), fs::read(desk.path("license.json")).unwrap());
    desk.ends(&format!("show {id} --ledger ledger.db -o again.json"), 1);
    desk.ends("show ffffffffffff --ledger ledger.db", 2);
    let missing = desk.ends("list --ledger none.db", 1);
    assert!(missing.starts_with("error: there is no ledger `none.db`\nhint: "), "{missing}");
}

#[test]
fn a_license_is_renewed_for_its_machine_as_it_was() {
    let desk = desk();
    desk.done(&format!(
        "sign hw.json {KEY} -q --term 30d --seats 250 --modules wiki,forms --zone Asia/Shanghai"
    ));
    desk.request("drifted.json", THERE, 11, "Acme GmbH");
    desk.request("foreign.json", THERE, 12, "Acme GmbH");
    let old = id(&desk.listed("")[0]);
    let refused = desk.ends(&format!("renew {old} {KEY} --request foreign.json --term 30d -y"), 4);
    assert!(refused.contains("error: the request is for another machine than the license\n"), "{refused}");
    desk.done(&format!("renew license.json {KEY} --request drifted.json --term 30d -o next.json -q -y"));
    let listed = desk.listed("");
    assert_eq!(
        (listed[0]["standing"].as_str().unwrap(), listed[0]["replaced_by"].as_str().unwrap()),
        ("replaced", &*id(&listed[1]))
    );
    for field in ["customer", "edition", "seats", "nodes", "modules"] {
        assert_eq!(listed[0][field], listed[1][field], "{field}");
    }
    let days = |listed: &serde_json::Value| listed["days_left"].as_i64().unwrap();
    assert_eq!(days(&listed[1]) - days(&listed[0]), 30, "the next term follows the old one");
    let too_long = desk.ends(&format!("renew {} {KEY} --term 400d -q -y", id(&listed[1])), 1);
    assert!(too_long.contains("error: the certificate limits licenses to 366 days\n"), "{too_long}");
    assert!(too_long.contains("hint: its last day lies at most 366 days after today"), "{too_long}");
    desk.done("verify license.json --trust trust.json --hardware hw.json -q");
    desk.done("verify next.json --trust trust.json --hardware drifted.json -q");
}

fn keys(desk: &Desk, line: &str) {
    let path = |word: &str| desk.path(word.strip_prefix('@').unwrap_or("")).to_str().unwrap().to_owned();
    let words = line.split(' ').map(|word| if word.starts_with('@') { path(word) } else { word.to_owned() });
    let program = WtKeys::try_parse_from(["wt-keys".to_owned()].into_iter().chain(words)).unwrap();
    program.run().unwrap_or_else(|failure| panic!("{line}: {failure}"));
}

/// Roots whose keys are at hand, and a license key of theirs, under `keys`.
fn ceremony() -> Desk {
    let desk = desk();
    keys(&desk, "init --dir @keys --roots 3 --threshold 2 --no-passphrase -q");
    desk
}

const CEREMONY: &str = "--key keys/license.key --ledger ledger.db";
const ROOTS: &str = "--root @keys/root-1.key --root @keys/root-2.key -q --yes";

#[test]
fn a_license_that_is_revoked_at_the_desk_ends_with_the_next_trust_document() {
    let desk = ceremony();
    desk.done(&format!("sign hw.json {CEREMONY} -q"));
    desk.done("verify license.json --trust keys/trust.json -q");
    let revoked = id(&desk.listed("")[0]);
    let told =
        desk.command(&format!("revoke {} --reason sold --ledger ledger.db", &revoked[..8])).output().unwrap();
    assert!(
        said(&told).contains(&format!("next: wt-keys revoke --license {revoked} --reason 'sold' --root ")),
        "{}",
        said(&told)
    );
    desk.ends(&format!("revoke {revoked} --reason sold --ledger ledger.db"), 1);
    desk.ends(&format!("renew {revoked} {CEREMONY} -y"), 1);
    let proven = desk.done("verify-ledger --ledger ledger.db --trust keys/trust.json");
    assert!(
        proven.starts_with("1 licenses and 1 revocations in 2 entries, 1 of them after the last seal"),
        "{proven}"
    );
    keys(&desk, &format!("revoke --license {revoked} --reason sold {ROOTS}"));
    // it is for a machine that has no license any more
    desk.done(&format!("sign hw.json {CEREMONY} -o second.json -q"));
    desk.ends("verify license.json --trust keys/trust.json", 4);
    desk.done("verify second.json --trust keys/trust.json -q");
    let proven = desk.done("verify-ledger --ledger ledger.db --trust keys/trust.json");
    assert!(proven.starts_with("2 licenses and 1 revocations in 3 entries, all under a seal\n"), "{proven}");
}

#[test]
fn a_license_leads_sites_over_all_rotations_that_they_missed() {
    let desk = ceremony();
    fs::copy(desk.path("keys/trust.json"), desk.path("first.json")).unwrap();
    let rotate = "rotate --no-passphrase -q --yes --certificate @keys/license.cert";
    let id_of = |name: &str| {
        let key = wt_keys::key_file::read(&desk.path(&format!("keys/{name}")), &|_| unreachable!()).unwrap();
        key.public().id()
    };
    let (one, two) = (id_of("root-1.key"), id_of("root-2.key"));
    desk.done(&format!("sign hw.json {CEREMONY} -q"));
    keys(
        &desk,
        &format!(
            "{rotate} --new @keys/root-4.key --retire {one} --root @keys/root-1.key --root @keys/root-2.key"
        ),
    );
    keys(
        &desk,
        &format!(
            "{rotate} --new @keys/root-5.key --retire {two} --root @keys/root-2.key --root @keys/root-4.key"
        ),
    );
    fs::copy(desk.path("keys/trust.json"), desk.path("third.json")).unwrap();
    let unknown = Id::from_bytes([9; 16]);
    keys(
        &desk,
        &format!(
            "revoke --license {unknown} --reason lost --root @keys/root-4.key --root @keys/root-5.key -q --yes"
        ),
    );
    desk.done(&format!("sign hw.json {CEREMONY} -o second.json -q --rehost"));
    for site in ["first.json", "keys/trust-2.json", "third.json", "keys/trust.json"] {
        desk.done(&format!("verify second.json --trust {site} -q"));
    }
    // of the first license, the certificate is signed by a root that is a stranger now; the documents since then keep it
    for site in ["first.json", "keys/trust-2.json", "third.json", "keys/trust.json"] {
        desk.done(&format!("verify license.json --trust {site} -q"));
    }
    let proven = desk.done("verify-ledger --ledger ledger.db --trust keys/trust.json");
    assert!(proven.starts_with("2 licenses"), "{proven}");
    desk.ends("verify-ledger --ledger ledger.db --trust trust.json", 3);
}

#[test]
fn a_folder_of_requests_gets_its_licenses_or_none() {
    let desk = Desk::new();
    fs::create_dir(desk.path("in")).unwrap();
    for number in 0..20 {
        let name = format!("in/{number:02}.json");
        desk.request_with(
            &name,
            &format!("{number:02x}a1b2c3d4e5f60718293a4b5c6d7e8f"),
            100 + number,
            |request| {
                request.request_id = Id::from_bytes([number; 16]);
            },
        );
    }
    fs::rename(desk.path("in/03.json"), desk.path("three.json")).unwrap();
    desk.request("in/03.json", "uninitialized", 30, "Acme GmbH");
    let refused = desk.ends(&format!("sign in {KEY} -o out"), 4);
    assert!(
        refused
            .starts_with("`in/03.json` gets no license, and so none of them does\nerror: the fingerprint "),
        "{refused}"
    );
    fs::copy(desk.path("in/04.json"), desk.path("in/03.json")).unwrap();
    let refused = desk.ends(&format!("sign in {KEY} -o out"), 4);
    assert!(refused.contains("error: `in/03.json` and `in/04.json` are for the same machine\n"), "{refused}");
    assert!(!desk.path("out").exists() && !desk.path("ledger.db").exists());
    fs::rename(desk.path("three.json"), desk.path("in/03.json")).unwrap();
    let signed = desk.command(&format!("sign in {KEY} -o out --json")).output().unwrap();
    assert!(
        said(&signed).contains("\n20 licenses signed in ") && said(&signed).contains(" a second\n"),
        "{}",
        said(&signed)
    );
    let report: serde_json::Value = serde_json::from_slice(&signed.stdout).unwrap();
    assert_eq!(report["licenses"].as_array().unwrap().len(), 20);
    for number in 0..20 {
        desk.done(&format!(
            "verify out/{number:02}.json --trust trust.json --hardware in/{number:02}.json -q"
        ));
    }
    assert!(desk.done("verify-ledger --ledger ledger.db").starts_with("20 licenses"));
    let again = desk.ends(&format!("sign in {KEY} -o again"), 4);
    assert!(
        again
            .contains("error: `in/00.json` gets no license\n  because: there is a license of this machine: "),
        "{again}"
    );
}

#[test]
fn plans_say_what_is_sold_and_a_certificate_how_much_of_it() {
    let desk = desk();
    let plans = "default = 'small'\nzone = 'Asia/Shanghai'\n[product.worktile]\nmodules = ['messages', 'projects', 'calendar', 'drive', 'briefs', 'approvals', 'goals']\n\
                 [plan.small]\nseats = 50\nmodules = ['messages', 'calendar']\nterm = '3 months'\ngrace-days = 7\nspares = 1\n[plan.large]\nseats = 5000\n";
    fs::write(desk.path("plans.toml"), plans).unwrap();
    let dry =
        |more: &str| said(&desk.command(&format!("sign hw.json {KEY} --dry-run{more}")).output().unwrap());
    let small = dry("");
    assert!(
        small.contains("  seats       50\n") && small.contains("  modules     messages, calendar\n"),
        "{small}"
    );
    assert!(dry(" --term 1").contains("invalid value '1' for '--term <TERM>': `1` is not a term"));
    assert!(dry(" --plan large --seats 70").contains("  seats       70\n"));
    let refused = desk.ends(&format!("sign hw.json {KEY} --plan huge"), 2);
    assert_eq!(refused, "error: there is no plan `huge`\n  expected one of large, small\n");
    let refused = desk.ends(&format!("sign hw.json {KEY} --modules messages,wiki"), 2);
    assert!(
        refused.starts_with("error: `worktile` has no module `wiki`\n  expected some of messages, projects"),
        "{refused}"
    );
    desk.done(&format!("sign hw.json {KEY} -q"));
    let shown = desk.done(&format!("show {} --ledger ledger.db --json", id(&desk.listed("")[0])));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["plan"], &shown["license"]["spares"], &shown["zone"]),
        (&"small".into(), &1.into(), &"Asia/Shanghai".into())
    );
    assert!(shown["license"]["expires_at"].as_str().unwrap().ends_with("T15:59:59Z"));
}

#[test]
fn a_stolen_trial_key_signs_no_more_than_its_certificate_says() {
    let desk = ceremony();
    let certify = "certify @keys/trial.key --role license --product worktile --longest-term 30 --most-seats 20 --no-passphrase -q";
    keys(&desk, &format!("{certify} --root @keys/root-1.key --root @keys/root-2.key"));
    let sign = "sign hw.json --key keys/trial.key --ledger ledger.db -q";
    let refused = desk.ends(&format!("{sign} --seats 20 --term 31d"), 1);
    assert!(
        refused.starts_with("error: the certificate limits licenses to 30 days\n  found    31 days\n"),
        "{refused}"
    );
    let refused = desk.ends(&format!("{sign} --seats 21 --term 30d"), 1);
    assert!(
        refused
            .starts_with("error: the certificate limits licenses to 20 seats\n  found    21 seats\nhint: "),
        "{refused}"
    );
    desk.request_of("other", "other.json", THERE, 12);
    let refused = desk.ends(&format!("{} --seats 20 --term 30d", sign.replace("hw.json", "other.json")), 3);
    assert!(refused.starts_with("error: the certificate is for another product\n"), "{refused}");
    assert!(!desk.path("license.json").exists() && !desk.path("ledger.db").exists());
    desk.done(&format!("{sign} --seats 20 --term 30d"));
    desk.done("verify license.json --trust keys/trust.json -q");
}
