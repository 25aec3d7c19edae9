//! Engines of every kind that a site may have, and engines that fail while they are fed.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::path::Path;
use std::sync::OnceLock;

use wt_tests::site::Site;
use wt_tests::vendor::{Draft, first_bundle};

/// Installed once, for the stories of faults.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let site = Site::installed("faults");
        site.host.put(Path::new(env!("CARGO_BIN_EXE_engine-double")), "/root/engine-double");
        site
    })
}

/// The double answers at the engine's socket until [`real_engine`].
fn double(site: &Site, fault: &str) {
    site.sh(&format!(
        "mv /run/docker.sock /run/docker.real.sock && \
         (setsid /root/engine-double /run/docker.real.sock /run/docker.sock {fault} >/root/double.log 2>&1 & echo $! >/root/double.pid)"
    ))
    .expect(0);
    site.within(5, "test -S /run/docker.sock");
}

fn real_engine(site: &Site) {
    site.sh("kill $(cat /root/double.pid); rm -f /run/docker.sock; systemctl restart docker.socket docker; rm -f /run/docker.real.sock")
        .expect(0);
    site.within(60, "/opt/worktile/bin/wt-install status");
}

/// A release with one image that no engine has: 24 MB of noise.
fn release_with_a_new_layer(name: &str, version: &str) -> std::path::PathBuf {
    let draft = Draft::new(name, version).without_packages();
    std::fs::create_dir_all(draft.folder.join("noise/etc")).unwrap();
    let mut state = version.bytes().fold(88_172_645_463_325_252_u64, |sum, byte| sum ^ u64::from(byte));
    let noise: Vec<u8> = (0..24 << 20)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect();
    std::fs::write(draft.folder.join("noise/etc/noise"), noise).unwrap();
    draft.edit("release.toml", |text| {
        text.replace(
            "# ---------------------------------------------------------------- the engine",
            "[[image]]\nname = \"worktile/noise:1\"\nsource = \"rootfs:noise\"\nentrypoint = [\"/none\"]\n",
        )
    });
    draft.build()
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_engine_that_lies_is_not_believed_and_nothing_was_replaced() {
    let (site, next) = (site(), release_with_a_new_layer("v5.5", "5.5.0"));
    let before = site.sh("docker ps --format '{{.ID}}' | sort; md5sum /opt/worktile/conf/apps/*/*").stdout;
    double(site, "lie");
    site.install(&next).expect(6).says("says it has loaded the image").says("and does not have it");
    real_engine(site);
    let after = site.sh("docker ps --format '{{.ID}}' | sort; md5sum /opt/worktile/conf/apps/*/*").stdout;
    assert_eq!(before.lines().last(), after.lines().last());
    site.wt("status").expect(0).says("worktile 5.2.0");
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_engine_that_dies_in_the_middle_is_named_and_the_next_run_ends_well() {
    let (site, next) = (site(), release_with_a_new_layer("v5.6", "5.6.0"));
    double(site, "at 8000000 'pkill -KILL -x dockerd'");
    site.install(&next).expect(6).says("hint: ");
    real_engine(site);
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
    site.install(&other).expect(5).says("`worktile/im:5.8.0` that is not ours").says("hint: ");
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
        double(&site, "at 30000000 'sleep 2; pkill -KILL -x wt-install'");
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

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn every_engine_from_20_to_28_is_fed_what_it_lacks() {
    for (name, system, store) in [
        ("d26", "debian-13-docker", false),
        ("c26", "debian-13-docker", true),
        ("d28", "debian-13-docker28", false),
        ("c28", "debian-13-docker28", true),
    ] {
        let site = Site::bare_as(name, system);
        if store {
            site.sh("mkdir -p /etc/docker; echo '{\"features\":{\"containerd-snapshotter\":true}}' >/etc/docker/daemon.json; systemctl restart docker")
                .expect(0);
        }
        let mine = site.sh("cat /etc/docker/daemon.json 2>/dev/null; dpkg-query -W").stdout;
        site.install(&first_bundle()).expect(0);
        assert_eq!(
            mine,
            site.sh("cat /etc/docker/daemon.json 2>/dev/null; dpkg-query -W").stdout,
            "the engine is the customer's"
        );
        let before = site.state();
        site.install(&first_bundle()).expect(0).says("nothing to do");
        before.same(&site.state());
        let next = release_with_a_new_layer("v5.9", "5.9.0");
        // one layer of 24 MB is new; the others are there
        site.install(&next).expect(0).says("images, 24.0");
        site.wt("rollback --yes").expect(0);
        site.host.down();
    }
}
