//! Kills: an installation and an upgrade are ended at every step of the journal, when it is about to begin and when what it
//! did is about to be acknowledged, and at their state-changing system calls; the next run must end where an undisturbed one
//! does. Some of these points each time (others with another `WT_TEST_SEED`, more with `WT_TEST_POINTS`), all of them with
//! `WT_TEST_ALL`, which takes hours.
//!
//! It is `wt-install` that is killed, not what it runs (apt, Docker's client, the release's scripts): these go on without it,
//! as they do at a site, and the next run meets what they leave. So strace does not follow them; it would also count the
//! calls of each by themselves, and kill whoever comes to the number first. Its other threads only read. That all end at
//! once is a power cut, which `engines` has.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "how many points were tried is the result")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use wt_tests::program::{Ran, key, run};
use wt_tests::site::Site;
use wt_tests::vendor::{text, world};

/// What changes files, or has another process do it: the engine, apt, the release's scripts.
const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
                     mkdir,mkdirat,rmdir,ftruncate,fchmod,chmod,fchmodat,fchown,chown,fchownat,symlinkat,execve,connect,sendto,\
                     writev,sendmsg,pwritev,fallocate,copy_file_range";
/// How many points of each kind are tried where not all are, and nobody asks for more.
const SAMPLE: usize = 5;
/// A line is one write.
const JOURNAL: &str = "/var/lib/wt-install/journal.jsonl";

/// Where a release can have a script.
const AT_INSTALL: [&str; 3] = ["before-install", "init-data", "after-install"];
const AT_UPGRADE: [&str; 2] = ["before-upgrade", "after-upgrade"];

