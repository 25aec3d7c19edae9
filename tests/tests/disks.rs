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

/// Gives a file system in memory so many free bytes.
fn leave(site: &Site, mount: &str, bytes: u64) {
    let all = format!("$(($(stat -f -c '(%b - %f) * %S' {mount}) + {bytes}))");
    site.sh(&format!("mount -o remount,size={all} {mount}")).expect(0);
}

/// How much less is free than what is needed, of `4.00 GiB free, 17 bytes too few`; whether that is said to the byte.
fn short(said: &str) -> Option<(u64, bool)> {
    let (before, _) = said.split_once(" too few")?;
    let (number, unit) = before.rsplit(", ").next()?.split_once(' ')?;
    let scale = match unit {
        "bytes" => return Some((number.parse().unwrap(), true)),
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => panic!("{said}"),
    };
    let (units, decimals) = number.split_once('.').unwrap();
    let hundredths: u64 = format!("{units}{decimals}").parse().unwrap();
    Some((hundredths * scale / 100, false))
}

/// A block less than what is needed is refused with the number of bytes; with all that is needed, nothing is said. `ask`
/// tells how what is free was judged.
fn refused_for_less_than_a_block(site: &Site, mount: &str, ask: impl Fn() -> String) {
    let mut free = BLOCK;
    let needed = loop {
        leave(site, mount, free);
        let said = ask();
        match short(&said).unwrap_or_else(|| panic!("{mount}: {said}")) {
            (missing, true) => break free + missing,
            // it was rounded, up perhaps
            (missing, false) => free += (missing - missing / 100) / BLOCK * BLOCK,
        }
    };
    let most = (needed - 1) / BLOCK * BLOCK;
    leave(site, mount, most);
    let said = ask();
    assert_eq!(short(&said), Some((needed - most, true)), "{mount}: {said}");
    leave(site, mount, most + BLOCK);
    let said = ask();
    assert_eq!(short(&said), None, "{mount}: {said}");
}

/// Of a file system in memory; fewer bytes than this nobody has.
const BLOCK: u64 = 4096;

/// How preflight found a row.
fn row(site: &Site, bundle: &str, what: &str) -> (String, String, String) {
    let said = site.wt(&format!("plan {bundle} --json")).stdout;
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    let rows = json["preflight"]["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("no {what} in {said}"));
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("verdict"), text("found"), text("needed"))
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn each_file_system_may_lack_no_block_and_no_inode_of_what_is_needed_there() {
    let site = Site::bare("blocks");
    let name = site.bring(&first_bundle());
    // without an engine, which is to have its images on /small: packages are unpacked below /usr
    site.sh("mkdir -p /over /etc/docker && mount -t tmpfs wt /over && mkdir /over/usr /over/work && \
         mount -t overlay -o lowerdir=/usr,upperdir=/over/usr,workdir=/over/work wt /usr && \
         echo '{\"data-root\":\"/small\"}' >/etc/docker/daemon.json")
        .expect(0);
    let mounts = MOUNTS.map(|(folder, _)| folder).into_iter().chain(["/var/lib/containerd"]);
    for folder in mounts.clone() {
        site.sh(&format!("mkdir -p {folder} && mount -t tmpfs -o size=9g,mode=0755 wt {folder}")).expect(0);
    }
    let before = site.state();
    let judged = |folder: &str| row(&site, &name, &format!("disk {folder}")).1;
    for folder in mounts.filter(|folder| *folder != "/var/lib/containerd") {
        refused_for_less_than_a_block(&site, folder, || judged(folder));
    }
    refused_for_less_than_a_block(&site, "/over", || judged("/usr"));
    site.wt(&format!("plan {name}")).expect(0);

    let files = || row(&site, &name, "disk /small: files");
    let about: u64 = files().2.split([' ', ',']).nth(1).unwrap().parse().unwrap();
    for (inodes, verdict) in
        [(about, "ok"), (about - 1, "warn"), (about / 8, "warn"), (about / 8 - 1, "fail")]
    {
        let all = format!("$(($(stat -f -c '%c - %d' /small) + {inodes}))");
        site.sh(&format!("mount -o remount,nr_inodes={all} /small")).expect(0);
        assert_eq!(files().0, verdict, "{inodes} of {about}");
    }
    site.wt(&name).expect(5).says("disk /small: files");
    before.same(&site.state());

    // the other store's images go elsewhere
    site.sh("echo '{\"features\":{\"containerd-snapshotter\":true}}' >/etc/docker/daemon.json").expect(0);
    refused_for_less_than_a_block(&site, "/var/lib/containerd", || judged("/var/lib/containerd"));
    site.host.down();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_backup_that_would_not_fit_is_not_begun() {
    let site = site();
    site.sh("mkdir -p /backup && mount -t tmpfs -o size=64k,mode=0700 wt /backup").expect(0);
    let ran =
        site.wt("backup -o /backup").expect(5).says("there is not enough room at `/backup`").says("hint: ");
    assert!(short(&ran.stderr).is_some(), "{}", ran.stderr);
    assert_eq!(site.sh("ls -A /backup").stdout, "");
    site.sh("mount -o remount,size=1g /backup").expect(0);
    site.wt("backup -o /backup").expect(0);
    site.sh("umount /backup").expect(0);
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
    fills_while_the_first_release_comes(&site, &name);
    site.host.down();
}

/// There was room when it began. Nothing is to be undone where there was nothing: it is said, and the next run goes on.
fn fills_while_the_first_release_comes(site: &Site, bundle: &str) {
    site.double(&format!("at 4000000 '{}'", fill("/small")));
    site.wt(bundle).expect(6).says("no space left on device").says("hint: ");
    assert_eq!(site.sh("docker ps -aq; docker service ls -q 2>/dev/null").stdout, "", "nothing was started");
    site.sh("rm /small/filler").expect(0);
    site.stop_double();
    site.within(60, "docker version");
    // as soon as the images are there, nothing else has room any more
    let begun = "for i in $(seq 2000); do docker image inspect worktile/web:5.2.0 >/dev/null 2>&1 && break; sleep 0.05; done";
    let filler = ["/opt/worktile", "/var/lib/wt-install"].map(fill).join("; ");
    site.sh(&format!("cd /root; ({begun}; {filler}) & ./wt-install {bundle}"))
        .expect(1)
        .says("No space left on device");
    site.wt("status").expect(1);
    site.sh("rm /opt/worktile/filler /var/lib/wt-install/filler").expect(0);
    site.wt(bundle).expect(0);
    site.wt("status").expect(0).says("worktile 5.2.0");
    let before = site.state();
    site.wt(bundle).expect(0).says("nothing to do");
    before.same(&site.state());
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
