//! What `wt-install` reads, and what it does not: the real program, on bundles that are made here.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use clap::Parser as _;
use wt_bundler::cli::WtBundle;
use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;

const RELEASE: &str = r#"
product = "test"
version = "1.2.3"
platform = "linux/amd64"
[[image]]
name = "test/one:1"
source = "rootfs:root"
entrypoint = ["/bin/one"]
"#;

/// A folder with keys and a release of some 9 MB that hardly compresses.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(world.path("release/root/bin")).unwrap();
        fs::write(world.path("release/release.toml"), RELEASE).unwrap();
        fs::write(world.path("release/stack.yaml"), "services: {one: {image: \"test/one:1\"}}\n").unwrap();
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        let content: Vec<u8> = (0..9 << 20).map(|_| noise()).collect();
        fs::write(world.path("release/root/bin/one"), content).unwrap();
        let keys = world.words("wt-keys init --quiet --no-passphrase --dir @keys");
        WtKeys::try_parse_from(keys).unwrap().run().unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Words, of which those with an `@` are paths in this folder.
    fn words(&self, line: &str) -> Vec<PathBuf> {
        line.split(' ')
            .map(|word| word.strip_prefix('@').map_or(word.into(), |name| self.path(name)))
            .collect()
    }

    fn build(&self, rest: &str) {
        let line = format!("wt-bundle build @release --quiet --no-cache --key @keys/bundle.key {rest}");
        WtBundle::try_parse_from(self.words(&line)).unwrap().run().unwrap();
    }

    /// The exit code of `wt-install` and what it said.
    fn install(&self, line: &str) -> (Option<i32>, String) {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-install"));
        let output = command.args(self.words(line)).current_dir(self.0.path()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }
}

#[test]
fn a_bundle_is_verified_from_two_folders() {
    let world = World::new();
    fs::create_dir_all(world.path("a")).unwrap();
    fs::create_dir_all(world.path("b")).unwrap();
    world.build("-o @a/t.tar.zst --split 4MiB");
    fs::rename(world.path("a/t.tar.zst.002"), world.path("b/t.tar.zst.002")).unwrap();
    let verify = "verify @a/t.tar.zst.001 --trust @keys/trust.json";
    let (code, said) = world.install(verify);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("volume 2 is missing") && said.contains("--volumes DIR"), "{said}");
    let (code, said) = world.install(&format!("{verify} --volumes @b"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("good: the signature, and 3 chunks"), "{said}");
    let mut damaged = fs::read(world.path("b/t.tar.zst.002")).unwrap();
    damaged[77] ^= 1;
    fs::write(world.path("b/t.tar.zst.002"), damaged).unwrap();
    let (code, said) = world.install(&format!("{verify} --volumes @b"));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("volume 2 is damaged"), "{said}");
}

#[test]
fn what_nobody_signed_is_refused() {
    let world = World::new();
    world.build("-o @t.tar.zst --unsigned");
    // a plan is for root; nobody else is told more
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    for (verb, told) in [("verify", true), ("plan", root)] {
        let (code, said) = world.install(&format!("{verb} @t.tar.zst.unsigned --trust @keys/trust.json"));
        assert_ne!(code, Some(0), "{said}");
        assert!(!told || (code == Some(3) && said.contains("signed by nobody yet")), "`{verb}`: {said}");
    }
}
