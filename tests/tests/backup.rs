//! Backups: of a site in use, brought back on it and on another; and every one that must be refused.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::PathBuf;
use std::sync::OnceLock;

use wt_tests::secrets;
use wt_tests::site::{PASSWORD, PROGRAM, Site};
use wt_tests::vendor::{Draft, world};

/// The first release with a store that is stopped, not frozen, and hooks that leave a mark.
fn bundle() -> PathBuf {
    static BUNDLE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let draft = Draft::new("v5.2-kept", "5.2.1");
        draft.edit("release.toml", |text| {
            let hooks = "init-data = \"scripts/init-data.sh\"";
            let more = "before-backup = \"scripts/before.sh\"\nafter-backup = \"scripts/after.sh\"";
            let store = "[[store]]\nservice = \"elasticsearch\"\nquiesce = \"stop\"\n\n";
            text.replace(hooks, &format!("{hooks}\n{more}")).replacen(
                "[[port]]",
                &format!("{store}[[port]]"),
                1,
            )
        });
        for name in ["before", "after"] {
            draft.edit(&format!("scripts/{name}.sh"), |_| format!("#!/bin/sh\necho {name} >> /root/hooks\n"));
        }
        let run = std::process::Command::new("chmod")
            .args(["755", "before.sh", "after.sh"])
            .current_dir(draft.folder.join("scripts"))
            .status();
        assert!(run.unwrap().success());
        draft.build()
    };
    BUNDLE.get_or_init(make).clone()
}

/// A host with the release, a few messages and a file; each story of this file leaves it healthy.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = Site::bare_as("kept", "debian-13");
        // not while the stories run
        let at = site.sh("date -d '12 hours' +%H:%M").expect(0).stdout;
        let answers = site.sh("cat /root/site.toml").expect(0).stdout;
        let plan = format!("[backup]\nfolder = \"/srv/backup\"\nkeep = 2\nat = \"{}\"\n", at.trim());
        site.answer(&format!("{answers}\n{plan}"));
        site.install(&bundle()).expect(0);
        equip(&site);
        user(&site, "post one && post two && put_file report 'the report'");
        site
    })
}

/// What a user's browser does, as shell functions that every shell there has.
const USER: &str = r#"
ask() { # METHOD PATH BODY [HOST]
    exec 3<>/dev/tcp/127.0.0.1/80 || return 1
    printf '%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
        "$1" "$2" "${4:-worktile.example.com}" "${token:-}" "${#3}" "$3" >&3
    cat <&3
}
log_in() { token=$(ask POST /api/login '{"user":"admin","password":"PASSWORD"}' | sed -n 's/.*"token":"\([^"]*\)".*/\1/p'); test -n "$token"; }
post() { log_in && ask POST /api/messages "{\"text\":\"$1\"}" | grep -q ' 200 '; }
messages() { log_in && ask GET /api/messages '' | grep -o '{.*}'; }
put_file() { ask PUT "/files/$1" "$2" worktile-box.example.com | grep -q ' 200 '; }
file() { ask GET "/files/$1" '' worktile-box.example.com | tail -n 1; }
"#;

fn equip(site: &Site) {
    let functions = USER.replace("PASSWORD", PASSWORD);
    let file = world().join("user.sh");
    std::fs::write(&file, functions).unwrap(); // not by a command: the password would be in its arguments
    site.host.put(&file, "/root/user.sh");
    site.sh("chmod 600 /root/user.sh").expect(0);
}

/// What a line with those functions printed.
fn user(site: &Site, line: &str) -> String {
    site.sh(&format!(". /root/user.sh; {line}")).expect(0).stdout
}

/// How many messages there are, and how many of them a store has lost.
fn messages(site: &Site) -> (u64, u64) {
    let answer: serde_json::Value = serde_json::from_str(&user(site, "messages")).unwrap();
    (answer["count"].as_u64().unwrap(), answer["lost"].as_u64().unwrap())
}

