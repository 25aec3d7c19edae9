//! A site from its first release to the next and back.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::PathBuf;
use std::sync::OnceLock;

use wt_keys::issue::issue_trust;
use wt_keys::trust::LowestRelease;
use wt_keys::{key_file, signed_file};
use wt_tests::program::key;
use wt_tests::site::Site;
use wt_tests::vendor::{Draft, first_bundle, world};

/// Installed once, for all stories of this file; each leaves it with the first release healthy.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| Site::installed("life"))
}

/// The vendor's trust document, one version on, in which releases below `version` are withdrawn.
fn trust_that_withdraws(version: &str) -> PathBuf {
    let mut document = signed_file::read_trust(&key("trust.json")).unwrap().document().clone();
    document.version += 1;
    let version = version.parse().unwrap();
    document.lowest_releases.push(LowestRelease { product: "worktile".into(), version });
    let root = |name| key_file::read(&key(name), &|_| unreachable!("they have no passphrase")).unwrap();
    let trust = issue_trust(&document, &[root("root-1.key"), root("root-2.key")]).unwrap();
    let path = world().join("withdrawing.json");
    std::fs::write(&path, trust.to_bytes()).unwrap();
    path
}

const CONF: &str = "/opt/worktile/conf/apps/web/independence.js";

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_edit_is_noticed_and_reaches_the_service() {
    let site = site();
    let inside = "pid=$(docker inspect -f '{{.State.Pid}}' $(docker ps -qf name=worktile_web)) && \
                  grep edited /proc/$pid/root/conf/independence.js";
    site.sh(&format!("sed -i 's/acme/edited/' {CONF}")).expect(0);
    assert_ne!(site.sh(inside).code, 0, "nobody was told yet");
    let others = "docker ps --format '{{.ID}} {{.Names}}' | grep -v worktile_web | sort";
    let before = site.sh(others).stdout;
    site.wt("restart web").expect(0);
    site.sh(inside).expect(0);
    assert_eq!(before, site.sh(others).stdout, "only web was restarted");
    let before = site.state();
    site.install(&first_bundle()).expect(0).says("nothing to do");
    before.same(&site.state());
    site.sh(&format!("sed -i 's/edited/acme/' {CONF}")).expect(0);
    site.install(&first_bundle()).expect(0).says("services");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_upgrade_keeps_edits_and_rollback_brings_back_what_was() {
    let site = site();
    site.sh(&format!("sed -i 's/acme/edited/' {CONF} && sed -i 's/acme/conflict/' /opt/worktile/conf/apps/im/independence.js"))
        .expect(0);
    site.wt("restart").expect(0);
    let conf = "cat /opt/worktile/conf/apps/*/*; ls /opt/worktile/conf/apps/*";
    let (before, images) = (site.sh(conf).stdout, "docker images -q --no-trunc | sort -u");
    let images_before = site.sh(images).stdout;
    let next = Draft::new("v5.3", "5.3.0").without_packages();
    next.edit("conf/web/independence.js", |text| format!("{text}// new in 5.3\n"));
    next.edit("conf/im/independence.js", |text| {
        text.replace("companyDomain\":", "companyDomain\": \"new\" +")
    });
    let next = next.build();
    let name = site.bring(&next);
    site.wt(&format!("plan {name}"))
        .expect(0)
        .says("with what was edited here")
        .says("independence.js.new beside it");
    site.install(&next).expect(0);
    site.sh(&format!("grep edited {CONF} && grep 'new in 5.3' {CONF}")).expect(0);
    site.sh("cd /opt/worktile/conf/apps/im && grep conflict independence.js && grep new independence.js.new")
        .expect(0);
    site.wt("status").expect(0).says("worktile 5.3.0");
    site.wt(first_bundle().file_name().unwrap().to_str().unwrap())
        .expect(3)
        .says("older than what is installed");
    site.wt("rollback").expect(2);
    let pinned = "/var/lib/wt-install/trust.json";
    let newer = site.bring(&trust_that_withdraws("5.3.0"));
    site.sh(&format!("cp {pinned} /root/pinned.json && cp /root/{newer} {pinned}")).expect(0);
    site.wt("rollback --yes").expect(3).says("withdrawn");
    site.wt("status").expect(0).says("worktile 5.3.0");
    site.sh(&format!("cp /root/pinned.json {pinned}")).expect(0);
    site.wt("rollback --yes").expect(0).says("5.2.0 is back in service");
    site.sh("grep -F 5.3.0 /var/lib/wt-install/floors.json").expect(0);
    site.wt("status").expect(0).says("worktile 5.2.0");
    assert_eq!(before, site.sh(conf).stdout);
    let after = site.sh(images).stdout;
    assert!(images_before.lines().all(|image| after.contains(image)), "the old images stay");
    site.wt("rollback --yes").expect(1).says("no release to go back to");
    site.sh("sed -i 's/edited/acme/;s/conflict/acme/' /opt/worktile/conf/apps/*/independence.js").expect(0);
    site.wt("restart").expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_upgrade_that_never_becomes_healthy_goes_back_by_itself() {
    let site = site();
    let next = Draft::new("v5.4", "5.4.0").without_packages();
    next.make_unhealthy("web");
    next.edit("conf/web/independence.js", |text| format!("{text}// new in 5.4\n"));
    let conf = "md5sum /opt/worktile/conf/apps/*/*";
    let before = site.sh(conf).stdout;
    site.install(&next.build()).expect(7).says("`/never` answered 404").says("5.2.0 is back in service");
    assert_eq!(before, site.sh(conf).stdout);
    site.wt("status").expect(0).says("worktile 5.2.0");
    assert!(site.host.http("/").contains("5.2.0"), "and it serves");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn services_stop_and_start_and_stay_as_they_were_told() {
    let site = site();
    let running = || site.sh("docker ps --format '{{.Names}}' | cut -d. -f1 | sort").stdout;
    let all = running();
    site.wt("stop web im").expect(0);
    assert_eq!(running(), all.replace("worktile_im\n", "").replace("worktile_web\n", ""));
    site.host.reboot();
    site.within(60, "docker ps | grep -q worktile_box");
    assert!(!running().contains("worktile_web"), "stopped services stay stopped");
    site.wt("service --action='rm -v' --services='redis web'").expect(0);
    assert!(!site.sh("docker service ls").stdout.contains("worktile_redis"));
    site.wt("service --action=run --services='redis web im'").expect(0);
    assert_eq!(running(), all);
    site.wt("restart wbe")
        .expect(2)
        .says("no service `wbe`")
        .says("expected one of box, elasticsearch, hook");
}
