//! Packages from an archive that the test makes, by the real program and the real apt.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod archive;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use archive::{Archive, deb};
use clap::Parser as _;
use wt_keys::Sha256Digest;
use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;

const RELEASE: &str = "product = 'test'\nversion = '1.0.0'\nplatform = 'linux/amd64'\n[[image]]\nname = 'test/one:1'\nsource = 'rootfs:root'\nentrypoint = ['/one']\n";
const BASE: (&str, &str) = ("base 1", "Essential: yes\nDepends: libbase\n");
const LIBBASE: (&str, &str) = ("libbase 1", "");

/// A release, keys and an archive with the suites that `suites` names.
struct World {
    folder: tempfile::TempDir,
    archive: Archive,
    suites: &'static str,
}

impl World {
    fn new(suites: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // apt reads the archive as another user
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let archive = Archive::new(folder.path());
        let world = Self { folder, archive, suites };
        fs::create_dir_all(world.path("release/root")).unwrap();
        fs::write(world.path("release/root/one"), "one").unwrap();
        fs::write(world.path("release/stack.yaml"), "services: {one: {image: \"test/one:1\"}}\n").unwrap();
        let keys = world.path("keys");
        let arguments = ["wt-keys", "init", "--quiet", "--no-passphrase", "--dir"].map(PathBuf::from);
        WtKeys::try_parse_from(arguments.into_iter().chain([keys])).unwrap().run().unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Builds with what `wanted` (TOML) asks for.
    fn build(&self, wanted: &str) -> Output {
        self.build_with(wanted, &[])
    }

    fn build_with(&self, wanted: &str, more: &[&str]) -> Output {
        let mirror = format!("file:{}", self.archive.folder.display());
        self.build_from(&mirror, wanted, more)
    }

    fn build_from(&self, mirror: &str, wanted: &str, more: &[&str]) -> Output {
        let keyring = format!("keyring = '{}'", self.archive.keyring().display());
        let keyring = if mirror.contains("keyring = ") { "" } else { &keyring };
        let suites = self.suites;
        let target = format!(
            "[[packages]]\ntarget = 'debian-12'\nsuites = {suites}\ncomponents = ['main']\n{keyring}\nmirror = '{mirror}'\n{wanted}\n",
        );
        fs::write(self.path("release/release.toml"), format!("{RELEASE}{target}")).unwrap();
        let _ = fs::remove_file(self.path("out.tar.zst"));
        self.command("build")
            .args(["release", "-o", "out.tar.zst", "--key", "keys/bundle.key"])
            .args(more)
            .output()
            .unwrap()
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.current_dir(self.folder.path()).env("XDG_CACHE_HOME", self.path("cache"));
        command
            .env_remove("WT_CACHE_SIZE")
            .env_remove("WT_KEY")
            .env("WT_TRUST", self.path("keys/trust.json"))
            .env_remove("SOURCE_DATE_EPOCH")
            .arg(verb);
        command
    }

    /// The packages in the bundle, by the names of their files.
    fn built(&self, wanted: &str) -> Vec<String> {
        let output = self.build(wanted);
        assert!(output.status.success(), "{}", said(&output));
        let mut tar = Command::new("tar");
        let names = archive::run(tar.arg("-tf").arg(self.path("out.tar.zst")));
        let names = names.lines().filter_map(|name| name.strip_prefix("packages/debian-12/"));
        names.map(ToOwned::to_owned).collect()
    }

    /// What the bundle says of itself.
    fn inspected(&self) -> serde_json::Value {
        let inspect = self.command("inspect").args(["out.tar.zst", "--json"]).output().unwrap();
        serde_json::from_slice(&inspect.stdout).unwrap()
    }

    fn refused(&self, wanted: &str, exit: i32) -> String {
        let output = self.build(wanted);
        assert_eq!(output.status.code(), Some(exit), "{}", said(&output));
        assert!(!self.path("out.tar.zst").exists());
        said(&output)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Without the progress before it.
fn message_lines(said: &str) -> usize {
    said.lines().skip_while(|line| !line.starts_with("error: ")).count()
}

fn given(file: &Path) -> String {
    let digest = Sha256Digest::of(&fs::read(file).unwrap());
    format!("{{ path = '{}', sha256 = '{digest}' }}", file.display())
}

const ALL: &str = "['stable']";

#[test]
fn the_closure_is_carried_without_what_every_host_has() {
    let world = World::new(ALL);
    let app = ("app 1:2.0-1", "Depends: libapp (>= 1), libbase, virtual\n");
    world.archive.publish(
        "stable",
        &[
            BASE,
            LIBBASE,
            app,
            ("libapp 1.0+x", "Recommends: other\n"),
            ("other 1", ""),
            ("real 1", "Provides: virtual\n"),
        ],
    );
    let names = world.built("install = ['app']");
    assert_eq!(names, ["app_1%3a2.0-1_amd64.deb", "libapp_1.0+x_amd64.deb", "real_1_amd64.deb"]);
    // what was authenticated, and how
    let page = world.inspected();
    let set = &page["packages"][0];
    let release = fs::read(world.archive.folder.join("dists/stable/InRelease")).unwrap();
    let date = String::from_utf8(release.clone()).unwrap();
    let date = date.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
    let source = serde_json::json!(
        [{"suite": "stable", "release_sha256": Sha256Digest::of(&release), "date": date}]
    );
    assert_eq!((&set["target"], &set["sources"]), (&"debian-12".into(), &source));
    assert_eq!(set["install"], serde_json::json!(["app"]));
    let app = serde_json::json!({"name": "app", "version": "1:2.0-1", "architecture": "amd64",
        "path": "packages/debian-12/app_1%3a2.0-1_amd64.deb"});
    assert_eq!(set["packages"][0], app);
    for (name, file) in [(names[0].as_str(), "app_1-2.0-1.deb"), (&names[1], "libapp_1.0+x.deb")] {
        let path = format!("packages/debian-12/{name}");
        let entry = page["entries"].as_array().unwrap().iter().find(|entry| entry["path"] == *path).unwrap();
        let deb = fs::read(world.archive.folder.join("pool/stable").join(file)).unwrap();
        assert_eq!(entry["sha256"], Sha256Digest::of(&deb).to_string(), "{name}");
    }
}

/// What Ubuntu gives to some machines only, as yet, is taken: by apt of Debian 12 anyway, by later ones since we say so.
#[test]
fn a_target_of_ubuntu_is_resolved_with_its_own_keyring() {
    let world = World::new("['noble', 'noble-updates']");
    world.archive.publish("noble", &[BASE, LIBBASE, ("docker.io 24", "Depends: libbase\n")]);
    let phased = ("docker.io 26", "Depends: libbase (>= 2)\nPhased-Update-Percentage: 0\n");
    world.archive.publish("noble-updates", &[phased, ("libbase 2", "Phased-Update-Percentage: 0\n")]);
    fs::rename(world.archive.keyring(), world.path("release/ubuntu.gpg")).unwrap();
    let mirror = format!("file:{}'\nkeyring = 'ubuntu.gpg", world.archive.folder.display());
    world.build_from(&mirror, "install = ['docker.io']", &[]);
    let release = fs::read_to_string(world.path("release/release.toml")).unwrap();
    fs::write(world.path("release/release.toml"), release.replace("debian-12", "ubuntu-24.04")).unwrap();
    let mut build = world.command("build");
    build.args(["release", "-o", "out.tar.zst", "--key", "keys/bundle.key"]);
    let output = build.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let page = world.inspected();
    let set = &page["packages"][0];
    assert_eq!(set["target"], "ubuntu-24.04");
    let suites: Vec<_> = set["sources"].as_array().unwrap().iter().map(|source| &source["suite"]).collect();
    assert_eq!(suites, ["noble", "noble-updates"]);
    let paths: Vec<_> =
        set["packages"].as_array().unwrap().iter().map(|package| package["path"].as_str().unwrap()).collect();
    let expected = ["docker.io_26_amd64.deb", "libbase_2_amd64.deb"];
    assert_eq!(paths, expected.map(|name| format!("packages/ubuntu-24.04/{name}")));
}

#[test]
fn a_newer_version_of_what_a_host_has_is_carried_where_it_is_needed_and_only_there() {
    let world = World::new("['stable', 'security']");
    world.archive.publish("stable", &[BASE, LIBBASE, ("old 1", "Depends: libbase (>= 1)\n")]);
    let app = ("app 1", "Depends: libbase (>= 1.1)\n");
    world.archive.publish("security", &[("libbase 1.1", ""), ("old 1.1", "Depends: libbase\n"), app]);
    assert_eq!(world.built("install = ['app']"), ["app_1_amd64.deb", "libbase_1.1_amd64.deb"]);
    assert_eq!(world.built("install = ['old']"), ["old_1.1_amd64.deb"]);
}

#[test]
fn a_file_given_by_hand_brings_what_it_needs_from_the_archive() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("libapp 1", ""), ("other 1", ""), ("hand 1:1", "")]);
    let hand = given(&deb(folder(&world), "hand 1:1", "Depends: libapp, libbase, more\n"));
    let more = given(&deb(folder(&world), "more 1", "Architecture: all\n"));
    let wanted = format!("files = [{hand}, {more}]");
    let expected = ["hand_1%3a1_amd64.deb", "libapp_1_amd64.deb", "more_1_all.deb"];
    assert_eq!(world.built(&wanted), expected);
    let with_install = world.built(&format!("install = ['other']\n{wanted}"));
    assert_eq!(with_install, [expected[0], expected[1], expected[2], "other_1_amd64.deb"]);
    // the vendor's, not the archive's of the same name and version
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(world.path("out.tar.zst")).arg("-C").arg(world.path("release")).arg("packages");
    archive::run(&mut tar);
    let carried = fs::read(world.path("release/packages/debian-12/hand_1%3a1_amd64.deb")).unwrap();
    assert!(hand.contains(&Sha256Digest::of(&carried).to_string()));
}

