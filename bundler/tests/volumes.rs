//! A bundle in volumes, and one that is signed elsewhere: the real program.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod world;

use std::fs;
use std::process::Command;
use std::time::Duration;

use world::World;

const VERIFY: &str = "verify v/b.tar.zst.001 --trust keys/trust.json";

#[test]
fn volumes_are_the_bundle_again_by_cat_by_join_and_where_they_lie() {
    let world = World::cut();
    let names =
        ["SHA256SUMS", "b.tar.zst.001", "b.tar.zst.002", "b.tar.zst.003", "b.tar.zst.004"].map(str::to_owned);
    assert_eq!(world.names("v"), names);
    let shell = Command::new("bash")
        .args(["-euc", "cd v; sha256sum --quiet -c SHA256SUMS; cat b.tar.zst.0* | cmp - ../b.tar.zst"])
        .current_dir(world.folder.path())
        .status();
    assert!(shell.unwrap().success());
    world.done("join v/b.tar.zst.001 -o joined --trust keys/trust.json");
    assert!(world.read("joined") == world.read("b.tar.zst"));
    world.done(VERIFY);
    world.done("inspect v/b.tar.zst --trust keys/trust.json");
    world.done("build release --key keys/bundle.key -o w.tar.zst --split 4MiB");
    for number in 1..=4 {
        let volume = |name: &str| world.read(&format!("{name}.00{number}"));
        assert!(volume("w.tar.zst") == volume("v/b.tar.zst"), "{number}");
    }
    assert!(!world.path("w.tar.zst").exists());
    world.refused("split b.tar.zst --size 4MiB -o v --trust keys/trust.json", 1, &["there already"]);
    let small = "split b.tar.zst --size 1MB --trust keys/trust.json";
    world.refused(small, 2, &["at least 4194304 bytes"]);
}

#[test]
fn a_build_that_could_not_be_cut_does_not_begin() {
    let world = World::new();
    // a build that begins ends at this: nothing is there
    fs::remove_dir_all(world.path("release/root")).unwrap();
    let build = |size: &str| format!("build release --key keys/bundle.key -o w.tar.zst --split {size}");
    world.refused(&build("1MB"), 2, &["at least 4194304 bytes"]);
    for there in ["w.tar.zst.007", "SHA256SUMS"] {
        fs::write(world.path(there), "").unwrap();
        world.refused(&build("4MiB"), 1, &[&format!("`{there}` is there already")]);
        fs::remove_file(world.path(there)).unwrap();
    }
    world.refused(&build("4MiB"), 1, &["root file system"]);
}

#[test]
fn volumes_are_read_from_several_folders() {
    let world = World::cut();
    for (number, folder) in [(2, "x"), (3, "y")] {
        fs::create_dir(world.path(folder)).unwrap();
        let name = format!("b.tar.zst.00{number}");
        fs::rename(world.path("v").join(&name), world.path(folder).join(&name)).unwrap();
    }
    world.refused(VERIFY, 3, &["volume 2 is missing", "volume 3 is missing", "--volumes DIR"]);
    world.done(&format!("{VERIFY} --full --volumes x --volumes y --volumes y"));
    let check = "build release --trust keys/trust.json --check v/b.tar.zst.001";
    world.refused(check, 3, &["volume 2 is missing", "--volumes DIR"]);
    world.done(&format!("{check} --volumes x --volumes y"));
    fs::copy(world.path("v/b.tar.zst.004"), world.path("x/b.tar.zst.004")).unwrap();
    world.refused(&format!("{VERIFY} --volumes x --volumes y"), 3, &["volume 4 is there twice"]);
}

#[test]
fn everything_that_is_wrong_with_volumes_is_listed_together() {
    let world = World::cut();
    world.flip("v/b.tar.zst.002", 77);
    fs::remove_file(world.path("v/b.tar.zst.003")).unwrap();
    let longer = [world.read("v/b.tar.zst.004"), vec![0]].concat();
    fs::write(world.path("v/b.tar.zst.004"), longer).unwrap();
    let listed = ["volume 2 is damaged at chunk", "volume 3 is missing", "volume 4 is too long"];
    world.refused(VERIFY, 3, &listed);
    world.refused("inspect v/b.tar.zst.001 --trust keys/trust.json", 3, &listed[1..]);
    world.refused("join v/b.tar.zst.001 -o joined --trust keys/trust.json", 3, &listed[1..]);
    assert!(!world.path("joined").exists());
}

