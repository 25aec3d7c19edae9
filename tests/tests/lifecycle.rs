//! A site from its first release to the next and back, on Debian 13.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use wt_keys::issue::issue_trust;
use wt_keys::trust::LowestRelease;
use wt_keys::{key_file, signed_file};
use wt_licensor::License;
use wt_tests::program::{Ran, key, run};
use wt_tests::site::Site;
use wt_tests::vendor::{Draft, first_bundle, license_as, text, world};

/// Installed once, for all stories of this file; each leaves it with the first release healthy.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| Site::installed_as("life", "debian-13"))
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

/// The vendor's keys a year later, twice: another key signs licenses and the license `sold_twice` was revoked; then the key
/// that signed licenses before was.
fn later_keys(before: &Path, sold_twice: &Path) -> [PathBuf; 2] {
    let folders = ["keys-2", "keys-3"].map(|name| world().join(name));
    if folders[0].exists() {
        return folders;
    }
    let trust = signed_file::read_trust(&key("trust.json")).unwrap();
    let verified = |path: &Path| License::verify(&std::fs::read(path).unwrap(), &trust).unwrap();
    let key_id = verified(before).certificate.key.id().to_string();
    let license_id = verified(sold_twice).document.license_id.to_string();
    let keys = |folder: &Path, line: &[&str]| {
        let roots = ["root-1.key", "root-2.key"].map(|name| folder.join(name));
        let roots = roots.iter().flat_map(|root| ["--root", text(root)]);
        run("wt-keys", folder, line.iter().copied().chain(roots)).expect(0);
    };
    let copy = |from: &Path, to: &Path| Ran::of(Command::new("cp").arg("-a").arg(from).arg(to)).expect(0);
    let [second, third] = &folders;
    copy(key("trust.json").parent().unwrap(), second);
    keys(second, &["certify", "license-2.key", "--role", "license", "--no-passphrase"]);
    keys(second, &["revoke", "--license", &license_id, "--reason", "sold twice", "--yes"]);
    copy(second, third);
    keys(third, &["revoke", "--key-id", &key_id, "--reason", "stolen", "--yes"]);
    folders
}

/// Files in /root of a license that a site has, and of one that is sold twice; and the keys of later.
fn licenses(site: &Site) -> ([String; 2], [PathBuf; 2]) {
    let request = site.take("/opt/worktile/hw.json");
    let sign = |name: &str| {
        let path = world().join(name);
        if !path.exists() {
            license_as(&path, &request, &key("license.key"), &[]);
        }
        path
    };
    let files = ["old.license", "twice.license"].map(sign);
    let keys = later_keys(&files[0], &files[1]);
    (files.map(|file| site.bring(&file)), keys)
}

const CONF: &str = "/opt/worktile/conf/apps/web/independence.js";

/// The containers that run, each with the service that it is of.
fn containers(site: &Site) -> BTreeSet<(String, String)> {
    let said =
        site.sh("docker ps --no-trunc --format '{{.Label \"com.docker.swarm.service.name\"}} {{.ID}}'");
    let of = |line: &str| {
        let (service, id) = line.strip_prefix("worktile_").unwrap().split_once(' ').unwrap();
        (service.to_owned(), id.to_owned())
    };
    said.expect(0).stdout.lines().map(of).collect()
}

