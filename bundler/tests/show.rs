//! What a bundle shows of itself: inspect, diff and verify.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod product;

use std::fs;
use std::path::Path;
use std::process::Command;

use product::World;

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
