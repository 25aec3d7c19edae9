//! The days after an installation: what ends by itself is back, what is written is shown, and nothing tells a secret.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::sync::OnceLock;

use wt_tests::mail::MailServer;
use wt_tests::secrets;
use wt_tests::site::{CHECK_PASSWORD, PASSWORD, PROGRAM, SMTP_PASSWORD, Site};
use wt_tests::vendor::{Draft, first_bundle, license};

/// Installed once, for all stories of this file; each leaves it healthy. It has a mail server, and
/// an account for its checks.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = Site::bare_as("daily", "debian-13");
        mail().serve(&site);
        site.install(&first_bundle()).expect(0);
        have_an_account_for_checks(&site);
        site
    })
}

fn mail() -> &'static MailServer {
    static SERVER: OnceLock<MailServer> = OnceLock::new();
    SERVER.get_or_init(|| MailServer::start(env!("CARGO_BIN_EXE_mail-server")))
}

/// As an administrator would in the product.
fn have_an_account_for_checks(site: &Site) {
    let file = wt_tests::vendor::world().join("check-password");
    std::fs::write(&file, CHECK_PASSWORD).unwrap(); // not by a command, which would be seen
    site.host.put(&file, "/root/check-password");
    let conf = "module.exports = { \"administrator\": { \"username\": \"check\", \"name\": \"Check\", \"mail\": \"ops@example.com\" } };";
    site.sh(&format!(
        "cd /root && web=$(docker ps -qf name=worktile_web) && echo '{conf}' >check.js && docker cp check.js $web:/check.js && \
         docker exec -i -e CONF=/check.js -e ADMIN_PASSWORD_FILE=/dev/stdin $web /standin init-data <check-password && rm check.js check-password"
    ))
    .expect(0)
    .says("administrator `check` created");
}

const REPORT: &str = "/var/lib/wt-install/check.json";
/// A check that found all well, later than what is remembered in /root/since.
const WELL: &str = "test /var/lib/wt-install/check.json -nt /root/since && \
                    grep -q '\"good\": true' /var/lib/wt-install/check.json";
/// The lines of the log of checks.
const LOG: &str = "/var/log/wt-worktile/check.log";
/// A minute, what the check itself takes, and what this machine has to do beside it.
const ONE_CHECK: u32 = 100;

