//! A folder with keys, a release and the real program.
#![allow(dead_code, reason = "no suite needs all of it")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser as _;
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

/// A folder with keys, a release, and its bundle `b.tar.zst` of three chunks.
pub struct World {
    pub folder: tempfile::TempDir,
    epoch: String,
}

impl World {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_hours(1);
        let world = Self { folder: tempfile::tempdir().unwrap(), epoch: now.as_secs().to_string() };
        fs::create_dir_all(world.path("release/root/bin")).unwrap();
        fs::write(world.path("release/release.toml"), RELEASE).unwrap();
        fs::write(world.path("release/stack.yaml"), "services: {one: {image: \"test/one:1\"}}\n").unwrap();
        fs::write(world.path("release/root/bin/one"), noise(9 << 20)).unwrap();
        world.keys("keys");
        world
    }

    pub fn built() -> Self {
        let world = Self::new();
        world.done("build release --key keys/bundle.key -o b.tar.zst");
        world
    }

    /// Built, and cut into `b.tar.zst.001` to `.004` in `v`.
    pub fn cut() -> Self {
        let world = Self::built();
        fs::create_dir(world.path("v")).unwrap();
        world.done("split b.tar.zst --size 4MiB -o v --trust keys/trust.json");
        world
    }

    pub fn keys(&self, name: &str) {
        let arguments = ["wt-keys", "init", "--quiet", "--no-passphrase", "--dir"].map(PathBuf::from);
        WtKeys::try_parse_from(arguments.into_iter().chain([self.path(name)])).unwrap().run().unwrap();
    }

    /// Another bundle key of the same roots: `keys/NAME.key`.
    pub fn certified(&self, name: &str) {
        let key = self.path(&format!("keys/{name}.key"));
        let root = self.path("keys/root-1.key");
        let words = ["wt-keys", "certify", "--quiet", "--no-passphrase", "--role", "bundle", "--root"];
        let arguments = words.map(PathBuf::from).into_iter().chain([root, key]);
        WtKeys::try_parse_from(arguments).unwrap().run().unwrap();
    }

    /// A static executable with the vendor's roots in it: this program, and the roots where the real one has them.
    pub fn installer(&self, name: &str, roots: &[&str]) {
        let program = assert_cmd::cargo::cargo_bin!("wt-bundle");
        fs::copy(program, self.path(name)).unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(self.path(name)).unwrap();
        for roots in roots {
            file.write_all(
                b"\0 not of it: {\"payloadType\":\"application/vnd.wt.trust.v1+json\",\"payload\":\"\0",
            )
            .unwrap();
            file.write_all(&self.read(&format!("{roots}/trust.json"))).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.current_dir(self.folder.path()).env("SOURCE_DATE_EPOCH", &self.epoch);
        command.env("XDG_CACHE_HOME", self.path("cache")).env_remove("WT_CACHE_SIZE");
        command.env_remove("WT_KEY").env_remove("WT_TRUST").args(line.split(' '));
        command
    }

    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    pub fn done(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn refused(&self, line: &str, code: i32, messages: &[&str]) {
        let output = self.run(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        for message in messages {
            assert!(said.contains(message), "`{message}` is not in: {said}");
        }
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn flip(&self, name: &str, at: u64) {
        let file = fs::File::options().read(true).write(true).open(self.path(name)).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }
}

pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32).to_le_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}
