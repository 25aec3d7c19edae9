//! Killed at any moment, `wt-license sign` and `renew` leave a ledger and a license that agree: no license is anywhere that
//! the ledger does not have, and what the ledger has gets its file from the next run. `revoke` has been, or has not.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod world;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use wt_licensor::Id;

use world::{Desk, HERE, code, has_strace, said};

/// How often a command is killed by the clock.
const KILLS: usize = 14;
/// What changes a disk.
const CALLS: &str = "fsync,fdatasync,linkat,rename,renameat,unlink,unlinkat,ftruncate,pwrite64";
const FILES: [&str; 3] = ["license.json", "ledger.db", "ledger.db-journal"];

type Files = BTreeMap<&'static str, Vec<u8>>;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    desk
}

fn snapshot(desk: &Desk) -> Files {
    FILES.iter().filter_map(|name| Some((*name, fs::read(desk.path(name)).ok()?))).collect()
}

fn restore(desk: &Desk, files: &Files) {
    for name in FILES {
        let _ = fs::remove_file(desk.path(name));
    }
    for (name, bytes) in files {
        fs::write(desk.path(name), bytes).unwrap();
    }
}

/// The files that the ledger has, oldest first.
fn of_ledger(desk: &Desk) -> Vec<Vec<u8>> {
    if !desk.path("ledger.db").exists() {
        return vec![];
    }
    desk.done("verify-ledger --ledger ledger.db --trust trust.json");
    let written = |license: &serde_json::Value| {
        let id = license["license_id"].as_str().unwrap();
        desk.done(&format!("show {id} --ledger ledger.db -o again.json --replace"));
        fs::read(desk.path("again.json")).unwrap()
    };
    desk.listed("").iter().map(written).collect()
}

/// Looks at what a kill has left of a command line, and runs it once more; whether the ledger had what it was to write.
type Agree = fn(&Desk, &str, &Files) -> bool;

/// What must hold after a kill; then the same command once more. Tells whether the ledger had the license.
fn agree(desk: &Desk, line: &str, before: &Files) -> bool {
    let file = fs::read(desk.path("license.json")).ok();
    let mut ledger = of_ledger(desk);
    let earlier = before.contains_key("license.json").into();
    assert!((earlier..=earlier + 1).contains(&ledger.len()), "{} licenses", ledger.len());
    assert!(
        file.as_ref().is_none_or(|file| ledger.contains(file)),
        "a license that the ledger does not have"
    );
    let had = ledger.len() > earlier;
    let again = desk.command(line).output().unwrap();
    // a run that was killed behind its last step was done, and its file is not replaced unasked
    let done = had && file.as_ref() == ledger.last();
    assert!(code(&again) == 0 || (done && code(&again) == 1), "{}", said(&again));
    ledger = of_ledger(desk);
    assert_eq!(fs::read(desk.path("license.json")).ok().as_ref(), ledger.last(), "they agree");
    assert!(ledger.len() == earlier + 1 || (done && code(&again) == 0), "signed twice");
    had
}

