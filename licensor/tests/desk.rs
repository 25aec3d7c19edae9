//! The vendor's desk, with the real `wt-license`: a request comes in, a license goes out, and is checked.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use wt_keys::key_file::{self, Protection};
use wt_keys::testkit::Vendor;
use wt_keys::{Envelope, Role, SigningKey, Utc};
use wt_licensor::request::{Node, Occasion};
use wt_licensor::{Id, Kind, Quality, Request, Tag, fingerprint};

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let (start, end): (Utc, Utc) =
            ("2020-01-01T00:00:00Z".parse().unwrap(), "2099-01-01T00:00:00Z".parse().unwrap());
        let vendor = Vendor::insecure(1).trusting(|trust| trust.issued = start);
        let signer = vendor.signer(2, Role::License, |certificate| certificate.not_after = end);
        key_file::write(&desk.path("license.key"), &signer.key, &Protection::None).unwrap();
        fs::write(desk.path("license.cert"), signer.certificate_envelope.to_bytes()).unwrap();
        fs::write(desk.path("trust.json"), signer.trust.to_bytes()).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The request of a host that has nothing but an operating system, written to `name`.
    fn request(&self, name: &str, machine_id: &str, key: u8, customer: &str) {
        self.request_with(name, machine_id, key, |request| request.customer_hint = customer.into());
    }

    fn request_with(&self, name: &str, machine_id: &str, key: u8, change: impl FnOnce(&mut Request)) {
        let key = SigningKey::from_seed(&[key; 32]);
        let sysroot = self.path(&format!("{name}.sysroot"));
        fs::create_dir_all(sysroot.join("etc")).unwrap();
        fs::write(sysroot.join("etc/machine-id"), machine_id).unwrap();
        let found = fingerprint::collect(&sysroot, "worktile", &key.public());
        let mut request = Request {
            request_id: Id::from_bytes([1; 16]),
            reason: Occasion::New,
            product: "worktile".into(),
            release: "5.2.0".into(),
            customer_hint: "Acme GmbH".into(),
            collected_at: "2026-11-23T08:00:00Z".parse().unwrap(),
            nodes: vec![Node::new("node-1", found)],
            install_key: key.public(),
        };
        change(&mut request);
        fs::write(self.path(name), Envelope::seal(&request, &[&key]).unwrap().to_bytes()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("wt-license").unwrap();
        command.current_dir(self.0.path()).env_remove("WT_LICENSE_KEY").env_remove("WT_TRUST");
        command.args(arguments).output().unwrap()
    }

    fn sign(&self, arguments: &[&str]) -> Output {
        self.run(&[&["sign", "hw.json", "--key", "license.key"], arguments].concat())
    }

    fn verify(&self, arguments: &[&str]) -> Output {
        self.run(&[&["verify", "license.json", "--trust", "trust.json"], arguments].concat())
    }
}

const HERE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const THERE: &str = "c9f0f895fb98ab9159f51fd0297e236d";

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_license_fits_the_machine_that_asked_and_no_other() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    desk.request("other.json", THERE, 12, "Acme GmbH");
    let signed = desk.sign(&[]);
    assert_eq!(code(&signed), 0, "{}", said(&signed));
    assert!(signed.stdout.is_empty());
    assert!(said(&signed).contains(
        "warning: `node-1` can be told from others only in part: it is bound to machine_id, install_key and to nothing \
         of its hardware; a copy of its disk has these too and passes for it on any machine\n"
    ));
    assert_eq!(code(&desk.verify(&[])), 0);
    let verdict = desk.verify(&["--hardware", "hw.json", "--json"]);
    assert_eq!(code(&verdict), 0);
    assert!(String::from_utf8(verdict.stdout).unwrap().contains("\"state\": \"MATCH\""));
    let verdict = desk.verify(&["--hardware", "other.json"]);
    assert_eq!(
        (code(&verdict), said(&verdict)),
        (4, "error: the license is refused: FOREIGN (HW_FOREIGN)\n".into())
    );
    assert!(
        String::from_utf8(verdict.stdout).unwrap().contains("machine_id   medium      weight  15  differs")
    );
}

#[test]
fn a_changed_license_is_not_trusted() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    assert_eq!(code(&desk.sign(&["-q"])), 0);
    let mut license = fs::read(desk.path("license.json")).unwrap();
    license[200] ^= 1;
    fs::write(desk.path("license.json"), license).unwrap();
    assert_eq!(code(&desk.verify(&[])), 3);
}

