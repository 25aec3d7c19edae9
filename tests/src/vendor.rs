//! What a vendor makes for stories: releases like `v5.2` with something changed, and their bundles.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::program::{Ran, key, run};
use crate::repository;

/// Where what stories make lies; the lab removes it, however the run ends.
pub fn world() -> PathBuf {
    let lab = std::env::var_os("WT_LAB").map_or_else(|| repository().join("target"), PathBuf::from);
    let world = lab.join("world");
    fs::create_dir_all(&world).unwrap_or_else(|error| panic!("{}: {error}", world.display()));
    world
}

/// A copy of `manifests/v5.2` that may be changed.
#[derive(Debug)]
pub struct Draft {
    pub folder: PathBuf,
}

impl Draft {
    /// Version `version` of the product, the same but for that.
    pub fn new(name: &str, version: &str) -> Self {
        let (from, folder) = (repository().join("manifests/v5.2"), world().join(name));
        let _ = fs::remove_dir_all(&folder);
        copy(&from, &folder);
        std::os::unix::fs::symlink(from.join("rootfs"), folder.join("rootfs")).expect("rootfs");
        let draft = Self { folder };
        draft.edit("release.toml", |text| text.replace("5.2.0", version));
        draft.edit("stack.yaml", |text| text.replace("5.2.0", version));
        draft
    }

    /// Without the packages of the engine.
    #[must_use]
    pub fn without_packages(self) -> Self {
        self.edit("release.toml", |text| {
            let tables = text.split_inclusive("\n\n").filter(|table| !table.contains("[[packages]]"));
            tables.collect()
        });
        self
    }

    /// With one image more, of 24 MB that no engine has: noise, which nothing makes smaller.
    #[must_use]
    pub fn with_noise(self) -> Self {
        let etc = self.folder.join("noise/etc");
        fs::create_dir_all(&etc).expect("noise/etc");
        let mut state = text(&self.folder)
            .bytes()
            .fold(88_172_645_463_325_252_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte));
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        });
        fs::write(etc.join("noise"), noise.take(24 << 20).collect::<Vec<u8>>()).expect("noise");
        self.add(
            "[[image]]\nname = \"worktile/noise:1\"\nsource = \"rootfs:noise\"\nentrypoint = [\"/none\"]\n",
        );
        self
    }

    /// A script that runs at that point of an installation.
    #[must_use]
    pub fn with_hook(self, point: &str, script: &str) -> Self {
        let path = self.folder.join(format!("scripts/{point}.sh"));
        fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a script");
        self.edit("release.toml", |text| {
            text.replace("[hooks]\n", &format!("[hooks]\n{point} = \"scripts/{point}.sh\"\n"))
        });
        self
    }

    /// One table more in release.toml.
    fn add(&self, table: &str) {
        self.edit("release.toml", |text| format!("{}\n\n{table}", text.trim_end()));
    }

    /// Panics where that changes nothing: a story must not pass because its change was not made.
    pub fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) {
        let path = self.folder.join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        let after = change(&before);
        assert_ne!(before, after, "{} is as it was", path.display());
        fs::write(&path, after).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The service's image answers its health check with something else than 200, for ever.
    pub fn make_unhealthy(&self, service: &str) {
        self.edit("release.toml", |text| {
            let image = format!("name = \"worktile/{service}:");
            let (before, rest) = text.split_once(&image).expect("the image");
            let (own, after) = rest.split_once("[[image]]").expect("an image behind it");
            let own = own
                .replace("\"probe\"]", "\"probe\", \"/never\"]")
                .replace("interval = \"5s\"", "interval = \"2s\"")
                .replace("retries = 10, start_period = \"10s\"", "retries = 2, start_period = \"1s\"");
            format!("{before}{image}{own}[[image]]{after}")
        });
    }

    pub fn build(&self) -> PathBuf {
        self.build_with(&key("bundle.key"))
    }

    /// The same, signed with another key, under the trust document beside that.
    pub fn build_with(&self, key: &Path) -> PathBuf {
        let output = self.folder.with_added_extension("tar.zst");
        build(text(&self.folder), &world(), key, &output);
        output
    }
}

/// The bundle of `manifests/v5.2` itself, built once in a run of the lab.
pub fn first_bundle() -> PathBuf {
    let output = world().join("worktile-5.2.0-amd64.tar.zst");
    if !output.exists() {
        build("v5.2", &repository(), &key("bundle.key"), &output);
    }
    output
}

fn build(release: &str, folder: &Path, key: &Path, output: &Path) {
    run("wt-bundle", folder, ["build", release, "--key", text(key), "--output", text(output)]).expect(0);
}

/// A license for the machine whose `hw.json` lies there.
pub fn license(request: &Path, more: &[&str]) -> PathBuf {
    license_as(&request.with_extension("license"), request, &key("license.key"), more)
}

/// The same as another file, signed with another key.
pub fn license_as(output: &Path, request: &Path, key: &Path, more: &[&str]) -> PathBuf {
    let mut line = vec!["sign", text(request), "--key", text(key), "--output", text(output)];
    // a story has one machine licensed as often as it likes
    let ledger = world().join("ledger.db");
    line.extend(["--customer", "Example Ltd", "--yes", "--replace", "--rehost", "--ledger", text(&ledger)]);
    line.extend(more);
    run("wt-license", &world(), line).expect(0);
    output.to_owned()
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// All but the root file systems, which are large and stay the same.
fn copy(from: &Path, to: &Path) {
    let mut command = std::process::Command::new("cp");
    Ran::of(command.arg("-a").arg(from).arg(to)).expect(0);
    fs::remove_dir_all(to.join("rootfs")).expect("manifests/v5.2/prepare has run");
}