/// Homes in on the moment from which on the ledger has the license.
fn by_the_clock(desk: &Desk, line: &str) {
    let prepared = snapshot(desk);
    let started = Instant::now();
    desk.done(line);
    let (mut early, mut late) = (Duration::ZERO, started.elapsed());
    let (mut before, mut after) = (0, 0);
    for _ in 0..KILLS {
        restore(desk, &prepared);
        let mut child = desk.command(line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = (early + late) / 2;
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        if agree(desk, line, &prepared) {
            (early, late, after) = (early.min(moment * 3 / 4), moment, after + 1);
        } else {
            (early, late, before) = (moment, late.max(moment * 5 / 4), before + 1);
        }
    }
    assert!(before > 0 && after > 0, "{line}: {before} kills too early, {after} too late, none between");
    restore(desk, &prepared);
}

fn traced(desk: &Desk, line: &str, how: &str) -> ExitStatus {
    let program = desk.command(line);
    let mut strace = Command::new("strace");
    strace.args(how.split(' ')).arg(program.get_program()).args(program.get_args());
    strace.current_dir(program.get_current_dir().unwrap()).env("LOGNAME", "desk");
    strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
}

/// Whether it was killed at that call; if not, it came to its end before.
fn killed_at(desk: &Desk, line: &str, name: &str, number: usize) -> bool {
    let how = format!("-o /dev/null -e trace={name} -e inject={name}:signal=KILL:when={number}");
    !traced(desk, line, &how).success()
}

/// What was revoked is, or is not, and is once in the end; the license's own file stays what it is.
fn revoked_or_not(desk: &Desk, line: &str, before: &Files) -> bool {
    let standing = || desk.listed("")[0]["standing"].clone();
    desk.done("verify-ledger --ledger ledger.db --trust trust.json");
    let had = standing() == "revoked";
    assert!(had || standing() == "in_force", "{}", standing());
    let again = desk.command(line).output().unwrap();
    assert_eq!(code(&again), i32::from(had), "{}", said(&again));
    let proven = desk.done("verify-ledger --ledger ledger.db --trust trust.json");
    assert!(proven.starts_with("1 licenses and 1 revocations in 2 entries"), "{proven}");
    assert_eq!(standing(), "revoked");
    assert_eq!(fs::read(desk.path("license.json")).unwrap(), before["license.json"]);
    had
}

/// Kills at every single call that changes a disk.
fn by_the_call(desk: &Desk, line: &str, agree: Agree) {
    let prepared = snapshot(desk);
    let traced = |how: &str| traced(desk, line, how);
    assert!(traced(&format!("-o calls -e trace={CALLS}")).success(), "{line}");
    let calls = fs::read_to_string(desk.path("calls")).unwrap();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for name in calls.lines().filter_map(|call| Some(call.split_once('(')?.0)) {
        *seen.entry(name).or_default() += 1;
    }
    let (mut before, mut after) = (0, 0);
    for (name, count) in seen {
        for number in 1..=count {
            restore(desk, &prepared);
            assert!(killed_at(desk, line, name, number), "{name} {number}: it came to its end");
            if agree(desk, line, &prepared) {
                after += 1;
            } else {
                before += 1;
            }
        }
    }
    assert!(before > 3 && after > 0, "{line}: {before} kills before the ledger had it, {after} after");
    restore(desk, &prepared);
}

#[test]
fn a_killed_signature_leaves_a_ledger_and_a_license_that_agree() {
    let desk = desk();
    by_the_clock(&desk, "sign hw.json --key license.key -q");
}

#[test]
fn so_does_one_that_is_killed_at_any_call() {
    if has_strace() {
        by_the_call(&desk(), "sign hw.json --key license.key -q", agree);
    }
}

#[test]
fn so_does_one_that_replaces_a_license() {
    if has_strace() {
        let desk = desk();
        desk.done("sign hw.json --key license.key -q");
        by_the_call(&desk, "sign hw.json --key license.key -q --rehost --replace", agree);
    }
}

#[test]
fn so_does_a_renewal_in_the_place_of_the_license_it_renews() {
    if has_strace() {
        let desk = desk();
        desk.done("sign hw.json --key license.key --term 30d -q");
        let renew = "renew license.json --key license.key --term 30d -o license.json --replace -q";
        by_the_call(&desk, renew, agree);
    }
}

#[test]
fn a_revocation_that_is_killed_at_any_call_has_been_or_has_not() {
    if has_strace() {
        let desk = desk();
        desk.done("sign hw.json --key license.key -q");
        let id = desk.listed("")[0]["license_id"].as_str().unwrap().to_owned();
        by_the_call(&desk, &format!("revoke {id} --reason sold --ledger ledger.db -q"), revoked_or_not);
    }
}

#[test]
fn a_folder_is_in_the_ledger_as_a_whole_and_gets_all_its_files() {
    if !has_strace() {
        return;
    }
    let desk = Desk::new();
    fs::create_dir(desk.path("in")).unwrap();
    for number in 1..=3 {
        desk.request_with(&format!("in/{number}.json"), HERE, number, |request| {
            request.request_id = Id::from_bytes([number; 16]);
        });
    }
    let line = "sign in --key license.key -o out -q";
    let files = || fs::read_dir(desk.path("out")).map_or(0, Iterator::count);
    let mut counts = BTreeMap::new();
    for name in ["pwrite64", "fsync", "fdatasync", "linkat"] {
        for number in 1.. {
            restore(&desk, &Files::new());
            let _ = fs::remove_dir_all(desk.path("out"));
            if !killed_at(&desk, line, name, number) {
                break;
            }
            let licenses = of_ledger(&desk);
            let (had, written) = (licenses.len(), files());
            assert!(
                had == 0 && written == 0 || had == 3,
                "{name} {number}: {had} in the ledger, {written} written"
            );
            *counts.entry((had, written)).or_insert(0) += 1;
            let again = desk.command(line).output().unwrap();
            assert!(code(&again) == 0 || (written == 3 && code(&again) == 1), "{}", said(&again));
            assert_eq!((of_ledger(&desk).len(), files()), (3, 3), "{name} {number}");
        }
    }
    for expected in [(0, 0), (3, 0), (3, 1), (3, 2)] {
        assert!(counts.contains_key(&expected), "never killed at {expected:?}: {counts:?}");
    }
}
