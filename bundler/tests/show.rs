//! What a bundle shows of itself: the real program, on two releases of one small product.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;

const RELEASE: &str = r#"
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
struct World {
    folder: tempfile::TempDir,
    epoch: String,
}

impl World {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_mins(30);
        let world = Self { folder: tempfile::tempdir().unwrap(), epoch: now.as_secs().to_string() };
        let arguments = ["wt-keys", "init", "--quiet", "--no-passphrase", "--dir"].map(PathBuf::from);
        WtKeys::try_parse_from(arguments.into_iter().chain([world.path("keys")])).unwrap().run().unwrap();
        world.release("v1", RELEASE);
        world.done("build v1 --key keys/bundle.key -o 1.tar.zst");
        world
    }

    fn with_both() -> Self {
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

    fn release(&self, name: &str, release: &str) {
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Quiet, since progress is not what is looked at.
    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.current_dir(self.folder.path()).env("SOURCE_DATE_EPOCH", &self.epoch);
        command.env_remove("WT_KEY").env("WT_TRUST", "keys/trust.json").args(line.split(' '));
        command
    }

    fn done(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, line: &str, code: i32, expected: &str) {
        let output = self.run(line);
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected, "{line}");
        assert_eq!(output.status.code(), Some(code), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}

/// Letters that do not compress to nothing, the same every time.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 60) as u8)
    };
    (0..length).map(|_| next()).collect()
}

/// Digests as `#`, times as `T`, days and sizes in the file as they happen to be.
fn redacted(page: &str) -> String {
    let redact = |line: &str| -> String {
        let is_digest = |word: &str| {
            matches!(word.len(), 12 | 64)
                && word.bytes().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
        };
        let is_time = |word: &str| word.len() == 20 && word.ends_with('Z') && word.starts_with("20");
        let word = |word: &str| {
            let bare = word.trim_end_matches([',', ';', ':']);
            let tail = &word[bare.len()..];
            match () {
                () if is_digest(bare) => format!("{}{tail}", "#".repeat(12)),
                () if is_time(bare) => format!("T{tail}"),
                () => word.to_owned(),
            }
        };
        let words: Vec<String> = line.split(' ').map(word).collect();
        let line = words.join(" ");
        match line.split_once(" days left") {
            Some((before, after)) => {
                let days = before.rsplit(' ').next().unwrap();
                assert!((1823..=1826).contains(&days.parse::<i32>().unwrap()), "{days}");
                format!("{} DAYS left{after}", before.trim_end_matches(days).trim_end())
            }
            None => line,
        }
    };
    page.lines().map(|line| redact(line) + "\n").collect()
}

/// Every file below a folder, and what is in it.
fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
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

