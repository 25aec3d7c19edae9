//! The handover folder: the real program, and every command of its page.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod world;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::Parser as _;
use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;
use wt_keys::issue::issue_trust;
use wt_keys::trust::{LowestRelease, RevokedKey, RevokedLicense};
use wt_keys::{Sha256Digest, SigningKey, Trust, TrustDocument, key_file};

use world::World;

const HANDOVER: &str = "handover b.tar.zst -o out --trust keys/trust.json --installer wt-install";

fn built() -> World {
    let world = World::built();
    world.installer("wt-install", &["keys"]);
    world
}

/// The commands of a page, one after the other.
fn commands(page: &str) -> String {
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 10, "the page has lost its commands");
    blocks.concat()
}

fn bash(folder: &Path, script: &str) -> Output {
    let scratch = tempfile::tempdir().unwrap();
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(folder).env("TMPDIR", scratch.path()).output().unwrap()
}

/// The page of a folder, in a shell that stops at the first command that fails.
fn follow(folder: &Path) -> Output {
    let page = fs::read_to_string(folder.join("CHECK.md")).unwrap();
    bash(folder, &format!("set -euo pipefail\n{}", commands(&page)))
}

/// As somebody does who types all of it, whatever is said.
fn type_all(folder: &Path, page: &str) -> String {
    let script = format!("{}\n[ -e unpacked ] || echo nothing was unpacked", commands(page));
    text(&bash(folder, &script).stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn says_it_is_good(folder: &Path) {
    let output = follow(folder);
    let (said, complaints) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{complaints}");
    let page = fs::read_to_string(folder.join("CHECK.md")).unwrap();
    for words in [
        "every chunk is the signed one",
        "every file is the listed one",
        "all of it is good",
        "wt-install: OK",
    ] {
        assert!(said.contains(words), "`{words}` is not in: {said}");
    }
    let fingerprint = page.lines().find(|line| line.starts_with("| a root's fingerprint")).unwrap();
    assert!(said.contains(fingerprint.split('`').nth(1).unwrap()), "{fingerprint} is not printed: {said}");
    // the program is shown for the eyes, beside the roots: a step that compares sums of the folder proves nothing
    let installer = Sha256Digest::of(&fs::read(folder.join("wt-install")).unwrap());
    assert_eq!(said.matches(&format!("{installer}  ")).count(), 1, "{said}");
    let shown = page.find("sha256sum \"$HERE\"/wt-install").unwrap();
    assert!(page.find("## 3.").unwrap() < shown && shown < page.find("## 4.").unwrap());
    assert!(!page.contains("<!--") && !page.contains("{by_hand}") && !page.contains("{first}"), "{page}");
}

/// What a forger would do who writes the sums anew: only what is signed finds it.
fn with_new_sums(folder: &Path) {
    let sum = Command::new("bash")
        .args(["-euc", "sed -i 's/.*  //' SHA256SUMS; sha256sum $(cat SHA256SUMS) > s; mv s SHA256SUMS"])
        .current_dir(folder)
        .status();
    assert!(sum.unwrap().success());
}

fn finds(world: &World, flipped: &str, at: u64, not: &str) {
    let folder = world.path("out");
    // a hard link: not the bundle itself
    let name = format!("out/{flipped}");
    let bytes = world.read(&name);
    fs::remove_file(world.path(&name)).unwrap();
    fs::write(world.path(&name), &bytes).unwrap();
    world.flip(&name, at);
    assert!(!follow(&folder).status.success());
    let sums = world.read("out/SHA256SUMS");
    with_new_sums(&folder);
    let output = follow(&folder);
    assert!(!output.status.success() && !text(&output.stdout).contains(not), "{}", text(&output.stdout));
    fs::write(world.path(&name), bytes).unwrap();
    fs::write(world.path("out/SHA256SUMS"), sums).unwrap();
}

#[test]
fn every_command_of_the_page_works_on_a_bundle_and_finds_a_flipped_byte() {
    let world = built();
    let output = world.run(HANDOVER);
    assert_eq!(text(&output.stdout), "out\n");
    let told = text(&output.stderr);
    let digest = Sha256Digest::of(&world.read("wt-install"));
    assert!(told.contains(&format!("  wt-install sha256:{digest}\n")), "{told}");
    let trust = Trust::parse(&world.read("keys/trust.json")).unwrap();
    assert!(told.contains(&format!("  {}\n", trust.document().roots[0].id())), "{told}");
    assert_eq!(world.names("out"), ["CHECK.md", "SHA256SUMS", "b.tar.zst", "trust.json", "wt-install"]);
    assert_eq!(fs::read_to_string(world.path("out/SHA256SUMS")).unwrap().lines().count(), 4);
    assert_eq!(fs::metadata(world.path("out/b.tar.zst")).unwrap().nlink(), 2, "a link takes no room");
    assert_eq!(fs::metadata(world.path("out")).unwrap().mode() & 0o777, 0o755);
    says_it_is_good(&world.path("out"));
    finds(&world, "b.tar.zst", 5 << 20, "good: every chunk");
    // in the signed manifest, in a signature of the certificate, in the roots
    finds(&world, "b.tar.zst", 200, "good: every chunk");
    finds(&world, "trust.json", 150, "good: the roots signed the trust document");
    says_it_is_good(&world.path("out"));
}

fn forge(world: &World, bundle: &str, trust: &str, how: &[&str]) {
    let forge = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/forge.sh");
    let mut forger = Command::new("bash");
    forger.args([forge, bundle, trust]).args(how).current_dir(world.path("."));
    assert!(forger.status().unwrap().success(), "{how:?}");
}

/// What a forger does to the folder, and what the page says then: stopped where it says no, and typed to its end.
fn forged(world: &World, how: &[&str]) -> (Output, String) {
    let (bundle, trust) = (world.read("out/b.tar.zst"), world.read("out/trust.json"));
    fs::remove_file(world.path("out/b.tar.zst")).unwrap(); // a hard link: not the bundle itself
    fs::write(world.path("out/b.tar.zst"), &bundle).unwrap();
    forge(world, "out/b.tar.zst", "out/trust.json", how);
    with_new_sums(&world.path("out"));
    let page = fs::read_to_string(world.path("out/CHECK.md")).unwrap();
    let said = (follow(&world.path("out")), type_all(&world.path("out"), &page));
    fs::write(world.path("out/b.tar.zst"), bundle).unwrap();
    fs::write(world.path("out/trust.json"), trust).unwrap();
    with_new_sums(&world.path("out"));
    said
}

fn refuses(world: &World, how: &[&str], why: &str) {
    let (output, typed) = forged(world, how);
    let said = text(&output.stdout);
    assert!(!output.status.success(), "{how:?}: {said}");
    assert!(said.contains(&format!("NOT GOOD: {why}")), "{how:?}: {said}{}", text(&output.stderr));
    assert!(!said.contains("all of it is good"), "{how:?}: {said}");
    is_refused(&typed);
}

fn is_refused(typed: &str) {
    assert!(typed.contains("NOT GOOD: do not install this"), "{typed}");
    assert!(typed.contains("nothing was unpacked") && !typed.contains("all of it is good"), "{typed}");
}

fn certify(world: &World, name: &str, more: &[&str]) {
    let words = ["wt-keys", "certify", "-q", "--no-passphrase", "--role", "bundle", "--root"];
    let paths = [world.path("keys/root-1.key"), world.path(&format!("keys/{name}.key"))];
    let arguments = words.iter().map(PathBuf::from).chain(paths).chain(more.iter().map(PathBuf::from));
    WtKeys::try_parse_from(arguments).unwrap().run().unwrap();
}

/// The vendor's `keys/trust.json` at version 2, which the roots of version 1 signed.
fn move_trust(world: &World, change: impl FnOnce(&mut TrustDocument)) {
    let mut document = Trust::parse(&world.read("keys/trust.json")).unwrap().document().clone();
    document.version = 2;
    change(&mut document);
    let after = issue_trust(&document, &[vendors_key(world, "root-1")]).unwrap();
    fs::write(world.path("keys/trust.json"), after.to_bytes()).unwrap();
}

fn vendors_key(world: &World, name: &str) -> SigningKey {
    let never = |_: &Path| panic!("no passphrase here");
    key_file::read(&world.path(&format!("keys/{name}.key")), &never).unwrap()
}

/// What the page says once the folder has the vendor's trust file of now.
fn with_new_trust(world: &World) -> String {
    fs::write(world.path("out/trust.json"), world.read("keys/trust.json")).unwrap();
    with_new_sums(&world.path("out"));
    text(&follow(&world.path("out")).stdout)
}

#[test]
fn the_page_refuses_what_a_forger_makes() {
    let world = built();
    world.done(HANDOVER);
    for how in ["threshold", "stripped"] {
        refuses(&world, &[how], "the roots signed the trust document");
    }
    refuses(&world, &["untrusted"], "the roots signed the certificate");
    // the vendor's documents, and something else for zstd and tar
    for how in ["hidden", "added"] {
        refuses(&world, &[how], "it begins as a bundle does");
    }
    // a thief of another key: the forger's own work is good where the key is the right one
    let (good, _) = forged(&world, &["signed", "keys/bundle.key", "keys/bundle.cert"]);
    assert!(text(&good.stdout).contains("this is test 66.6.6"), "{}", text(&good.stdout));
    assert!(good.status.success() && text(&good.stdout).contains("all of it is good"));
    refuses(&world, &["signed", "keys/license.key", "keys/license.cert"], "the certificate is for bundles");
    certify(&world, "elsewhere", &["--product", "other"]);
    refuses(&world, &["signed", "keys/elsewhere.key", "keys/elsewhere.cert"], "the certificate is for test");
    let long_ago = "s/\"created\":\"[^\"]*\"/\"created\":\"2001-01-01T00:00:00Z\"/";
    refuses(
        &world,
        &["signed", "keys/bundle.key", "keys/bundle.cert", long_ago],
        "2001-01-01T00:00:00Z lies",
    );
    let other_key = ["signed", "keys/elsewhere.key", "keys/bundle.cert"];
    refuses(&world, &other_key, "the certified key signed the manifest");
    let license = ["kind", "keys/bundle.key", "keys/bundle.cert"];
    refuses(&world, &license, "the certified key signed the manifest");
    says_it_is_good(&world.path("out"));
}

#[test]
fn the_page_refuses_a_revoked_key_and_an_older_trust_document() {
    let world = built();
    world.certified("other");
    let first = world.read("keys/trust.json");
    world.done(HANDOVER);
    let key = vendors_key(&world, "bundle").public().id();
    move_trust(&world, |document| {
        document.revoked_keys.push(RevokedKey { key, reason: "stolen [\"} 2024".into() });
    });
    let said = with_new_trust(&world);
    assert!(said.ends_with("NOT GOOD: its key was not revoked\n"), "{said}");
    fs::remove_dir_all(world.path("out")).unwrap();
    world.done("build release --key keys/other.key -o b.tar.zst");
    world.done("handover b.tar.zst -o out --trust keys/trust.json --installer wt-install");
    says_it_is_good(&world.path("out"));
    fs::write(world.path("out/trust.json"), first).unwrap();
    with_new_sums(&world.path("out"));
    let output = follow(&world.path("out"));
    assert!(text(&output.stdout).contains("NOT GOOD: the trust document is not older"));
    assert!(!output.status.success());
}

fn signed_digest(world: &World, name: &str) -> Sha256Digest {
    let payload = r#"sed 's/.*"payload":"\([^"]*\)".*/\1/' NAME | base64 -d"#.replace("NAME", name);
    Sha256Digest::of(&bash(&world.path("."), &payload).stdout)
}

/// The vendor's `keys/trust.json` after its root was retired.
fn retire_root(world: &World, kept: Option<&str>, change: impl FnOnce(&mut TrustDocument)) {
    let mut document = Trust::parse(&world.read("keys/trust-1.json")).unwrap().document().clone();
    let next = SigningKey::from_seed(&[9; 32]);
    (document.version, document.roots) = (2, vec![next.public()]);
    document.kept_certificates = kept.map(|name| signed_digest(world, name)).into_iter().collect();
    change(&mut document);
    let after = issue_trust(&document, &[next]).unwrap();
    fs::write(world.path("keys/trust.json"), after.to_bytes()).unwrap();
}

#[test]
fn the_page_knows_a_certificate_that_outlives_its_root_and_no_other() {
    let world = built();
    world.done(HANDOVER);
    certify(&world, "elsewhere", &[]);
    fs::copy(world.path("keys/trust.json"), world.path("keys/trust-1.json")).unwrap();
    let (why, bundle) = ("the roots signed the certificate, or keep it", "keys/bundle.cert");
    let digest = signed_digest(&world, bundle).to_string();
    for kept in [None, Some("keys/license.cert")] {
        // a digest that stands somewhere else names nothing
        retire_root(&world, kept, |document| {
            document
                .revoked_licenses
                .push(RevokedLicense { license: digest.clone(), reason: digest.clone() });
        });
        let said = with_new_trust(&world);
        assert!(said.ends_with(&format!("NOT GOOD: {why}\n")), "{said}");
    }
    let key = vendors_key(&world, "bundle").public().id();
    retire_root(&world, Some(bundle), |document| {
        document.revoked_keys.push(RevokedKey { key, reason: "stolen".into() });
    });
    let said = with_new_trust(&world);
    assert!(said.ends_with("NOT GOOD: its key was not revoked\n"), "{said}");
    retire_root(&world, Some(bundle), |_| {});
    let said = with_new_trust(&world);
    assert!(said.contains(&format!("good: {why}\n")) && said.contains("all of it is good"), "{said}");
    assert!(world.run("verify b.tar.zst --trust keys/trust.json").status.success());
    refuses(&world, &["untrusted"], why);
    // the thief of the root that went
    refuses(&world, &["signed", "keys/elsewhere.key", "keys/elsewhere.cert"], why);
    refuses(&world, &["signed", "keys/elsewhere.key", bundle], "the certified key signed the manifest");
}

#[test]
fn the_page_refuses_a_release_that_was_withdrawn() {
    let world = built();
    world.done(HANDOVER);
    let first = world.read("keys/trust.json");
    for (lowest, withdrawn) in [
        (&[("test", "2.0.0")][..], true),
        (&[("other", "9.0.0"), ("test", "1.2.4-rc.1")], true),
        (&[("test", "1.2.10"), ("test", "1.0.0")], true),
        (&[("test", "1.2.3"), ("other", "9.0.0"), ("test", "1.2.3-rc.1")], false),
    ] {
        fs::write(world.path("keys/trust.json"), &first).unwrap();
        move_trust(&world, |document| {
            for (product, version) in lowest {
                let (product, version) = (String::from(*product), version.parse().unwrap());
                document.lowest_releases.push(LowestRelease { product, version });
            }
        });
        let verified = world.run("verify b.tar.zst --trust keys/trust.json").status.success();
        assert_eq!(verified, !withdrawn, "{lowest:?}");
        let said = with_new_trust(&world);
        assert_eq!(said.contains("all of it is good"), !withdrawn, "{lowest:?}: {said}");
        assert_eq!(said.contains("NOT GOOD: the roots did not withdraw test 1.2.3"), withdrawn, "{said}");
    }
}

#[test]
fn every_command_of_the_page_works_on_volumes_and_finds_a_flipped_byte() {
    let world = World::cut();
    world.installer("wt-install", &["keys"]);
    fs::create_dir(world.path("x")).unwrap();
    fs::rename(world.path("v/b.tar.zst.003"), world.path("x/b.tar.zst.003")).unwrap();
    world.done("handover v/b.tar.zst.001 --volumes x -o out --trust keys/trust.json --installer wt-install");
    let names = world.names("out");
    assert_eq!(names.iter().filter(|name| name.starts_with("b.tar.zst.00")).count(), 4, "{names:?}");
    says_it_is_good(&world.path("out"));
    finds(&world, "b.tar.zst.003", 99, "good: every chunk");
    let mut verify = Command::new("./wt-install");
    verify.args(["verify", "b.tar.zst.001", "--trust", "trust.json"]).current_dir(world.path("out"));
    assert!(verify.output().unwrap().status.success());
}

#[test]
fn the_page_for_everybody_reads_volumes_and_finds_one_in_front() {
    let world = World::cut();
    fs::copy(world.path("keys/trust.json"), world.path("v/trust.json")).unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify-by-hand.md");
    let page = fs::read_to_string(page).unwrap().replace("=worktile-5.2.0-amd64.tar.zst\n", "=b.tar.zst\n");
    let page = page.split("<!-- to here -->").next().unwrap();
    let typed = type_all(&world.path("v"), page);
    assert!(typed.ends_with("all of it is good\n"), "{typed}");
    fs::remove_dir_all(world.path("v/unpacked")).unwrap();
    forge(&world, "v/b.tar.zst.001", "v/trust.json", &["front"]);
    let typed = type_all(&world.path("v"), page);
    assert!(typed.contains("NOT GOOD: it begins as a bundle does"), "{typed}");
    is_refused(&typed);
}

#[test]
fn a_build_makes_the_same_folder() {
    let world = built();
    let build = "build release --key keys/bundle.key -o w.tar.zst --installer wt-install --handover";
    world.done(&format!("{build} out"));
    says_it_is_good(&world.path("out"));
    fs::remove_file(world.path("w.tar.zst")).unwrap();
    world.done(&format!("{build} out2 --split 4MiB"));
    says_it_is_good(&world.path("out2"));
    fs::remove_dir_all(world.path("release/root")).unwrap();
    world.refused(&format!("{build} out2"), 1, &["`out2` is there already"]);
    let odd = "build release --key keys/bundle.key -o a$b.zst --installer wt-install --handover out3";
    world.refused(odd, 1, &["letters, digits"]);
    world.refused(&format!("{build} out4 --unsigned"), 2, &["cannot be used with"]);
}

#[test]
fn an_installer_that_does_not_fit_is_refused_and_nothing_is_left() {
    let world = built();
    world.keys("others");
    world.installer("strange", &["others"]);
    world.installer("both", &["keys", "others"]);
    world.installer("none", &[]);
    fs::write(world.path("script"), "#!/bin/sh\n").unwrap();
    fs::write(world.path("empty"), "").unwrap();
    let before = world.names(".");
    let with = |installer: &str| {
        format!("handover b.tar.zst -o out --trust keys/trust.json --installer {installer}")
    };
    for (name, code, message) in [
        ("strange", 3, "does not trust this bundle"),
        ("both", 3, "does not trust this bundle"),
        ("none", 3, "…\n  found    none"),
        ("script", 1, "no ELF file"),
        ("empty", 1, "no ELF file"),
        ("release", 1, "no installer `release`"),
        ("/bin/bash", 1, "a dynamically linked executable"),
    ] {
        world.refused(&with(name), code, &[message, "hint: "]);
    }
    // beside this program there is none, or one that was built with no roots
    let beside = world.run("handover b.tar.zst -o out --trust keys/trust.json");
    assert!(!beside.status.success());
    fs::create_dir(world.path("there")).unwrap();
    world.refused(
        "handover b.tar.zst -o there --trust keys/trust.json --installer wt-install",
        1,
        &["there already"],
    );
    fs::remove_dir(world.path("there")).unwrap();
    assert_eq!(world.names("."), before);
}

#[test]
fn a_bundle_that_is_damaged_is_not_handed_over() {
    let world = built();
    world.flip("b.tar.zst", 5 << 20);
    let before = world.names(".");
    world.refused(HANDOVER, 3, &["damaged"]);
    assert_eq!(world.names("."), before);
    world.flip("b.tar.zst", 5 << 20);
    // by a symbolic link: the bundle, not the link
    fs::create_dir(world.path("links")).unwrap();
    std::os::unix::fs::symlink("../b.tar.zst", world.path("links/b.tar.zst")).unwrap();
    world.done("handover links/b.tar.zst -o out/ --trust keys/trust.json --installer wt-install");
    assert!(!fs::symlink_metadata(world.path("out/b.tar.zst")).unwrap().is_symlink());
    let installer = fs::metadata(world.path("out/wt-install")).unwrap();
    assert_eq!((installer.permissions().mode() & 0o777, installer.nlink()), (0o755, 1));
}

/// On another file system than the world's, where this machine has one that we may write to.
fn elsewhere(world: &World) -> Option<tempfile::TempDir> {
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    let own = device(world.folder.path());
    let run = format!("/run/user/{}", fs::metadata(world.folder.path()).unwrap().uid());
    let candidates = ["/dev/shm", &run, env!("CARGO_TARGET_TMPDIR"), "/var/tmp", "/tmp"];
    let folders = candidates.into_iter().filter_map(|place| tempfile::tempdir_in(place).ok());
    let found = folders.into_iter().find(|folder| device(folder.path()) != own);
    if found.is_none() {
        // not `eprintln`, which a test that passes keeps to itself
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: there is one file system here, and everything can be linked"
        );
    }
    found
}

#[test]
fn what_cannot_be_linked_is_copied() {
    let world = built();
    let Some(folder) = elsewhere(&world) else { return };
    let out = folder.path().join("out");
    world.done(&HANDOVER.replace("-o out", &format!("-o {}", out.display())));
    assert!(fs::read(out.join("b.tar.zst")).unwrap() == world.read("b.tar.zst"));
    assert_eq!(fs::metadata(out.join("b.tar.zst")).unwrap().nlink(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