/// Remembers when, so that a later check is told from one before.
fn now(site: &Site) {
    site.sh("sleep 0.1; touch /root/since; sleep 0.1").expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_container_that_ended_is_back_within_one_check() {
    let site = site();
    now(site);
    site.within(ONE_CHECK, WELL);
    site.sh("docker kill $(docker ps -qf name=worktile_web)").expect(0);
    site.within(ONE_CHECK, "docker ps --filter health=healthy | grep worktile_web");
    // what somebody did past us, and the engine would leave so for ever
    now(site);
    site.sh("docker service scale --detach worktile_im=0").expect(0);
    site.within(ONE_CHECK, &format!("grep -q 'started im' {LOG} && {WELL}"));
    site.sh("docker service rm worktile_box").expect(0);
    site.within(ONE_CHECK, &format!("grep -q 'brought back box' {LOG}"));
    site.within(ONE_CHECK, "docker ps --filter health=healthy | grep worktile_box");
    now(site);
    site.within(ONE_CHECK, WELL);
    site.sh("grep -q '^wt_service_healthy.*web.* 1$' /var/lib/wt-install/metrics/wt.prom").expect(0);
    site.wt("status").expect(0);
    // what the operator stopped stays stopped
    site.wt("stop hook").expect(0);
    now(site);
    site.within(ONE_CHECK, "test /var/lib/wt-install/check.json -nt /root/since");
    assert_eq!(site.sh("docker ps -qf name=worktile_hook").stdout, "");
    site.wt("start hook").expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_check_that_finds_something_bad_says_so_and_tells_once_and_once_when_it_is_good_again() {
    let site = site();
    site.check_by_hand();
    // of what other stories broke, nobody waits to hear that it is good again
    site.within(90, &format!("{PROGRAM} check && test ! -e /var/lib/wt-install/alarms.json"));
    let earlier = mail().letters().len();
    let letters = || mail().letters().split_off(earlier);
    site.sh("systemctl stop docker.socket docker").expect(0);
    site.wt("check").expect(1).says("engine").says("hint: ");
    site.sh(&format!("grep -q '\"good\": false' {REPORT} && tail -1 {LOG} | grep 'bad: engine'")).expect(0);
    site.sh("! systemctl is-active docker").expect(0); // somebody stopped it
    let told = "grep -o '\"told\": .*' /var/lib/wt-install/alarms.json";
    site.sh(told).expect(0).says("null");
    mail().be_busy(true);
    site.wt("check").expect(1);
    site.sh(told).expect(0).says("null");
    mail().be_busy(false);
    assert_eq!(letters(), [""; 0], "a passing moment, and a server that takes none");
    site.wt("check").expect(1).says("the last one could not be sent").says("451");
    site.sh(told).expect(0).says("T"); // a time
    for _ in 0..2 {
        site.wt("check").expect(1);
    }
    let told = letters();
    assert_eq!(told.len(), 1, "one for all the time that it is bad: {told:?}");
    for line in [
        "MAIL FROM:<worktile@example.com>",
        "RCPT TO:<ops@example.com>",
        "Subject: worktile on node1: bad: engine\n",
        "Date: ",
        "  engine: ",
        "    expected an answer\n",
        "    hint: `systemctl start docker`",
    ] {
        assert!(told[0].contains(line), "{line}: {}", told[0]);
    }
    site.sh("systemctl start docker").expect(0);
    site.within(90, &format!("{PROGRAM} status"));
    site.within(90, &format!("{PROGRAM} check && test ! -e /var/lib/wt-install/alarms.json"));
    site.wt("check").expect(0);
    let told = letters();
    let again: Vec<_> = told.iter().filter(|letter| letter.contains("Good again:\n  engine\n")).collect();
    assert_eq!((again.len(), told.len() - again.len()), (1, 1), "{told:?}");
    for secret in [PASSWORD, SMTP_PASSWORD, CHECK_PASSWORD] {
        assert!(told.iter().all(|letter| !letter.contains(secret)), "{secret}");
    }
    let machine = site.wt("check --json").expect(0).stdout;
    site.go_on_checking();
    assert!(machine.contains("\"schema\": \"wt.check.v1\""), "{machine}");
    for what in ["service", "journey", "disk", "clock", "engine", "license"] {
        assert!(machine.contains(&format!("\"check\": \"{what}\"")), "{what}: {machine}");
    }
}

/// A row of the report of a check: how good it is, what was found, and the number that is in it.
fn row(site: &Site, check: &str) -> (String, String, Option<i64>) {
    let said = site.wt("check --json").stdout;
    let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    let row = report["findings"].as_array().unwrap().iter().find(|row| row["check"] == check);
    let row = row.unwrap_or_else(|| panic!("no {check} in {said}"));
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("level"), text("found"), row["number"].as_i64())
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn nobody_can_log_in_is_told_of_though_every_service_is_well() {
    let site = site();
    site.check_by_hand();
    site.within(90, &format!("{PROGRAM} check && test ! -e /var/lib/wt-install/alarms.json"));
    let earlier = mail().letters().len();
    let redis = "docker exec $(docker ps -qf name=worktile_redis) redis-cli";
    site.sh(&format!("{redis} rename account:check account:gone")).expect(0);
    for _ in 0..2 {
        site.wt("check").expect(1).says("is the account of `[check.account]` good?");
    }
    let (level, found, _) = row(site, "journey");
    assert!(level == "bad" && found.contains("`log in` of the user journey"), "{level}: {found}");
    assert_eq!(row(site, "service").0, "good");
    site.sh(
        "grep -qF 'wt_check_level{check=\"journey\",subject=\"\"} 2' /var/lib/wt-install/metrics/wt.prom",
    )
    .expect(0);
    site.sh(&format!("{redis} rename account:gone account:check")).expect(0);
    for _ in 0..2 {
        site.wt("check").expect(0);
    }
    assert_eq!(row(site, "journey"), ("good".into(), "all 2 steps pass".into(), None));
    let letters = mail().letters().split_off(earlier);
    let told: Vec<_> = letters.iter().filter(|letter| letter.contains("bad: journey\n")).collect();
    let again: Vec<_> = letters.iter().filter(|letter| letter.contains("Good again:\n  journey\n")).collect();
    assert_eq!((told.len(), again.len(), letters.len()), (1, 1, 2), "{letters:?}");
    assert!(letters.iter().all(|letter| !letter.contains(CHECK_PASSWORD)), "{letters:?}");
    site.go_on_checking();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_license_is_told_of_while_there_are_days_left() {
    let site = site();
    site.check_by_hand();
    let request = site.take("/opt/worktile/hw.json");
    for (days, level) in [(90, "good"), (20, "warn"), (5, "bad")] {
        let license = license(&request, &["--days", &days.to_string()]);
        site.host.put(&license, "/opt/worktile/conf/apps/web/license.json");
        let (found_level, found, left) = row(site, "license");
        assert_eq!((found_level.as_str(), left), (level, Some(days)), "{found}");
        assert!(found.ends_with(&format!("{days} days left")), "{found}");
        site.sh(&format!("grep -qx 'wt_license_days {days}' /var/lib/wt-install/metrics/wt.prom")).expect(0);
    }
    site.wt("check").expect(1).says("license").says("5 days left").says("hint: ");
    site.sh("rm /opt/worktile/conf/apps/web/license.json").expect(0);
    site.wt("check").expect(0);
    site.go_on_checking();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_engine_that_is_killed_is_back_and_so_is_all_that_it_ran() {
    let site = site();
    now(site);
    site.sh("kill -9 $(pidof dockerd)").expect(0);
    site.within(ONE_CHECK, &format!("{WELL} && docker ps --filter health=healthy | grep worktile_web"));
    // so often that systemd gives up: then the check starts it
    now(site);
    site.sh(
        "for i in $(seq 60); do systemctl is-failed docker && exit 0; kill -9 $(pidof dockerd); sleep 0.3; done; exit 1",
    )
    .expect(0);
    site.within(2 * ONE_CHECK, &format!("grep -q 'started Docker' {LOG} && {WELL}"));
    site.wt("status").expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn after_a_reboot_all_is_there_and_checked_again() {
    let site = site();
    site.host.reboot();
    mail().name(site);
    now(site);
    site.within(2 * ONE_CHECK, WELL);
    site.wt("status").expect(0);
    assert!(site.host.http("/").contains("Log in"));
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn logs_of_two_services_are_shown_together_and_followed() {
    let site = site();
    let said = site.wt("logs redis web -t --tail all").expect(0).stdout;
    for name in ["redis | ", "web   | "] {
        assert!(said.lines().any(|line| line.starts_with(name)), "{name}: {said}");
    }
    let times: Vec<&str> =
        said.lines().map(|line| line.split_once("| ").map_or(line, |(_, rest)| rest)).collect();
    let of = |name: &str| said.lines().filter(|line| line.starts_with(name)).count();
    assert!(of("redis") + of("web") == said.lines().count(), "no other service: {said}");
    // replicas that came one after the other are merged by the engine, not by time; within one there is an order
    assert!(times.iter().all(|time| time.starts_with("20")), "{times:?}");
    site.wt("logs wbe").expect(2).says("no service `wbe`");
    // followed across a restart
    site.sh(&format!("(timeout 90 {PROGRAM} logs -f web redis > /root/followed 2>&1 &) ; sleep 2")).expect(0);
    site.wt("restart redis").expect(0);
    site.within(20, "grep -q '^redis |.*Ready to accept' /root/followed");
    site.sh("rm /root/followed").expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn whatever_services_and_checks_write_their_logs_have_a_bound() {
    let site = site();
    let all = "docker inspect -f '{{.HostConfig.LogConfig}}' $(docker ps -qf name=worktile_)";
    let kept = site.sh(all).expect(0).stdout;
    let bounded = |line: &str| line.contains("max-file:3") && line.contains("max-size:10m");
    assert!(kept.lines().count() >= 9 && kept.lines().all(bounded), "{kept}");
    let written = site.sh(
        "id=$(docker ps -qf name=worktile_im --no-trunc) && out=/proc/$(docker inspect -f '{{.State.Pid}}' $id)/fd/1 && \
         yes 'one of very many lines, which are more than anybody wants to read or to keep for ever' | head -c 45000000 >$out && echo the last line >$out && \
         for i in $(seq 100); do docker logs --tail 1 $id | grep -q 'the last line' && break; sleep 0.1; done; \
         du -b /var/lib/docker/containers/$id/*-json.log* | cut -f1",
    );
    let sizes: Vec<u64> = written.expect(0).stdout.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size < 10_500_000), "{sizes:?}");
    site.wt("logs im --tail 1").expect(0).says("the last line");
    // what they write below the data root stays little; nginx: nothing that a request brings about
    let large = "exec 3<>/dev/tcp/127.0.0.1/80; printf 'POST / HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 200000000\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3";
    site.sh(large).expect(0).says("413");
    site.sh("test -f /data/nginx/logs/error.log && ! test -s /data/nginx/logs/error.log").expect(0);
    site.sh("grep -q mongodb /data/mongodb/standalone/logs/mongodb.log").expect(0);

    site.check_by_hand();
    let folder = "/var/log/wt-worktile";
    site.sh(&format!(
        "cd {folder} && mv check.log /root/ && for i in 1 2 3 4; do echo $i >check.log.$i; done && yes was here | head -c 1048577 >check.log"
    ))
    .expect(0);
    site.wt("check").expect(0);
    let first =
        site.sh(&format!("cd {folder} && head -qn 1 check.log.? | cut -c -8; wc -l <check.log; ls")).stdout;
    assert_eq!(
        first,
        "was here\n1\n2\n3\n1\ncheck.log\ncheck.log.1\ncheck.log.2\ncheck.log.3\ncheck.log.4\n"
    );
    site.sh(&format!("cd {folder} && rm check.log* && mv /root/check.log .")).expect(0);
    site.go_on_checking();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn support_holds_what_a_vendor_needs_and_no_secret() {
    let site = site();
    site.within(ONE_CHECK, &format!("{PROGRAM} check"));
    let conf = "/opt/worktile/conf/apps/web/independence.js";
    let private = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIPsecret\\n-----END PRIVATE KEY-----";
    site.sh(&format!(
        "cp -p {conf} /root/kept.js && printf '// {PASSWORD}\\n// {private}\\n// {{\"mailPassword\": \"another-one\"}}\\n' >> {conf}"
    ))
    .expect(0);
    let said = site.wt("support -o /root/support.tar.zst").expect(0).stdout;
    for name in
        ["CONTENTS", "logs/web.log", "conf/web/independence.js", "check.json", "site.toml", "engine/services"]
    {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert_eq!(site.sh("stat -c %a /root/support.tar.zst").stdout.trim(), "600");
    site.wt("support -o /root/support.tar.zst").expect(1).says("exists");
    let archive = site.take("/root/support.tar.zst");
    let folder = archive.with_extension("folder");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    run("tar", &["--zstd", "-xf", archive.to_str().unwrap(), "-C", folder.to_str().unwrap()]);
    let top = folder.join("worktile-support");
    let key = site.sh("sed -n 2p /var/lib/wt-install/installation.key").expect(0).stdout;
    let join =
        site.sh("docker swarm join-token -q worker; docker swarm join-token -q manager").expect(0).stdout;
    let secrets =
        [PASSWORD, SMTP_PASSWORD, CHECK_PASSWORD, "MC4CAQAwBQYDK2VwBCIEIPsecret", "another-one", key.trim()];
    for secret in secrets.into_iter().chain(join.lines()) {
        assert!(secret.len() > 8, "{secret}");
        let found =
            std::process::Command::new("grep").args(["-rlF", "--", secret]).arg(&folder).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "{secret}");
    }
    let contents = std::fs::read_to_string(top.join("CONTENTS")).unwrap();
    for line in said.lines().filter(|line| line.starts_with("  ")) {
        let name = line.split_whitespace().next().unwrap();
        let listed = name == "CONTENTS" || contents.contains(name);
        assert!(listed && top.join(name).exists(), "{name}: {contents}");
    }
    let logs = std::fs::read_to_string(top.join("logs/redis.log")).unwrap();
    assert!(logs.contains("Ready to accept"), "{logs}");
    assert!(std::fs::read_to_string(top.join("site.toml")).unwrap().contains("acme"));
    // what is broken is when it is needed most
    site.sh("rm /root/support.tar.zst; systemctl stop docker.socket docker").expect(0);
    site.wt("support -o /root/support.tar.zst").expect(0).says("left out: logs");
    site.sh(&format!("systemctl start docker; mv /root/kept.js {conf}; rm /root/support.tar.zst")).expect(0);
    site.within(90, &format!("{PROGRAM} status"));
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn upgrades_leave_images_behind_until_prune() {
    let site = site();
    let images = "docker images --format '{{.Repository}}:{{.Tag}}' | sort";
    site.wt("prune").expect(0).says("nothing");
    secrets::watch(site);
    for (name, version) in [("daily-v5.3", "5.3.0"), ("daily-v5.4", "5.4.0")] {
        let next = Draft::new(name, version).without_packages();
        site.install(&next.build()).expect(0);
    }
    site.sh("docker tag $(docker images -q worktile/web:5.2.0) customer/own:1").expect(0);
    site.wt("prune --dry-run").expect(0).says("worktile/redis:5.2.0");
    assert!(site.sh(images).stdout.contains("worktile/redis:5.2.0"));
    site.wt("prune").expect(0).says("worktile/redis:5.2.0");
    let left = site.sh(images).stdout;
    assert!(!left.contains("worktile/redis:5.2.0"), "{left}");
    for stays in ["customer/own:1", "worktile/redis:5.3.0", "worktile/redis:5.4.0"] {
        assert!(left.contains(stays), "{stays}: {left}");
    }
    site.wt("prune").expect(0).says("nothing");
    site.wt("rollback --yes").expect(0);
    site.wt("images").expect(0).says("as signed");
    site.wt("status").expect(0).says("5.3.0");
    site.within(90, &format!("{PROGRAM} check"));
    secrets::none_was_seen(site);
}

fn run(program: &str, arguments: &[&str]) {
    assert!(std::process::Command::new(program).args(arguments).status().unwrap().success(), "{program}");
}
