//! A license comes into service at a site, and only one that is good for it.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wt_keys::{Chain, Signer, Utc};
use wt_licensor::{License, Tag};
use wt_tests::program::key;
use wt_tests::site::Site;
use wt_tests::vendor::{self, first_bundle, world};

const PLACE: &str = "/opt/worktile/conf/apps/web/license.json";

/// Installed once, for all stories of this file.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| Site::installed("licensed"))
}

fn license(site: &Site) -> PathBuf {
    vendor::license(&site.take("/opt/worktile/hw.json"), &[])
}

/// A license as the vendor's key would sign it with something else in it, which no desk signs.
fn doctored(license: &Path, name: &str, change: impl FnOnce(&mut License, Utc)) -> PathBuf {
    let signer = Signer::load(&key("license.key"), None, &|_| unreachable!("it has no passphrase")).unwrap();
    let trusted = License::verify(&fs::read(license).unwrap(), &signer.trust).unwrap();
    let mut document = (*trusted.document).clone();
    change(&mut document, trusted.certificate.not_before);
    let path = world().join(name);
    fs::write(&path, Chain::seal(&document, &signer).unwrap().to_bytes()).unwrap();
    path
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_license_is_checked_before_it_is_put_into_service() {
    let (site, host) = (site(), &site().host);
    let request = site.take("/opt/worktile/hw.json");
    let sign = |name: &str, more: &[&str]| {
        site.bring(&vendor::license_as(&world().join(name), &request, &key("license.key"), more))
    };
    let web = "docker ps -q --no-trunc -f name=worktile_web";
    site.wt("license none.json")
        .expect(1)
        .says("`none.json`")
        .says("hint: name the file that the vendor sent");
    let good = sign("good.license", &["--seats", "100", "--modules", "messages,drive"]);
    site.wt(&format!("license {good} --yes")).expect(0).says("MATCH (OK)");
    assert!(host.http("/drive").contains("\"module\":\"drive\""));
    let (page, before) = (host.http("/"), site.sh(web).stdout);
    assert!(!page.contains("class=\"banner\"") && page.contains("goals: switched off"), "{page}");

    // what the product would refuse goes nowhere
    let signed = world().join(&good);
    let expired = doctored(&signed, "expired.license", |license, begun| {
        license.issued_at = begun;
        (license.not_before, license.notify_at) = (begun, begun);
        license.expires_at = Utc::from_unix(begun.unix() + 1).unwrap();
        license.restrict_at = license.expires_at;
    });
    let other = doctored(&signed, "other.license", |license, _| license.product = "other".into());
    let foreign = doctored(&signed, "foreign.license", |license, _| {
        for bound in &mut license.binding.nodes[0].components {
            bound.tags = vec![Tag::of("worktile", bound.kind, "of another machine")];
        }
    });
    let damaged = world().join("damaged.license");
    let mut bytes = fs::read(&signed).unwrap();
    bytes[200] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    for (file, code, words) in [
        (expired, 4, "EXPIRED (EXPIRED)"),
        (other, 4, "WRONG_PRODUCT (WRONG_PRODUCT)"),
        (foreign, 4, "FOREIGN (HW_FOREIGN): the license is for another machine"),
        (damaged, 3, "UNTRUSTED ("),
    ] {
        let refused = site.wt(&format!("license {} --yes", site.bring(&file))).expect(code);
        refused.says(words).says("hint: ");
        site.sh(&format!("cmp /root/{good} {PLACE} && test $(ls $(dirname {PLACE})/license* | wc -l) = 1"))
            .expect(0);
    }
    site.wt("license foreign.license").expect(4).says("differs");
    assert_eq!(before, site.sh(web).stdout, "web was not restarted");
    assert!(host.http("/api/license").contains("\"MATCH\""), "the old one serves");

    // what takes something away is asked about, and nobody is there to answer
    let fewer = sign("fewer.license", &["--seats", "50", "--modules", "messages", "--days", "5"]);
    let asked = site.wt(&format!("license {fewer}")).expect(2);
    asked.says("100 → 50").says("fewer").says("switched off: drive").says("shorter");
    site.sh(&format!("cmp /root/{good} {PLACE}")).expect(0);
    // killed at any moment, the old one or the new one lies there, whole
    for seconds in ["0.02", "0.05", "0.1", "0.2", "0.4", "0.8"] {
        let killed = format!("timeout -s KILL {seconds} ./wt-install license {fewer} --yes");
        site.sh(&format!("cd /root; {killed}; cmp {good} {PLACE} || cmp {fewer} {PLACE}")).expect(0);
    }
    site.within(30, "! pgrep -f '[d]ocker stack deploy'"); // a killed run leaves it to its end
    site.wt(&format!("license {fewer} --yes")).expect(0).says("EXPIRES_SOON");
    site.sh(&format!("cmp /root/{fewer} {PLACE} && test $(stat -c %U:%a {PLACE}) = root:644")).expect(0);
    site.sh(&format!(
        "cd /var/lib/wt-install/licenses && sha256sum * | grep ^$(sha256sum </root/{good} | head -c 64)"
    ))
    .expect(0);
    assert!(host.http("/drive").contains("does not have the module `drive`"));
    assert!(host.http("/messages").contains("\"module\""));
    let page = host.http("/");
    assert!(page.contains("class=\"banner\"") && page.contains("EXPIRES_SOON"), "{page}");

    // the next term lies beside it, and nobody is warned any more
    let begins = site.sh("date -d '+5 days' +%F").stdout;
    let next = sign("next.license", &["--begins", begins.trim(), "--days", "300", "--modules", "*"]);
    site.wt(&format!("license {next}"))
        .expect(0)
        .says("in force from")
        .says("MATCH (OK)")
        .says("renewed     until");
    site.sh(&format!("cmp /root/{fewer} {PLACE} && cmp /root/{next} $(dirname {PLACE})/license-????????????????????????????????.json"))
        .expect(0);
    assert!(host.http("/drive").contains("does not have the module"), "not before it begins");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_killed_installation_is_run_again_and_a_strangers_license_is_refused() {
    let theirs = license(site());
    let stranger = Site::bare("stranger");
    let (host, bundle) = (&stranger.host, stranger.bring(&first_bundle()));
    // as if killed between two packages: one is unpacked, what it needs is not
    let unpack = Command::new("tar")
        .arg("--zstd")
        .arg("-xf")
        .arg(first_bundle())
        .arg("packages")
        .current_dir(world())
        .status();
    assert!(unpack.unwrap().success());
    host.put(&world().join("packages/debian-12"), "/root/half");
    host.sh("dpkg --unpack /root/half/docker.io_*; rm -r /root/half; dpkg --audit").says("docker.io");
    for seconds in ["0.3", "2", "5", "8"] {
        host.sh(&format!("cd /root && timeout -s KILL {seconds} ./wt-install {bundle}"));
    }
    host.sh(&format!("cd /root && ./wt-install {bundle}")).expect(0);
    host.sh(&format!("cd /root && ./wt-install {bundle}")).expect(0).says("nothing to do");
    let name = stranger.bring(&theirs);
    stranger.wt(&format!("license {name}")).expect(4).says("FOREIGN (HW_FOREIGN)").says("hint: ");
    host.sh(&format!("! test -e {PLACE}")).expect(0);
    // put there by hand, it does not help either
    host.put(&theirs, PLACE);
    host.sh("/opt/worktile/bin/wt-install restart web").expect(0);
    let answer = host.http("/api/license");
    assert!(answer.contains("\"FOREIGN\""), "{answer}");
    host.sh("/opt/worktile/bin/wt-install status").says("another machine");
    let own = stranger.bring(&license(&stranger));
    stranger.wt(&format!("license {own}")).expect(0).says("kept as ").says("MATCH (OK)");
    assert!(host.http("/api/license").contains("\"MATCH\""));
    a_copied_snapshot_is_refused(site(), &stranger);
}

/// Hosts of the lab share one kernel, and so one boot id. So `to` gets one of its own, for itself and for the container, as if
/// its kernel showed it; the rest is as it is.
fn a_copied_snapshot_is_refused(from: &Site, to: &Site) {
    let boot_id = "/proc/sys/kernel/random/boot_id";
    to.sh(&format!(
        "echo 6a5b7c1e-0f5c-4f0e-9a37-4a2f5f0c9d11 >/run/wt/worktile/boot_id && \
         mount --bind /run/wt/worktile/boot_id {boot_id} && \
         mount --namespace $(docker inspect -f '{{{{.State.Pid}}}}' $(docker ps -qf name=worktile_web)) \
             --bind /run/wt/boot_id {boot_id}"
    ))
    .expect(0);
    let says = |text: &str| {
        let answer = to.host.http("/api/license");
        assert!(answer.contains(&format!("\"{text}\"")), "{text}: {answer}");
    };
    to.wt("fingerprint").expect(0);
    says("MATCH");
    to.host.put(&from.take("/run/wt/worktile/host.json"), "/run/wt/worktile/host.json");
    says("SNAPSHOT_STALE");
    to.wt("license").expect(4).says("from another host, or from before its last start").says("hint: ");
    to.wt("fingerprint").expect(0);
    says("MATCH");
    // with the license that goes with it, too
    to.host.put(&license(from), PLACE);
    to.host.put(&from.take("/run/wt/worktile/host.json"), "/run/wt/worktile/host.json");
    to.wt("license").expect(4).says("UNREADABLE (SNAPSHOT_STALE)");
}
