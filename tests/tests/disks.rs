//! Disks that are full or cannot be written to: said before the first change, or what was begun is undone.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::Path;
use std::sync::OnceLock;

use wt_tests::site::Site;
use wt_tests::vendor::{Draft, first_bundle};

/// Where things lie that grow, each on a small file system of its own.
const MOUNTS: [(&str, &str); 4] = [
    ("/opt/worktile", "size=96m"),
    ("/data", "size=9g"),
    ("/var/lib/wt-install", "size=96m"),
    ("/small", "size=4g"), // the engine's
];

fn mounted(name: &'static str) -> Site {
    let site = Site::bare_as(name, "debian-12-docker");
    site.host.put(Path::new(env!("CARGO_BIN_EXE_engine-double")), "/root/engine-double");
    for (folder, options) in MOUNTS {
        site.sh(&format!("mkdir -p {folder} && mount -t tmpfs -o {options},mode=0755 wt {folder}")).expect(0);
    }
    site.sh("mkdir -p /etc/docker; echo '{\"data-root\":\"/small\"}' >/etc/docker/daemon.json; systemctl restart docker")
        .expect(0);
    site
}

fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = mounted("disks");
        site.install(&first_bundle()).expect(0);
        site
    })
}

/// To the last byte that a file can have there.
fn fill(folder: &str) -> String {
    format!("cat /dev/zero 2>/dev/null >{folder}/filler || true")
}

/// The old release serves, and what the operator sees of it is what was.
fn serves(site: &Site, before: &str) {
    site.wt("status").expect(0).says("worktile 5.2.0");
    assert!(site.host.http("/").contains("5.2.0"), "and it serves");
    assert_eq!(before, conf(site));
}

fn conf(site: &Site) -> String {
    site.sh("cd /opt/worktile/conf && find . -type f -exec md5sum {} + | sort -k 2").expect(0).stdout
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_file_system_without_room_or_without_leave_to_write_is_named_before_the_first_change() {
    let site = mounted("refusals");
    let name = site.bring(&first_bundle());
    let before = site.state();
    // the engine writes to its own at all times: that one can only be full
    for (folder, options) in MOUNTS.into_iter().filter(|(folder, _)| *folder != "/small") {
        site.sh(&format!("mount -o remount,ro {folder}")).expect(0);
        site.wt(&name).expect(5).says(folder).says("read-only");
        site.sh(&format!("mount -o remount,rw {folder}")).expect(0);
        site.sh(&format!("mount -o remount,size=4k {folder}")).expect(0);
        site.wt(&name).expect(5).says(folder).says("too few");
        site.sh(&format!("mount -o remount,{options} {folder}")).expect(0);
        before.same(&site.state());
    }
    site.sh("head -c $(($(stat -f -c '%a * %S' /small) - 1048576)) /dev/zero >/small/filler").expect(0);
    site.wt(&name).expect(5).says("/small").says("too few");
    site.sh("rm /small/filler").expect(0);
    before.same(&site.state());
    site.wt(&name).expect(0);
    site.host.down();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_engine_whose_disk_fills_while_it_loads_is_named_and_nothing_was_replaced() {
    let site = site();
    let before = conf(site);
    let next = Draft::new("v5.5", "5.5.0").without_packages().with_noise().build();
    site.double(&format!("at 4000000 '{}'", fill("/small")));
    let name = site.bring(&next);
    site.wt(&name).expect(6).says("no space left on device").says("hint: ");
    site.sh("rm /small/filler").expect(0);
    site.real_engine();
    serves(site, &before);
    site.wt(&name).expect(0);
    site.wt("rollback --yes").expect(0);
    serves(site, &before);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_disk_that_fills_in_the_middle_of_an_upgrade_is_named_and_the_old_release_goes_on() {
    let site = site();
    let before = conf(site);
    for (number, (folder, code)) in [("/opt/worktile", 7), ("/var/lib/wt-install", 7)].into_iter().enumerate()
    {
        let version = format!("5.6.{number}");
        let next = Draft::new(&format!("v{version}"), &version)
            .without_packages()
            .with_hook("before-upgrade", &fill(folder));
        next.edit("conf/web/independence.js", |text| format!("{text}// new in {version}\n"));
        let name = site.bring(&next.build());
        site.wt(&name).expect(code).says("No space left on device");
        site.sh(&format!("rm {folder}/filler")).expect(0);
        serves(site, &before);
        // once there is room, the same bundle goes in
        site.wt(&format!("{name} & sleep 1; rm -f {folder}/filler; for i in $(seq 60); do rm -f {folder}/filler; sleep 0.2; done; wait $!"))
            .expect(0);
        site.wt("rollback --yes").expect(0);
        serves(site, &before);
    }
}