#[test]
fn each_volume_that_is_missing_cut_longer_flipped_or_swapped_is_named() {
    let world = World::cut();
    for number in 1..=4 {
        let name = format!("v/b.tar.zst.00{number}");
        let good = world.read(&name);
        let check = |bytes: &[u8], what: &str| {
            fs::write(world.path(&name), bytes).unwrap();
            world.refused(VERIFY, 3, &[&format!("volume {number} {what}")]);
        };
        check(&good[..good.len() - 1], "is cut short");
        check(&[&good[..], b"x"].concat(), "is too long");
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        if number > 1 {
            check(&flipped, "is damaged at chunk");
        }
        fs::remove_file(world.path(&name)).unwrap();
        world.refused(VERIFY, 3, &[&format!("volume {number} is missing")]);
        fs::write(world.path(&name), good).unwrap();
    }
    let (two, three) = (world.read("v/b.tar.zst.002"), world.read("v/b.tar.zst.003"));
    fs::write(world.path("v/b.tar.zst.002"), three).unwrap();
    fs::write(world.path("v/b.tar.zst.003"), two).unwrap();
    let swapped = ["volume 2 holds the bytes of volume 3", "volume 3 holds the bytes of volume 2"];
    world.refused(VERIFY, 3, &swapped);
}

#[test]
fn a_volume_of_another_bundle_is_found_though_it_has_the_right_length() {
    let world = World::cut();
    let mut other = world::noise(9 << 20);
    other.reverse();
    fs::write(world.path("release/root/bin/one"), other).unwrap();
    world.done("build release --key keys/bundle.key -o o.tar.zst --split 4MiB");
    for number in 2..=3 {
        let (own, other) = (format!("v/b.tar.zst.00{number}"), format!("o.tar.zst.00{number}"));
        let good = world.read(&own);
        assert_eq!(good.len(), world.read(&other).len());
        fs::copy(world.path(&other), world.path(&own)).unwrap();
        world.refused(VERIFY, 3, &[&format!("volume {number} is damaged")]);
        world.refused(
            "join v/b.tar.zst.001 -o joined --trust keys/trust.json",
            3,
            &[&format!("volume {number}")],
        );
        fs::write(world.path(&own), good).unwrap();
    }
    // the first one brings its own head: then it is all the others that are wrong
    let (own, other) = (world.read("v/b.tar.zst.001"), world.read("o.tar.zst.001"));
    assert_eq!(own.len(), other.len());
    fs::write(world.path("v/b.tar.zst.001"), other).unwrap();
    world.refused(VERIFY, 3, &["volume 2 is damaged", "volume 3 is damaged"]);
    assert!(!world.path("joined").exists());
}

#[test]
fn what_nobody_signed_is_refused_by_every_reader() {
    let world = World::new();
    world.done("build release --unsigned -o u.tar.zst");
    world.installer("wt-install", &["keys"]);
    for verb in ["verify", "inspect", "join", "split --size 4MiB", "handover --installer wt-install -o out"] {
        let line = format!("{verb} u.tar.zst.unsigned --trust keys/trust.json");
        world.refused(&line, 3, &["signed by nobody yet", "hint: `wt-bundle sign`"]);
    }
    fs::rename(world.path("u.tar.zst.unsigned"), world.path("b.tar.zst")).unwrap();
    world.refused("verify b.tar.zst --trust keys/trust.json", 3, &["signed by nobody yet"]);
    world.refused("sign u.tar.zst.manifest --key keys/bundle.key --head x", 2, &["takes no `--head`"]);
    assert!(!world.path("out").exists());
}

#[test]
fn what_is_signed_elsewhere_is_byte_for_byte_what_a_direct_build_gives() {
    let world = World::built();
    world.done("build release --unsigned -o u.tar.zst");
    assert!(!world.path("u.tar.zst").exists());
    let unsigned = "verify u.tar.zst.unsigned --trust keys/trust.json";
    world.refused(unsigned, 3, &["signed by nobody yet", "wt-bundle sign"]);
    let tar = Command::new("tar").arg("-tf").arg(world.path("u.tar.zst.unsigned")).output().unwrap();
    assert!(tar.status.success());
    let manifest = "sign u.tar.zst.manifest --key keys/bundle.key";
    world.refused(manifest, 2, &["nobody is at a terminal"]);
    world.done(&format!("{manifest} -y"));
    let put = "sign u.tar.zst.unsigned --head u.tar.zst.head --trust keys/trust.json";
    world.done(put);
    assert!(world.read("u.tar.zst") == world.read("b.tar.zst"));
    world.done("sign u.tar.zst.unsigned --key keys/bundle.key -y -o one");
    assert!(world.read("one") == world.read("b.tar.zst"));
}

