//! The programs as they are shipped, without a host: what they are, and how they answer what is wrong.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use wt_tests::program::{Ran, key, run, shipped};
use wt_tests::repository;
use wt_tests::vendor::{first_bundle, text, world};

#[test]
#[ignore = "needs the programs as shipped: ./test runs it"]
fn a_release_that_is_not_there_is_answered_with_those_that_are() {
    run("wt-bundle", &repository(), ["build", "v9.9", "--key", text(&key("bundle.key"))])
        .expect(1)
        .says("no release `v9.9` here")
        .says("v5.2");
}

#[test]
#[ignore = "needs the programs as shipped: ./test runs it"]
fn a_file_that_is_no_request_is_refused() {
    let path = world().join("no-hw.json");
    for wrong in ["", "{}", "{\"cpu\": \"x\"}", "hello"] {
        fs::write(&path, wrong).unwrap();
        run("wt-license", &world(), ["sign", text(&path), "--key", text(&key("license.key")), "--yes"])
            .expect(3);
    }
}

#[test]
#[ignore = "needs the programs as shipped: ./test runs it"]
fn a_damaged_bundle_ends_with_exit_code_3() {
    let damaged = world().join("damaged.tar.zst");
    fs::copy(first_bundle(), &damaged).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&damaged).unwrap();
    let length = file.metadata().unwrap().len();
    let verify = || run("wt-install", &world(), ["verify", text(&damaged), "-q"]);
    verify().expect(0);
    // every part of the head that is read apart, and a bit of every chunk
    let places = [0, 8, 9, 12, 13, 16, 17, 60, 5000].into_iter().chain((70_000..length).step_by(4 << 20));
    for at in places.chain([length - 1]) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        verify().expect(3);
        file.write_all_at(&byte, at).unwrap();
    }
    verify().expect(0);
    file.set_len(length - 1).unwrap();
    verify().expect(3).says("is cut short at");
    file.set_len(length + 1).unwrap();
    verify().expect(3);
    file.set_len(length).unwrap();
    run("wt-keys", &world(), ["init", "--dir", "other-keys", "--no-passphrase", "-q"]).expect(0);
    fs::copy(first_bundle(), &damaged).unwrap();
    run("wt-install", &world(), ["verify", text(&damaged), "--trust", "other-keys/trust.json"])
        .expect(3)
        .says("not trusted");
}

#[test]
#[ignore = "needs the programs as shipped: ./test runs it"]
fn what_customers_get_is_static_and_cannot_issue() {
    // what each program may contain of these
    let issuing =
        ["issue_certificate", "issue_next_trust", "HeadlessBundle", "assemble_bundle", "issue_license"];
    for (program, may) in [
        ("wt-install", [false, false, false, false, false]),
        ("wt-license", [false, false, false, false, true]),
        ("wt-keys", [true, true, false, false, false]),
        ("wt-bundle", [false, false, true, true, false]),
    ] {
        let ldd = Ran::of(Command::new("ldd").arg(shipped(program)));
        let said = format!("{}{}", ldd.stdout, ldd.stderr);
        assert!(
            said.contains("statically linked") || said.contains("not a dynamic executable"),
            "{program}: {said}"
        );
        let symbols = Ran::of(Command::new("nm").arg(shipped(program))).expect(0).stdout;
        for (name, may) in issuing.iter().zip(may) {
            assert_eq!(symbols.contains(name), may, "{name} in {program}");
        }
    }
}

#[test]
#[ignore = "needs the programs as shipped: ./test runs it"]
fn every_command_of_the_readme_is_one_that_the_programs_know() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut seen = 0;
    for line in blocks.flat_map(str::lines).filter(|line| line.starts_with("wt-")) {
        let words: Vec<&str> = line.split('#').next().unwrap().split_whitespace().collect();
        let verb = words[1..].iter().find(|word| !word.starts_with('-') && !word.contains('.'));
        let help = run(words[0], &world(), verb.into_iter().copied().chain(["--help"])).expect(0).stdout;
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{line}: no {flag} in\n{help}");
        }
        seen += 1;
    }
    assert!(seen >= 9, "the README has lost its walk");
}

#[test]
#[ignore = "needs the programs as shipped: ./test runs it"]
fn a_handover_folder_has_the_installer_that_takes_its_bundle() {
    let bundle = first_bundle();
    let handover = |folder: &str| {
        let trust = key("trust.json");
        run("wt-bundle", &world(), ["handover", text(&bundle), "-o", folder, "--trust", text(&trust)])
    };
    handover("handed").expect(0).says("fingerprints");
    let folder = world().join("handed");
    Ran::of(Command::new("sha256sum").args(["--quiet", "-c", "SHA256SUMS"]).current_dir(&folder)).expect(0);
    let mut verify = Command::new(folder.join("wt-install"));
    Ran::of(verify.arg("verify").arg(bundle.file_name().unwrap()).current_dir(&folder))
        .expect(0)
        .says("good: the signature");
    handover("handed").expect(1).says("there already");
}