fn folder(world: &World) -> &Path {
    world.folder.path()
}

#[test]
fn all_that_cannot_be_had_is_named_with_who_needs_it() {
    let world = World::new(ALL);
    let libapp = ("libapp 1", "Depends: deep\n");
    world.archive.publish("stable", &[BASE, LIBBASE, libapp, ("app 1", "Depends: libapp, gone\n")]);
    let hand = given(&deb(folder(&world), "hand 1", "Depends: libbase (>= 2), lost\n"));
    let said = world.refused(&format!("install = ['app']\nfiles = [{hand}]"), 1);
    for line in [
        "`app` needs `gone`, but it is not installable",
        "`hand` needs `libbase (>= 2)`, but 1 is to be installed",
        "`hand` needs `lost`, but it is not installable",
        "`libapp` needs `deep`, but it is not installable",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert!(!said.contains("`app` needs `libapp`"), "{said}");
    assert!(said.contains("hint: "), "{said}");
}

#[test]
fn a_file_given_by_hand_is_refused_where_it_is_not_the_one_that_was_meant() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE]);
    let file = deb(folder(&world), "hand 1", "");
    let entry = given(&file);
    fs::write(&file, "something else").unwrap();
    let said = world.refused(&format!("files = [{entry}]"), 3);
    assert!(said.contains("expected sha256:") && said.contains("found    sha256:"), "{said}");
    let said = world.refused(&format!("files = [{}]", given(&file)), 1);
    assert!(said.contains("is not a Debian package"), "{said}");
    fs::write(&file, "").unwrap();
    let said = world.refused(&format!("files = [{}]", given(&file)), 1);
    assert!(said.contains("is not a Debian package"), "{said}");
    let foreign = given(&deb(folder(&world), "hand 1", "Architecture: s390x\n"));
    let said = world.refused(&format!("files = [{foreign}]"), 1);
    assert!(said.contains("expected amd64 or all\n    found    s390x"), "{said}");
    let nobody = entry.replace("hand_1", "none");
    let said = world.refused(&format!("files = [{nobody}]"), 1);
    assert!(said.contains("none.deb"), "{said}");
    let said = world.refused("install = []", 1);
    assert!(said.contains("neither `install` nor `files`"), "{said}");
}

