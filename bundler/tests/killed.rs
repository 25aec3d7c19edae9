//! Killed at any moment, the real program leaves no incomplete file under a name that somebody would use.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod world;

use std::fs;
use std::process::Stdio;
use std::time::Instant;

use world::World;

/// At how many moments each command is killed.
const MOMENTS: u32 = 12;

/// Runs `line` once to its end and gives what it made in `folder` to compare with; then kills it at moments all along
/// that time, and looks at what is there. Tells how often there was nothing yet.
fn killed(world: &World, line: &str, folder: &str) -> usize {
    let prepared = snapshot(world, folder);
    let started = Instant::now();
    world.done(line);
    let (taken, complete) = (started.elapsed(), snapshot(world, folder));
    let mut unchanged = 0;
    for moment in 0..MOMENTS {
        restore(world, folder, &prepared);
        let mut command = world.command(line);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(taken * moment / MOMENTS);
        child.kill().unwrap();
        child.wait().unwrap();
        let found = snapshot(world, folder);
        for file in &found {
            assert!(prepared.contains(file) || complete.contains(file), "{line}: an incomplete `{}`", file.0);
        }
        let first = found.iter().any(|(name, _)| name.ends_with(".001") || name == "CHECK.md");
        assert!(!first || found.len() == complete.len(), "{line}: what comes last came before the rest");
        unchanged += usize::from(found == prepared);
    }
    restore(world, folder, &prepared);
    unchanged
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
    let split = killed(&world, "split b.tar.zst --size 4MiB -o s --trust keys/trust.json", "s");
    let join = killed(&world, "join v/b.tar.zst.001 -o j/b.tar.zst --trust keys/trust.json", "j");
    assert!(split > 2 && join > 2, "killed too late to say anything: {split}, {join}");
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
        let unchanged = killed(&world, &line, folder);
        assert!(unchanged > 2, "{line}: killed too late to say anything: {unchanged}");
    }
}

#[test]
fn a_killed_handover_leaves_no_folder_of_that_name() {
    let world = World::built();
    world.installer("wt-install", &["keys"]);
    let line = "handover b.tar.zst -o handed --trust keys/trust.json --installer wt-install";
    assert!(killed(&world, line, "handed") > 2);
    // what the kills left is removed by the next run
    world.done(line);
    let hidden: Vec<_> = world.names(".").into_iter().filter(|name| name.starts_with(".wt-")).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}
