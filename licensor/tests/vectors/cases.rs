//! The cases: what a site looks like, and what must be said of it.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use wt_keys::{Document as _, Envelope, Role, TrustDocument};
use wt_licensor::drift::Drift;
use wt_licensor::{Environment, Kind, License, Quality, Reason, State, Tag};

use super::world::{
    PRODUCT, SIGNER, Site, at, bound, certificate, changed_machine, component, digest, file, first_trust, id,
    keeping, key, license, machine, machine_hiding, machine_with, next_year, now, other_machine,
    revoking_key, revoking_license, seal, signed, signed_payload, trust_document,
};
use super::{Case, Vectors};

pub fn all() -> Vectors {
    let mut vectors = Vectors {
        warning: "INSECURE: every key here is computed from one byte".into(),
        kinds: machine()
            .iter()
            .map(|component| {
                let kind = component.kind;
                let digits = Tag::of(PRODUCT, kind, "x").to_string().len();
                (kind.to_string(), kind.most_tags(), digits, kind.any_is_enough())
            })
            .collect(),
        releases: RELEASES.map(ToOwned::to_owned).to_vec(),
        requirements: requirements(),
        ..Vectors::default()
    };
    machines(&mut vectors);
    dates(&mut vectors);
    clocks(&mut vectors);
    drift(&mut vectors);
    several(&mut vectors);
    signatures(&mut vectors);
    scopes(&mut vectors);
    clouds(&mut vectors);
    trusts(&mut vectors);
    kept(&mut vectors);
    contents(&mut vectors);
    files(&mut vectors);
    vectors
}

impl Vectors {
    fn case(&mut self, name: &str, expected: (State, Reason), site: Site) {
        let files = site.files.iter().map(|(file, content)| {
            let text = content.as_ref().map(|content| self.named(name, file, content));
            (file.clone(), text)
        });
        let files: BTreeMap<String, Option<String>> = files.collect();
        let mut case = Case {
            name: name.into(),
            files,
            trust: self.named(name, "trust.json", &site.trust),
            product: site.product,
            release: site.release,
            now: site.now.to_string(),
            host: site.host,
            verdict: BTreeMap::new(),
            words: vec![],
        };
        let (verdict, mut fields, words) = case.judge(self);
        assert_eq!((verdict.state, verdict.reason), expected, "{name}: {words}");
        if let Some(first) = self.cases.first() {
            fields.retain(|field, value| first.verdict[field] != *value);
        }
        (case.verdict, case.words) = (fields, self.lines(&words));
        self.cases.push(case);
    }

    /// The name of a text, which is that of the case that had it first.
    fn named(&mut self, case: &str, file: &str, content: &[u8]) -> String {
        let lines = self.lines(std::str::from_utf8(content).unwrap());
        if let Some((name, _)) = self.texts.iter().find(|(_, text)| **text == lines) {
            return name.clone();
        }
        let name = format!("{case}: {file}");
        self.texts.insert(name.clone(), lines);
        name
    }

    fn lines(&mut self, text: &str) -> Vec<usize> {
        let mut number = |line: &str| {
            let known = self.lines.iter().position(|known| known == line);
            known.unwrap_or_else(|| {
                self.lines.push(line.to_owned());
                self.lines.len() - 1
            })
        };
        text.split('\n').map(&mut number).collect()
    }
}

const UNTRUSTED: State = State::Untrusted;

fn machines(vectors: &mut Vectors) {
    let foreign = (State::Foreign, Reason::HwForeign);
    vectors.case("the machine itself", (State::Match, Reason::Ok), Site::new());
    let mut desk = Site::new().without("host.json");
    desk.host = false;
    vectors.case("a desk without a machine", (State::Valid, Reason::NotCompared), desk);
    let one_card = machine_with(&[(Kind::Nic, &["3c:ec:ef:12:34:56"]), (Kind::Disk, &["wwid=c", "wwid=d"])]);
    vectors.case(
        "one card of three, one disk of three",
        (State::Match, Reason::Ok),
        Site::new().host(one_card),
    );
    vectors.case(
        "another board and other cards",
        (State::Drift, Reason::HwDrift),
        Site::new().host(changed_machine()),
    );
    vectors.case("another machine", foreign, Site::new().host(other_machine()));
    let image = machine_with(&[
        (Kind::SmbiosUuid, &["another"]),
        (Kind::Serials, &["board=another"]),
        (Kind::Disk, &["wwid=another"]),
        (Kind::Nic, &["3c:ec:ef:99:99:99"]),
    ]);
    vectors.case("a copy of the disk on another machine", foreign, Site::new().host(image));
    let hidden = machine_hiding(&[Kind::SmbiosUuid, Kind::Serials], machine());
    vectors.case("a board that cannot be read", (State::Drift, Reason::HwDrift), Site::new().host(hidden));
    let hidden = machine_hiding(&[Kind::SmbiosUuid], other_machine());
    vectors.case("another machine that hides its board", foreign, Site::new().host(hidden));
    vectors.case("a machine of which nothing is known", foreign, Site::new().host(vec![]));
    let mut absent = machine();
    for component in &mut absent {
        (component.quality, component.tags) = (Quality::Absent, vec![]);
    }
    vectors.case("a machine that has nothing", foreign, Site::new().host(absent));
    let mut soft = license();
    soft.binding.nodes[0].components.drain(..2);
    let soft = signed(&soft);
    vectors.case("no strong component is bound", (State::Match, Reason::Ok), Site::new().license(&soft));
    let less = machine_with(&[(Kind::Disk, &["wwid=another"])]);
    let site = Site::new().license(&soft).host(less);
    vectors.case("too little where no strong one is bound", (State::Drift, Reason::HwDrift), site);
    let mut two = license();
    two.binding.nodes.push(bound("node-2", &other_machine()));
    let site = Site::new().license(&signed(&two)).host(other_machine());
    vectors.case("the second of two machines", (State::Match, Reason::Ok), site);
}