#[test]
fn an_archive_that_its_key_does_not_vouch_for_is_refused() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "")]);
    world.built("install = ['app']");
    world.archive.sign("stable", "-1 day");
    let said = world.refused("install = ['app']", 3);
    assert!(said.contains("expired") && said.contains("hint: the mirror has not been renewed"), "{said}");
    world.archive.sign("stable", "+1 day");
    world.archive.make_key("another");
    world.refused("install = ['app']", 3);
    world.archive.sign("stable", "+1 day");
    world.built("install = ['app']");
    world.archive.unsign("stable");
    let said = world.refused("install = ['app']", 3);
    assert!(said.contains("is not signed"), "{said}");
}

#[test]
fn a_value_of_release_toml_is_no_line_of_apts_configuration() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "")]);
    world.built("install = ['app']");
    let good = fs::read_to_string(world.path("release/release.toml")).unwrap();
    for more in [
        "\\ndeb [trusted=yes] copy:/srv/evil ./",
        "\\n\\nTypes: deb\\nTrusted: yes\\nURIs: copy:/srv/evil\\nSuites: ./",
    ] {
        let text = good.replace("['main']", &format!("[\"main{more}\"]"));
        assert_ne!(text, good);
        fs::write(world.path("release/release.toml"), text).unwrap();
        let _ = fs::remove_file(world.path("out.tar.zst"));
        let mut build = world.command("build");
        let output =
            build.args(["release", "-o", "out.tar.zst", "--key", "keys/bundle.key"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains("line ") && said(&output).contains("is not a name of letters"),
            "{}",
            said(&output)
        );
        assert!(!world.path("out.tar.zst").exists());
    }
}