/// The page that is kept beside this file; `WT_BLESS=1 cargo test` writes it anew, and a person reads what changed.
fn kept(name: &str, found: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/show").join(name);
    if std::env::var_os("WT_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    fs::read_to_string(path).unwrap()
}

#[test]
fn inspect_shows_a_page_and_nothing_of_it_steers_the_terminal() {
    let world = World::new();
    let page = redacted(&world.done("inspect 1.tar.zst -v"));
    assert_eq!(page, kept("inspect.txt", &page));
    assert!(!page.contains(['\u{1b}', '\u{202e}']));
    let brief = world.done("inspect 1.tar.zst");
    assert!(!brief.contains("LAYER  "), "layers are for -v");
}

#[test]
fn inspect_as_json_says_everything_that_the_page_says() {
    let world = World::new();
    let json: serde_json::Value = serde_json::from_str(&world.done("inspect 1.tar.zst --json")).unwrap();
    assert_eq!(json["schema"], "wt.bundle.inspect.v1");
    assert_eq!(json["costs"][2]["image"], "test/app:1");
    assert_eq!(json["costs"][0]["only_here"], 0);
    assert_eq!(json["costs"][0]["shared"], json["layers"][0]["stored"]);
    assert_eq!(json["layers"][0]["images"].as_array().unwrap().len(), 2);
    assert!(json["signer"]["days_left"].as_i64().unwrap() > 1800);
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    for name in ["product", "version", "size", "unpacked", "chunks", "frames", "packages", "entries", "site"]
    {
        assert!(names.contains(&&name.to_owned()), "{name}");
    }
}

#[test]
fn entries_are_listed_and_each_is_printed_as_it_is() {
    let world = World::new();
    let listed = world.done("inspect 1.tar.zst --entries");
    let paths: Vec<&str> = listed.lines().skip(1).map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(paths[..3], ["conf/web/a.conf", "scripts/init.sh", "stack.yaml"]);
    assert!(listed.lines().nth(2).unwrap().starts_with("0755"), "{listed}");
    world.done("extract 1.tar.zst -o all");
    for path in paths {
        let printed = world.run(&format!("inspect 1.tar.zst --entry {path}")).stdout;
        assert!(printed == world.read(&format!("all/{path}")), "{path}");
    }
    world.refused(
        "inspect 1.tar.zst --entry stack.yml",
        1,
        "error: the bundle has nothing called `stack.yml`\nhint: did you mean `stack.yaml`?\n",
    );
    world.refused(
        "inspect 1.tar.zst --entry 9",
        1,
        "error: the bundle has nothing called `9`\nhint: `wt-bundle inspect BUNDLE --entries` lists what there is\n",
    );
}

/// `script` gives the program a terminal.
#[test]
fn a_terminal_is_shown_text_and_no_blobs() {
    let world = World::new();
    let on_terminal = |path: &str| {
        let program = assert_cmd::cargo::cargo_bin!("wt-bundle");
        let line = format!("{} inspect 1.tar.zst --entry {path}", program.display());
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("WT_TRUST", "keys/trust.json");
        let output = script.current_dir(world.folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"))
    };
    assert_eq!(on_terminal("conf/web/a.conf"), (Some(0), "a = 1\nb = 2\n".to_owned()));
    let listed = world.done("inspect 1.tar.zst --entries");
    let blob =
        listed.lines().find_map(|line| line.rsplit(' ').next().filter(|path| path.starts_with("blobs/")));
    let (code, said) = on_terminal(blob.unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains("is nothing that a terminal can show\nhint: write it to a file"), "{said}");
}

#[test]
fn diff_shows_what_is_different_down_to_files_and_lines() {
    let world = World::with_both();
    let page = redacted(&world.done("diff 1.tar.zst 2.tar.zst -v --files"));
    assert_eq!(page, kept("diff.txt", &page));
    let json = world.done("diff 1.tar.zst 2.tar.zst --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["schema"], &json["same"]), (&"wt.bundle.diff.v1".into(), &false.into()));
    assert_eq!(json["image_files"][0]["changed"], 1);
    assert!(json["image_files"][0].get("files").is_none(), "they are for --files");
}

#[test]
fn diff_says_by_its_exit_code_whether_bundles_differ_where_it_is_asked_to() {
    let world = World::with_both();
    assert!(
        world
            .done("diff 1.tar.zst 1.tar.zst --exit-code")
            .contains("the same images, packages, files and settings")
    );
    world.done("diff 1.tar.zst 2.tar.zst");
    let differ = world.run("diff 1.tar.zst 2.tar.zst --exit-code -q");
    assert_eq!(differ.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&differ.stderr), "error: the bundles differ\n");
}

#[test]
fn verify_says_what_it_checked_and_what_it_did_not() {
    let world = World::new();
    let page = redacted(&world.done("verify 1.tar.zst --full -v"));
    assert_eq!(page, kept("verify.txt", &page));
    let brief = world.done("verify 1.tar.zst");
    assert!(page.starts_with(&redacted(&brief)), "{brief}");
    let json = world.done("verify 1.tar.zst --full --json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "wt.bundle.verify.v1");
    assert_eq!((&json["images"], &json["entries"]), (&3.into(), &15.into()));
}

#[test]
fn everything_that_is_extracted_is_what_was_signed() {
    let world = World::new();
    world.done("extract 1.tar.zst -o all");
    let mut sums = Command::new("sha256sum");
    let checked = sums.args(["--quiet", "-c", "SHA256SUMS"]).current_dir(world.path("all")).status();
    assert!(checked.unwrap().success());
    let mode = |name: &str| fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("all/scripts/init.sh"), mode("all/stack.yaml")), (0o755, 0o644));
    let before = files_below(&world.path("all"));
    assert_eq!(before.len(), 15);

    fs::remove_file(world.path("all/stack.yaml")).unwrap();
    let again = world.run("extract 1.tar.zst -C all -v");
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.ends_with("1 files, 97 B; 14 were there already\nstack.yaml\n"), "{said}");
    assert_eq!(files_below(&world.path("all")), before);

    world.done("extract 1.tar.zst conf ./scripts/ stack.y?ml -o some");
    let some: Vec<String> = files_below(&world.path("some")).into_keys().collect();
    assert_eq!(some, ["conf/web/a.conf", "scripts/init.sh", "stack.yaml"]);
}

