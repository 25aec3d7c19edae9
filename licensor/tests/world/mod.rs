//! A desk for the real program.
#![allow(dead_code, reason = "no suite needs all of it")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use wt_keys::key_file::{self, Protection};
use wt_keys::testkit::Vendor;
use wt_keys::{Envelope, Role, SigningKey, Utc};
use wt_licensor::request::{Node, Occasion};
use wt_licensor::{Id, Request, fingerprint};

/// A folder with a license key, and what sites have sent.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn new() -> Self {
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The request of a host that has nothing but an operating system, written to `name`.
    pub fn request(&self, name: &str, machine_id: &str, key: u8, customer: &str) {
        self.request_with(name, machine_id, key, |request| request.customer_hint = customer.into());
    }

    pub fn request_with(&self, name: &str, machine_id: &str, key: u8, change: impl FnOnce(&mut Request)) {
        self.write("worktile", name, machine_id, key, change);
    }

    pub fn request_of(&self, product: &str, name: &str, machine_id: &str, key: u8) {
        self.write(product, name, machine_id, key, |_| {});
    }

    fn write(&self, product: &str, name: &str, machine_id: &str, key: u8, change: impl FnOnce(&mut Request)) {
        let key = SigningKey::from_seed(&[key; 32]);
        let sysroot = self.path(&format!("{name}.sysroot"));
        fs::create_dir_all(sysroot.join("etc")).unwrap();
        fs::write(sysroot.join("etc/machine-id"), machine_id).unwrap();
        let found = fingerprint::collect(&sysroot, "/".as_ref(), product, &key.public());
        let mut request = Request {
            request_id: Id::from_bytes([1; 16]),
            reason: Occasion::New,
            previous_license: None,
            product: product.into(),
            release: "5.2.0".into(),
            customer_hint: "Acme GmbH".into(),
            collected_at: "2026-11-23T08:00:00Z".parse().unwrap(),
            nodes: vec![Node::new("node-1", found)],
            usage: None,
            install_key: key.public(),
        };
        change(&mut request);
        fs::write(self.path(name), Envelope::seal(&request, &[&key]).unwrap().to_bytes()).unwrap();
    }

    pub fn command(&self, line: &str) -> Command {
        self.command_of(&line.split(' ').collect::<Vec<_>>())
    }

    fn command_of(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-license"));
        for name in ["LICENSE_KEY", "LEDGER", "TRUST", "PLANS", "ZONE", "OPERATOR"] {
            command.env_remove(format!("WT_{name}"));
        }
        command.current_dir(self.0.path()).env("LOGNAME", "desk").stdin(Stdio::null()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command_of(arguments).output().unwrap()
    }

    /// Panics where it does not end well; what it says on stdout.
    pub fn done(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert_eq!(code(&output), 0, "{line}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Panics where it does not end so; what it says on stderr.
    pub fn ends(&self, line: &str, exit: i32) -> String {
        let output = self.command(line).output().unwrap();
        assert_eq!(code(&output), exit, "{line}: {}", said(&output));
        said(&output)
    }

    /// The licenses of the ledger, as `list` has them.
    pub fn listed(&self, more: &str) -> Vec<serde_json::Value> {
        let report = self.done(&format!("list --json --ledger ledger.db{more}"));
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        report["licenses"].as_array().unwrap().clone()
    }

    pub fn sign(&self, arguments: &[&str]) -> Output {
        self.run(&[&["sign", "hw.json", "--key", "license.key"], arguments].concat())
    }

    pub fn verify(&self, arguments: &[&str]) -> Output {
        self.run(&[&["verify", "license.json", "--trust", "trust.json"], arguments].concat())
    }
}

pub const HERE: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
pub const THERE: &str = "c9f0f895fb98ab9159f51fd0297e236d";

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn has_strace() -> bool {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("WT_TEST_WHOLE").is_none(), "no strace, and WT_TEST_WHOLE is set");
        let _ = writeln!(std::io::stderr(), "SKIPPED: no strace; ./test installs it");
        return false;
    }
    true
}