#[test]
fn what_is_no_request_is_refused_with_a_hint() {
    let desk = Desk::new();
    fs::write(desk.path("hw.json"), "{\"cpu\": \"x\"}").unwrap();
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 3);
    assert!(said(&refused).starts_with("error: `hw.json` is not a hardware request that can be trusted\n"));
    assert!(said(&refused).contains("\nhint: ask the site for the `hw.json`"));
    fs::remove_file(desk.path("hw.json")).unwrap();
    assert_eq!(code(&desk.sign(&[])), 1);
}

#[test]
fn a_fingerprint_that_could_be_any_machines_is_refused_unless_accepted() {
    let desk = Desk::new();
    desk.request("hw.json", "uninitialized", 11, "Acme GmbH");
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 4);
    assert!(said(&refused).contains("grade C: only install_key"), "{}", said(&refused));
    assert!(!Path::new(&desk.path("license.json")).exists());
    assert_eq!(code(&desk.sign(&["--accept-weak"])), 0);
}

#[test]
fn a_request_that_is_not_there_is_answered_with_where_it_comes_from() {
    let refused = Desk::new().run(&["sign", "missing.json", "--key", "license.key"]);
    assert_eq!(code(&refused), 1);
    assert!(
        said(&refused)
            .ends_with("hint: name the `hw.json` that `wt-install fingerprint` wrote at the site\n")
    );
}

#[test]
fn off_a_terminal_a_missing_flag_is_named() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "");
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("hint: say it: `--customer NAME`"));
    let refused = desk.run(&["sign", "hw.json", "--customer", "Acme GmbH"]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("`--key FILE`"));
    assert_eq!(code(&desk.sign(&["--customer", "a\tb"])), 2);
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "--expires", "2020-02-01"])), 2);
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "--days", "367"])), 1, "the certificate allows 366");
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "--dry-run"])), 0);
    assert!(!desk.path("license.json").exists());
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "-o", "acme.json"])), 0);
    assert!(desk.path("acme.json").exists());
}

#[test]
fn the_desk_decides_for_which_product_and_how_many_nodes() {
    let desk = Desk::new();
    desk.request_with("hw.json", HERE, 11, |request| {
        let mut second = request.nodes[0].clone();
        second.label = "node-2".into();
        request.nodes.push(second);
    });
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 4, "{}", said(&refused));
    assert!(said(&refused).contains("\n  expected at most 1\n  found    2\nhint: "), "{}", said(&refused));
    let refused = desk.sign(&["--nodes", "2", "--product", "other"]);
    assert_eq!(code(&refused), 4, "{}", said(&refused));
    assert!(said(&refused).contains("\n  expected `other`\n  found    `worktile`\n"), "{}", said(&refused));
    assert!(!desk.path("license.json").exists());
    let signed = desk.sign(&["--nodes", "2", "--json"]);
    assert_eq!(code(&signed), 0, "{}", said(&signed));
    assert!(said(&signed).contains("license of `worktile`, as the request names it, for 2 node(s)\n"));
    assert!(String::from_utf8(signed.stdout).unwrap().contains("\"nodes\": 2"));
    let signed = desk.sign(&["--nodes", "2", "--product", "worktile", "--output", "named.json"]);
    assert!(said(&signed).contains("license of `worktile` for 2 node(s)\n"), "{}", said(&signed));
}

#[test]
fn a_license_that_is_there_is_replaced_only_on_demand() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    assert_eq!(code(&desk.sign(&["-q"])), 0);
    let before = fs::read(desk.path("license.json")).unwrap();
    let refused = desk.sign(&["-q"]);
    assert_eq!(
        (code(&refused), said(&refused)),
        (
            1,
            "error: `license.json` is there already\n\
             hint: name another file with `--output`, or replace it with `--replace`\n"
                .into()
        )
    );
    assert!(fs::read(desk.path("license.json")).unwrap() == before);
    assert_eq!(code(&desk.sign(&["-q", "--replace"])), 0);
    assert!(fs::read(desk.path("license.json")).unwrap() != before, "another license id");
}

#[test]
fn the_desk_sees_how_many_values_a_component_has() {
    let desk = Desk::new();
    desk.request_with("hw.json", HERE, 11, |request| {
        let component = &mut request.nodes[0].components[3];
        component.quality = Quality::Ok;
        component.tags = (0..3).map(|n| Tag::of("worktile", Kind::Nic, &n.to_string())).collect();
        component.tags.sort();
    });
    let shown = said(&desk.sign(&["--dry-run"]));
    assert!(
        shown.contains("machine     `node-1`, grade B: nic (3 values), machine_id, install_key\n"),
        "{shown}"
    );
}