/// One service, one configuration file, at each of these points a script that notes that it has run.
fn release(version: &str) -> PathBuf {
    let folder = world().join(format!("small-{version}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("conf")).unwrap();
    fs::create_dir_all(folder.join("scripts")).unwrap();
    let standin = wt_tests::repository().join("manifests/v5.2/rootfs/standin");
    let points = AT_INSTALL.iter().chain(&AT_UPGRADE);
    let hooks = points.fold(String::new(), |all, point| all + &format!("{point} = \"scripts/{point}\"\n"));
    fs::write(
        folder.join("release.toml"),
        format!(
            "product = \"small\"\nversion = \"{version}\"\nplatform = \"linux/amd64\"\n\
             [[image]]\nname = \"small/one:{version}\"\nsource = \"rootfs:{}\"\nentrypoint = [\"/standin\", \"im\"]\n\
             env = [\"VERSION={version}\"]\n\
             healthcheck = {{ test = [\"CMD\", \"/standin\", \"probe\"], interval = \"500ms\", timeout = \"3s\", retries = 10 }}\n\
             [hooks]\n{hooks}\
             [[data]]\npath = \"db\"\nowner = \"10001:10001\"\nmode = \"0750\"\n\
             [[conf]]\ntemplate = \"one.conf\"\n\
             [[port]]\nnumber = 80\npurpose = \"web\"\n\
             [[journey]]\nname = \"ask\"\nport = 80\npath = \"/health\"\nstatus = 200\ncontains = \"{version}\"\n",
            text(&standin)
        ),
    )
    .unwrap();
    fs::write(
        folder.join("stack.yaml"),
        format!(
            "services:\n  one:\n    image: small/one:{version}\n    dns: [\"127.0.0.1\"]\n    stop_grace_period: 1s\n    \
             ports: [{{ target: 8080, published: 80, mode: host }}]\n    volumes: [\"${{WT_DATA}}/db:/data\"]\n    \
             configs: [{{ source: one.conf, target: /conf/one.conf }}]\n    \
             deploy: {{ endpoint_mode: dnsrr, update_config: {{ failure_action: rollback, monitor: 1s }} }}\n\
             configs: {{ one.conf: {{ external: true }} }}\n"
        ),
    )
    .unwrap();
    fs::write(folder.join("conf/one.conf"), format!("# {version}\nname = {{{{ site.company_domain }}}}\n"))
        .unwrap();
    for point in AT_INSTALL.iter().chain(&AT_UPGRADE) {
        let script = format!("#!/bin/sh\nmkdir -p \"$WT_DATA/noted\" && touch \"$WT_DATA/noted/{point}\"\n");
        let path = folder.join("scripts").join(point);
        fs::write(&path, script).unwrap();
        Ran::of(std::process::Command::new("chmod").arg("755").arg(path)).expect(0);
    }
    let (output, key) = (folder.with_added_extension("tar.zst"), key("bundle.key"));
    run("wt-bundle", &world(), ["build", text(&folder), "--key", text(&key), "--output", text(&output)])
        .expect(0);
    output
}

const ANSWERS: &str = "company-domain = \"acme\"\n[domains]\n[administrator]\nmail = \"a@example.com\"\nusername = \"a\"\n\
                       name = \"A\"\npassword = \"INSECURE\"\n[[node]]\nname = \"node1\"\naddress = \"ADDRESS\"\nroles = [\"app\"]\n";

/// All that tells one end from another: no times, and no numbers that the engine makes anew.
const END: &str = "
    find /opt/small /data /var/lib/wt-install /etc/systemd/system /run/wt -not -name '*.jsonl' -not -name host.json \
        -not -path '/var/lib/wt-install/check.*' -not -path '*/metrics*' -not -name alarms.json -not -name measured.json -not -name hw.json -printf '%p %y %m %u %g\\n' | sort
    find /opt/small/conf /data /var/lib/wt-install/releases -type f -not -name '.small-*' -exec sha256sum {} + | sort -k 2
    sed 's/\"collected_at.*//' /var/lib/wt-install/installed.json
    docker service ls --format '{{.Name}} {{.Replicas}} {{.Image}}'; docker ps --format '{{.Image}} {{.Status}}' | sed 's/Up .* (/(/'
    docker image ls --all --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
    docker node inspect self --format '{{.Spec.Labels}}'";

/// As if nothing had been installed.
const FORGET: &str = "
    systemctl disable --now $(cd /etc/systemd/system && ls | grep ^wt-small-) >/dev/null 2>&1
    docker stack rm small >/dev/null 2>&1; docker swarm leave --force >/dev/null 2>&1
    for i in $(seq 50); do docker ps -aq | grep -q . || break; sleep 0.2; done
    docker rm -f $(docker ps -aq) >/dev/null 2>&1; docker image prune -af >/dev/null 2>&1
    rm -rf /opt/small /data /var/lib/wt-install /run/wt /var/log/wt-small /etc/systemd/system/wt-*; systemctl daemon-reload; true";

/// Where a run is killed.
struct Point {
    /// In words.
    name: String,
    /// For strace: the call, just before it is made.
    options: String,
}

impl Point {
    fn call(name: &str, number: usize) -> Self {
        let options = format!("-e trace={name} -e inject={name}:signal=KILL:when={number}");
        Self { name: format!("{name} {number}"), options }
    }

    /// At a line of the journal: before the step begins, or after its work and before that is acknowledged.
    fn line(line: &str, number: usize) -> Self {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = format!("step {} {}", line["step"].as_str().unwrap(), line["event"].as_str().unwrap());
        let options = format!("-P {JOURNAL} {}", Self::call("write", number).options);
        Self { name, options }
    }
}

struct Sweep<'a> {
    site: &'a Site,
    /// What is killed.
    bundle: String,
    /// Brings the host back to where it began.
    back: String,
    end: String,
}

impl Sweep<'_> {
    /// An undisturbed run: the lines that it writes to the journal, and the calls that it makes, each with how many of its
    /// kind it is. The host is back at the beginning afterwards.
    fn points(&mut self) -> (Vec<Point>, Vec<Point>) {
        let before = self.journal().len();
        let trace = format!(
            "cd /root && strace -o /root/calls -e trace={CALLS} ./wt-install {} >/dev/null 2>&1 && cat /root/calls",
            self.bundle
        );
        let said = self.site.sh(&trace).expect(0).stdout;
        let lines = self.journal().split_off(before);
        let lines = lines.iter().zip(1..).map(|(line, number)| Point::line(line, number)).collect();
        self.end = self.site.sh(END).expect(0).stdout;
        self.site.sh(&self.back).expect(0);
        let mut seen = BTreeMap::<String, usize>::new();
        let mut count = |line: &str| {
            let (name, arguments) = line.split_once('(')?;
            let count = seen.entry(name.to_owned()).or_default();
            *count += 1;
            changes_state(name, arguments).then(|| Point::call(name, *count))
        };
        (lines, said.lines().filter_map(&mut count).collect())
    }

    fn journal(&self) -> Vec<String> {
        let said = self.site.sh(&format!("cat {JOURNAL} 2>/dev/null; true")).expect(0).stdout;
        said.lines().map(str::to_owned).collect()
    }

    /// Tells whether the run came so far, and where the next one did not end as it should.
    fn kill_at(&self, Point { name, options }: &Point) -> (bool, Option<String>) {
        let killed =
            self.site.sh(&format!("cd /root && strace -o /dev/null {options} ./wt-install {}", self.bundle));
        // a run that waited less made fewer calls, and came to its end before
        let was_killed = killed.code != 0;
        let again = self.site.wt(&self.bundle);
        let end = self.site.sh(END).expect(0).stdout;
        let differs = self.end.lines().zip(end.lines()).find(|(expected, found)| expected != found);
        let third = self.site.wt(&self.bundle);
        let wrong = if again.code != 0 {
            Some(format!("{}\n{}{}", again.code, again.stdout, again.stderr))
        } else if let Some((expected, found)) = differs {
            Some(format!("\n{found}\nnot\n{expected}"))
        } else if self.end.lines().count() != end.lines().count() {
            Some(format!("\n{end}\nnot\n{}", self.end))
        } else if !third.stderr.contains("nothing to do") {
            Some(format!("there was still something to do\n{}{}", third.stdout, third.stderr))
        } else {
            None
        };
        self.site.sh(&self.back).expect(0);
        (was_killed, wrong.map(|wrong| format!("after a kill at {name}: {wrong}")))
    }

    /// `scripts` are those that it runs; `part` of so many is this site's.
    fn run(&mut self, scripts: &[&str], part: usize, parts: usize) -> [Kills; 2] {
        let (lines, calls) = self.points();
        for script in scripts {
            let ran = self.end.contains(&format!("/data/noted/{script} "));
            assert!(ran, "{script} has not run:\n{}", self.end);
        }
        [lines, calls].map(|points| self.kill_at_some(&points, part, parts))
    }

    fn kill_at_some(&self, points: &[Point], part: usize, parts: usize) -> Kills {
        let most = number("WT_TEST_POINTS").unwrap_or(if all() { points.len() } else { SAMPLE });
        let step = points.len().div_ceil(most.max(1)).max(1);
        let first = number("WT_TEST_SEED").unwrap_or(step / 2) % step; // the same each time, unless somebody asks for others
        let tried: Vec<_> = points.iter().skip(first).step_by(step).skip(part).step_by(parts).collect();
        let (mut killed, mut all_wrong) = (0, Vec::new());
        for (point, number) in tried.iter().zip(1..) {
            let (was_killed, wrong) = self.kill_at(point);
            killed += usize::from(was_killed);
            if number % 50 == 0 || wrong.is_some() {
                let (name, wrong) = (self.site.host.name, wrong.as_deref().unwrap_or_default());
                eprintln!("{name}: {number} of {} points; {wrong}", tried.len());
            }
            all_wrong.extend(wrong);
        }
        assert!(all_wrong.is_empty(), "{} of {}:\n{}", all_wrong.len(), tried.len(), all_wrong.join("\n"));
        Kills { killed, tried: tried.len(), there: points.len() }
    }
}

