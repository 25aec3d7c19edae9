//! A service of which there are two, so that one always answers.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::PathBuf;
use std::sync::OnceLock;

use wt_tests::site::{PROGRAM, Site};
use wt_tests::vendor::{self, Draft};

/// Installed once, for all stories of this file, by runs that were killed while they filled the data; each leaves it with
/// the first release healthy.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = Site::bare("twice");
        let name = site.bring(&release("5.2.1").build());
        for held in ["before", "after"] {
            site.sh(&format!(
                "cd /root; (setsid ./wt-install {name} >/root/killed 2>&1 & echo $! >/root/pid); \
                 for i in $(seq 1200); do grep -qx {held} /data/init-data 2>/dev/null && break; sleep 0.2; done; \
                 kill -KILL $(cat /root/pid) && cat /root/killed && tail -n 1 /data/init-data"
            ))
            .expect(0)
            .says(held);
        }
        site.sh("touch /root/go-on").expect(0);
        site.wt(&name).expect(0);
        site.within(30, "test $(grep -c ^administrator /data/init-data) = 3");
        site
    })
}

/// Web's page, as whoever is told its address by the engine gets it: each of them has another.
const ASK_EACH: &str = "for id in $(docker ps -qf name=worktile_web); do \
    address=$(docker inspect -f '{{.NetworkSettings.Networks.worktile_backend.IPAddress}}' $id); \
    docker exec $(docker ps -qf name=worktile_nginx) /bin/busybox wget -qO- http://$address:8080/api/license; echo; done";
/// What they have of the files that lie on the host: a line for each container that has the same.
const COMPARE_EACH: &str = "cd /opt/worktile/conf/apps/web; for id in $(docker ps -qf name=worktile_web); do \
    conf=/proc/$(docker inspect -f '{{.State.Pid}}' $id)/root/conf; \
    cmp independence.js $conf/independence.js && cmp license.json $conf/license.json && echo same; done";

/// Hooks ran until one came to its end, one of them created the administrator, and nobody created another since.
fn assert_the_data_was_filled_once(site: &Site) {
    static ACCOUNT: OnceLock<String> = OnceLock::new();
    let said = site.sh("cat /data/init-data").expect(0).stdout;
    let count = |wanted: &str| said.lines().filter(|line| line.starts_with(wanted)).count();
    let counts = [
        count("began"),
        count("administrator `admin` created"),
        count("administrator `admin` is there already"),
    ];
    assert_eq!(counts, [3, 1, 2], "{said}");
    let redis = "docker exec $(docker ps -qf name=worktile_redis) redis-cli";
    let accounts = site.sh(&format!("{redis} --scan --pattern 'account:*'")).expect(0).stdout;
    assert_eq!(accounts, "account:admin\n");
    // with the salt that it was given then
    let account = site.sh(&format!("{redis} get account:admin")).expect(0).stdout;
    assert_eq!(ACCOUNT.get_or_init(|| account.clone()), &account);
}

