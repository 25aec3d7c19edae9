//! An uninstall leaves the host as it was before the installation, and what is not ours where it is.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use wt_tests::mail::MailServer;
use wt_tests::secrets;
use wt_tests::site::{Site, State};
use wt_tests::vendor::first_bundle;

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_uninstall_leaves_the_host_as_it_was() {
    let mail = MailServer::start(env!("CARGO_BIN_EXE_mail-server"));
    for (name, system, has_engine_configuration) in
        [("gone12", "debian-12", false), ("gone13", "debian-13", true)]
    {
        let site = Site::bare_as(name, system);
        mail.serve(&site);
        site.bring(&first_bundle());
        have_apt_sources(&site);
        if has_engine_configuration {
            site.sh(&format!("mkdir /etc/docker && echo '{ENGINE_CONFIGURATION}' >/etc/docker/daemon.json"))
                .expect(0);
        }
        let (before, sources) = (everything(&site), apt_sources(&site));
        secrets::watch(&site);
        site.install(&first_bundle()).expect(0);
        sources.same(&apt_sources(&site));
        if has_engine_configuration {
            the_engine_has_what_both_want(&site);
        }
        site.wt("restart redis").expect(0);
        site.within(100, "test -e /var/lib/wt-install/check.json"); // a check, every minute
        secrets::none_was_seen(&site);
        site.wt("uninstall --data --yes").expect(2).says("`--data-again`");
        site.wt("uninstall --dry-run").expect(0).says("would remove");
        site.wt("status").expect(0);
        let said = site.wt("uninstall --packages --data --data-again --yes").expect(0);
        let said =
            said.says("worktile is uninstalled").says("left: /var/lib/wt-install: floors.json, trust.json");
        let left = said.stdout.lines().filter(|line| line.starts_with("left: ")).count();
        assert_eq!(left, 1, "{}", said.stdout);
        before.same(&everything(&site));
        sources.same(&apt_sources(&site));
        // folders of the lab's own
        assert_eq!(
            site.sh("ls -A /var/lib/docker /var/lib/containerd 2>/dev/null | grep -v : | grep .").stdout,
            ""
        );
        site.wt("status").expect(1).says("hint: install a release");
        site.wt("uninstall --yes").expect(1);
        site.host.down();
    }
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_uninstall_that_is_told_nothing_keeps_data_packages_and_what_is_not_ours() {
    let site = Site::bare("keeps");
    site.sh("mkdir /opt/worktile && echo theirs >/opt/worktile/start.sh").expect(0);
    site.install(&first_bundle()).expect(0).says("what was there before is /opt/worktile/start.sh.before");
    site.sh("echo '// edited' >>/opt/worktile/conf/apps/im/independence.js").expect(0);
    let redis = "docker exec $(docker ps -qf name=worktile_redis) redis-cli";
    site.sh(&format!("{redis} set story told && sleep 2")).expect(0);
    site.sh(
        "docker tag $(docker images -q worktile/web:5.2.0) customer/own:1; touch /opt/worktile/notes.txt",
    )
    .expect(0);
    site.wt("uninstall --packages --yes").expect(5).says("customer/own:1");
    site.wt("status").expect(0);
    // killed in the middle: run again, and it ends in the same place
    site.sh("cd /root && (timeout -s KILL 2 ./wt-install uninstall --yes; true)").expect(0);
    let said = site.wt("uninstall --yes").expect(0).stdout;
    for left in
        ["the packages that came with it: ", "the data in /data", "/opt/worktile: ", "/var/lib/wt-install: "]
    {
        assert!(said.lines().any(|line| line.starts_with(&format!("left: {left}"))), "{left}: {said}");
    }
    let own = "cd /opt/worktile && find . -type f | sort && cat start.sh";
    assert_eq!(
        site.sh(own).expect(0).stdout,
        "./conf/apps/im/independence.js\n./notes.txt\n./start.sh\ntheirs\n"
    );
    assert_eq!(
        site.sh("docker ps -aq; docker service ls 2>/dev/null; docker secret ls 2>/dev/null").stdout,
        ""
    );
    assert_eq!(site.sh("docker images --format '{{.Repository}}'").stdout, "customer/own\n");
    site.sh("docker info --format '{{.Swarm.LocalNodeState}}' | grep inactive").expect(0);
    site.sh("! systemctl list-unit-files | grep wt-worktile").expect(0);
    site.wt("check").expect(1).says("hint: install a release");
    // and it can come again, to its data
    site.install(&first_bundle()).expect(0);
    site.sh(&format!("{redis} get story | grep told")).expect(0);
    site.wt("status").expect(0);
}

/// All of a host that an installation could touch: files with what is in them where it matters, packages, mounts, links,
/// firewall, users. But for what Debian's own tools keep of what they did (logs, locks, copies of the lists of
/// accounts), and for what an uninstall says it has left.
fn everything(site: &Site) -> State {
    let files = "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/tmp -o -path /root \
         -o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd \
         -o -path /var/lib/wt-install -o -path /var/lib/docker -o -path /var/lib/containerd \\) -prune -o -printf 'file %p %y %m %u:%g %l\\n'";
    let said = site.sh(&format!(
        "{files} | grep -vE '^file /etc/(group|gshadow|passwd|shadow)- ' | sort; find /etc -type f ! -name '*-' ! -name 'ld.so.cache' -exec md5sum {{}} +;
         dpkg-query -W -f 'package ${{Package}} ${{Version}} ${{db:Status-Abbrev}}\\n';
         apt-mark showmanual | sed 's/^/manual /';
         cut -d' ' -f2,3 /proc/mounts | sed 's/^/mount /'; ip -o link | cut -d: -f2 | sed 's/@.*//;s/^/link /';
         ip -o addr show | awk '{{ print \"address\", $2, $4 }}';
         sysctl -a 2>/dev/null | grep -E '^net.ipv4.(ip_forward|conf.all.forwarding) ';
         ls /run /var/log /var/cache /var/lib | grep -vx 'docker\\|containerd\\|wt-install\\|adduser\\|dpkg.log\\|alternatives.log' | sed 's/^/entry /'"
    ));
    // a chain of the kernel's own that lets all pass is the same as none: iptables cannot remove its table again
    let rules = site.host.firewall();
    let rules = rules.lines().filter(|line| !(line.contains(" :") && line.ends_with(" ACCEPT")));
    State(rules.fold(said.expect(0).stdout, |all, line| all + line + "\n"))
}

/// What a customer wrote before there was an engine.
const ENGINE_CONFIGURATION: &str = r#"{"labels": ["of=customer"], "log-opts": {"max-size": "1m"}}"#;

/// It started with what the customer wrote, and with what that does not say.
fn the_engine_has_what_both_want(site: &Site) {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let found = json(&site.sh("cat /etc/docker/daemon.json").expect(0).stdout);
    let mut both = json(ENGINE_CONFIGURATION);
    both["log-driver"] = "json-file".into();
    assert_eq!(found, both);
    let copy = site.sh("cat /var/lib/wt-install/daemon.json.before").expect(0).stdout;
    assert_eq!(copy.trim(), ENGINE_CONFIGURATION);
    let said = site.sh("docker info --format '{{json .Labels}} {{.LoggingDriver}}'").expect(0).stdout;
    assert_eq!(said.trim(), r#"["of=customer"] json-file"#);
}

/// What a customer has of apt: sources, a pin, settings, and the lists of an update.
fn have_apt_sources(site: &Site) {
    site.sh(
        "cd /etc/apt && mkdir -p sources.list.d preferences.d apt.conf.d && \
         echo 'deb [trusted=yes] file:/srv/mirror stable main' >sources.list.d/customer.list && \
         printf 'Package: bash\nPin: version *\nPin-Priority: 990\n' >preferences.d/customer && \
         echo 'APT::Install-Recommends \"true\";' >apt.conf.d/99customer && \
         mkdir -p /var/lib/apt/lists/partial && cd /var/lib/apt/lists && \
         printf 'Package: none\nVersion: 1\nArchitecture: all\n' >_srv_mirror_dists_stable_main_binary-amd64_Packages && \
         printf 'Origin: customer\nSuite: stable\nCodename: stable\n' >_srv_mirror_dists_stable_Release",
    )
    .expect(0);
}

/// All below the folders of apt's sources and lists, with times, links and what is in it.
fn apt_sources(site: &Site) -> State {
    let said = site
        .sh("cd / && find etc/apt var/lib/apt/lists -printf '%p %y %m %u:%g %T@ %s %l\n' | sort; \
         find etc/apt var/lib/apt/lists -type f -exec sha256sum {} + | sort -k 2");
    let said = said.expect(0).says("etc/apt/preferences.d/customer").says("_srv_mirror_dists_stable_Release");
    State(said.stdout)
}
