//! A release becomes a bundle: the real program, on a release without packages, read by tools that are not ours.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
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
[[image]]
name = "test/two:1"
source = "rootfs:root"
entrypoint = ["/bin/two"]
healthcheck = { test = ["CMD", "/bin/two"], interval = "2s" }
[[image]]
name = "test/three:1"
source = "rootfs:three.tar"
[hooks]
init-data = "scripts/init.sh"
[[conf]]
template = "web/a.conf"
"#;

/// A folder with keys and a release, the same every time.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.write("release/release.toml", RELEASE);
        world.write("release/stack.yaml", "services: {one: {image: \"test/one:1\"}}\n");
        world.write("release/conf/web/a.conf", "a = 1\n");
        world.write("release/scripts/init.sh", "#!/bin/sh\n");
        world.make_executable("release/scripts/init.sh");
        world.write("release/root/bin/one", &"one\n".repeat(1 << 20));
        world.write("release/root/bin/two", &noise());
        world.make_executable("release/root/bin/one");
        symlink("one", world.path("release/root/bin/link")).unwrap();
        world.write("release/three.tar", "a tar, as far as a bundle cares");
        world
    }

    /// Keys are the one thing that is never twice the same.
    fn with_keys() -> Self {
        let world = Self::new();
        let folder = world.path("keys");
        let arguments = ["wt-keys", "init", "--quiet", "--no-passphrase", "--dir"].map(PathBuf::from);
        let keys = WtKeys::try_parse_from(arguments.into_iter().chain([folder])).unwrap();
        keys.run().unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn make_executable(&self, name: &str) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.current_dir(self.folder.path()).env("SOURCE_DATE_EPOCH", epoch());
        command.env("XDG_CACHE_HOME", self.path("cache")).env_remove("WT_CACHE_SIZE");
        command.env_remove("WT_KEY").env_remove("WT_TRUST").arg(verb);
        command
    }

    fn build(&self, keys: &Path, more: &[&str]) -> Output {
        self.command("build")
            .arg("release")
            .arg("--key")
            .arg(keys.join("bundle.key"))
            .args(more)
            .output()
            .unwrap()
    }

    /// What is in the folder beside what was put there.
    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| name != "cache" && name != "keys" && name != "release").collect()
    }
}

/// The time of all builds: the certificate is made before it and good for years.
fn epoch() -> String {
    static EPOCH: LazyLock<u64> =
        LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600);
    EPOCH.to_string()
}

/// Text that does not compress to nothing, the same every time.
fn noise() -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 60) as u8)
    };
    (0..6 << 20).map(|_| next()).collect()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn shell(script: &str, bundle: &Path) -> String {
    stdout(
        &Command::new("bash").args(["-euo", "pipefail", "-c", script, "bash"]).arg(bundle).output().unwrap(),
    )
}

#[test]
fn the_same_release_gives_the_same_bytes_in_any_folder_and_on_any_number_of_threads() {
    let (one, two) = (World::with_keys(), World::new());
    let keys = one.path("keys");
    assert_eq!(stdout(&one.build(&keys, &["--threads", "1"])), "test-1.2.3-amd64.tar.zst\n");
    stdout(&two.build(&keys, &["--threads", "2", "--output", "other.tar.zst"]));
    let bundle = |world: &World, name: &str| fs::read(world.path(name)).unwrap();
    assert!(bundle(&one, "test-1.2.3-amd64.tar.zst") == bundle(&two, "other.tar.zst"));
    assert_eq!(one.leftovers(), ["test-1.2.3-amd64.tar.zst"]);
}

