use super::*;

const RELEASE: &str = r#"
product = "p"
version = "1.0.0"
platform = "linux/amd64"
[[image]]
name = "p/a:1"
source = "rootfs:r"
[hooks]
init-data = "scripts/init.sh"
[[port]]
number = 80
purpose = "web"
[[conf]]
template = "a.conf"
restart = ["a"]
"#;
const STACK: &str = "services: {a: {image: \"p/a:1\", ports: [{target: 1, published: 80}]}}";
const CONF: File<'static> = File { path: "conf/a.conf", executable: false, content: b"" };
const HOOK: File<'static> = File { path: "scripts/init.sh", executable: true, content: b"#!/bin/sh -e\n" };

fn found(release: &str, stack: &str, files: &[File<'_>]) -> Vec<String> {
    let release = toml::from_str(release).unwrap();
    let stack = Stack::parse(stack.as_bytes()).unwrap();
    missing(&release, &stack, files).iter().map(ToString::to_string).collect()
}

#[test]
fn a_complete_release_misses_nothing() {
    assert_eq!(found(RELEASE, STACK, &[CONF, HOOK]), [""; 0]);
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let release = RELEASE.replace("[\"a\"]", "[\"b\"]");
    let stack = STACK.replace("p/a:1", "p/b:1").replace("80", "81");
    let files = [File { path: "conf/b.conf", ..CONF }];
    assert_eq!(
        found(&release, &stack, &files),
        [
            "stack.yaml, service `a`: the image `p/b:1` is not in release.toml",
            "release.toml, [[conf]] `a.conf`: stack.yaml has no service `b`",
            "stack.yaml, service `a`: the port 81 has no [[port]] in release.toml",
            "release.toml, [[conf]]: no file `conf/a.conf`",
            "conf/b.conf: no [[conf]] in release.toml names it",
            "release.toml, [hooks]: no file `scripts/init.sh`",
        ]
    );
}

#[test]
fn a_hook_that_a_minimal_host_cannot_run_is_said() {
    let hook = File { executable: false, content: b"#!/usr/bin/python3\n", ..HOOK };
    assert_eq!(
        found(RELEASE, STACK, &[CONF, hook]),
        [
            "scripts/init.sh: it is not executable",
            "scripts/init.sh: a minimal host has no interpreter `/usr/bin/python3`; expected /bin/sh or /bin/bash",
        ]
    );
}