fn dates(vectors: &mut Vectors) {
    for (name, moment, expected) in [
        ("a month before the end", "2027-10-24T23:59:59Z", (State::Match, Reason::ExpiresSoon)),
        ("the last second", "2027-11-23T23:59:59Z", (State::Match, Reason::ExpiresSoon)),
        ("the second after", "2027-11-24T00:00:00Z", (State::Grace, Reason::ExpiredGrace)),
        ("the last second of the grace", "2027-12-23T23:59:58Z", (State::Grace, Reason::ExpiredGrace)),
        ("after the grace", "2027-12-23T23:59:59Z", (State::Expired, Reason::Expired)),
        ("the end of time", "9999-12-30T22:00:00Z", (State::Expired, Reason::Expired)),
    ] {
        vectors.case(name, expected, Site::new().at(moment));
    }
    let later = License { not_before: now().plus_days(2), ..license() };
    let site = || Site::new().license(&signed(&later));
    vectors.case("it begins in two days", (State::NotYet, Reason::NotYet), site());
    vectors.case("it begins within a day", (State::Match, Reason::Ok), site().at("2026-11-24T08:00:00Z"));
}

fn clocks(vectors: &mut Vectors) {
    let good = (State::Match, Reason::Ok);
    vectors.case("a clock half a day behind the license", good, Site::new().at("2026-11-22T20:00:00Z"));
    vectors.case(
        "a clock a day and a second behind the license",
        good,
        Site::new().at("2026-11-22T07:59:59Z"),
    );
    vectors.case("a clock a year behind the license", good, Site::new().at("2025-11-23T08:00:00Z"));
    vectors.case("a clock at the beginning of time", good, Site::new().at("1970-01-01T00:00:00Z"));
    let later = |moment: &str| {
        let latest = at(moment);
        Site::new().snapshot(|snapshot| (snapshot.taken_at, snapshot.latest) = (latest.min(now()), latest))
    };
    vectors.case("a clock a year behind what the host has seen", good, later("2027-05-01T08:00:00Z"));
    let grace = (State::Grace, Reason::ExpiredGrace);
    vectors.case("seen: the grace", grace, later("2027-12-01T08:00:00Z"));
    let behind = (State::Grace, Reason::ClockBehind);
    vectors.case("seen: after the grace", behind, later("2027-12-24T08:00:00Z"));
    vectors.case("ten years ahead, and back", behind, later("2036-11-23T08:00:00Z"));
    let site = later("2036-11-23T08:00:00Z").host_of(other_machine());
    vectors.case("ten years ahead and back, on another machine", (State::Foreign, Reason::HwForeign), site);
    let site = later("2027-12-24T08:00:00Z").at("2027-12-23T20:00:00Z");
    vectors.case("seen: after the grace, a few hours ago", grace, site);
    let mut trust = trust_document(2, 1, &[1]);
    trust.issued = at("2028-06-01T08:00:00Z");
    let site = Site::new().trusting(&seal(&trust, &[1]));
    vectors.case("the vendor vouches for a later time", (State::Expired, Reason::Expired), site);
}

impl Site {
    /// What is known of the host, but another machine.
    fn host_of(mut self, components: Vec<wt_licensor::Component>) -> Self {
        let bytes = self.files["host.json"].clone().unwrap();
        let mut snapshot = wt_licensor::Snapshot::parse(&bytes, std::path::Path::new("host.json")).unwrap();
        snapshot.components = components;
        self.files.insert("host.json".into(), Some(snapshot.to_bytes()));
        self
    }
}

fn drift(vectors: &mut Vectors) {
    let since = |moment: &str, license| {
        let drift = vec![Drift { license: id(9), since: now() }, Drift { license, since: at(moment) }];
        Site::new().snapshot(|snapshot| snapshot.drift = drift).host_of(changed_machine())
    };
    let (drifted, over) = ((State::Drift, Reason::HwDrift), (State::Foreign, Reason::HwDriftOver));
    vectors.case("changed since yesterday", drifted, since("2026-11-22T08:00:00Z", id(7)));
    vectors.case("changed 30 days ago", drifted, since("2026-10-24T08:00:00Z", id(7)));
    vectors.case("changed 30 days and a second ago", over, since("2026-10-24T07:59:59Z", id(7)));
    vectors.case("changed, and the clock was ahead then", drifted, since("2036-11-23T08:00:00Z", id(7)));
    vectors.case("changed from another license long ago", drifted, since("2026-01-01T08:00:00Z", id(8)));
    let mut site = since("2026-11-22T08:00:00Z", id(7));
    site.now = at("2026-12-22T08:00:01Z");
    vectors.case("the days of a changed machine are over", over, site);
    let site = since("2026-11-22T08:00:00Z", id(7)).host_of(machine());
    vectors.case("changed, and as it was again", (State::Match, Reason::Ok), site);
}