#[test]
fn tools_that_are_not_ours_read_a_bundle() {
    let world = World::with_keys();
    stdout(&world.build(&world.path("keys"), &["-o", "b.tar.zst"]));
    let bundle = world.path("b.tar.zst");
    shell("zstd --quiet --test \"$1\"", &bundle);
    let names = shell("tar -tf \"$1\"", &bundle);
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names[..3], ["conf/web/a.conf", "scripts/init.sh", "stack.yaml"]);
    assert_eq!(names[names.len() - 4..], ["index.json", "manifest.json", "oci-layout", "SHA256SUMS"]);
    let blobs = names.iter().filter(|name| name.starts_with("blobs/sha256/")).count();
    assert_eq!(blobs, 2 + 3 + 3, "layers, configurations, manifests");
    let checked = shell("cd \"$(dirname \"$1\")\"; tar --zstd -xf \"$1\"; sha256sum -c SHA256SUMS", &bundle);
    assert_eq!(checked.lines().count(), names.len() - 1);
    let script = world.path("scripts/init.sh");
    assert_eq!(fs::metadata(script).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn a_bundle_is_verified_and_shown() {
    let world = World::with_keys();
    stdout(&world.build(&world.path("keys"), &["-o", "b.tar.zst"]));
    let run = |verb: &str, more: &[&str]| {
        let mut command = world.command(verb);
        command.args(["b.tar.zst", "--trust", "keys/trust.json"]).args(more).output().unwrap()
    };
    assert!(stdout(&run("verify", &["--full"])).contains("15 files"));
    let page = stdout(&run("inspect", &["-v"]));
    for expected in ["test 1.2.3", "test/one:1 test/two:1", "scripts/init.sh", "test/three:1"] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
    assert!(stdout(&run("inspect", &["--json"])).contains("\"schema\": \"wt.bundle.inspect.v1\""));

    let path = world.path("b.tar.zst");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(run("verify", &[]).status.code(), Some(3));
    assert!(run("inspect", &[]).status.success(), "the head alone is read");
}

#[test]
fn a_build_that_cannot_be_done_says_why_and_leaves_nothing() {
    let world = World::with_keys();
    let keys = world.path("keys");
    let refused = |keys: &Path, code: i32, message: &str| {
        let output = world.build(keys, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(message), "{said}");
        assert!(world.leftovers().is_empty(), "{:?}", world.leftovers());
    };
    refused(&world.path("release"), 1, "no key file");
    let mut early = world.command("build");
    early.args(["release", "--key", "keys/bundle.key"]).env("SOURCE_DATE_EPOCH", "1");
    assert_eq!(early.output().unwrap().status.code(), Some(3), "outside the certificate's validity");
    for (from, to, code, message) in [
        ("rootfs:root", "rootfs:absent", 1, "no root file system"),
        ("rootfs:three.tar", "docker:a", 1, "docker://HOST[:PORT]/NAME"),
        ("rootfs:three.tar", "dir:a", 1, "docker-daemon, docker-archive, oci, oci-archive, rootfs"),
        ("web/a.conf", "web/b.conf", 1, "conf/web/b.conf"),
        ("\"2s\"", "\"2\"", 1, "healthcheck"),
    ] {
        world.write("release/release.toml", &RELEASE.replacen(from, to, 1));
        refused(&keys, code, message);
    }
    world.write("release/release.toml", RELEASE);
    world.write("release/prepare", "#!/bin/sh\n");
    fs::remove_dir_all(world.path("release/root")).unwrap();
    refused(&keys, 1, "hint: run `./release/prepare` first");
}

#[test]
fn without_a_key_or_a_trust_document_a_hint_says_which_flag_is_missing() {
    let world = World::new();
    let build = world.command("build").arg("release").output().unwrap();
    assert_eq!(build.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&build.stderr).contains("hint: pass `--key"));
    let verify = world.command("verify").arg("b.tar.zst").output().unwrap();
    assert_eq!(verify.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&verify.stderr).contains("hint: pass `--trust"));
}