#[test]
fn nothing_is_written_over_or_through_a_link_and_nothing_at_all_where_that_would_be_needed() {
    let world = World::new();
    world.write("a/stack.yaml", "mine\n");
    world.refused(
        "extract 1.tar.zst -o a",
        1,
        "error: `a/stack.yaml` is there already, and is not what the bundle has\nhint: name a folder that is new or empty\n",
    );
    assert_eq!(files_below(&world.path("a")).into_keys().collect::<Vec<_>>(), ["stack.yaml"]);

    fs::create_dir_all(world.path("b")).unwrap();
    fs::create_dir_all(world.path("elsewhere")).unwrap();
    symlink(world.path("elsewhere"), world.path("b/conf")).unwrap();
    world.refused(
        "extract 1.tar.zst conf -o b",
        1,
        "error: `b/conf` is not a folder, and nothing is written through a link\nhint: name a folder that is new or empty\n",
    );
    assert!(files_below(&world.path("elsewhere")).is_empty());

    symlink(world.path("target"), world.path("b/stack.yaml")).unwrap();
    assert_eq!(world.run("extract 1.tar.zst stack.yaml -o b").status.code(), Some(1));
    assert!(!world.path("target").exists());
}

#[test]
fn a_full_disk_leaves_whole_files_and_the_next_run_goes_on() {
    let world = World::new();
    let program = assert_cmd::cargo::cargo_bin!("wt-bundle");
    // no file may become larger than 16 KiB: the layers do not fit
    let line = format!("trap '' XFSZ; ulimit -f 16; exec {} extract 1.tar.zst -o out", program.display());
    let mut small = Command::new("bash");
    small.args(["-c", &line]).current_dir(world.folder.path()).env("WT_TRUST", "keys/trust.json");
    let refused = small.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("error: cannot write `out/blobs/sha256/"), "{said}");
    let left: Vec<String> = files_below(&world.path("out")).into_keys().collect();
    assert_eq!(left, ["conf/web/a.conf", "scripts/init.sh", "stack.yaml"]);
    world.done("extract 1.tar.zst -o out");
    assert_eq!(files_below(&world.path("out")).len(), 15);
}

#[test]
fn one_image_becomes_an_archive_of_its_own() {
    let world = World::new();
    world.done("extract 1.tar.zst --image docker.io/test/app:1 -o app.tar");
    let listed =
        Command::new("tar").args(["-tf", "app.tar"]).current_dir(world.folder.path()).output().unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(names.lines().filter(|name| name.starts_with("blobs/sha256/")).count(), 3);
    assert!(names.ends_with("index.json\nmanifest.json\noci-layout\n"), "{names}");
    let from_archive = RELEASE.replace("rootfs:app", "docker-archive:../app.tar");
    world.release("v3", &from_archive.replace("entrypoint = [\"/srv/app/run\"]", ""));
    world.done("build v3 --key keys/bundle.key -o 3.tar.zst");
    let same = world.done("diff 1.tar.zst 3.tar.zst");
    assert!(!same.contains("test/app:1"), "the image came back as it went:\n{same}");
    world.refused(
        "extract 1.tar.zst --image test/ap:1 -o ap.tar",
        1,
        "error: the bundle has no image `test/ap:1`\nhint: it has: test/one:1, test/two:1, test/app:1\n",
    );
    world.refused(
        "extract 1.tar.zst --image test/app:1 -o app.tar",
        1,
        "error: `app.tar` is there already\nhint: name another with `-o`, or remove it\n",
    );
}