#[test]
fn an_index_without_an_inrelease_file_is_refused() {
    let world = World::new("['stable', 'security']");
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "")]);
    world.archive.publish("security", &[("app 2", "")]);
    assert_eq!(world.built("install = ['app']"), ["app_2_amd64.deb"]);
    world.archive.sign_beside("security");
    let said = world.refused("install = ['app']", 3);
    assert!(
        said.contains("_security_main_binary-amd64_Packages` for `debian-12` has no InRelease"),
        "{said}"
    );
}

#[test]
fn an_old_index_is_a_warning_or_refused_where_the_release_says_how_old_one_may_be() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "")]);
    let date = |when: &str| {
        let mut date = Command::new("date");
        archive::run(date.args(["-u", "-d", when, "+%F"])).trim().to_owned()
    };
    let with = |more: &str| format!("install = ['app']\n{more}");
    let fresh = world.build(&with(""));
    assert!(fresh.status.success() && !said(&fresh).contains("warning"), "{}", said(&fresh));
    world.archive.sign_from("stable", "-5 years", "+1 day");
    let old = world.build(&with(""));
    let warning = "warning: the index `stable` for `debian-12` is 182";
    assert!(old.status.success() && said(&old).contains(warning), "{}", said(&old));
    let refused = world.refused(&with(&format!("not-before = '{}'", date("-1 year"))), 3);
    assert!(
        refused.contains("is older than the release takes\n  expected ") && refused.contains("hint: "),
        "{refused}"
    );
    let taken = world.build(&with(&format!("not-before = '{}'", date("-6 years"))));
    assert!(taken.status.success() && !said(&taken).contains("warning"), "{}", said(&taken));
    // a snapshot was good until long ago
    world.archive.sign_from("stable", "-20 days", "-10 days");
    world.refused(&with(""), 3);
    let snapshot = world.build(&with("snapshot = true"));
    let warning = "is 20 days old and was to be used no longer than ";
    assert!(snapshot.status.success() && said(&snapshot).contains(warning), "{}", said(&snapshot));
    let stated = with(&format!("snapshot = true\nnot-before = '{}'", date("-30 days")));
    let stated = world.build(&stated);
    assert!(stated.status.success() && !said(&stated).contains("warning"), "{}", said(&stated));
}