/// The services that have another container than before, or one of two.
fn replaced(before: &BTreeSet<(String, String)>, after: &BTreeSet<(String, String)>) -> Vec<String> {
    let services: BTreeSet<&String> =
        before.symmetric_difference(after).map(|(service, _)| service).collect();
    services.into_iter().cloned().collect()
}

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
    let ([old, twice], [keys, _]) = licenses(site);
    site.wt(&format!("license {old}")).expect(0);
    let request = site.take("/opt/worktile/hw.json");
    let new = license_as(&world().join("new.license"), &request, &keys.join("license-2.key"), &[]);
    let new = site.bring(&new);
    for good in [&twice, &new] {
        site.wt(&format!("license {good} --dry-run")).expect(0).says("MATCH (OK)");
    }
    site.wt("restart").expect(0);
    let conf = "cat /opt/worktile/conf/apps/*/*; ls /opt/worktile/conf/apps/*";
    let (before, images) = (site.sh(conf).stdout, "docker images -q --no-trunc | sort -u");
    let images_before = site.sh(images).stdout;
    let next = Draft::new("v5.3", "5.3.0").without_packages();
    next.edit("conf/web/independence.js", |text| format!("{text}// new in 5.3\n"));
    next.edit("conf/im/independence.js", |text| {
        text.replace("companyDomain\":", "companyDomain\": \"new\" +")
    });
    let next = next.build_with(&keys.join("bundle.key"));
    let name = site.bring(&next);
    // what is new but lies in the engine is not sent again; Redis and nginx are the same images and need no restart
    let restarted = ["box", "elasticsearch", "hook", "im", "mongodb", "seaweedfs", "web"];
    site.wt(&format!("plan {name}"))
        .expect(0)
        .says("with what was edited here")
        .says("independence.js.new beside it")
        .says("5.2.0 becomes 5.3.0")
        .says("restart    web: another image, other configuration\n")
        .says("restart    im: another image\n")
        .says("restart    mongodb: another image\n")
        .says("(measured here)");
    let plan = site.wt(&format!("plan {name} --json")).expect(0).stdout;
    let forecast = &serde_json::from_str::<Value>(&plan).unwrap()["forecast"];
    let named: Vec<&str> =
        forecast["restarts"].as_array().unwrap().iter().map(|r| r["service"].as_str().unwrap()).collect();
    assert_eq!(named, restarted);
    assert_eq!((&forecast["starts"], &forecast["ends"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert!(forecast["measured"] == true && forecast["seconds"].as_u64() > Some(0), "{forecast}");
    assert!(forecast["load_bytes"].as_u64() < Some(1 << 20), "no layer that is there: {forecast}");
    let containers_before = containers(site);
    site.install(&next).expect(0);
    assert_eq!(replaced(&containers_before, &containers(site)), restarted, "as was said");
    site.sh(&format!("grep edited {CONF} && grep 'new in 5.3' {CONF}")).expect(0);
    site.sh("cd /opt/worktile/conf/apps/im && grep conflict independence.js && grep new independence.js.new")
        .expect(0);
    site.wt("status").expect(0).says("worktile 5.3.0");
    // the bundle brought a trust document: the old license is as good as one of the new key, a revoked one is not
    site.wt("license").expect(0).says("MATCH (OK)");
    site.wt(&format!("license {new} --dry-run")).expect(0).says("MATCH (OK)");
    let refused = site.wt(&format!("license {twice} --yes")).expect(4);
    refused.says("REVOKED (LICENSE_REVOKED): the license was revoked").says("sold twice").says("hint: ");
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
    let before = containers(site);
    site.sh("/opt/worktile/restart.sh").expect(0);
    let after = containers(site);
    assert!(
        before.is_disjoint(&after) && before.len() == after.len(),
        "all of them are new: {before:?} {after:?}"
    );
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_upgrade_that_the_host_is_not_fit_for_changes_nothing() {
    let site = site();
    let next = Draft::new("v5.5", "5.5.0").without_packages();
    next.edit("release.toml", |text| {
        let port = "[[port]]\nnumber = 4430\npurpose = \"new\"\n\n[[port]]\nnumber = 443\n";
        text.replace("memory = \"1 GiB\"", "memory = \"64 TiB\"").replace("[[port]]\nnumber = 443\n", port)
    });
    let ([old, _], [_, keys]) = licenses(site);
    site.wt(&format!("license {old}")).expect(0);
    let name = site.bring(&next.build_with(&keys.join("bundle.key")));
    site.sh("systemd-run --quiet --unit=theirs systemd-socket-activate --listen=0.0.0.0:4430 /bin/cat")
        .expect(0);
    site.within(10, "ss -ltn | grep -q ':4430 '");
    let before = site.state();
    for run in [format!("plan {name}"), name] {
        site.wt(&run)
            .expect(5)
            .says("FAIL  memory")
            .says("64 TiB")
            .says("FAIL  port 4430")
            .says("in use by systemd-socket")
            .says("FAIL  license")
            .says("REVOKED (KEY_REVOKED) with this release")
            .says("hint: ");
        before.same(&site.state());
    }
    site.sh("systemctl stop theirs").expect(0);
    site.wt("status").expect(0).says("worktile 5.2.0");
    assert!(site.host.http("/").contains("5.2.0"), "and it serves");
    site.wt("rollback --yes").expect(1).says("no release to go back to");
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
fn the_scripts_of_old_do_what_they_did() {
    let site = site();
    let script = |line: &str| site.sh(&format!("cd /opt/worktile && ./{line}"));
    let names = || containers(site).into_iter().map(|(service, _)| service).collect::<Vec<_>>();
    let all = containers(site);
    let services = names();
    assert!(services.len() == 9, "{services:?}");

    // some of them, and they stay as they were told
    script("script/service-manager.sh --action=stop --services=\"web im\"").expect(0);
    assert_eq!(replaced(&all, &containers(site)), ["im", "web"]);
    site.host.reboot();
    site.within(120, "test $(docker ps --filter health=healthy -q | wc -l) = 7");
    assert!(!names().contains(&"web".to_owned()), "stopped services stay stopped");
    script("script/service-manager.sh --action=start --services=\"web im\"").expect(0);
    assert_eq!(names(), services);
    let before = containers(site);
    script("script/service-manager.sh --action=restart --services=\"redis web\"").expect(0);
    assert_eq!(replaced(&before, &containers(site)), ["redis", "web"]);
    assert_eq!(names(), services);
    let redis = "docker exec $(docker ps -qf name=worktile_redis) redis-cli";
    site.sh(&format!("{redis} set story told && sleep 2")).expect(0).says("OK");
    script("script/service-manager.sh --action='rm -v' --services=\"redis web\"").expect(0);
    let left = site.sh("docker service ls --format '{{.Name}}'").stdout;
    assert!(
        !left.contains("worktile_redis") && !left.contains("worktile_web") && left.contains("worktile_im"),
        "{left}"
    );
    script("script/service-manager.sh --action=run --services=\"redis web\"").expect(0);
    assert_eq!(names(), services);
    site.sh(&format!("{redis} get story")).expect(0).says("told");
    script("script/service-manager.sh --action=restart --services=wbe")
        .expect(2)
        .says("no service `wbe`")
        .says("expected one of box, elasticsearch, hook");

    // all of them
    let images = site.sh("docker images --no-trunc | sort").stdout;
    script("stop.sh").expect(0);
    assert_eq!(names(), [""; 0]);
    site.sh("test $(docker service ls -q | wc -l) = 9").expect(0);
    script("start.sh").expect(0);
    assert_eq!(names(), services);
    script("remove.sh").expect(0);
    assert_eq!(site.sh("docker service ls -q; docker ps -aq").expect(0).stdout, "", "no ended one either");
    script("script/run.sh").expect(0);
    assert_eq!(names(), services);
    assert_eq!(images, site.sh("docker images --no-trunc | sort").stdout);
    site.sh(&format!("{redis} get story")).expect(0).says("told");

    // what an installation does, one by one: done already
    let before = site.state();
    script(&format!("install.sh /root/{}", site.bring(&first_bundle()))).expect(0).says("nothing to do");
    script("script/init.sh --site /root/site.toml").expect(0).says("says so already");
    script("script/image-manager.sh").expect(0).says("worktile/redis:5.2.0").says("as signed");
    script("script/run-init-data.sh").expect(0).says("the data stores were filled before");
    script("script/install-docker-dpks.sh").expect(0).says("installs Docker");
    script("script/install-docker-apt-get.sh").expect(0).says("installs Docker");
    before.same(&site.state());
    site.sh("rm /opt/worktile/hw.json").expect(0);
    script("script/get-hardware-info.sh").expect(0).says("/opt/worktile/hw.json is written");
    wt_tests::vendor::license(&site.take("/opt/worktile/hw.json"), &[]);

    // what cron ran every minute: what has stopped is started
    site.check_by_hand();
    site.sh("docker service scale --detach worktile_im=0").expect(0);
    site.within(30, "! docker ps | grep worktile_im");
    script("script/monitor-services.sh").expect(0).says("started im");
    assert_eq!(names(), services);
    site.go_on_checking();
    site.wt("status").expect(0);
}