fn several(vectors: &mut Vectors) {
    let both = || Site::new().with("license-2.json", &signed(&next_year()));
    vectors.case("the next year lies there", (State::Match, Reason::Ok), both());
    vectors.case(
        "and the first one ends soon",
        (State::Match, Reason::Ok),
        both().at("2027-11-20T08:00:00Z"),
    );
    vectors.case("the next year has begun", (State::Match, Reason::Ok), both().at("2027-11-24T08:00:00Z"));
    let soon = (State::Match, Reason::ExpiresSoon);
    vectors.case("the next year ends soon", soon, both().at("2028-11-01T08:00:00Z"));
    let gap = License { not_before: at("2027-12-01T00:00:00Z"), ..next_year() };
    let with_gap = || Site::new().with("license-2.json", &signed(&gap));
    vectors.case("a gap before the next year", soon, with_gap().at("2027-11-20T08:00:00Z"));
    vectors.case("in the gap", (State::Grace, Reason::ExpiredGrace), with_gap().at("2027-11-26T08:00:00Z"));
    let mut elsewhere = next_year();
    elsewhere.binding.nodes = vec![bound("node-1", &other_machine())];
    let site = Site::new().with("license-2.json", &signed(&elsewhere)).at("2027-11-20T08:00:00Z");
    vectors.case("the next year is another machine's", soon, site);
    let site = both().license(&signed(&elsewhere)).at("2027-11-25T08:00:00Z");
    vectors.case("the first one is another machine's", (State::Match, Reason::Ok), site);
    let more = License {
        license_id: id(9),
        seats: 500,
        issued_at: now().plus_days(1),
        not_before: now(),
        ..license()
    };
    let more = License { not_before: more.issued_at, ..more };
    let site = Site::new().with("license-more.json", &signed(&more)).at("2026-11-25T08:00:00Z");
    vectors.case("more seats since yesterday", (State::Match, Reason::Ok), site);
    let site = Site::new().with("license-old.json", b"nonsense\n").with_folder("license-x.json");
    let site = site.with("other.json", b"not looked at");
    vectors.case("what is no license lies beside it", (State::Match, Reason::Ok), site);
    let site = Site::new().without("license.json").with("license-a.json", &signed(&license()));
    vectors.case("it has another name", (State::Match, Reason::Ok), site);
    let bringing = |trust: Envelope| {
        let other = License { license_id: id(8), ..license() };
        let bytes = file(seal(&other, &[SIGNER]), seal(&certificate(), &[1]), vec![first_trust(), trust]);
        Site::new().with("license-2.json", &bytes)
    };
    let revoking = seal(&revoking_license(2, id(7)), &[1]);
    vectors.case("what lies beside it revokes the first", (State::Match, Reason::Ok), bringing(revoking));
    let revoking = seal(&revoking_key(2), &[1]);
    vectors.case(
        "what lies beside it revokes the key of both",
        (State::Revoked, Reason::KeyRevoked),
        bringing(revoking),
    );
}