#[test]
fn a_wrong_file_is_named_before_the_work_begins() {
    let world = World::with_keys();
    world.write("keys/empty", "");
    for (arguments, code, expected) in [
        (
            "build release --key absent.key",
            1,
            "error: no key file `absent.key`\n\
             hint: pass `--key DIR/bundle.key` or set WT_KEY; `wt-keys init --dir DIR` makes keys\n",
        ),
        (
            "build release --key keys/license.key",
            3,
            "error: the certificate is for another role\n  expected bundle\n  found    license\n",
        ),
        (
            "build release --key keys/bundle.key -o keys",
            2,
            "error: `keys` is a folder\n  expected the name of the file to write\n\
             hint: for example `-o keys/test-1.2.3-amd64.tar.zst`\n",
        ),
        (
            "verify b.tar.zst --trust keys/empty",
            3,
            "error: `keys/empty` is not a trust document that can be used\n  \
             because: trust document is not a signed document\n  \
             because: EOF while parsing a value at line 1 column 0\n\
             hint: it is the trust.json that came with the bundle, or that `wt-keys init --dir DIR` made in DIR\n",
        ),
    ] {
        let (verb, arguments) = arguments.split_once(' ').unwrap();
        let output = world.command(verb).args(arguments.split(' ')).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
        assert_eq!(output.status.code(), Some(code), "{expected}");
    }
    assert!(world.leftovers().is_empty());
}

fn build_to(world: &World, name: &str, more: &[&str]) -> Vec<u8> {
    stdout(&world.build(&world.path("keys"), &[&["-o", name], more].concat()));
    fs::read(world.path(name)).unwrap()
}

