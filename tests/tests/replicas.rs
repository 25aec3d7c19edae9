//! A service of which there are two, so that one always answers.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::PathBuf;

use wt_tests::site::Site;
use wt_tests::vendor::Draft;

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
    draft
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_upgrade_with_two_of_a_service_loses_no_request() {
    let site = Site::bare("twice");
    site.install(&release("5.2.1").build()).expect(0);
    let next: PathBuf = release("5.3.0").without_packages().build();
    let name = site.bring(&next);
    let ask = r#"exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTTP/1.1\r\nHost: worktile.example.com\r\nConnection: close\r\n\r\n" >&3; cat <&3"#;
    let count = |pattern: &str| -> usize {
        site.sh(&format!("grep -c '{pattern}' /root/answers")).stdout.trim().parse().unwrap()
    };
    site.sh(&format!(
        "nohup bash -c 'until test -e /root/stop; do echo asked; ({ask}) | tr -d \"\\r\" | grep -o \"^HTTP/1.1.*\\|5[.][23][.][01]\" | sort -u; sleep 0.05; done' \
         > /root/answers 2>&1 &"
    ))
    .expect(0);
    site.within(30, "test $(grep -c asked /root/answers) -ge 20");
    site.wt(&name).expect(0).says("5.3.0 is up");
    site.sh("sleep 6; touch /root/stop; sleep 1").expect(0);
    let (asked, answered) = (count("^asked"), count("^HTTP/1.1 200"));
    let others = site.sh("grep -v '^asked\\|^HTTP/1.1 200\\|^5[.]' /root/answers").stdout;
    assert_eq!((asked, others.as_str()), (answered, ""), "asked, and answered otherwise");
    assert!(count("^5.2.1") >= 20 && count("^5.3.0") >= 20, "both were asked");
    site.host.down();
}