#[test]
fn what_is_named_instead_of_a_bundle_is_told_apart() {
    let world = World::new();
    let bundle = world.read("1.tar.zst");
    let length = bundle.len();
    world.write("cut", &bundle[..length - 1]);
    world.write("head", &bundle[..100]);
    world.write("long", [&bundle[..], b"more"].concat());
    world.write("empty", "");
    world.write("plain.zst", [0x28, 0xB5, 0x2F, 0xFD, 0x24, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    world.write("gzip", [&[0x1F, 0x8B][..], &[8; 30]].concat());
    let not = |found: &str| {
        format!(
            "is not a bundle\n  expected a bundle's head\n  found    {found}\nhint: is it the `.tar.zst` file that the vendor sent?"
        )
    };
    for (name, code, expected) in [
        ("keys", 1, "is a folder\n  expected the name of a bundle\nhint: name the `.tar.zst` file that the vendor sent; there is none in this folder".to_owned()),
        (".", 1, "is a folder\n  expected the name of a bundle\nhint: name the bundle in it: there is `1.tar.zst`".to_owned()),
        ("cut", 3, format!("is cut short at {} of {length} bytes\nhint: copy it again, and compare the sizes", length - 1)),
        ("head", 3, "is cut short at 100 bytes; its head alone has 65536\nhint: copy it again, and compare the sizes".to_owned()),
        ("long", 3, format!("is too long: 4 bytes follow the end of the bundle, which has {length}\nhint: copy it again, and compare the sizes")),
        ("empty", 3, not("an empty file")),
        ("plain.zst", 3, not("a plain zstd file (a `.tar.zst`, perhaps) without a signed head")),
        ("gzip", 3, not("a gzip file")),
        ("v1/stack.yaml", 3, not("text")),
        ("keys/trust.json", 3, not("a signed document of wt (a certificate, a trust document or a license)")),
    ] {
        for verb in ["inspect", "verify"] {
            world.refused(&format!("{verb} {name}"), code, &format!("error: `{name}` {expected}\n"));
        }
    }
    world.refused("inspect none.tar.zst", 1, "error: no bundle `none.tar.zst`\nhint: there is `1.tar.zst`\n");
}

#[test]
fn wrong_keys_releases_and_variables_are_told_apart() {
    let world = World::new();
    world.refused(
        "build v1 --key keys/root-1.key",
        1,
        "error: `keys/root-1.key` is a root key: it has no certificate, and signs nothing but certificates\n\
         hint: name the key that the roots certified, such as `--key keys/bundle.key`\n",
    );
    world.refused(
        "build v1/release.toml --key keys/bundle.key",
        1,
        "error: no release `v1/release.toml` here\n  expected a folder `./manifests/v1/release.toml` with a release.toml\n\
         hint: name the folder that it is in: `v1`\n",
    );
    let unset = world.command("inspect 1.tar.zst").env("WT_TRUST", "").output().unwrap();
    assert_eq!(unset.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&unset.stderr)
            .starts_with("error: no trust document to check the bundle with\n")
    );
    world.write("keys/bundle.cert", "{}");
    let refused = world.run("build v1 --key keys/bundle.key");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.starts_with("error: `keys/bundle.cert` is not a certificate that can be used\n  because: "),
        "{said}"
    );
    assert_eq!(refused.status.code(), Some(3));
}

/// No truncation and no flipped bit gets past any verb, makes it panic, or leaves a file that was not signed.
#[test]
fn a_bundle_that_was_cut_or_changed_anywhere_is_refused_by_every_verb() {
    let world = World::with_both();
    let good = world.read("1.tar.zst");
    world.done("extract 1.tar.zst -o genuine");
    let genuine = files_below(&world.path("genuine"));
    let cuts = (0..12).map(|n| good[..good.len() * n / 12].to_vec());
    let flips = (0..36).map(|n| {
        let at = (good.len() - 1) * n / 35;
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (n % 8);
        bytes
    });
    for (number, bytes) in cuts.chain(flips).enumerate() {
        world.write("bad.tar.zst", &bytes);
        for (line, may_pass) in [
            ("inspect bad.tar.zst", true), // it reads the head alone
            ("verify bad.tar.zst --full", false),
            ("diff bad.tar.zst 2.tar.zst", true), // and this the layers that differ
            ("extract bad.tar.zst -o out", false),
        ] {
            let output = world.run(line);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!said.contains("panicked"), "{number} {line}: {said}");
            match output.status.code() {
                Some(0) => assert!(may_pass, "{number} {line}"),
                code => assert!(matches!(code, Some(1 | 3)), "{number} {line}: {code:?} {said}"),
            }
        }
        let written = files_below(&world.path("out"));
        assert!(written.iter().all(|(name, content)| genuine.get(name) == Some(content)), "{number}");
        let _ = fs::remove_dir_all(world.path("out"));
    }
}