/// How many runs were killed, how many were to be, and how many points there are.
#[derive(Clone, Copy, Default)]
struct Kills {
    killed: usize,
    tried: usize,
    there: usize,
}

impl Kills {
    fn with(self, other: Self) -> Self {
        let there = self.there.max(other.there);
        Self { killed: self.killed + other.killed, tried: self.tried + other.tried, there }
    }
}

/// On one site; all points on several at once, since they wait more than they work. `begin` brings a site to where it begins,
/// and says what is killed there and what brings it back.
fn sweep(
    what: &str,
    scripts: &[&str],
    names: &[&'static str],
    begin: impl Fn(&Site) -> (String, String) + Sync,
) {
    let names = if all() { names } else { &names[..1] };
    let on = |part: usize| {
        let site = site(names[part]);
        let (bundle, back) = begin(&site);
        let tried = Sweep { site: &site, bundle, back, end: String::new() }.run(scripts, part, names.len());
        site.host.down();
        tried
    };
    let parts: Vec<[Kills; 2]> = std::thread::scope(|scope| {
        let sites: Vec<_> = (0..names.len()).map(|part| scope.spawn(move || on(part))).collect();
        sites.into_iter().map(|site| site.join().expect("a site at which something is wrong")).collect()
    });
    let [lines, calls] =
        [0, 1].map(|kind| parts.iter().map(|part| part[kind]).fold(Kills::default(), Kills::with));
    assert_eq!(lines.killed, lines.tried, "{what}: every run writes these lines");
    assert!(calls.killed * 2 > calls.tried, "{what}: only {} of {} were killed", calls.killed, calls.tried);
    println!(
        "{what}: killed at {} of {} beginnings and ends of steps and {} of {} system calls, and ended well each time",
        lines.killed, lines.there, calls.killed, calls.there
    );
}

fn all() -> bool {
    std::env::var_os("WT_TEST_ALL").is_some()
}

fn number(variable: &str) -> Option<usize> {
    Some(std::env::var(variable).ok()?.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// A file that is only read, and a line on the terminal, change nothing.
fn changes_state(name: &str, arguments: &str) -> bool {
    match name {
        "openat" => ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| arguments.contains(flag)),
        "write" => !["1,", "2,"].iter().any(|terminal| arguments.starts_with(terminal)),
        _ => true,
    }
}

fn site(name: &'static str) -> Site {
    let site = Site::bare_as(name, "debian-12-docker");
    site.answer(&ANSWERS.replace("ADDRESS", &site.host.address));
    site
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_installation_that_was_killed_is_mended_by_the_next_run() {
    let bundle = release("1.0.0");
    let names = ["first-1", "first-2", "first-3", "first-4"];
    sweep("installation", &AT_INSTALL, &names, |site| (site.bring(&bundle), FORGET.into()));
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_upgrade_that_was_killed_is_mended_by_the_next_run() {
    let bundles = ["1.0.0", "1.1.0"].map(release);
    let names = ["next-1", "next-2", "next-3", "next-4"];
    sweep("upgrade", &AT_UPGRADE, &names, |site| {
        site.install(&bundles[0]).expect(0);
        let kept = site.sh("ls /var/lib/wt-install/releases").expect(0).stdout;
        let back = format!(
            "cd /root && ./wt-install rollback --yes >/dev/null 2>&1
             rm -f /data/noted/*-upgrade; cd /var/lib/wt-install/releases && ls | grep -v {} | xargs -r rm -r; docker container prune -f >/dev/null; docker image rm small/one:1.1.0 >/dev/null",
            kept.trim()
        );
        (site.bring(&bundles[1]), back)
    });
}