#[test]
fn a_head_of_another_bundle_and_a_damaged_body_are_refused() {
    let world = World::new();
    world.done("build release --unsigned -o u.tar.zst");
    fs::write(world.path("release/stack.yaml"), "services: {two: {image: \"test/one:1\"}}\n").unwrap();
    world.done("build release --unsigned -o o.tar.zst");
    world.done("sign o.tar.zst.manifest --key keys/bundle.key -y");
    world.done("sign u.tar.zst.manifest --key keys/bundle.key -y");
    let put = |head: &str| format!("sign u.tar.zst.unsigned --head {head} --trust keys/trust.json");
    world.refused(&put("o.tar.zst.head"), 3, &["the head is of another bundle"]);
    world.flip("u.tar.zst.unsigned", 8 << 20);
    world.refused(&put("u.tar.zst.head"), 3, &["damaged"]);
    assert!(!world.path("u.tar.zst").exists());
    for hostile in ["{", "{}", "{\"format\":1}", &"{".repeat(100_000)] {
        fs::write(world.path("h.manifest"), hostile).unwrap();
        world.refused("sign h.manifest --key keys/bundle.key -y", 3, &["cannot be understood"]);
    }
    let manifest = String::from_utf8(world.read("u.tar.zst.manifest")).unwrap();
    let newer = manifest.replace("\"features\":[]", "\"features\":[\"sbom\"],\"sboms\":[]");
    fs::write(world.path("h.manifest"), newer).unwrap();
    world.refused("sign h.manifest --key keys/bundle.key -y", 3, &["needs the feature `sbom`"]);
    let spaced = [b"{ ", &world.read("u.tar.zst.manifest")[1..]].concat();
    fs::write(world.path("h.manifest"), spaced).unwrap();
    world.refused("sign h.manifest --key keys/bundle.key -y", 3, &["not spelled"]);
}

#[test]
fn what_is_no_file_is_not_waited_for_to_be_signed() {
    let world = World::new();
    assert!(Command::new("mkfifo").arg(world.path("fifo")).status().unwrap().success());
    world.refused("sign fifo --key keys/bundle.key --yes", 1, &["`fifo`", "not a regular file"]);
}

#[test]
fn a_finished_bundle_is_signed_again() {
    let world = World::built();
    let before = world.read("b.tar.zst");
    world.done("sign b.tar.zst --key keys/bundle.key -y");
    assert!(world.read("b.tar.zst") == before, "the same key gives the same bytes");
    world.certified("second");
    let said = world.run("sign b.tar.zst --key keys/second.key -y");
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains(" before, by "), "{said}");
    let now = world.read("b.tar.zst");
    let body = |bytes: &[u8]| bytes[64 << 10..].to_vec();
    assert!(now != before && body(&now) == body(&before), "another head, the same body");
    let signer = |line: &str| {
        let report = world.done(line);
        report.lines().find(|line| line.contains("\"signer\"")).unwrap().to_owned()
    };
    fs::write(world.path("old"), &before).unwrap();
    let verify = |name: &str| signer(&format!("verify {name} --trust keys/trust.json --json"));
    assert_ne!(verify("b.tar.zst"), verify("old"));
    world.done("sign b.tar.zst --key keys/bundle.key -y");
    assert!(world.read("b.tar.zst") == before, "and back");
    world.keys("others");
    world.refused("sign b.tar.zst --key others/bundle.key -y", 3, &["trust"]);
    assert!(world.read("b.tar.zst") == before);
}

#[test]
fn a_killed_build_leaves_nothing() {
    let world = World::new();
    for (form, most) in [("", 2000), (" --unsigned", 1500)] {
        for milliseconds in (0..most).step_by(300) {
            let mut build =
                world.command(&format!("build release --key keys/bundle.key -o k/b.tar.zst{form}"));
            let _ = fs::create_dir(world.path("k"));
            build.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            let mut child = build.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            child.kill().unwrap();
            let finished = child.wait().unwrap().success();
            let names = world.names("k");
            assert!(finished || names.iter().all(|name| !name.starts_with(".wt-")), "{names:?}");
            if names.iter().any(|name| name == "b.tar.zst") {
                world.done("verify k/b.tar.zst --trust keys/trust.json");
            }
            fs::remove_dir_all(world.path("k")).unwrap();
        }
    }
}
