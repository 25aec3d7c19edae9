//! `requests COUNT FOLDER`: so many hardware requests, each of another machine, for the benchmark of the desk.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a tool of the benchmark, which ends where something is wrong"
)]

use std::fs;
use std::path::Path;

use wt_keys::{Envelope, SigningKey};
use wt_licensor::request::{Node, Occasion};
use wt_licensor::{Id, Request, fingerprint};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, count, folder] = &arguments[..] else {
        eprintln!("usage: requests COUNT FOLDER");
        std::process::exit(2);
    };
    let folder = Path::new(folder);
    let sysroot = folder.with_extension("sysroot");
    fs::create_dir_all(folder).unwrap();
    fs::create_dir_all(sysroot.join("etc")).unwrap();
    for number in 0..count.parse().unwrap() {
        let request = request(&sysroot, number);
        let bytes = Envelope::seal(&request.1, &[&request.0]).unwrap().to_bytes();
        fs::write(folder.join(format!("{number:06}.json")), bytes).unwrap();
    }
    fs::remove_dir_all(sysroot).unwrap();
}

fn request(sysroot: &Path, number: u64) -> (SigningKey, Request) {
    let wide = |number: u64| [number.to_be_bytes(), number.to_be_bytes()].concat();
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let key = SigningKey::from_seed(&seed);
    fs::write(sysroot.join("etc/machine-id"), hex::encode(wide(number + (1 << 40)))).unwrap();
    let found = fingerprint::collect(sysroot, "/".as_ref(), "worktile", &key.public());
    let request = Request {
        request_id: Id::from_bytes(wide(number).try_into().unwrap()),
        reason: Occasion::New,
        previous_license: None,
        product: "worktile".into(),
        release: "5.2.0".into(),
        customer_hint: format!("Customer {number}"),
        collected_at: "2026-11-23T08:00:00Z".parse().unwrap(),
        nodes: vec![Node::new("node-1", found)],
        usage: None,
        install_key: key.public(),
    };
    (key, request)
}