/// Makes a backup in a folder of its own; returns where it lies.
fn back_up(site: &Site, folder: &str, more: &str) -> String {
    site.wt(&format!("backup -o {folder} {more}")).expect(0).says("services were held still for");
    site.sh(&format!("ls -d {folder}/*.backup")).expect(0).stdout.trim().to_owned()
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_backup_of_a_site_in_use_brings_back_what_was_there() {
    let site = site();
    let before = messages(site).0;
    site.sh(
        "rm -f /root/stop /root/hooks; nohup bash -c '. /root/user.sh; log_in; until test -e /root/stop; do \
         ask POST /api/messages \"{\\\"text\\\":\\\"in use\\\"}\" | grep -q \" 200 \" && echo x >> /root/written; done' \
         >/dev/null 2>&1 &",
    )
    .expect(0);
    site.within(30, "test $(wc -l < /root/written) -ge 10");
    let written: u64 = site.sh("wc -l < /root/written").stdout.trim().parse().unwrap();
    secrets::watch(site);
    let backup = back_up(site, "/root/used", "--logs");
    assert_eq!(site.sh("cat /root/hooks").stdout, "before\nafter\n");
    site.wt("status").expect(0);
    site.sh("touch /root/stop; sleep 1").expect(0);
    assert_eq!(messages(site).1, 0, "nothing was lost by standing still");
    site.sh("grep -q mongodb /data/mongodb/standalone/logs/mongodb.log").expect(0);
    site.sh("cd /data && rm -rf mongodb/standalone/*/* redis/standalone/db/* seaweedfs/* elasticsearch/*/*")
        .expect(0);
    site.wt("restart redis mongodb elasticsearch seaweedfs").expect(0);
    assert_eq!(site.sh(". /root/user.sh; messages").code, 1, "the administrator is gone, too");
    site.wt(&format!("restore {backup}")).expect(2).says("nobody is at a terminal");
    site.wt(&format!("restore --yes {backup}")).expect(0).says("all 2 steps");
    secrets::none_was_seen(site);
    let (count, lost) = messages(site);
    assert!(
        count >= before + written && lost == 0,
        "{count} messages, {before} + {written} before, {lost} lost"
    );
    assert_eq!(user(site, "file report"), "the report");
    site.sh("grep -q 'mongodb listens' /data/mongodb/standalone/logs/mongodb.log").expect(0);
    assert_eq!(site.sh("find /data /opt/worktile -name '*restor*'").stdout, "", "nothing is left over");
    site.wt("status").expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_backup_that_is_not_whole_or_not_ours_is_refused_and_nothing_is_touched() {
    let site = site();
    let good = back_up(site, "/root/good", "");
    site.sh(&format!(
        "cd /root && for bad in cut flipped; do mkdir -p $bad && cp -a {good} $bad/x.backup; done; \
         truncate -s -1 cut/x.backup/data.tar.zst; \
         printf '\\377\\377\\377\\377' | dd of=flipped/x.backup/data.tar.zst bs=1 seek=300 conv=notrunc 2>&1; \
         mv /var/lib/wt-install/installation.key /root/own.key"
    ))
    .expect(0);
    let foreign = back_up(site, "/root/foreign", "");
    site.sh("mv /root/own.key /var/lib/wt-install/installation.key").expect(0);
    let before = site.state();
    site.wt(&format!("restore --verify {good}")).expect(0).says("good: the signature");
    for (bad, said) in [
        ("/root/cut/x.backup", "is not as long as its list says"),
        ("/root/flipped/x.backup", "is damaged"),
        (foreign.as_str(), "is signed by another installation"),
    ] {
        site.wt(&format!("restore --verify {bad}")).expect(3).says(said);
        before.same(&site.state());
    }
    site.wt("restore --verify /root").expect(1).says("is not a backup");
    let running = "docker ps --no-trunc --format '{{.ID}}' | sort";
    let before = site.sh(running).stdout;
    for bad in ["/root/cut/x.backup", "/root/flipped/x.backup", &foreign] {
        site.wt(&format!("restore --yes {bad}")).expect(3);
        assert_eq!(before, site.sh(running).stdout, "nothing was stopped");
        assert_eq!(site.sh("find /data /opt/worktile /var/lib/wt-install -name '*restor*'").stdout, "");
    }
    site.wt("backup --list -o /root/foreign").expect(0).says("signed by another installation");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_encrypted_backup_comes_back_on_another_host() {
    use age::secrecy::ExposeSecret as _;
    let site = site();
    let key = age::x25519::Identity::generate();
    let backup = back_up(site, "/root/sealed", &format!("--recipient {}", key.to_public()));
    let (count, _) = messages(site);
    let other = Site::bare("second");
    other.install(&bundle()).expect(0);
    equip(&other);
    other.host.put(&site.take(&backup), "/root/x.backup");
    let identities = [("right", key), ("wrong", age::x25519::Identity::generate())];
    for (name, identity) in &identities {
        let file = world().join(name);
        wt_keys::durable::write(&file, identity.to_string().expose_secret().as_bytes(), 0o600).unwrap();
        other.host.put(&file, &format!("/root/{name}"));
    }
    let text = site.wt("backup --list -o /root/sealed --json").expect(0).stdout;
    let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let signer = listed["signed_by"].as_str().unwrap();
    let restore = format!("restore --yes x.backup --signed-by {signer}");
    other.wt("restore --yes x.backup").expect(3).says(&format!("say `--signed-by {signer}`"));
    other.wt(&format!("{restore} --verify")).expect(0).says("nothing was decrypted");
    other.wt(&format!("{restore} --verify --identity right")).expect(0).says("files and folders");
    other.wt(&restore).expect(2).says("the backup is encrypted");
    other.wt(&format!("{restore} --identity wrong")).expect(1).says("encrypted for other keys");
    other.wt("status").expect(0);
    other.wt(&format!("{restore} --identity right")).expect(0);
    assert_eq!(messages(&other), (count, 0));
    assert_eq!(user(&other, "file report"), "the report");
    other.host.down();
}

/// Starts a backup and ends it by KILL as soon as services stand still; `guard` too, where it is to be.
fn kill_while_still(site: &Site, and_guard: bool) {
    let guard = if and_guard { "kill -9 $(pgrep -P $pid);" } else { "" };
    site.sh(&format!(
        "cd /root; ./wt-install backup -o /root/killed >/dev/null 2>&1 & pid=$!; \
         until docker ps -q --filter status=paused | grep -q .; do kill -0 $pid || exit 1; sleep 0.02; done; \
         {guard} kill -9 $pid"
    ))
    .expect(0);
    assert_ne!(site.sh("ls -d /root/killed/*.backup").code, 0, "it has no name");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_backup_that_is_killed_has_no_name_and_services_go_on() {
    let site = site();
    let paused = "docker ps -q --filter status=paused | grep -q .";
    site.sh("head -c 300M /dev/urandom > /data/redis/standalone/db/filler").expect(0); // so that it takes a moment
    kill_while_still(site, false);
    site.within(30, &format!("! {paused}"));
    site.within(120, "cd /root && ./wt-install status"); // with nobody's help

    kill_while_still(site, true);
    site.sh(&format!("sleep 3; {paused}")).expect(0);
    site.wt("start").expect(0).says("services go on that a killed run had held still");
    site.wt("status").expect(0);
    site.sh("rm /data/redis/standalone/db/filler").expect(0);
    back_up(site, "/root/killed", "");
    assert_eq!(site.sh("ls /root/killed | wc -l").stdout.trim(), "1", "what was left is gone");
    assert_eq!(messages(site).1, 0);
}

/// What a check says of the daily backup.
fn row_of_backup(said: &str) -> (String, String) {
    let report: serde_json::Value = serde_json::from_str(said).unwrap();
    let rows = report["findings"].as_array().unwrap();
    let row = rows.iter().find(|row| row["check"] == "backup").unwrap();
    (row["level"].as_str().unwrap().to_owned(), row["found"].as_str().unwrap().to_owned())
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn the_timers_unit_makes_a_backup_and_a_check_says_when_none_came() {
    let site = site();
    site.check_by_hand();
    site.sh("systemctl is-active wt-worktile-backup.timer").expect(0);
    site.sh(
        "rm -f /var/lib/wt-install/last-backup.json; touch -d '3 days ago' /var/lib/wt-install/site.toml",
    )
    .expect(0);
    let said = site.wt("check --json").expect(1).says("hint: `wt-install backup` makes one").stdout;
    assert_eq!(row_of_backup(&said), ("bad".to_owned(), "none yet".to_owned()));
    site.sh("grep -qF 'wt_check_level{check=\"backup\",subject=\"\"} 2' /var/lib/wt-install/metrics/wt.prom")
        .expect(0);
    site.sh("systemctl start wt-worktile-backup.service").expect(0);
    let backup = site.sh("ls -td /srv/backup/*.backup | head -n 1").expect(0).stdout;
    site.wt(&format!("restore --verify {}", backup.trim())).expect(0).says("good: the signature");
    let (level, found) = row_of_backup(&site.wt("check --json").expect(0).stdout);
    assert!(level == "good" && found.starts_with("the last one is of 2"), "{level}: {found}");
    site.go_on_checking();
}

/// Starts the timer's unit and stops all that it does as soon as services stand still, as a disk that does not answer
/// would: frozen like that, it does not even end when it is killed. Where the kernel knows no such thing, it does.
const HANG: &str = "
    systemctl start --no-block wt-worktile-backup.service
    for i in $(seq 1000); do docker ps -q --filter status=paused | grep -q . && break; sleep 0.02; done
    pid=$(systemctl show -P MainPID wt-worktile-backup.service); test $pid -gt 0 || exit 1
    if test -d /sys/fs/cgroup/freezer; then
        mkdir /sys/fs/cgroup/freezer/hang && echo $pid > /sys/fs/cgroup/freezer/hang/cgroup.procs && echo FROZEN > /sys/fs/cgroup/freezer/hang/freezer.state
    else
        kill -STOP $pid
    fi
    docker ps -q --filter status=paused | grep .";

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_backup_that_hangs_is_given_up_and_services_go_on() {
    let site = site();
    site.check_by_hand();
    let before = site.sh("ls /srv/backup").stdout;
    site.sh("sed -i 's/^keep = 2/&\\nhold-at-most = \"5s\"/' /var/lib/wt-install/site.toml").expect(0);
    site.sh("head -c 300M /dev/urandom > /data/redis/standalone/db/filler").expect(0); // so that it takes a moment
    site.sh(HANG).expect(0);
    site.within(60, "! docker ps -q --filter status=paused | grep -q .");
    site.within(120, &format!("{PROGRAM} status"));
    site.within(
        20,
        "journalctl -u wt-worktile-backup.service --no-pager | grep 'services were held still for 5s'",
    );
    site.sh("test ! -e /var/lib/wt-install/held.json").expect(0);
    // it still has the lock, where it cannot be ended: that is not for ever a reason for checks to say nothing
    let thaw = "echo THAWED > /sys/fs/cgroup/freezer/hang/freezer.state";
    if site.sh("test -d /sys/fs/cgroup/freezer/hang").code == 0 {
        site.wt("check").expect(8);
        site.sh("touch -d '7 hours ago' /run/wt-install.lock").expect(0);
        site.wt("check").expect(1).says("lock").says("has been at work for 7 h").says("hint: `ps -o pid");
        site.sh(thaw).expect(0);
    }
    site.within(20, "systemctl show -P ActiveState wt-worktile-backup.service | grep -x failed");
    site.sh("sed -i '/^hold-at-most/d' /var/lib/wt-install/site.toml; rm /data/redis/standalone/db/filler")
        .expect(0);
    site.wt("backup").expect(0);
    let after = site.sh("ls /srv/backup").stdout;
    assert!(!after.contains("unfinished") && after.lines().count() <= before.lines().count() + 1, "{after}");
    site.wt("check").expect(0);
    site.go_on_checking();
}