fn signatures(vectors: &mut Vectors) {
    let good = String::from_utf8(signed(&license())).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let other = String::from_utf8(signed(&next_year())).unwrap();
    let signature =
        |text: &str| text.lines().next().unwrap().split("\"sig\":\"").nth(1).unwrap()[..88].to_owned();
    let exchanged = good.replace(&signature(&good), &signature(&other));
    let of = |text: &str| Site::new().license(text.as_bytes());
    vectors.case("the signature of another license", (UNTRUSTED, Reason::SigBad), of(&exchanged));
    let payload =
        |text: &str| text.split("\"payload\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let exchanged = good.replace(&payload(&good), &payload(&other));
    vectors.case("the content of another license", (UNTRUSTED, Reason::SigBad), of(&exchanged));
    let certificate = format!("{}\n{}\n{}\n", lines[1], lines[1], lines[2]);
    vectors.case("a certificate in its place", (UNTRUSTED, Reason::Format), of(&certificate));
    let retyped = good.replacen("vnd.wt.license.v1", "vnd.wt.license.v2", 1);
    vectors.case("a license of a later kind", (UNTRUSTED, Reason::Format), of(&retyped));
    let request = good.replacen("vnd.wt.license.v1+json", "x\\u001b[2J\\n", 1);
    vectors.case("a kind that steers terminals", (UNTRUSTED, Reason::Format), of(&request));
    for (name, bad) in [
        ("nothing", String::new()),
        ("a line feed", "\n".into()),
        ("without the last line feed", good.trim_end().into()),
        ("a line feed too many", format!("{good}\n")),
        ("without a trust document", format!("{}\n{}\n", lines[0], lines[1])),
        (
            "more trust documents than there may be",
            format!("{}{}", good, format!("{}\n", lines[2]).repeat(16)),
        ),
        ("a space", good.replacen("{\"payloadType\"", "{ \"payloadType\"", 1)),
        ("a field twice", good.replacen("{\"payloadType\"", "{\"payloadType\":\"x\",\"payloadType\"", 1)),
        ("a field more", good.replacen("{\"payloadType\"", "{\"note\":\"x\",\"payloadType\"", 1)),
        ("a signature twice", {
            let entry = lines[0].split("\"signatures\":[").nth(1).unwrap().trim_end_matches("]}");
            good.replacen(entry, &format!("{entry},{entry}"), 1)
        }),
        ("base64 without its end", good.replacen("=\",\"signatures\"", "\",\"signatures\"", 1)),
        ("a key id in capitals", good.replacen("\"keyid\":\"", "\"keyid\":\"A", 1)),
        ("JSON of another kind", "[1]\n{}\nnull\n".into()),
    ] {
        assert_ne!(bad, good, "{name}");
        vectors.case(name, (UNTRUSTED, Reason::Format), of(&bad));
    }
}

fn scopes(vectors: &mut Vectors) {
    let under = |change: &dyn Fn(&mut wt_keys::Certificate)| {
        let mut certificate = certificate();
        change(&mut certificate);
        let envelope = seal(&certificate, &[1]);
        Site::new().license(&file(seal(&license(), &[SIGNER]), envelope, vec![first_trust()]))
    };
    let scope = (UNTRUSTED, Reason::IssuerScope);
    vectors.case("a bundle key", scope, under(&|certificate| certificate.role = Role::Bundle));
    vectors.case(
        "a key of another product",
        scope,
        under(&|certificate| certificate.product = "other".into()),
    );
    vectors.case("a key of every product", (State::Match, Reason::Ok), under(&|c| c.product = "*".into()));
    let early = under(&|certificate| certificate.not_before = now().plus_days(1));
    vectors.case("issued before its key was good", scope, early);
    let late = under(&|certificate| certificate.not_after = at("2026-11-23T07:59:59Z"));
    vectors.case("issued after its key was good", scope, late);
    vectors.case(
        "a trial key for a year",
        scope,
        under(&|certificate| certificate.longest_term_days = Some(30)),
    );
    vectors.case("a key without a limit", (State::Match, Reason::Ok), under(&|c| c.longest_term_days = None));
    let mut certificate_of_root = certificate();
    certificate_of_root.key = key(1).public();
    let bytes = file(seal(&license(), &[1]), seal(&certificate_of_root, &[1]), vec![first_trust()]);
    vectors.case("a root that signs licenses", scope, Site::new().license(&bytes));
    let unknown = (UNTRUSTED, Reason::IssuerUnknown);
    let bytes = file(seal(&license(), &[4]), seal(&certificate(), &[1]), vec![first_trust()]);
    vectors.case("signed by another key", unknown, Site::new().license(&bytes));
    let bytes = file(seal(&license(), &[SIGNER, 4]), seal(&certificate(), &[1]), vec![first_trust()]);
    vectors.case("signed by another key, too", unknown, Site::new().license(&bytes));
    let bytes = file(seal(&license(), &[SIGNER]), seal(&certificate(), &[2]), vec![first_trust()]);
    vectors.case("certified by another root", unknown, Site::new().license(&bytes));
    let stranger = seal(&trust_document(1, 1, &[2]), &[2]);
    vectors.case("the roots of another vendor", unknown, Site::new().trusting(&stranger));
}

fn trusts(vectors: &mut Vectors) {
    let good = (State::Match, Reason::Ok);
    let (key_revoked, revoked) =
        ((State::Revoked, Reason::KeyRevoked), (State::Revoked, Reason::LicenseRevoked));
    vectors.case(
        "the site knows that the key was revoked",
        key_revoked,
        Site::new().trusting(&seal(&revoking_key(2), &[1])),
    );
    let site = Site::new().trusting(&seal(&revoking_license(2, id(7)), &[1]));
    vectors.case("the site knows that the license was revoked", revoked, site);
    let site = Site::new().trusting(&seal(&revoking_license(2, id(8)), &[1]));
    vectors.case("another license was revoked", good, site);
    let carrying = |trust: Vec<Envelope>, roots: &[u8]| {
        Site::new().license(&file(seal(&license(), &[SIGNER]), seal(&certificate(), roots), trust))
    };
    let site = carrying(vec![first_trust(), seal(&revoking_license(2, id(7)), &[1])], &[1]);
    vectors.case("a license that brings its own revocation", revoked, site);
    // roots 1 → 1 and 2 of 2 → 2 and 5 of 3 → 6
    let steps = || {
        vec![
            first_trust(),
            seal(&trust_document(2, 2, &[1, 2]), &[1, 2]),
            seal(&trust_document(3, 2, &[2, 5, 4]), &[1, 2, 5]),
            seal(&trust_document(4, 1, &[6]), &[2, 5, 6]),
        ]
    };
    vectors.case("three rotations jumped", good, carrying(steps(), &[6]));
    vectors.case("a site in the middle of them", good, carrying(steps(), &[6]).trusting(&steps()[2]));
    vectors.case("a site at the end of them", good, carrying(steps(), &[6]).trusting(&steps()[3]));
    // signed after the rotations, and something was revoked since
    let mut revoking = trust_document(5, 1, &[6]);
    revoking.revoked_licenses = revoking_license(5, id(8)).revoked_licenses;
    let site = carrying(steps(), &[6]).trusting(&seal(&revoking, &[6]));
    vectors.case("a site that is ahead of them by a revocation", good, site);
    let mut many = steps();
    for (version, root) in (5..=16).zip(7..) {
        many.push(seal(&trust_document(version, 1, &[root]), &[root - 1, root]));
    }
    vectors.case("as many rotations jumped as there may be", good, carrying(many.clone(), &[18]));
    vectors.case("a site in the midst of so many", good, carrying(many.clone(), &[18]).trusting(&many[9]));
    many.remove(7);
    let gap = (UNTRUSTED, Reason::IssuerUnknown);
    vectors.case("one of so many is missing", gap, carrying(many, &[18]));
    let unknown = (UNTRUSTED, Reason::IssuerUnknown);
    let missing = vec![steps()[0].clone(), steps()[3].clone()];
    vectors.case("rotations are missing", unknown, carrying(missing, &[6]));
    let untrue = vec![first_trust(), seal(&trust_document(2, 1, &[6]), &[6])];
    vectors.case("new roots without the old ones", unknown, carrying(untrue, &[6]));
    let alone = vec![first_trust(), seal(&trust_document(2, 1, &[6]), &[1])];
    vectors.case("new roots that did not sign", unknown, carrying(alone, &[6]));
    vectors.case("a certificate of roots that are gone", unknown, carrying(steps(), &[1]));
    let backwards = vec![seal(&trust_document(2, 1, &[1]), &[1]), first_trust()];
    vectors.case(
        "trust documents the wrong way round",
        (UNTRUSTED, Reason::Format),
        carrying(backwards, &[1]),
    );
    let mut earlier = trust_document(2, 1, &[1]);
    earlier.issued = at("2026-10-01T08:00:00Z");
    vectors.case(
        "a later trust document with an earlier date",
        good,
        carrying(vec![first_trust(), seal(&earlier, &[1])], &[1]),
    );
    let many: Vec<u8> = (10..27).collect();
    vectors.case(
        "more roots than there may be",
        (UNTRUSTED, Reason::Format),
        carrying(vec![seal(&trust_document(1, 1, &many), &[]), first_trust()], &[1]),
    );
    let mut fork = trust_document(1, 1, &[1]);
    fork.issued = now();
    vectors.case(
        "two trust documents of one version",
        (UNTRUSTED, Reason::Format),
        carrying(vec![seal(&fork, &[1])], &[1]),
    );
    let few = seal(&trust_document(2, 2, &[1, 2]), &[1]);
    vectors.case("one root of two", unknown, carrying(vec![first_trust(), few], &[1]));
    let twice = vec![first_trust(), steps()[1].clone(), steps()[1].clone()];
    vectors.case("a trust document twice", (UNTRUSTED, Reason::Format), carrying(twice, &[1, 2]));
    let strange = vec![first_trust(), seal(&trust_document(2, 1, &[1]), &[1, 9])];
    vectors.case("a stranger signed a later trust document, too", unknown, carrying(strange, &[1]));
    let strange = vec![seal(&trust_document(1, 1, &[1]), &[1, 9])];
    vectors.case("a stranger signed the first trust document, too", unknown, carrying(strange, &[1]));
    let payload = serde_json::to_string(&trust_document(2, 1, &[1, 2])).unwrap();
    let second = payload.rsplit("\",\"").next().unwrap().split('"').next().unwrap();
    for (name, point) in [
        ("a root that is not on the curve", "MCowBQYDK2VwAyEAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("a root of small order", "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("a root in a second encoding", "MCowBQYDK2VwAyEA8P///////////////////////////////////////38="),
    ] {
        let payload = payload.replacen(second, point, 1);
        let trust = Envelope::seal_for_test(TrustDocument::TYPE, payload.as_bytes(), &[&key(1)]);
        vectors.case(name, (UNTRUSTED, Reason::Format), carrying(vec![first_trust(), trust], &[1]));
    }
    let none = seal(&trust_document(2, 0, &[1]), &[1]);
    vectors.case(
        "a threshold of none",
        (UNTRUSTED, Reason::Format),
        carrying(vec![first_trust(), none], &[1]),
    );
}

/// What a trust document keeps is good although the roots that signed it are gone, and nothing else is.
fn kept(vectors: &mut Vectors) {
    let (good, unknown) = ((State::Match, Reason::Ok), (UNTRUSTED, Reason::IssuerUnknown));
    let (format, revoked) = ((UNTRUSTED, Reason::Format), (State::Revoked, Reason::KeyRevoked));
    let next = |document: &TrustDocument| seal(document, &[1, 2]);
    let keeps = || keeping(&[&certificate()]);
    let carrying = |trust: Vec<Envelope>| {
        Site::new().license(&file(seal(&license(), &[SIGNER]), seal(&certificate(), &[1]), trust))
    };
    vectors.case(
        "a license from before, its root retired",
        unknown,
        Site::new().trusting(&next(&keeping(&[]))),
    );
    let site = Site::new().trusting(&next(&keeps()));
    vectors.case("a license from before, its certificate kept", good, site);
    let site = carrying(vec![first_trust(), next(&keeps())]);
    vectors.case("a license that brings what keeps its certificate", good, site);
    let site = carrying(vec![next(&keeps())]).trusting(&next(&keeps()));
    vectors.case("a certificate of the root before beside what keeps it", good, site);
    let mut third = keeping(&[&certificate()]);
    (third.version, third.roots) = (3, vec![key(5).public()]);
    let site = carrying(vec![first_trust(), next(&keeps())]).trusting(&seal(&third, &[2, 5]));
    vectors.case("kept over two rotations, and the license knows of one", good, site);
    let site = Site::new().trusting(&seal(&third, &[2, 5]));
    vectors.case("kept over two rotations, and the license knows of none", good, site);
    // the thief of a root that went signs for a key of his own, or for more than was allowed
    let forged = |change: &dyn Fn(&mut wt_keys::Certificate)| {
        let mut forged = certificate();
        change(&mut forged);
        let signer = if forged.key == key(4).public() { 4 } else { SIGNER };
        let bytes = file(seal(&license(), &[signer]), seal(&forged, &[1]), vec![first_trust()]);
        Site::new().license(&bytes).trusting(&next(&keeps()))
    };
    vectors.case(
        "another key, certified by a root that went",
        unknown,
        forged(&|it| it.key = key(4).public()),
    );
    vectors.case(
        "more than was allowed, by a root that went",
        unknown,
        forged(&|it| it.longest_term_days = None),
    );
    let bytes = file(seal(&license(), &[4]), seal(&certificate(), &[1]), vec![first_trust()]);
    let site = Site::new().license(&bytes).trusting(&next(&keeps()));
    vectors.case("a certificate that is kept, and another signer", unknown, site);
    let mut revoking = keeps();
    revoking.revoked_keys = revoking_key(2).revoked_keys;
    vectors.case("kept, and its key revoked", revoked, Site::new().trusting(&next(&revoking)));
    let bytes = file(seal(&license(), &[SIGNER]), seal(&certificate(), &[9]), vec![first_trust()]);
    let site = Site::new().license(&bytes).trusting(&next(&keeps()));
    vectors.case("kept, and signed by whom nobody knows", good, site);
    rotated(vectors);
    // what was signed before the rotation is passed over where nobody needs it, and only there
    let stranger = seal(&trust_document(1, 1, &[9]), &[9]);
    let site = carrying(vec![stranger.clone()]).trusting(&next(&keeps()));
    vectors.case("kept, and a trust document of strangers beside it", good, site);
    vectors.case("not kept, and a trust document of strangers beside it", unknown, carrying(vec![stranger]));
    let site = carrying(vec![first_trust(), seal(&keeps(), &[2])]);
    vectors.case("what would keep it lacks the roots before", unknown, site);
    let payload = serde_json::to_string(&keeps()).unwrap();
    let typed = |payload: &str, payload_type: &str| {
        let envelope = Envelope::seal_for_test(payload_type, payload.as_bytes(), &[&key(1), &key(2)]);
        carrying(vec![first_trust(), envelope])
    };
    let later = TrustDocument::LATER_TYPE.unwrap();
    vectors.case("certificates are kept in version 1", format, typed(&payload, TrustDocument::TYPE));
    let plain = serde_json::to_string(&keeping(&[])).unwrap();
    vectors.case("none are kept in version 2", format, typed(&plain, later));
    let list = payload.split("\"kept_certificates\":[").nth(1).unwrap().split(']').next().unwrap();
    let with = |other: &str| payload.replacen(&format!("[{list}]"), &format!("[{other}]"), 1);
    vectors.case("an empty list is kept", format, typed(&with(""), later));
    vectors.case("the same is kept twice", format, typed(&with(&format!("{list},{list}")), later));
    vectors.case("what is kept is no digest", format, typed(&with(&list.to_uppercase()), later));
}

/// Documents beside a license that too few of the roots of today have signed, or of which some are known.
fn rotated(vectors: &mut Vectors) {
    let (good, unknown) = ((State::Match, Reason::Ok), (UNTRUSTED, Reason::IssuerUnknown));
    let carrying = |by: &[u8], trust: &[&Envelope]| {
        let trust = trust.iter().map(|trust| (*trust).clone()).collect();
        Site::new().license(&file(seal(&license(), &[SIGNER]), seal(&certificate(), by), trust))
    };
    let both = seal(&trust_document(2, 1, &[1, 2]), &[1]);
    let site = |version| seal(&trust_document(version, 1, &[2]), &[2]);
    let after = |by: &[u8], version| carrying(by, &[&both]).trusting(&site(version));
    vectors.case("certified by a root that stays, under one that went", good, after(&[2], 3));
    vectors.case("certified by a root that went, under one that went", unknown, after(&[1], 3));
    vectors.case("as new as what is pinned, of a root that went", unknown, after(&[2], 2));
    let second = seal(&trust_document(2, 2, &[1, 2, 4]), &[1, 2, 4]);
    let third = seal(&trust_document(3, 2, &[1, 2, 4]), &[1, 4]);
    let mut fourth = trust_document(4, 2, &[2, 4, 5]);
    let pinned =
        |fourth: &TrustDocument| carrying(&[1, 2], &[&second, &third]).trusting(&seal(fourth, &[1, 2, 4]));
    vectors.case("one of two documents is known", unknown, pinned(&fourth));
    fourth.kept_certificates = vec![digest(&certificate())];
    vectors.case("kept, and one of two documents is known", good, pinned(&fourth));
    fourth.revoked_keys = revoking_key(2).revoked_keys;
    let revoked = (State::Revoked, Reason::KeyRevoked);
    vectors.case("kept, revoked, and one of two documents is known", revoked, pinned(&fourth));
    let unordered = carrying(&[2], &[&both, &first_trust()]).trusting(&site(3));
    vectors.case("from before a rotation, and not in order", unknown, unordered);
    let torn = seal(&trust_document(2, 2, &[1, 2]), &[1]);
    vectors.case(
        "from before a rotation, and too few have signed it",
        unknown,
        carrying(&[2], &[&torn]).trusting(&site(3)),
    );
}

/// The kinds that the licensed machine does not have, and seats that a certificate limits.
fn clouds(vectors: &mut Vectors) {
    let (good, drift) = ((State::Match, Reason::Ok), (State::Drift, Reason::HwDrift));
    let foreign = (State::Foreign, Reason::HwForeign);
    let cloud = |instance: &str, endorsement: &str, id: &str| {
        vec![
            component(Kind::CloudInstance, &[instance]),
            component(Kind::TpmEk, &[endorsement]),
            component(Kind::MachineId, &[id]),
        ]
    };
    let bound_to = |components: &[wt_licensor::Component]| {
        let mut license = license();
        license.binding.nodes = vec![bound("node-1", components)];
        for bound in &mut license.binding.nodes[0].components {
            bound.weight = bound.kind.weight(Environment::Cloud);
        }
        Site::new().license(&signed(&license))
    };
    let here = cloud("i-0fedcba9876543210", "ek=1", "a");
    let host = |components| bound_to(&here).host(components);
    vectors.case("the same instance of a cloud", good, host(here.clone()));
    vectors.case("another system on it", good, host(cloud("i-0fedcba9876543210", "ek=1", "b")));
    vectors.case("another TPM", drift, host(cloud("i-0fedcba9876543210", "ek=2", "b")));
    vectors.case("another instance with its TPM", drift, host(cloud("i-0", "ek=1", "b")));
    vectors.case("another instance with its disk", foreign, host(cloud("i-0", "ek=2", "a")));
    let hidden = machine_hiding(&[Kind::TpmEk], cloud("i-0", "ek=1", "a"));
    vectors.case("another instance whose TPM nobody can read", drift, host(hidden));
    let under = |most_seats: Option<u32>, payload_type: &str| {
        let certificate = wt_keys::Certificate { most_seats, ..certificate() };
        let payload = serde_json::to_vec(&certificate).unwrap();
        let envelope = Envelope::seal_for_test(payload_type, &payload, &[&key(1)]);
        Site::new().license(&file(seal(&license(), &[SIGNER]), envelope, vec![first_trust()]))
    };
    let (first, later) = (wt_keys::Certificate::TYPE, wt_keys::Certificate::LATER_TYPE.unwrap());
    vectors.case("as many seats as the key may sign", good, under(Some(250), later));
    vectors.case(
        "more seats than the key may sign",
        (UNTRUSTED, Reason::IssuerScope),
        under(Some(249), later),
    );
    let format = (UNTRUSTED, Reason::Format);
    vectors.case("a limit of seats in version 1", format, under(Some(250), first));
    vectors.case("no limit of seats in version 2", format, under(None, later));
    vectors.case("a certificate of a version to come", format, under(Some(250), &later.replace("v2", "v3")));
}

type Spoil<'a> = &'a dyn Fn(&mut License);

/// Signed by the vendor's key, and still refused.
fn contents(vectors: &mut Vectors) {
    let format = (UNTRUSTED, Reason::Format);
    let payload = serde_json::to_string(&license()).unwrap();
    for (name, other) in [
        ("no JSON", "{".to_owned()),
        ("a signed field more", payload.replacen('{', "{\"note\":\"x\",", 1)),
        ("a signed field twice", payload.replacen('{', "{\"seats\":1,", 1)),
        ("a signed field less", payload.replacen("\"spares\":0,", "", 1)),
        ("a number as a text", payload.replacen("\"seats\":250", "\"seats\":\"250\"", 1)),
        ("a number with a point", payload.replacen("\"seats\":250", "\"seats\":250.0", 1)),
        ("a number below zero", payload.replacen("\"seats\":250", "\"seats\":-250", 1)),
        ("a number beyond its bits", payload.replacen("\"seats\":250", "\"seats\":4294967296", 1)),
        ("a date of another spelling", payload.replacen("T08:00:00Z", "T08:00:00+00:00", 1)),
        ("a day that is not there", payload.replacen("2027-10-24", "2027-02-30", 1)),
        ("half a character", payload.replacen("standard", "\\ud800", 1)),
        ("a signed space", payload.replacen(':', ": ", 1)),
        ("a prototype", payload.replacen('{', "{\"__proto__\":{},", 1)),
        ("a component that nobody knows", payload.replacen("smbios_uuid", "smell", 1)),
    ] {
        assert_ne!(other, payload, "{name}");
        vectors.case(name, format, Site::new().license(&signed_payload(&other)));
    }
    let spoilt: [(&str, Spoil); 10] = [
        ("no customer", &|license| license.customer = " \u{3000}".into()),
        ("a customer that steers terminals", &|license| license.customer = "a\u{1b}[2J".into()),
        ("dates out of order", &|license| license.notify_at = at("2027-11-24T00:00:00Z")),
        ("a grace of a year", &|license| license.restrict_at = at("2028-11-23T23:59:59Z")),
        ("no seat", &|license| license.seats = 0),
        ("releases that are none", &|license| license.releases = ">=5, banana".into()),
        ("a threshold of nothing", &|license| license.binding.drift_percent = 0),
        ("no machine", &|license| license.binding.nodes.clear()),
        ("a component that weighs nothing", &|license| license.binding.nodes[0].components[0].weight = 0),
        ("components out of order", &|license| license.binding.nodes[0].components.swap(0, 1)),
    ];
    for (name, spoil) in spoilt {
        let mut license = license();
        spoil(&mut license);
        vectors.case(name, format, Site::new().license(&signed(&license)));
    }
    let mut wide = license();
    wide.customer = "易".repeat(200);
    wide.modules = vec!["*".into()];
    vectors.case(
        "a customer of 200 characters",
        (State::Match, Reason::Ok),
        Site::new().license(&signed(&wide)),
    );
    let mut product = Site::new();
    product.product = Some("other".into());
    let product = product.snapshot(|snapshot| snapshot.product = "other".into());
    vectors.case("another product", (State::WrongProduct, Reason::WrongProduct), product);
    let limited = License { releases: ">=5.2, <6".into(), ..license() };
    let running = |release: Option<&str>| {
        let mut site = Site::new().license(&signed(&limited));
        site.release = release.map(ToOwned::to_owned);
        site
    };
    vectors.case("a release that it is for", (State::Match, Reason::Ok), running(Some("5.9.1")));
    vectors.case(
        "a release that it is not for",
        (State::WrongRelease, Reason::WrongRelease),
        running(Some("6.0.0")),
    );
    vectors.case("no release", (State::WrongRelease, Reason::WrongRelease), running(Some("banana")));
    vectors.case("no matter which release", (State::Match, Reason::Ok), running(None));
}

fn files(vectors: &mut Vectors) {
    let unreadable = |reason| (State::Unreadable, reason);
    let missing = Site::new().without("license.json");
    vectors.case("there is no license", (State::Missing, Reason::LicenseMissing), missing);
    let folder = Site::new().with_folder("license.json");
    vectors.case("the license is a folder", unreadable(Reason::LicenseUnreadable), folder);
    let none = unreadable(Reason::SnapshotMissing);
    vectors.case("there is no snapshot", none, Site::new().without("host.json"));
    vectors.case(
        "no license and no snapshot",
        (State::Missing, Reason::LicenseMissing),
        Site::new().without("license.json").without("host.json"),
    );
    let broken = unreadable(Reason::SnapshotUnreadable);
    vectors.case("the snapshot is a folder", broken, Site::new().with_folder("host.json"));
    vectors.case("the snapshot is none", broken, Site::new().with("host.json", b"{}"));
    vectors.case(
        "the snapshot is of a later kind",
        broken,
        Site::new().snapshot(|s| s.schema = "wt.snapshot.v9".into()),
    );
    let good = super::world::snapshot(machine()).to_bytes();
    let text = String::from_utf8(good).unwrap();
    let twice = text.replacen("  \"product\"", "  \"product\": \"acme\",\n  \"product\"", 1);
    vectors.case("a snapshot with a field twice", broken, Site::new().with("host.json", twice.as_bytes()));
    let first = include_str!("../golden/snapshot-1.json");
    let site = Site::new().with("host.json", first.as_bytes());
    vectors.case("a snapshot of version 1", (State::Match, Reason::Ok), site);
    let stale = unreadable(Reason::SnapshotStale);
    vectors.case(
        "a snapshot of another host, or of an earlier start",
        stale,
        Site::new().with("boot_id", b"another\n"),
    );
    let unnamed = unreadable(Reason::BootIdUnreadable);
    vectors.case("no boot id", unnamed, Site::new().without("boot_id"));
    vectors.case("an empty boot id", unnamed, Site::new().with("boot_id", b"\n"));
    let other = Site::new().snapshot(|snapshot| snapshot.product = "other".into());
    vectors.case("a snapshot of another product", unreadable(Reason::SnapshotOfOtherProduct), other);
    let expired = Site::new().without("host.json").at("2028-11-23T08:00:00Z");
    vectors.case("expired, and no snapshot", (State::Expired, Reason::Expired), expired);
}

const RELEASES: [&str; 23] = [
    "0.2.2",
    "0.2.3",
    "0.0.3",
    "0.3.0",
    "1.0.0",
    "1.2.0",
    "1.2.2",
    "1.2.3",
    "1.2.3-alpha",
    "1.2.3-rc.1",
    "1.2.3-rc.2",
    "1.2.3-rc.10",
    "1.2.3-rc.1.1",
    "1.2.3+5",
    "1.3.0",
    "1.10.0",
    "2.0.0",
    "5.2.0",
    "5.2.0-beta",
    "6.0.0",
    "1.2",
    "1.2.3-01",
    "",
];

/// As Cargo reads them.
fn requirements() -> Vec<(String, Option<Vec<String>>)> {
    let requirements = [
        "*",
        " * ",
        "x",
        "1",
        "1.2",
        "1.2.3",
        "^0",
        "^0.2",
        "^0.2.3",
        "^0.0.3",
        "^1.2.3-rc.1",
        "~1",
        "~1.2",
        "~1.2.3",
        "=1.2.3",
        "=1.2",
        "=1",
        ">1",
        ">1.2",
        ">=1.2",
        ">= 1.2.3 , < 2",
        "<1.2",
        "<=1.2",
        "<1.2.3-rc.2",
        "1.*",
        "1.2.*",
        "1.*.*",
        ">=1.*",
        "^1, >=1.2.3-alpha",
        ">1.2.3-rc.2",
        "=1.2.3-rc.2+build",
        ">=5.2, <6",
        "",
        ",",
        "1,",
        "1 2",
        "*, 1",
        "1.*.3",
        "01",
        "1.02",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3+",
        "=>1",
        "v1",
        "18446744073709551616",
        "1.2-rc",
        ">=1.2.3-rc.10, <1.3",
        "1.2.3-rc.1.1",
        "1.2.3--",
    ];
    let meets = |required: &VersionReq, release: &str| {
        Version::parse(release).is_ok_and(|found| required.matches(&found))
    };
    let met = |text: &&str| {
        let required = VersionReq::parse(text).ok();
        let met = required.map(|required| {
            RELEASES.iter().filter(|release| meets(&required, release)).map(ToString::to_string).collect()
        });
        ((*text).to_owned(), met)
    };
    requirements.iter().map(met).collect()
}
