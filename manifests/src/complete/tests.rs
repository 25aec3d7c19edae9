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

fn file(path: &str, mode: Mode, content: &[u8]) -> SmallFile {
    SmallFile { path: path.parse().unwrap(), mode, content: content.to_vec() }
}

fn conf(content: &[u8]) -> SmallFile {
    file("conf/a.conf", Mode::Data, content)
}

fn hook(content: &[u8]) -> SmallFile {
    file("scripts/init.sh", Mode::Program, content)
}

fn both() -> [SmallFile; 2] {
    [conf(b""), hook(b"#!/bin/sh -e\n")]
}

fn found(release: &str, stack: &str, files: &[SmallFile]) -> Vec<String> {
    let release = toml::from_str(release).unwrap();
    let stack = Stack::parse(stack.as_bytes()).unwrap();
    missing(&release, &stack, files).iter().map(ToString::to_string).collect()
}

#[test]
fn a_complete_release_misses_nothing() {
    assert_eq!(found(RELEASE, STACK, &both()), [""; 0]);
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let release = RELEASE.replace("[\"a\"]", "[\"b\"]");
    let stack = STACK.replace("p/a:1", "p/b:1").replace("80}]", "81}], volumes: [\"${WT_DATA}/db:/db\"]");
    let files = [file("conf/b.conf", Mode::Data, b"")];
    assert_eq!(
        found(&release, &stack, &files),
        [
            "stack.yaml, service `a`: the image `p/b:1` is not in release.toml",
            "release.toml, [[conf]] `a.conf`: stack.yaml has no service `b`",
            "stack.yaml, service `a`: the port 81 has no [[port]] in release.toml",
            "release.toml, [[conf]]: no file `conf/a.conf`",
            "conf/b.conf: no [[conf]] in release.toml names it",
            "stack.yaml, service `a`: `db` is in no [[data]] or [[log]] of release.toml",
            "release.toml, [hooks] init-data: no file `scripts/init.sh`",
        ]
    );
}

#[test]
fn a_hook_that_a_minimal_host_cannot_run_is_said() {
    let hook = file("scripts/init.sh", Mode::Data, b"#!/usr/bin/python3\n");
    assert_eq!(
        found(RELEASE, STACK, &[conf(b""), hook]),
        [
            "scripts/init.sh: it is not executable",
            "scripts/init.sh: a minimal host has no interpreter `/usr/bin/python3`; expected /bin/sh or /bin/bash",
        ]
    );
}

#[test]
fn every_template_is_rendered_and_a_mistake_says_its_line() {
    let find = |content: &[u8]| found(RELEASE, STACK, &[conf(content), hook(b"#!/bin/sh\n")]);
    assert_eq!(find(b"a\n{{ site.domains.im }}\n"), ["conf/a.conf: line 2: `site.domains.im` is undefined"]);
    // only where a site has no mail server
    assert_eq!(find(b"{{ smtp.host }}").len(), 1);
    assert_eq!(find(b"{% if smtp is defined %}{{ smtp.host }}{% endif %}"), [""; 0]);
    assert_eq!(find(b"{{ administrator.password }}").len(), 1, "services can read it");
    assert!(find(b"{% if %}")[0].starts_with("conf/a.conf: line 1: syntax error"));
    assert_eq!(find(b"\xff"), ["conf/a.conf: it is not UTF-8 text"]);
}

#[test]
fn the_journey_is_rendered_with_the_domains_that_the_release_asks_for() {
    let step = "[[journey]]\nname = \"log in\"\nport = 80\nstatus = 200\npath = \"/{{ nobody }}\"\nhost = \"{{ site.domains.web }}\"\nbody = \"{{ administrator.password }}\"\n";
    let known = RELEASE.replace("platform", "domains = [\"web\"]\nplatform");
    let files = both();
    assert_eq!(
        found(&format!("{known}{step}"), STACK, &files),
        ["release.toml, [[journey]] `log in`, path: `nobody` is undefined"]
    );
    assert_eq!(found(&format!("{RELEASE}{step}"), STACK, &files).len(), 2);
}

#[test]
fn ports_in_the_short_notation_are_seen() {
    let find = |port: &str| {
        let stack = STACK.replace("{target: 1, published: 80}", port);
        found(RELEASE, &stack, &both()).len()
    };
    for (port, count) in [
        ("\"80:8080\"", 0),
        ("\"81:80\"", 1),
        ("\"127.0.0.1:81:80/tcp\"", 1),
        ("\"80-82:80-82\"", 2),
        ("8080", 0),
    ] {
        assert_eq!(find(port), count, "{port}");
    }
}

#[test]
fn all_variables_and_secrets_that_no_site_has_are_said() {
    let stack = "services: {a: {image: \"p/a:1\", command: [\"${HOME}\", \"$x\"], hostname: \"${WT_HOME}\"}}\nsecrets: {db: {external: true}}";
    let all = found(RELEASE, stack, &both());
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[0].contains("`${HOME}`") && all[1].contains("`$x`"), "{all:?}");
    assert!(all[2].starts_with("stack.yaml, secrets: no site has the secret `db`"), "{all:?}");
}

#[test]
fn what_a_script_reaches_must_be_inside() {
    let find = |line: &str| {
        let content = format!("#!/bin/sh -e\n{line}\n");
        let library = file("scripts/lib.sh", Mode::Data, b"");
        found(RELEASE, STACK, &[conf(b""), hook(content.as_bytes()), library])
    };
    for (line, expected) in [
        ("docker run --rm -it -v /a:/b p/b:1 ls", "the image `p/b:1` is not in release.toml"),
        ("id=$(docker create p/b:1)", "the image `p/b:1` is not in release.toml"),
        (
            "docker pull p/a:1",
            "`docker pull` needs a network; where a site has one, say so with `# wt: network` on the line",
        ),
        (
            "true && apt-get -y install jq",
            "`apt-get install` needs a network; where a site has one, say so with `# wt: network` on the line",
        ),
        (
            "curl -s https://a.example/x",
            "`curl https://a.example/x` needs a network; where a site has one, say so with `# wt: network` on the line",
        ),
        (". \"$(dirname \"$0\")/more.sh\"", "no file `scripts/more.sh`"),
        ("sh \"$WT_HOME/scripts/more.sh\"", "no file `scripts/more.sh`"),
    ] {
        assert_eq!(find(line), [format!("scripts/init.sh, line 2: {expected}")]);
    }
    for line in [
        "docker run --rm -e A=1 --name x p/a:1 p/b:1",
        "docker run --rm \"$image\"",
        "docker exec \"$id\" /x",
        "docker pull p/b:1 # wt: network",
        "curl -s http://127.0.0.1:80/ http://localhost/",
        ". \"$(dirname \"$0\")/lib.sh\"",
        "echo 'docker pull x'",
        "# docker pull x",
    ] {
        assert_eq!(find(line), [""; 0], "{line}");
    }
}
