//! The first story and what belongs to it: real programs, real packages, a real engine, on real hosts without a network.
//!
//! All stories need root, `tests/build`, `manifests/v5.2/prepare` and a lab; `./test` brings all of it. Those of a file
//! share one bundle and one site, so they run one after another.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod walk;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wt_tests::program::{Ran, key, run, shipped};
use wt_tests::repository;
use wt_tests::site::{PASSWORD, Site, State};
use wt_tests::vendor::{self, first_bundle, text, world};

const BUNDLE: &str = "worktile-5.2.0-amd64.tar.zst";

/// A bare host with the files that a customer has, the bundle among them.
fn bare_site_on(name: &'static str, system: &str) -> Site {
    let site = Site::bare_as(name, system);
    site.bring(&first_bundle());
    site
}

/// Installed once, for all stories.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = bare_site_on("site", "debian-12");
        let host = &site.host;
        host.sh("! command -v docker").expect(0);
        host.sh("ip route show default | grep . && exit 1; ! ip route get 192.0.2.1").expect(0);
        // the site's own names are looked up, and need not go out for it
        host.sh(&format!("echo {} worktile{{,-box,-hook,-im}}.example.com >>/etc/hosts", host.address))
            .expect(0);
        // A leak must be able to show itself: the other end of the wire becomes route and name server for the capture.
        host.sh("ip route add default via 198.18.0.1; echo nameserver 198.18.0.1 >/etc/resolv.conf")
            .expect(0);
        host.capture(&world().join("site.pcap"));
        let installed = host.sh(&format!("cd /root && ./wt-install {BUNDLE}"));
        let frames = host.captured();
        host.sh("ip route del default; : >/etc/resolv.conf").expect(0);
        installed.expect(0).says("hw.json");
        assert_eq!(frames, 0, "the installation put frames on the wire: see site.pcap");
        site
    })
}

fn license(site: &Site) -> PathBuf {
    vendor::license(&site.take("/opt/worktile/hw.json"), &[])
}