#[test]
fn a_keyring_may_lie_in_the_release_folder_under_any_name_and_be_armored() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "")]);
    let keyring = world.archive.keyring();
    fs::rename(&keyring, world.path("release/our key.gpg")).unwrap();
    let wanted = "install = ['app']";
    let from = |name: &str| {
        let mirror = format!("file:{}'\nkeyring = '{name}", world.archive.folder.display());
        world.build_from(&mirror, wanted, &[])
    };
    let built = from("our key.gpg");
    assert!(built.status.success(), "{}", said(&built));
    let mut armored = Command::new("gpg");
    armored
        .args(["--enarmor", "--output"])
        .arg(world.path("release/key.txt"))
        .arg(world.path("release/our key.gpg"));
    archive::run(&mut armored);
    let text = fs::read_to_string(world.path("release/key.txt")).unwrap();
    fs::write(world.path("release/key.txt"), text.replace("PGP ARMORED FILE", "PGP PUBLIC KEY BLOCK"))
        .unwrap();
    let built = from("key.txt");
    assert!(built.status.success(), "{}", said(&built));
}

#[test]
fn packages_are_the_same_again_as_long_as_the_archive_signs_the_same_index() {
    let world = World::new(ALL);
    let publish = |app: &str| world.archive.publish("stable", &[BASE, LIBBASE, (app, "")]);
    publish("app 1");
    world.built("install = ['app']");
    let check = || {
        let mut check = world.command("build");
        check.args(["release", "--check", "out.tar.zst", "--quiet"]).output().unwrap()
    };
    let same = check();
    assert_eq!((said(&same).as_str(), same.stdout.as_slice()), ("", &b"same\n"[..]));
    let hint = "hint: the archive signed another index since; only a mirror that stays gives the same again: `mirror` of a \
                snapshot, with `snapshot = true`\n";
    world.archive.sign("stable", "+2 days");
    for what in [
        "the index `stable` for debian-12\n  expected ",
        "a package for debian-12\n  expected app 1\n  found    app 2\n",
    ] {
        let differs = said(&check());
        let error = format!("error: `out.tar.zst` is not what this release gives: {what}");
        assert!(differs.starts_with(&error) && differs.ends_with(hint), "{differs}");
        assert_eq!(check().status.code(), Some(1));
        publish("app 2");
    }
}

#[test]
fn a_package_that_is_not_the_one_in_the_index_is_refused() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "")]);
    let file = world.archive.folder.join("pool/stable/app_1.deb");
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, bytes).unwrap();
    let said = world.refused("install = ['app']", 3);
    assert!(said.contains("app_1") && said.contains("Hash Sum mismatch"), "{said}");
}

#[test]
fn a_name_that_the_archive_does_not_have_is_said_with_what_was_meant() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("docker.io 1", "")]);
    let said = world.refused("install = ['docker.oi', 'libbase']", 1);
    assert!(
        said.contains("has no package `docker.oi`") && said.contains("did you mean `docker.io`?"),
        "{said}"
    );
}

#[test]
fn what_images_and_packages_of_all_targets_lack_is_said_at_once() {
    let world = World::new(ALL);
    let app = ("app 1", "Depends: lost\n");
    world.archive.publish("stable", &[BASE, LIBBASE, ("docker.io 1", ""), app]);
    let digest = Sha256Digest::of(b"");
    let keyring = world.archive.keyring().display().to_string();
    let target = |target: &str, wanted: &str| {
        format!(
            "[[packages]]\ntarget = '{target}'\nsuites = {ALL}\ncomponents = ['main']\nkeyring = '{keyring}'\nmirror = 'file:{}'\n{wanted}\n",
            world.archive.folder.display()
        )
    };
    let files = format!(
        "files = [{{ path = 'a.deb', sha256 = '{digest}' }}, {{ path = 'b.deb', sha256 = '{digest}' }}]"
    );
    let wanted = format!(
        "install = ['docker.oi']\n{files}\n{}{}",
        target("debian-13", "install = ['app']"),
        target("ubuntu-24.04", "install = ['app']").replace(&keyring, "/nonexistent/keyring.gpg"),
    );
    let said = world.refused(&wanted, 1);
    let list = [
        "release.toml, [[packages]] `debian-12`: the release has no `./release/a.deb`",
        "release.toml, [[packages]] `debian-12`: the release has no `./release/b.deb`",
        "release.toml, [[packages]] `debian-12`: `debian-12` has no package `docker.oi`",
        "release.toml, [[packages]] `debian-13`: the packages for `debian-13` need what cannot be had\n    `app` needs `lost`, but it is not installable",
        "release.toml, [[packages]] `ubuntu-24.04`: no keyring `/nonexistent/keyring.gpg` to check the packages for `ubuntu-24.04` with",
    ]
    .map(|line| format!("  {line}\n"))
    .concat();
    let hints = "hint: did you mean `docker.io`?\n\
        hint: add the suite that has it, or give it by hand: files = [{ path = …, sha256 = … }]\n\
        hint: apt-get install ubuntu-keyring, or put the keyring into the release folder\n";
    assert!(said.ends_with(&format!("error: the release is not complete\n{list}{hints}")), "{said}");
    // the images' sources too
    fs::remove_dir_all(world.path("release/root")).unwrap();
    let root = "  release.toml, [[image]] `test/one:1`: no root file system `./release/root`\n";
    let said = world.refused(&wanted, 1);
    assert!(said.ends_with(&format!("error: the release is not complete\n{root}{list}{hints}")), "{said}");
}

