//! A build that cannot end well: the disk is full, the folder cannot be written, the program is killed.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use wt_tests::program::{Ran, key, shipped};
use wt_tests::repository;

const RELEASE: &str = "product = \"test\"\nversion = \"1.0.0\"\nplatform = \"linux/amd64\"\n\
    [[image]]\nname = \"test/one:1\"\nsource = \"rootfs:root\"\nentrypoint = [\"/one\"]\n";

/// A release of one image that takes a moment to compress and does not shrink, and an empty folder `out`.
fn world() -> tempfile::TempDir {
    let world = tempfile::tempdir_in(repository().join("target")).unwrap();
    let folder = world.path();
    fs::create_dir_all(folder.join("release/root")).unwrap();
    fs::create_dir(folder.join("out")).unwrap();
    fs::write(folder.join("release/release.toml"), RELEASE).unwrap();
    fs::write(folder.join("release/stack.yaml"), "services: {one: {image: \"test/one:1\"}}\n").unwrap();
    let noise = "head -c 48M /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 2>/dev/null >release/root/one";
    Ran::of(Command::new("sh").args(["-c", noise]).current_dir(folder)).expect(0);
    world
}

fn build(folder: &Path, program: &str, before: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(before).current_dir(folder);
    if !before.is_empty() {
        command.arg(shipped("wt-bundle"));
    }
    command.args(["build", "./release", "-o", "out/b.tar.zst", "--no-cache", "--key"]).arg(key("bundle.key"));
    command
}

/// Builds into a file system of its own, and shows what is left there.
fn build_on(folder: &Path, options: &str) -> Ran {
    let script = format!(
        "mount -t tmpfs -o {options} tmpfs out || exit 99; \"$@\"; code=$?; ls -A out | sed 's/^/left: /'; exit $code"
    );
    Ran::of(&mut build(folder, "unshare", &["--mount", "sh", "-c", &script, "sh"]))
}

#[test]
#[ignore = "needs root: ./test runs it"]
fn a_full_disk_is_named_and_nothing_is_left_on_it() {
    let world = world();
    for size in ["size=1m", "size=30m", "size=60m"] {
        let ran = build_on(world.path(), size).expect(1).says("No space left on device").says("`out");
        assert!(!ran.stdout.contains("left: "), "{size}: {}", ran.stdout);
    }
    // the control: with room enough the same build succeeds
    build_on(world.path(), "size=400m").expect(0).says("left: b.tar.zst");
}

#[test]
#[ignore = "needs root: ./test runs it"]
fn a_folder_that_cannot_be_written_is_named() {
    let world = world();
    let ran = build_on(world.path(), "ro")
        .expect(1)
        .says("Read-only file system")
        .says("cannot write a temporary file in `out`");
    assert!(!ran.stdout.contains("left: "), "{}", ran.stdout);
}

#[test]
#[ignore = "needs the programs as shipped: ./test runs it"]
fn a_build_that_is_killed_leaves_nothing_under_the_bundles_name() {
    let world = world();
    let program = shipped("wt-bundle");
    let mut killed = 0;
    for step in 0..12 {
        let mut build = build(world.path(), program.to_str().unwrap(), &[]);
        let mut child = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + step * 30));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        let bundle = world.path().join("out/b.tar.zst");
        // killed in its last moment, while it was read back: complete and signed, then
        if bundle.exists() {
            let trust = key("trust.json");
            Ran::of(Command::new(&program).arg("verify").arg(&bundle).arg("--trust").arg(trust)).expect(0);
            fs::remove_file(bundle).unwrap();
        }
    }
    assert!(killed >= 3, "killed only {killed} times");
}