/// Of the data root, by the manual of the product.
const LAYOUT: &str = "mongodb/standalone/db 750 10001\nmongodb/standalone/logs 750 10001\n\
    redis/standalone/db 750 10001\nredis/standalone/logs 750 10001\n\
    elasticsearch/db 750 10001\nelasticsearch/logs 750 10001\nseaweedfs 750 10001\nnginx/logs 750 10001\n";

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_bare_host_goes_to_licensed_and_no_packet_leaves_it() {
    let host = &site().host;
    let folders = host.sh("cd /data && stat -c '%n %a %u' */standalone/* elasticsearch/* seaweedfs nginx/*");
    assert_eq!(folders.expect(0).stdout, LAYOUT);
    assert!(host.http("/api/license").contains("MISSING"));
    site().wt("license").expect(4).says("MISSING").says("hint: run `wt-install fingerprint`");
    let file = site().bring(&license(site()));
    site().wt(&format!("license {file}")).expect(0).says("MATCH (OK)").says("restarted and healthy: web");
    site().wt(&format!("license {file}")).expect(0).says("nothing to do");
    site().wt("license --json").expect(0).says("\"schema\": \"wt.verdict.v1\"");
    let answer = host.http("/api/license");
    assert!(answer.contains("\"MATCH\""), "{answer}");
    host.sh("cd /root && ./wt-install status").expect(0).says("MATCH").says("web");
    let fingerprint = |arguments: &str| host.sh(&format!("cd /root && ./wt-install fingerprint {arguments}"));
    fingerprint("--show")
        .expect(0)
        .says("reason         renew")
        .says("license before")
        .says("install_key    ok");
    fingerprint("--reason rehost -o one.json").expect(0).says("one.json is written");
    fingerprint("--merge one.json /opt/worktile/hw.json -o hw.json").expect(0).says("hw.json is written");
    host.sh(
        "echo '{\"users\": 9, \"modules\": [], \"counted_at\": \"2026-11-23T08:00:00Z\"}' >/root/usage.json",
    )
    .expect(0);
    let merged = fingerprint("--merge hw.json --usage usage.json --show --json").expect(0);
    merged.says("\"reason\": \"rehost\"").says("\"users\": 9");
    host.sh("mkdir -p /root/bare/etc && echo uninitialized >/root/bare/etc/machine-id").expect(0);
    fingerprint("--show --sysroot bare")
        .expect(0)
        .says("grade C")
        .says("left out: machine-id: `uninitialized`");
    fingerprint("--sysroot bare").expect(2);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_capture_would_have_seen_a_packet() {
    let host = &site().host;
    host.sh("ip route add default via 198.18.0.1").expect(0);
    host.capture(&world().join("control.pcap"));
    host.sh("echo x >/dev/udp/192.0.2.1/53").expect(0);
    std::thread::sleep(std::time::Duration::from_millis(500));
    let frames = host.captured();
    host.sh("ip route del default").expect(0);
    assert!(frames > 0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_second_run_changes_nothing() {
    let host = &site().host;
    let before = site().state();
    host.sh(&format!("cd /root && ./wt-install {BUNDLE}")).expect(0).says("nothing to do");
    before.same(&site().state());
}

/// A bare Debian 13, for all stories that want one.
fn thirteen() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| bare_site_on("thirteen", "debian-13"))
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_bare_debian_13_is_installed_from_the_same_bundle_and_a_second_run_changes_nothing() {
    let host = &thirteen().host;
    host.sh("grep ^VERSION_ID=.13 /etc/os-release; ! command -v docker").expect(0).says("13");
    host.sh(&format!("cd /root && ./wt-install {BUNDLE}")).expect(0).says("hw.json");
    host.sh("docker version --format '{{.Server.Version}}'").expect(0).says("26.");
    let before = thirteen().state();
    host.sh(&format!("cd /root && ./wt-install {BUNDLE}")).expect(0).says("nothing to do");
    before.same(&thirteen().state());
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn another_machine_builds_the_same_bytes() {
    let folder = world().join("same");
    let release = release_without_packages(&folder, "5.2.0");
    let now = Ran::of(Command::new("date").arg("+%s")).expect(0).stdout;
    let build = "build ./release --no-cache -o b.tar.zst --key";
    let mut here = Command::new(shipped("wt-bundle"));
    here.args(build.split(' ')).arg(key("bundle.key")).current_dir(&folder);
    Ran::of(here.env("SOURCE_DATE_EPOCH", now.trim())).expect(0);
    let host = &thirteen().host;
    host.put(&release, "/root/release");
    host.put(&shipped("wt-bundle"), "/root/wt-bundle");
    host.put(&repository().join("target/wt/keys"), "/root/keys");
    let there =
        format!("cd /root; SOURCE_DATE_EPOCH={} ./wt-bundle {build} keys/bundle.key --threads 1", now.trim());
    host.sh(&there).expect(0);
    let ours = Ran::of(Command::new("sha256sum").arg("b.tar.zst").current_dir(&folder)).expect(0).stdout;
    assert_eq!(host.sh("cd /root && sha256sum b.tar.zst").expect(0).stdout, ours);
    host.sh("rm -r /root/release /root/keys /root/wt-bundle /root/b.tar.zst").expect(0);
}

/// The product's own release in `folder`, as another version and without what only an archive has.
fn release_without_packages(folder: &Path, version: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let (from, to) = (repository().join("manifests/v5.2"), folder.join("release"));
    Ran::of(Command::new("cp").arg("-a").arg(from).arg(&to)).expect(0);
    let release = fs::read_to_string(to.join("release.toml")).unwrap();
    let (before, rest) = release.split_once("[[packages]]").unwrap();
    let (_, after) = rest.split_once("[license]").unwrap();
    let text = format!("{before}[license]{after}")
        .replace("version = \"5.2.0\"", &format!("version = \"{version}\""));
    fs::write(to.join("release.toml"), text).unwrap();
    to
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn the_walk_of_the_readme_can_be_walked() {
    let folder = world().join("walk");
    let release = release_without_packages(&folder, "5.1.0");
    let older = folder.join("worktile-5.1.0-amd64.tar.zst");
    run(
        "wt-bundle",
        &world(),
        ["build", text(&release), "--key", text(&key("bundle.key")), "-o", text(&older)],
    )
    .expect(0);
    site().host.get("/opt/worktile/hw.json", &folder.join("hw.json"));
    let walked = walk::walk(&folder).expect(0);
    for said in
        ["9 images", "4 files", "same\n", "5.1.0 → 5.2.0", "joined.tar.zst", "worktile.handover", "MATCH"]
    {
        assert!(walked.stdout.contains(said) || walked.stderr.contains(said), "no `{said}` in\n{walked:?}");
    }
    assert!(walk::commands().len() >= 17, "the README has lost its walk");
    for made in [
        "made/trust.json",
        "unpacked/stack.yaml",
        "usb/SHA256SUMS",
        "worktile.handover/CHECK.md",
        "license.json",
    ] {
        assert!(folder.join(made).exists(), "{made}");
    }
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_reboot_brings_everything_back() {
    let host = &site().host;
    let before = lasting(&site().state());
    host.reboot();
    let healthy = "for i in $(seq 90); do /opt/worktile/bin/wt-install status -q >/dev/null 2>&1 && exit 0; sleep 1; done; \
                   /opt/worktile/bin/wt-install status; exit 1";
    host.sh(healthy).expect(0);
    // written at boot, and every hour
    let unit = "wt-worktile-snapshot";
    let show = format!("systemctl is-active {unit}.timer && systemctl show -p TimersMonotonic {unit}.timer");
    host.sh(&show).expect(0).says("OnUnitActiveUSec=1h");
    let inode = || host.sh("stat -c %i /run/wt/worktile/host.json").expect(0).stdout;
    let at_boot = inode();
    host.sh(&format!("systemctl start {unit}.service")).expect(0);
    assert_ne!(at_boot, inode(), "it was taken anew");
    host.sh(&format!("cd /root && ./wt-install {BUNDLE}")).expect(0).says("nothing to do");
    before.same(&lasting(&site().state()));
    // and one that is killed is back, too
    host.sh("docker kill $(docker ps -qf name=worktile_im)").expect(0);
    site().within(100, "docker ps --filter health=healthy | grep worktile_im");
    host.sh("cd /root && ./wt-install check").expect(0);
}

/// What outlives a boot: not containers and the networks of this host, whose ids are lines of their own, not what lies in
/// memory, and not what the lab gives a host when it is switched on.
fn lasting(state: &State) -> State {
    let is_id = |line: &str| line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of_a_boot = ["/run/", "/etc/resolv.conf ", "/etc/hosts ", "/etc/hostname "];
    let lines =
        state.0.lines().filter(|line| !is_id(line) && !of_a_boot.iter().any(|path| line.starts_with(path)));
    State(lines.fold(String::new(), |all, line| all + line + "\n"))
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn no_secret_is_in_a_readable_file_a_journal_or_a_log() {
    let host = &site().host;
    let found = host
        .sh(&format!(
            "grep -rlF '{PASSWORD}' /opt /etc /run /var/log /var/lib/wt-install /tmp 2>/dev/null; \
             journalctl --no-pager | grep -F '{PASSWORD}'; true"
        ))
        .stdout;
    assert_eq!(found.trim(), "/var/lib/wt-install/site.toml");
    host.sh("test $(stat -c %a /var/lib/wt-install/site.toml) = 600 && test $(stat -c %a /var/lib/wt-install) = 700")
        .expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_secret_reaches_its_service_as_the_engines_secret_and_by_no_other_way() {
    let host = &site().host;
    let secrets = host.sh("docker secret ls --format '{{.Name}}'").expect(0).stdout;
    assert!(secrets.lines().any(|name| name.starts_with("worktile-admin-password-")), "{secrets}");
    let file = "/proc/$(docker inspect -f '{{.State.Pid}}' $(docker ps -qf name=worktile_web))/root/run/secrets/admin-password";
    let read = host
        .sh(&format!("sha256sum <{file} && stat -c '%a %u' {file} && stat -f -c %T {file}"))
        .expect(0)
        .stdout;
    let digest = wt_keys::Sha256Digest::of(PASSWORD.as_bytes());
    assert_eq!(read, format!("{digest}  -\n400 10001\ntmpfs\n"));
    let others = "for id in $(docker ps -q --filter name=worktile_ | grep -v $(docker ps -qf name=worktile_web)); do \
                  ls /proc/$(docker inspect -f '{{.State.Pid}}' $id)/root/run/secrets 2>/dev/null; done";
    assert_eq!(host.sh(others).stdout, "", "web alone is given it");
    let told = host.sh("docker inspect $(docker ps -q); docker service inspect $(docker service ls -q); \
         docker config inspect --pretty $(docker config ls -q); \
         cat /proc/[0-9]*/environ | tr '\\0' '\\n'");
    let told = told.says("VERSION=5.2.0").says("independence.js").stdout;
    assert!(!told.contains(PASSWORD));
    assert!(told.contains("worktile-admin-password-"), "which secret, and not what it says");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_host_that_does_not_fit_is_refused_before_the_first_change() {
    let (host, before) = (&site().host, site().state());
    let install = |more: &str| host.sh(&format!("cd /root && {more}"));
    let plan = format!("./wt-install plan {BUNDLE} --site bad.toml");
    install(&format!("sed 's/{}/192.0.2/' site.toml >bad.toml; chmod 600 bad.toml; {plan}", host.address))
        .expect(2)
        .says("`192.0.2` is not the address of a host")
        .says("line ");
    install(&format!("sed 's/{}/192.0.2.99/' site.toml >bad.toml; {plan}", host.address))
        .expect(5)
        .says("192.0.2.99 is not this host's");
    install(&format!("chmod 644 bad.toml; {plan}")).expect(2).says("mode 0644").says("hint: chmod 600");
    install("./wt-install plan nothing.tar.zst").expect(1).says("nothing.tar.zst");
    install("./wt-install statsu").expect(2).says("did you mean `wt-install status`?");
    install("rm bad.toml").expect(0);
    host.put(&foreign_platform(), "/root/arm.tar.zst");
    install("./wt-install arm.tar.zst").expect(5).says("linux/arm64");
    install("rm arm.tar.zst").expect(0);
    before.same(&site().state());
}

/// A bundle for another kind of machine.
fn foreign_platform() -> PathBuf {
    let folder = world().join("arm");
    fs::create_dir_all(folder.join("root")).unwrap();
    fs::write(folder.join("root/file"), "x").unwrap();
    fs::write(folder.join("stack.yaml"), "version: \"3.8\"\nservices: {a: {image: \"a:1\"}}\n").unwrap();
    fs::write(
        folder.join("release.toml"),
        "product = \"worktile\"\nversion = \"9.0.0\"\nplatform = \"linux/arm64\"\n\
         domains = [\"web\", \"box\", \"hook\", \"im\"]\n\
         [[image]]\nname = \"a:1\"\nsource = \"rootfs:root\"\n",
    )
    .unwrap();
    let output = world().join("arm.tar.zst");
    run(
        "wt-bundle",
        &world(),
        ["build", "arm", "--key", text(&key("bundle.key")), "--output", text(&output)],
    )
    .expect(0);
    output
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_image_that_the_engine_does_not_have_is_named() {
    let folder = world().join("absent");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("stack.yaml"), "version: \"3.8\"\nservices: {a: {image: \"absent:1\"}}\n").unwrap();
    fs::write(
        folder.join("release.toml"),
        "product = \"worktile\"\nversion = \"9.0.0\"\nplatform = \"linux/amd64\"\n\
         [[image]]\nname = \"absent:1\"\nsource = \"docker-daemon:absent:1\"\n",
    )
    .unwrap();
    run("wt-bundle", &world(), ["build", "absent", "--key", text(&key("bundle.key"))])
        .expect(1)
        .says("absent:1")
        .says("hint: ");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn the_page_on_checking_by_hand_is_true() {
    let page = fs::read_to_string(repository().join("docs/verify-by-hand.md")).unwrap();
    let commands: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(commands.len() >= 7, "the page has lost its commands");
    let folder = world().join("by-hand");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(first_bundle(), folder.join(BUNDLE)).unwrap();
    fs::copy(key("trust.json"), folder.join("trust.json")).unwrap();
    let script = format!("set -euo pipefail\n{}", commands.concat());
    let by_hand = |script: &str| Ran::of(Command::new("bash").arg("-c").arg(script).current_dir(&folder));
    by_hand(&script)
        .expect(0)
        .says("every chunk is the signed one")
        .says("all of it is good")
        .says("Loaded image");
    // and refuses what somebody makes who has the vendor's public roots and no key
    for (how, why) in [
        ("threshold", "the roots signed the trust document"),
        ("stripped", "the roots signed the trust document"),
        ("untrusted", "the roots signed the certificate"),
        ("hidden", "it begins as a bundle does"),
        ("added", "it begins as a bundle does"),
    ] {
        let forge = repository().join("bundler/tests/forge.sh");
        let mut forger = Command::new("bash");
        Ran::of(forger.arg(forge).args([BUNDLE, "trust.json", how]).current_dir(&folder)).expect(0);
        let refused = by_hand(&script);
        assert!(refused.code != 0 && !refused.stdout.contains("Loaded image"), "{how}: {}", refused.stdout);
        assert!(refused.stdout.contains(&format!("NOT GOOD: {why}")), "{how}: {}", refused.stdout);
        fs::copy(first_bundle(), folder.join(BUNDLE)).unwrap();
        fs::copy(key("trust.json"), folder.join("trust.json")).unwrap();
    }
    // the same page finds a changed byte
    let file = fs::OpenOptions::new().write(true).open(folder.join(BUNDLE)).unwrap();
    file.write_all_at(b"!", file.metadata().unwrap().len() / 2).unwrap();
    let found = by_hand(&script);
    assert!(found.code != 0 && !found.stdout.contains("good: every chunk"), "{}", found.stdout);
}
