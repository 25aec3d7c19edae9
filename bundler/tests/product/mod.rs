//! A folder with keys and two releases of one small product, and the real program.
#![allow(dead_code, reason = "no suite needs all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;

pub const RELEASE: &str = r#"
product = "test"
version = "1.2.3"
platform = "linux/amd64"
modules = ["im"]
[[image]]
name = "test/one:1"
source = "rootfs:base"
entrypoint = ["/bin/one"]
[[image]]
name = "test/two:1"
source = "rootfs:base"
entrypoint = ["/bin/two"]
[[image]]
name = "test/app:1"
source = "rootfs:app"
entrypoint = ["/srv/app/run"]
[hooks]
init-data = "scripts/init.sh"
[[conf]]
template = "web/a.conf"
restart = ["one"]
[[port]]
number = 8080
purpose = "the \u001b[31mweb\u202e\nsigned by  somebody else"
"#;

const STACK: &str = "services: {one: {image: \"test/one:1\"}, two: {image: \"test/two:1\"}, three: {image: \"test/app:1\"}}\n";

/// A folder with keys and the bundles of two releases, `1.tar.zst` and `2.tar.zst`.
pub struct World {
    pub folder: tempfile::TempDir,
    epoch: String,
}

impl World {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_mins(30);
        let world = Self { folder: tempfile::tempdir().unwrap(), epoch: now.as_secs().to_string() };
        let arguments = ["wt-keys", "init", "--quiet", "--no-passphrase", "--dir"].map(PathBuf::from);
        WtKeys::try_parse_from(arguments.into_iter().chain([world.path("keys")])).unwrap().run().unwrap();
        world.release("v1", RELEASE);
        world.done("build v1 --key keys/bundle.key -o 1.tar.zst");
        world
    }

    pub fn with_both() -> Self {
        let world = Self::new();
        let second = RELEASE.replace("1.2.3", "1.3.0").replace("[\"im\"]", "[\"im\", \"box\"]");
        world.release("v2", &second.replace("test/app:1", "test/app:2"));
        world.write("v2/stack.yaml", STACK.replace("app:1", "app:2"));
        world.write("v2/conf/web/a.conf", "a = 1\nb = 3\n");
        world.write("v2/app/srv/app/run", "two\n");
        world.write("v2/app/srv/app/new", "new\n");
        fs::remove_file(world.path("v2/app/srv/app/old")).unwrap();
        world.done("build v2 --key keys/bundle.key -o 2.tar.zst");
        world
    }

    pub fn release(&self, name: &str, release: &str) {
        for (path, content) in [
            ("release.toml", release),
            ("stack.yaml", STACK),
            ("conf/web/a.conf", "a = 1\nb = 2\n"),
            ("scripts/init.sh", "#!/bin/sh\n"),
            ("base/bin/one", "one\n"),
            ("base/bin/two", &noise(100_000)),
            ("app/srv/app/run", "one\n"),
            ("app/srv/app/old", "old\n"),
        ] {
            self.write(&format!("{name}/{path}"), content);
        }
        let program = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name).join("scripts/init.sh"), program).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Quiet, since progress is not what is looked at.
    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.current_dir(self.folder.path()).env("SOURCE_DATE_EPOCH", &self.epoch);
        command.env("XDG_CACHE_HOME", self.path("cache")).env_remove("WT_CACHE_SIZE");
        command.env_remove("WT_KEY").env("WT_TRUST", "keys/trust.json").args(line.split(' '));
        command
    }

    pub fn done(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn refused(&self, line: &str, code: i32, expected: &str) {
        let output = self.run(line);
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected, "{line}");
        assert_eq!(output.status.code(), Some(code), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}

/// Letters that do not compress to nothing, the same every time.
pub fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 60) as u8)
    };
    (0..length).map(|_| next()).collect()
}

/// Every file below a folder, and what is in it.
pub fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}
