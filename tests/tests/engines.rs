//! Engines of every kind that a site may have, and engines that fail while they are fed. That of the other stories is 20.10.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::Path;
use std::sync::OnceLock;

use wt_tests::lab::outside;
use wt_tests::program::Ran;
use wt_tests::site::{PROGRAM, Site};
use wt_tests::vendor::{Draft, first_bundle, text};

/// Installed once, for the stories of faults.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = Site::installed("faults");
        site.host.put(Path::new(env!("CARGO_BIN_EXE_engine-double")), "/root/engine-double");
        site
    })
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_engine_that_lies_is_not_believed_and_nothing_was_replaced() {
    let (site, next) = (site(), Draft::new("v5.5", "5.5.0").without_packages().with_noise().build());
    let before = site.sh("docker ps --format '{{.ID}}' | sort; md5sum /opt/worktile/conf/apps/*/*").stdout;
    site.double("lie");
    site.install(&next).expect(6).says("says it has loaded the image").says("and does not have it");
    let after = site.sh("docker ps --format '{{.ID}}' | sort; md5sum /opt/worktile/conf/apps/*/*").stdout;
    assert_eq!(before, after);
    site.real_engine();
    site.wt("status").expect(0).says("worktile 5.2.0");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_engine_that_dies_in_the_middle_is_named_and_the_next_run_ends_well() {
    let (site, next) = (site(), Draft::new("v5.6", "5.6.0").without_packages().with_noise().build());
    site.double("at 8000000 'pkill -KILL -x dockerd'");
    site.install(&next).expect(6).says("hint: ");
    site.real_engine();
    site.wt("status").expect(0).says("worktile 5.2.0");
    site.wt(next.file_name().unwrap().to_str().unwrap()).expect(0);
    site.wt("status").expect(0).says("worktile 5.6.0");
    site.wt("rollback --yes").expect(0);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_name_of_somebody_elses_is_not_taken_over() {
    let (site, next) = (site(), Draft::new("v5.7", "5.7.0").without_packages().build());
    site.sh("docker tag worktile/redis:5.2.0 worktile/web:5.7.0 && docker tag worktile/redis:5.2.0 theirs:1")
        .expect(0);
    // an image of ours under another name of ours is no stranger
    site.install(&next).expect(0);
    site.wt("rollback --yes").expect(0);
    site.sh("tar -C /root -c site.toml | docker import - worktile/im:5.8.0").expect(0);
    let other = Draft::new("v5.8", "5.8.0").without_packages().build();
    let id = site.sh("docker image inspect -f '{{.Id}}' worktile/im:5.8.0").stdout;
    site.install(&other).expect(5).says("found somebody's: worktile/im:5.8.0 (sha256:").says("hint: ");
    assert_eq!(site.sh("docker image inspect -f '{{.Id}}' worktile/im:5.8.0").stdout, id);
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn layers_that_a_power_cut_emptied_are_loaded_again() {
    for (name, system, store) in [
        ("cut12", "debian-13-docker", "{}"),
        ("cut26", "debian-13-docker", "{\"features\":{\"containerd-snapshotter\":true}}"),
    ] {
        let site = Site::bare_as(name, system);
        site.sh(&format!(
            "mkdir -p /etc/docker; echo '{store}' >/etc/docker/daemon.json; systemctl restart docker"
        ))
        .expect(0);
        site.host.put(Path::new(env!("CARGO_BIN_EXE_engine-double")), "/root/engine-double");
        // the whole load goes through, then the lights go out: nothing that was written is on the disk yet
        site.double("at 30000000 'sleep 2; pkill -KILL -x wt-install'");
        let ran = site.install(&first_bundle());
        assert_ne!(ran.code, 0);
        site.sh("for f in $(find /var/lib/docker/overlay2 /var/lib/containerd -type f -size +100k \\( -name standin -o -name redis-server -o -name nginx \\) 2>/dev/null); do : >$f; done; sync")
            .expect(0);
        site.host.kill();
        site.host.switch_on();
        site.wt(&format!("plan {}", first_bundle().file_name().unwrap().to_str().unwrap()))
            .expect(0)
            .says("the host went down while they were loaded");
        site.install(&first_bundle()).expect(0);
        assert!(site.host.http("/").contains("Log in"), "{name}");
        site.host.down();
    }
}

/// In seconds: what a machine may take that has four engines to run.
const LONG: u32 = 300;

/// What happens to an engine while the first release comes to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Well,
    /// It stops in the middle of the load, and does nothing any more until somebody has it go on.
    Stops,
    /// As the containerd store can after a load that was broken off: the load waits for ever, all else is answered.
    Wedges,
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn engines_26_and_28_of_both_stores_are_fed_what_they_lack_and_one_that_hangs_is_noticed() {
    let first = first_bundle();
    let next = Draft::new("v5.9", "5.9.0").without_packages().with_noise().build();
    let hangs = Draft::new("v5.9.1", "5.9.1")
        .without_packages()
        .with_hook("before-upgrade", "test -e /root/hung || pkill -STOP -x dockerd; touch /root/hung")
        .build();
    let sites = [
        ("d26", "debian-13-docker", false, First::Stops),
        ("c26", "debian-13-docker", true, First::Wedges),
        ("d28", "debian-13-docker28", false, First::Well),
        ("c28", "debian-13-docker28", true, First::Well),
    ]
    .map(|(name, system, containerd, what)| (Site::bare_as(name, system), containerd, what));
    // those that hang wait most of the time
    std::thread::scope(|scope| {
        for (site, containerd, what) in sites {
            let (first, next, hangs) = (&first, &next, &hangs);
            scope.spawn(move || {
                fed(&site, containerd, what, first, next);
                match what {
                    First::Stops => an_engine_that_stops_before_the_deployment(&site, hangs),
                    First::Well if !containerd => another_address(&site, next),
                    _ => {}
                }
                site.host.down();
            });
        }
    });
}

fn fed(site: &Site, containerd: bool, what: First, first: &Path, next: &Path) {
    if containerd {
        site.sh("mkdir -p /etc/docker; echo '{\"features\":{\"containerd-snapshotter\":true}}' >/etc/docker/daemon.json; systemctl restart docker")
            .expect(0);
    }
    site.host.put(Path::new(env!("CARGO_BIN_EXE_engine-double")), "/root/engine-double");
    let mine = site.sh("cat /etc/docker/daemon.json 2>/dev/null; dpkg-query -W").stdout;
    match what {
        First::Well => {}
        First::Stops => {
            site.double("at 8000000 'pkill -STOP -x dockerd'");
            let ran = site.install(first).expect(6);
            ran.says("neither took a byte of the images nor said a word").says("hint: `systemctl restart");
            site.sh("pkill -CONT -x dockerd").expect(0);
        }
        First::Wedges => site.double("wedge 8000000"),
    }
    let installed = site.install(first).expect(0);
    if what == First::Wedges {
        installed.says("the engine hangs: starting it anew").says("loading images again");
    } else {
        // nobody is at a terminal: a line for each layer
        installed.says("loading images").says(" of worktile/web:5.2.0 and 6 more, ");
    }
    assert_eq!(
        mine,
        site.sh("cat /etc/docker/daemon.json 2>/dev/null; dpkg-query -W").stdout,
        "the engine is the customer's"
    );
    let before = site.state();
    site.install(first).expect(0).says("nothing to do");
    before.same(&site.state());
    // one layer of 24 MB is new; the others are there
    site.install(next).expect(0).says("images, 24.0").says(" of worktile/noise:1, 24.0");
    site.wt("rollback --yes").expect(0);
}

/// It is given up after a while, and the next run goes on. What stood still for longer than its own heartbeats last begins
/// all services anew, and its scheduler may keep the host's ports for those before them.
fn an_engine_that_stops_before_the_deployment(site: &Site, release: &Path) {
    site.install(release).expect(6).says("no engine answers").says("hint: ");
    site.sh("pkill -CONT -x dockerd").expect(0);
    site.install(release).expect(0);
    site.wt("status").expect(0).says("worktile 5.9.1");
    assert!(site.host.http("/").contains("Log in"));
    // where nobody runs anything, a check does it; what is changed while it comes to itself makes the trouble likely
    let nginx = site.sh("docker ps -qf name=worktile_nginx").expect(0).stdout;
    site.sh(
        "pkill -STOP -x dockerd; sleep 40; pkill -CONT -x dockerd; \
         for i in $(seq 10); do docker service update --detach --quiet --label-add round=$i worktile_nginx; sleep 1; done",
    )
    .expect(0);
    site.within(LONG, &format!("! docker ps -q | grep {}", nginx.trim()));
    site.within(LONG, &format!("{PROGRAM} check"));
    assert!(site.host.http("/").contains("Log in"));
}

/// The host moves to another address, as hosts do after years.
fn another_address(site: &Site, next: &Path) {
    // first certificates of a swarm live for 90 days, and nobody may be there to see the engine start again after them
    let expiry =
        site.sh("docker info --format '{{json .Swarm.Cluster.Spec.CAConfig.NodeCertExpiry}}'").stdout;
    assert_eq!(expiry.trim(), (10 * 365 * 24 * 3_600_000_000_000_u64).to_string());
    let certificate = site.take("/var/lib/docker/swarm/certificates/swarm-node.crt");
    let nine_years = (9 * 365 * 24 * 3600).to_string();
    let mut openssl = std::process::Command::new("openssl");
    Ran::of(openssl.args(["x509", "-noout", "-checkend", &nine_years, "-in", text(&certificate)])).expect(0);

    let (old, new) = (&site.host.address, "198.18.0.200");
    site.sh(&format!("ip address delete {old}/24 dev eth0 && ip address add {new}/24 dev eth0")).expect(0);
    site.sh("systemctl restart docker").expect(0);
    site.within(LONG, &format!("{PROGRAM} status"));
    site.within(LONG, &format!("{PROGRAM} check")); // the one of the minute may have the lock
    let request = "GET / HTTP/1.1\\r\\nHost: worktile.example.com\\r\\nConnection: close\\r\\n\\r\\n";
    let page = format!("exec 3<>/dev/tcp/{new}/80; printf '{request}' >&3; cat <&3");
    Ran::of(&mut outside(&page)).expect(0).says("Log in");
    // site.toml is to say so, too
    site.install(next).expect(5).says(&format!("{old} is not this host's")).says("hint: ");
    site.sh(&format!("sed -i 's/{old}/{new}/' /root/site.toml")).expect(0);
    site.install(next).expect(0);
    site.wt("status").expect(0).says("worktile 5.9.0");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn where_there_is_no_systemd_init_scripts_and_cron_do_its_work() {
    let site = Site::bare_as("sysvinit", "debian-12-sysvinit");
    site.sh("! test -e /run/systemd/system; ! type systemctl docker").expect(0);
    // Docker's script raises limits first, which a host in a container may not
    site.sh("echo 'ulimit() { :; }' >/etc/default/docker").expect(0);
    site.install(&first_bundle()).expect(0).says("check every minute");
    site.sh("service docker status && test -x /etc/init.d/wt-worktile && ls /etc/rc2.d/S*wt-worktile")
        .expect(0);
    assert!(site.host.http("/").contains("Log in"));
    let before = site.state();
    site.install(&first_bundle()).expect(0).says("nothing to do");
    before.same(&site.state());
    // it died: cron runs a check, and that starts it
    site.sh("touch /root/since; kill -9 $(cat /run/docker.pid)").expect(0);
    site.within(200, "grep -q 'started Docker' /var/log/wt-worktile/check.log");
    site.within(100, "/opt/worktile/bin/wt-install status");
    // somebody stopped it: so it stays, and is said
    site.sh("service docker stop").expect(0);
    site.wt("check").expect(1).says("engine").says("service docker start");
    site.sh("! test -e /run/docker.pid && service docker start").expect(0);
    site.within(100, "/opt/worktile/bin/wt-install status");
    site.wt("uninstall --packages --data --data-again --yes").expect(0);
    site.sh("! ls /etc/init.d/wt-worktile /etc/cron.d/wt-worktile /etc/rc?.d/*wt-worktile 2>/dev/null")
        .expect(0);
    site.host.down();
}
