//! For the benchmark: how long the check takes on the files of FOLDER, the first time in a process and afterwards, in
//! microseconds. `tests/bench/license` runs it, and `sdk/node/time-check.mjs` for Node.js.
#![allow(clippy::print_stdout, reason = "its answer")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use wt_keys::signed_file;
use wt_licensor::{LicenseInputs, check};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: time_check FOLDER")?);
    let path = |name: &str| folder.join(name);
    let trust = signed_file::read_trust(&path("trust.json"))?;
    let inputs = LicenseInputs {
        license: &path("license.json"),
        snapshot: &path("host.json"),
        boot_id: &path("boot_id"),
        trust: &trust,
        product: "acme",
        release: None,
        now: "2026-11-23T08:00:00Z".parse()?,
    };
    let timed = || {
        let begin = Instant::now();
        let verdict = check(&inputs);
        (begin.elapsed().as_micros(), verdict)
    };
    let (first, verdict) = timed();
    if !verdict.is_licensed() {
        return Err(verdict.explain().into());
    }
    let mut again: Vec<u128> = (0..200).map(|_| timed().0).collect();
    again.sort_unstable();
    println!("{first} {}", again[again.len() / 2]);
    Ok(())
}
