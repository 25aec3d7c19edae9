//! The invariants of ARCHITECTURE.md that a compiler does not hold.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::{Path, PathBuf};

use wt_tests::repository;

/// Each room and what it may import.
const ROOMS: [(&str, &[&str]); 6] = [
    ("keys", &[]),
    ("manifests", &["wt-keys"]),
    ("bundler", &["wt-keys", "wt-manifests"]),
    ("licensor", &["wt-keys"]),
    ("installer", &["wt-keys", "wt-manifests", "wt-licensor"]),
    ("tests", &["wt-keys", "wt-manifests", "wt-licensor", "wt-bundler", "wt-installer"]),
];

#[test]
fn imports_run_one_way() {
    for (room, may) in ROOMS {
        let cargo = fs::read_to_string(repository().join(room).join("Cargo.toml")).unwrap();
        let dependencies = cargo.split("[dev-dependencies]").next().unwrap();
        for line in dependencies.lines().filter(|line| line.starts_with("wt-")) {
            let name = line.split([' ', '.', '=']).next().unwrap();
            assert!(may.contains(&name), "{room} imports {name}");
        }
    }
}

/// And no other is.
#[test]
fn every_command_is_named_in_the_readme() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    for (room, program) in [
        ("keys", "wt-keys"),
        ("bundler", "wt-bundle"),
        ("licensor", "wt-license"),
        ("installer", "wt-install"),
    ] {
        let verbs = verbs(room);
        for verb in verbs.iter().filter(|verb| *verb != "let-go") {
            let named = [format!("{program} {verb}"), format!("`{verb}`"), format!("`{verb} ")];
            assert!(named.iter().any(|name| readme.contains(name)), "{program} {verb}");
        }
        for typed in readme.split(&format!("\n{program} ")).skip(1) {
            let verb = typed.split_whitespace().next().unwrap();
            let named = verbs.iter().any(|known| known == verb) || verb.ends_with(".tar.zst");
            assert!(named, "there is no {program} {verb}");
        }
    }
}

/// Of the program of a room: `InitData` is `init-data`.
fn verbs(room: &str) -> Vec<String> {
    let cli = fs::read_to_string(repository().join(room).join("src/cli.rs")).unwrap();
    let (_, rest) = cli.split_once("enum Verb {\n").unwrap();
    let (verbs, _) = rest.split_once("\n}").unwrap();
    let names = verbs.lines().filter_map(|line| line.trim().split_once('(')).map(|(name, _)| name);
    let kebab = |name: &str| {
        let mut verb = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !verb.is_empty() {
                verb.push('-');
            }
            verb.push(letter.to_ascii_lowercase());
        }
        verb
    };
    names.filter(|name| name.starts_with(char::is_uppercase)).map(kebab).collect()
}

#[test]
fn what_may_happen_in_few_places_happens_in_no_other() {
    let places: [(&[&str], &[&str]); 9] = [
        (
            &["bollard::", "tokio::", "async fn"],
            &[
                "installer/src/engine",
                "installer/src/error.rs",
                "bundler/src/source/engine.rs",
                "bundler/src/source/registry",
                "bundler/src/error.rs",
            ],
        ),
        (&["reqwest::"], &["bundler/src/source/registry"]),
        (
            &["UnixStream", "TcpStream", "UdpSocket", "ureq::"],
            &["installer/src/journey", "installer/src/mail"],
        ),
        (&["lettre::"], &["installer/src/mail"]),
        (&["ToSocketAddrs", "getent"], &["installer/src/resolver.rs"]),
        (&["SystemTime::now", "Timestamp::now"], &["keys/src/console/clock.rs"]),
        (&["rusqlite::"], &["licensor/src/ledger", "licensor/src/error.rs"]),
        (&["verify_strict"], &["keys/src/key.rs"]),
        (&["getrandom::"], &["keys/src/key.rs", "licensor/src/id.rs"]),
    ];
    for file in sources() {
        let text = fs::read_to_string(repository().join(&file)).unwrap();
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (words, rooms) in places {
            let allowed = rooms.iter().any(|room| file.to_str().unwrap().starts_with(room));
            let found = words.iter().find(|word| code.contains(**word));
            assert!(allowed || found.is_none(), "`{}` in {}", found.unwrap(), file.display());
        }
    }
}

/// The sources of every room but the last, relative to the repository.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (room, _) in &ROOMS[..5] {
        walk(&repository().join(room).join("src"), &mut found);
    }
    assert!(found.len() > 50, "the rooms have moved");
    found.into_iter().map(|path| path.strip_prefix(repository()).unwrap().to_owned()).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