/// Two of web, the new one up before the old one goes, which then answers for a while those who know no better.
fn release(version: &str) -> Draft {
    let draft = Draft::new(&format!("v{version}-twice"), version);
    draft.edit("stack.yaml", |text| {
        let (before, rest) = text.split_once("  im:\n").unwrap();
        let order =
            "update_config: { order: start-first, parallelism: 1, failure_action: rollback, monitor: 5s }";
        let two = format!("<<: *deploy\n      replicas: 2\n      {order}\n");
        format!("{}  im:\n{rest}", before.replace("      <<: *deploy\n", &format!("      {two}")))
    });
    draft.edit("release.toml", |text| {
        let env = |more: &str| format!("env = [\"PRODUCT=worktile\", \"VERSION={version}\"{more}]");
        text.replacen(&env(""), &env(", \"LINGER=4\""), 1) // web is the first
    });
    draft.edit("scripts/init-data.sh", |text| {
        text.replace(
            "exec docker exec \"$id\" /standin init-data\n",
            "hold() { echo $1; until test -e /root/go-on; do sleep 0.2; done; }\n\
             exec >>\"$WT_DATA/init-data\"\n\
             echo began\n\
             run=$(grep -c began \"$WT_DATA/init-data\")\n\
             test $run != 1 || hold before\n\
             docker exec \"$id\" /standin init-data\n\
             test $run != 2 || hold after\n",
        )
    });
    draft
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_license_and_an_edit_reach_every_one_of_them() {
    let site = site();
    let license = vendor::license(&site.take("/opt/worktile/hw.json"), &[]);
    let license = site.bring(&license);
    site.sh("sed -i 's/acme/edited/' /opt/worktile/conf/apps/web/independence.js").expect(0);
    assert!(!site.sh(COMPARE_EACH).stdout.contains("same"), "nobody was told yet");
    let answers = site.sh(ASK_EACH).expect(0).stdout;
    assert!(answers.lines().count() == 2 && answers.lines().all(|a| a.contains("\"MISSING\"")), "{answers}");
    site.wt(&format!("license {license}")).expect(0).says("MATCH (OK)").says("restarted and healthy: web");
    site.within(30, "test $(docker ps -qf name=worktile_web | wc -l) = 2");
    assert_eq!(site.sh(COMPARE_EACH).expect(0).stdout, "same\nsame\n");
    let answers = site.sh(ASK_EACH).expect(0).stdout;
    assert!(answers.lines().count() == 2 && answers.lines().all(|a| a.contains("\"MATCH\"")), "{answers}");
    assert_the_data_was_filled_once(site);
}

/// Somebody who asks for the page all the time, until told to stop; each answer is three lines.
fn visit(site: &Site) {
    let ask = r#"exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTTP/1.1\r\nHost: worktile.example.com\r\nConnection: close\r\n\r\n" >&3; cat <&3"#;
    site.sh(&format!(
        "rm -f /root/stop; nohup bash -c 'until test -e /root/stop; do echo asked; ({ask}) | tr -d \"\\r\" | grep -o \"^HTTP/1.1.*\\|5[.][234][.][01]\" | sort -u; sleep 0.05; done' \
         > /root/answers 2>&1 &"
    ))
    .expect(0);
    site.within(30, "test $(grep -c asked /root/answers) -ge 20");
}

/// Ends it; every request was answered well. Returns how often which version answered.
fn all_were_answered<const N: usize>(site: &Site, versions: [&str; N]) -> [usize; N] {
    let count = |pattern: &str| -> usize {
        site.sh(&format!("grep -c '{pattern}' /root/answers")).stdout.trim().parse().unwrap()
    };
    site.sh("sleep 6; touch /root/stop; sleep 1").expect(0);
    let (asked, answered) = (count("^asked"), count("^HTTP/1.1 200"));
    let others = site.sh("grep -v '^asked\\|^HTTP/1.1 200\\|^5[.]' /root/answers").stdout;
    assert_eq!((asked, others.as_str()), (answered, ""), "asked, and answered otherwise");
    versions.map(|version| count(&format!("^{version}")))
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_upgrade_with_two_of_a_service_loses_no_request() {
    let site = site();
    let next: PathBuf = release("5.3.0").without_packages().build();
    let name = site.bring(&next);
    visit(site);
    site.wt(&name).expect(0).says("5.3.0 is up");
    let [before, after] = all_were_answered(site, ["5.2.1", "5.3.0"]);
    assert!(before >= 20 && after >= 20, "both were asked: {before}, {after}");
    assert_the_data_was_filled_once(site);
    site.wt("rollback --yes").expect(0);
    site.within(60, &format!("{PROGRAM} status"));
    assert_the_data_was_filled_once(site);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_upgrade_whose_new_one_never_becomes_healthy_goes_back_and_loses_no_request() {
    let site = site();
    let next = release("5.4.0").without_packages();
    next.make_unhealthy("web");
    let name = site.bring(&next.build());
    visit(site);
    site.wt(&name).expect(7).says("`/never` answered 404").says("5.2.1 is back in service");
    let [old, new] = all_were_answered(site, ["5.2.1", "5.4.0"]);
    assert!(old >= 20 && new == 0, "{old}, {new}");
    site.wt("status").expect(0).says("worktile 5.2.1");
    assert_the_data_was_filled_once(site);
}
