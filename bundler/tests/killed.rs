//! Killed at any moment, the real program leaves no incomplete file under a name that somebody would use.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod world;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use world::World;

/// How often each command is killed.
const KILLS: usize = 14;

/// Runs `line` once to its end and gives what it made in `folder` to compare with; then kills it again and again, homing
/// in on the moment from which on `folder` is no longer what it was, and looks at what is there. However fast or busy a
/// machine is, some kills come before that moment and some after it.
fn killed(world: &World, line: &str, folder: &str) {
    let prepared = snapshot(world, folder);
    let started = Instant::now();
    world.done(line);
    let (mut late, complete) = (started.elapsed(), snapshot(world, folder));
    assert_ne!(prepared, complete, "{line}: changes nothing");
    let mut early = Duration::ZERO;
    let (mut before, mut after) = (0, 0);
    for _ in 0..KILLS {
        restore(world, folder, &prepared);
        let mut command = world.command(line);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = (early + late) / 2;
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let found = snapshot(world, folder);
        for file in &found {
            assert!(prepared.contains(file) || complete.contains(file), "{line}: an incomplete `{}`", file.0);
        }
        let first = found.iter().any(|(name, _)| name.ends_with(".001") || name == "CHECK.md");
        assert!(!first || found.len() == complete.len(), "{line}: what comes last came before the rest");
        if found == prepared {
            (early, late, before) = (moment, late.max(moment * 5 / 4), before + 1);
        } else {
            (early, late, after) = (early.min(moment * 3 / 4), moment, after + 1);
        }
    }
    assert!(before > 0 && after > 0, "{line}: {before} kills too early, {after} too late, none between");
    restore(world, folder, &prepared);
}

/// Names and contents, but for what is hidden.
fn snapshot(world: &World, folder: &str) -> Vec<(String, Vec<u8>)> {
    if !world.path(folder).exists() {
        return Vec::new();
    }
    let names = world.names(folder).into_iter().filter(|name| !name.starts_with('.'));
    names.map(|name| (name.clone(), world.read(&format!("{folder}/{name}")))).collect()
}

fn restore(world: &World, folder: &str, files: &[(String, Vec<u8>)]) {
    let _ = fs::remove_dir_all(world.path(folder));
    if files.is_empty() && folder == "handed" {
        return;
    }
    fs::create_dir(world.path(folder)).unwrap();
    for (name, bytes) in files {
        fs::write(world.path(&format!("{folder}/{name}")), bytes).unwrap();
    }
}

#[test]
fn a_killed_split_or_join_leaves_nothing_under_a_final_name() {
    let world = World::cut();
    for folder in ["s", "j"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    killed(&world, "split b.tar.zst --size 4MiB -o s --trust keys/trust.json", "s");
    killed(&world, "join v/b.tar.zst.001 -o j/b.tar.zst --trust keys/trust.json", "j");
}

#[test]
fn a_killed_signature_leaves_what_was_there() {
    let world = World::built();
    world.certified("second");
    world.done("build release --unsigned -o u.tar.zst");
    for (folder, file) in [("m", "u.tar.zst.manifest"), ("u", "u.tar.zst.unsigned"), ("b", "b.tar.zst")] {
        fs::create_dir(world.path(folder)).unwrap();
        fs::copy(world.path(file), world.path(folder).join(file)).unwrap();
        let line = format!("sign {folder}/{file} --key keys/second.key -y");
        killed(&world, &line, folder);
    }
}

#[test]
fn a_killed_handover_leaves_no_folder_of_that_name() {
    let world = World::built();
    world.installer("wt-install", &["keys"]);
    let line = "handover b.tar.zst -o handed --trust keys/trust.json --installer wt-install";
    killed(&world, line, "handed");
    // what the kills left is removed by the next run
    world.done(line);
    let hidden: Vec<_> = world.names(".").into_iter().filter(|name| name.starts_with(".wt-")).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}