fn kept(world: &World) -> Vec<PathBuf> {
    let layers = fs::read_dir(world.path("cache/wt-bundle/layers")).into_iter().flatten();
    layers.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_layer_from_the_cache_gives_the_same_bytes_and_a_damaged_one_is_made_anew() {
    let world = World::with_keys();
    let without = build_to(&world, "a", &["--no-cache"]);
    assert!(kept(&world).is_empty());
    assert!(build_to(&world, "b", &[]) == without);
    let used = kept(&world);
    assert_eq!(used.len(), 2, "layers that differ");
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before: Vec<u64> = used.iter().map(|path| inode(path)).collect();
    assert!(build_to(&world, "c", &[]) == without);
    assert_eq!(used.iter().map(|path| inode(path)).collect::<Vec<_>>(), before);
    fs::write(&used[0], "").unwrap();
    assert!(build_to(&world, "d", &[]) == without);
    assert!(fs::metadata(&used[0]).unwrap().len() > 0);
}

/// A layer that is compressed in several jobs.
fn with_large_layer(world: World) -> World {
    world.write("release/three.tar", &noise().repeat(8));
    let large = fs::metadata(world.path("release/three.tar")).unwrap().len();
    assert!(large > 2 * (16 << 20), "{large}");
    world
}

#[test]
fn a_layer_of_several_jobs_gives_the_same_bytes_on_any_number_of_threads() {
    let world = with_large_layer(World::with_keys());
    let one = build_to(&world, "a", &["--no-cache", "--threads", "1"]);
    assert!(build_to(&world, "b", &["--no-cache", "--threads", "2"]) == one);
}

#[test]
fn a_kill_leaves_whole_frames_or_none_in_the_cache() {
    let world = with_large_layer(World::with_keys());
    let without = build_to(&world, "a", &["--no-cache"]);
    for milliseconds in (0..1200).step_by(150) {
        let mut build = world.command("build");
        build.args(["release", "--key", "keys/bundle.key", "-o", "b.tar.zst"]);
        build.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = build.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        let inode = |path: &PathBuf| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
        let left: Vec<(PathBuf, u64)> =
            kept(&world).into_iter().map(|path| (path.clone(), inode(&path))).collect();
        assert!(build_to(&world, "c", &[]) == without);
        assert_eq!(kept(&world).len(), 2, "nothing else was left");
        assert!(left.iter().all(|(path, before)| inode(path) == *before), "what was left is whole");
        fs::remove_dir_all(world.path("cache")).unwrap();
    }
}

#[test]
fn two_builds_share_a_cache_at_the_same_time() {
    let world = World::with_keys();
    let world = &world;
    let bundles = std::thread::scope(|scope| {
        let builds = ["a", "b"].map(|name| scope.spawn(move || build_to(world, name, &[])));
        builds.map(|build| build.join().unwrap())
    });
    assert!(bundles[0] == bundles[1]);
    assert_eq!(kept(world).len(), 2);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let world = World::with_keys();
    world.write("cache", "a file");
    let output = world.build(&world.path("keys"), &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: the layer cache"));
    stdout(&output);
}

#[test]
fn what_is_kept_is_shown_and_pruned() {
    let world = World::with_keys();
    build_to(&world, "a", &[]);
    let run = |more: &[&str]| world.command("cache").args(more).output().unwrap();
    assert!(stdout(&run(&["list"])).contains("kept: 2 files"));
    assert!(stdout(&run(&["prune", "--older-than", "1d"])).contains("removed: 0 files"));
    assert!(stdout(&run(&["prune", "--to-size", "1TiB"])).contains("removed: 0 files"));
    assert!(stdout(&run(&["prune", "--all", "--json"])).contains("wt.bundle.cache.prune.v1"));
    assert!(kept(&world).is_empty());
    assert_eq!(run(&["prune"]).status.code(), Some(2));
    assert_eq!(run(&["prune", "--to-size", "5"]).status.code(), Some(2));
}

#[test]
fn a_bundle_is_built_again_and_compared_without_a_key() {
    let world = World::with_keys();
    stdout(&world.build(&world.path("keys"), &["-o", "b.tar.zst"]));
    let check = || {
        let mut command = world.command("build");
        command.args(["release", "--check", "b.tar.zst", "--trust", "keys/trust.json", "--threads", "1"]);
        command.env_remove("SOURCE_DATE_EPOCH").output().unwrap()
    };
    fs::remove_file(world.path("keys/bundle.key")).unwrap();
    assert_eq!(stdout(&check()), "same\n");
    let differs = |code: i32, message: &str| {
        let output = check();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(message), "expected {message} in\n{said}");
        assert_eq!(world.leftovers(), ["b.tar.zst"]);
    };
    world.write("release/release.toml", &RELEASE.replace("\"/bin/one\"]", "\"/bin/1\"]"));
    differs(1, "`b.tar.zst` is not what this release gives: the image `test/one:1`\n  expected config ");
    world.write("release/release.toml", &RELEASE.replace("1.2.3", "1.2.4"));
    differs(1, "`version`\n  expected \"1.2.3\"\n  found    \"1.2.4\"\n");
    world.write("release/release.toml", RELEASE);
    world.write("release/conf/web/a.conf", "a = 2\n");
    differs(1, "the file `conf/web/a.conf`\n");
    world.write("release/conf/web/a.conf", "a = 1\n");
    let mut bytes = fs::read(world.path("b.tar.zst")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(world.path("b.tar.zst"), bytes).unwrap();
    differs(3, "error: chunk 0 of the bundle is damaged");
}

#[test]
fn what_says_how_to_build_or_where_to_says_nothing_beside_a_check() {
    let world = World::with_keys();
    let refused = |line: &str| {
        let mut command = world.command("build");
        command.args(["release", "--check", "b.tar.zst", "--trust", "keys/trust.json"]).args(line.split(' '));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for flag in [
        "-o a",
        "--split 4MiB",
        "--unsigned",
        "--verbatim",
        "--handover d",
        "--installer f",
        "--passphrase-file f",
    ] {
        let said = refused(flag);
        assert!(said.contains("cannot be used with"), "{flag}: {said}");
    }
    let said = refused("--key keys/bundle.key");
    assert_eq!(said, "error: `--check` signs nothing\nhint: leave out `--key`\n");
}

#[test]
fn neither_time_zone_nor_umask_locale_or_home_change_a_byte() {
    let world = World::with_keys();
    let build = |name: &str, umask: &str, settings: [(&str, &str); 4]| {
        let line = format!("umask {umask} && exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &line, "sh"]).arg(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.args(["build", "release", "--key", "keys/bundle.key", "--no-cache", "-o", name]);
        command.current_dir(world.folder.path()).env("SOURCE_DATE_EPOCH", epoch()).envs(settings);
        stdout(&command.output().unwrap());
        fs::read(world.path(name)).unwrap()
    };
    let settings = |zone, locale, home| [("TZ", zone), ("LC_ALL", locale), ("HOME", home), ("LANG", locale)];
    let one = build("1.tar.zst", "022", settings("UTC", "C", "/"));
    let two = build("2.tar.zst", "077", settings("Asia/Shanghai", "tr_TR.UTF-8", "/nonexistent"));
    assert!(one == two);
}

#[test]
fn pruning_takes_nothing_that_a_cache_did_not_keep() {
    let world = World::with_keys();
    let prune = |folder: &str| {
        let mut command = world.command("cache");
        stdout(&command.args(["prune", "--all"]).env("XDG_CACHE_HOME", world.path(folder)).output().unwrap())
    };
    world.write("mine/precious", "x");
    fs::create_dir_all(world.path("linked/wt-bundle")).unwrap();
    std::os::unix::fs::symlink(world.path("mine"), world.path("linked/wt-bundle/layers")).unwrap();
    assert!(prune("linked").contains("removed: 0 files"));
    world.write("named/wt-bundle/layers/precious", "x");
    assert!(prune("named").contains("removed: 0 files"));
    assert!(world.path("mine/precious").exists() && world.path("named/wt-bundle/layers/precious").exists());
}

/// Two root file systems, two archives, a layout, an engine that is not there, mistakes, and what the stack reaches.
#[test]
fn all_that_a_release_names_and_does_not_have_is_said_at_once() {
    let world = World::with_keys();
    let image =
        |name: &str, source: &str| format!("[[image]]\nname = \"more/{name}:1\"\nsource = \"{source}\"\n");
    let more = [
        image("root", "rootfs:absent"),
        image("archive", "docker-archive:absent.tar"),
        image("oci", "oci:absent"),
        image("tar", "oci-archive:absent.oci.tar:1"),
        image("form", "docker:a"),
        image("engine", "docker-daemon:absent:1"),
    ];
    let release = RELEASE.replace("rootfs:three.tar", "rootfs:gone.tar");
    world.write("release/release.toml", &(release.replace("[hooks]", &(more.concat() + "[hooks]"))));
    world.write("release/stack.yaml", "services: {one: {image: \"test/other:1\"}}\n");
    let mut build = world.command("build");
    build
        .args(["release", "--quiet", "--key", "keys/bundle.key"])
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let output = build.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        said,
        "error: the release is not complete\n  \
         stack.yaml, service `one`: the image `test/other:1` is not in release.toml\n  \
         release.toml, [[image]] `more/form:1`: `docker:a` is not an image source\n    \
         expected docker://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]\n  \
         release.toml, [[image]] `test/three:1`: no root file system `./release/gone.tar`\n  \
         release.toml, [[image]] `more/root:1`: no root file system `./release/absent`\n  \
         release.toml, [[image]] `more/archive:1`: there is no `./release/absent.tar`\n  \
         release.toml, [[image]] `more/oci:1`: there is no `./release/absent`\n  \
         release.toml, [[image]] `more/tar:1`: there is no `./release/absent.oci.tar`\n  \
         release.toml, [[image]] `more/engine:1`: the engine at `unix:///nonexistent/docker.sock` cannot be reached: \
         Socket not found: /nonexistent/docker.sock\n\
         hint: is it running, and may you use it? DOCKER_HOST says where it is\n"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(world.leftovers().is_empty());
}

#[test]
fn the_cache_keeps_to_the_size_that_the_flag_or_the_environment_says() {
    let world = World::with_keys();
    build_to(&world, "a", &[]);
    let sizes = || kept(&world).iter().map(|path| fs::metadata(path).unwrap().len()).collect::<Vec<_>>();
    let mut all = sizes();
    all.sort_unstable();
    assert_eq!(all.len(), 2);
    // no room for the large one; whether the small one stays is a question of which was used last
    let most = format!("{}KiB", all[0].div_ceil(1024));
    let is_bounded = || sizes().is_empty() || sizes() == all[..1];
    build_to(&world, "b", &["--cache-size", &most]);
    assert!(is_bounded(), "{:?}", sizes());
    build_to(&world, "c", &[]);
    assert_eq!(sizes().len(), 2);
    let with_variable = |size: &str| {
        let mut build = world.command("build");
        build.args(["release", "--key", "keys/bundle.key", "-o", "d"]).env("WT_CACHE_SIZE", size);
        build.output().unwrap()
    };
    stdout(&with_variable(&most));
    assert!(is_bounded(), "{:?}", sizes());
    let refused = with_variable("5");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("such as 4GiB or 4.7GB"), "{said}");
}

#[test]
fn a_typing_error_in_release_toml_is_shown_where_it_is_with_what_was_meant() {
    let world = World::with_keys();
    for (from, to, expected) in [
        (
            "healthcheck =",
            "heathcheck =",
            "TOML parse error at line 13, column 1\n   |\n13 | heathcheck = { test = [\"CMD\", \"/bin/two\"], interval = \"2s\" }\n   | ^^^^^^^^^^\n\
             unknown field `heathcheck`, expected one of `name`, `source`, `entrypoint`, `cmd`, `env`, `user`, `workdir`, `ports`, `healthcheck`\n\
             hint: did you mean `healthcheck`?\n",
        ),
        (
            "product = \"test\"",
            "product = \"The Test\"",
            "TOML parse error at line 2, column 11\n  |\n2 | product = \"The Test\"\n  |           ^^^^^^^^^^\n\
             the product `The Test` is not a word of a-z, 0-9 and `-`\n",
        ),
    ] {
        let text = RELEASE.replacen(from, to, 1);
        assert_ne!(text, RELEASE);
        world.write("release/release.toml", &text);
        let output = world.build(&world.path("keys"), &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, format!("error: `./release/release.toml` cannot be understood\n{expected}"));
        assert_eq!(output.status.code(), Some(1));
        assert!(world.leftovers().is_empty());
    }
}

#[test]
fn all_that_stack_configuration_and_hooks_reach_and_that_is_not_inside_is_said_at_once() {
    let world = World::with_keys();
    let release =
        RELEASE.replace("template = \"web/a.conf\"", "template = \"web/b.conf\"\nrestart = [\"two\"]");
    world.write("release/release.toml", &release);
    world.write(
        "release/stack.yaml",
        "services: {one: {image: \"test/other:1\", ports: [\"80:80\"], secrets: [a]}}\nsecrets: {a: {external: true}}\n",
    );
    world.write("release/scripts/init.sh", "#!/usr/bin/python3\n");
    let output = world.build(&world.path("keys"), &["--quiet"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let list: Vec<&str> = said.lines().collect();
    assert_eq!(
        list,
        [
            "error: the release is not complete",
            "  stack.yaml, service `one`: the image `test/other:1` is not in release.toml",
            "  release.toml, [[conf]] `web/b.conf`: stack.yaml has no service `two`",
            "  stack.yaml, service `one`: the port 80 has no [[port]] in release.toml",
            "  release.toml, [[conf]]: no file `conf/web/b.conf`",
            "  conf/web/a.conf: no [[conf]] in release.toml names it",
            "  stack.yaml, secrets: no site has the secret `a`; there are admin-password, smtp-password, tls-certificate, tls-key",
            "  scripts/init.sh: it is not executable",
            "  scripts/init.sh: a minimal host has no interpreter `/usr/bin/python3`; expected /bin/sh or /bin/bash",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
}