#[test]
fn an_archive_that_cannot_be_reached_is_said_in_few_lines() {
    let world = World::new("['stable', 'security']");
    let said =
        world.build_from(&format!("file:{}/nowhere", folder(&world).display()), "install = ['app']", &[]);
    let said = self::said(&said);
    assert!(said.contains("nowhere") && said.contains("hint: "), "{said}");
    assert!(message_lines(&said) <= 6, "{said}");
    // nobody listens on port 1
    let output = world.build_from("http://127.0.0.1:1/debian", "install = ['app']", &[]);
    let said = self::said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("127.0.0.1") && said.contains("hint: "), "{said}");
    assert!(message_lines(&said) <= 6, "{said}");
}

/// The packages in the cache, each with what is in it.
fn kept(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let kept = fs::read_dir(world.path("cache/wt-bundle/packages")).into_iter().flatten();
    let mut kept: Vec<PathBuf> = kept.map(|entry| entry.unwrap().path()).collect();
    kept.sort();
    kept.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn packages_are_kept_for_the_next_build_unless_nothing_is_to_be_kept() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "Depends: libapp\n"), ("libapp 1", "")]);
    let wanted = "install = ['app']";
    let without = world.build_with(wanted, &["--no-cache"]);
    assert!(without.status.success() && kept(&world).is_empty(), "{}", said(&without));
    world.built(wanted);
    let files = kept(&world);
    assert_eq!(files.len(), 2);
    let list = world.command("cache").arg("list").output().unwrap();
    assert!(String::from_utf8(list.stdout).unwrap().contains("packages  "));
    // a damaged one is had anew; it is the archive's that counts
    fs::write(&files[0].0, "damaged").unwrap();
    world.built(wanted);
    assert_eq!(kept(&world), files);
    // what the archive lost is still had from the cache, and not without it
    fs::remove_dir_all(world.archive.folder.join("pool")).unwrap();
    world.built(wanted);
    assert_eq!(world.build_with(wanted, &["--no-cache"]).status.code(), Some(1));
    let pruned = world.command("cache").args(["prune", "--all"]).output().unwrap();
    assert!(pruned.status.success() && kept(&world).is_empty());
}

#[test]
fn the_cache_of_packages_is_bounded_and_in_no_folder_that_others_may_write() {
    let world = World::new(ALL);
    world.archive.publish("stable", &[BASE, LIBBASE, ("app 1", "Depends: libapp\n"), ("libapp 1", "")]);
    let wanted = "install = ['app']";
    let size = fs::metadata(world.archive.folder.join("pool/stable/app_1.deb")).unwrap().len();
    let (kib, bytes) = (size.div_ceil(1024), 2 * size);
    assert!(kib * 1024 < bytes, "a cache of {kib} KiB holds both");
    let output = world.build_with(wanted, &["--cache-size", &format!("{kib}KiB")]);
    assert!(output.status.success() && kept(&world).len() == 1, "{}", said(&output));
    let folder = world.path("cache/wt-bundle/packages");
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let output = world.build(wanted);
    assert!(output.status.success() && kept(&world).is_empty(), "{}", said(&output));
    let warning = format!("warning: the package cache `{}` is not used: ", folder.display());
    assert!(said(&output).contains(&warning), "{}", said(&output));
}
