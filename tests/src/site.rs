//! A customer's site: a host in the lab, and what its operator does there.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Host;
use crate::program::{Ran, shipped};
use crate::repository;
use crate::vendor::{first_bundle, world};

pub const PASSWORD: &str = "INSECURE story password";
/// Of the site's account at its mail server, and of the one that walks the user journey in a check.
pub const SMTP_PASSWORD: &str = "INSECURE mail password";
pub const CHECK_PASSWORD: &str = "INSECURE check password";
/// For `find`: not what the check writes.
pub const CHECKED: &str =
    "-not -path '/var/lib/wt-install/check.*' -not -path '*/metrics*' -not -name alarms.json";
/// Where an installation puts the program.
pub const PROGRAM: &str = "/opt/worktile/bin/wt-install";

/// A host with the three files that a customer has in /root: `wt-install`, `site.toml` and bundles.
#[derive(Debug)]
pub struct Site {
    pub host: Host,
}

impl Site {
    pub fn bare(name: &'static str) -> Self {
        Self::bare_as(name, "debian-12")
    }

    pub fn bare_as(name: &'static str, system: &str) -> Self {
        let site = Self { host: Host::start_as(name, system) };
        site.host.put(&shipped("wt-install"), "/root/wt-install");
        let answers = fs::read_to_string(repository().join("docs/site.example.toml")).expect("the example");
        let answers = answers.replace("192.0.2.10", &site.host.address).replace("choose your own", PASSWORD);
        site.answer(&answers);
        site
    }

    /// One with the first release on it.
    pub fn installed(name: &'static str) -> Self {
        Self::installed_as(name, "debian-12")
    }

    pub fn installed_as(name: &'static str, system: &str) -> Self {
        let site = Self::bare_as(name, system);
        site.install(&first_bundle()).expect(0);
        site
    }

    /// Replaces site.toml.
    pub fn answer(&self, text: &str) {
        let file = world().join(format!("{}.toml", self.host.name));
        fs::write(&file, text).expect("site.toml");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("site.toml");
        self.host.put(&file, "/root/site.toml.new");
        self.sh("mv /root/site.toml.new /root/site.toml").expect(0);
    }

    /// Copies a bundle to /root and runs the installer with it.
    pub fn install(&self, bundle: &Path) -> Ran {
        let name = self.bring(bundle);
        self.wt(&name)
    }

    /// Copies a file to /root, if it is not there; returns its name.
    pub fn bring(&self, file: &Path) -> String {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        if self.sh(&format!("test -e /root/{name}")).code != 0 {
            self.host.put(file, &format!("/root/{name}"));
        }
        name
    }

    /// Runs the installer that the customer was given.
    pub fn wt(&self, arguments: &str) -> Ran {
        self.sh(&format!("cd /root && ./wt-install {arguments}"))
    }

    pub fn sh(&self, line: &str) -> Ran {
        self.host.sh(line)
    }

    /// Copies a file out, into the run's own folder.
    pub fn take(&self, path: &str) -> PathBuf {
        let to = world().join(format!("{}-{}", self.host.name, path.rsplit('/').next().unwrap_or(path)));
        let _ = fs::remove_file(&to);
        self.host.get(path, &to);
        to
    }

    /// What a run that changes nothing must leave alone: every file it could touch with its times, packages, images. What
    /// the check writes every minute is not among it.
    pub fn state(&self) -> State {
        let said = self.sh(&format!(
            "find /opt/worktile /var/lib/wt-install /etc /run/wt /root -type f {CHECKED} -printf '%p %T@ %s %m\\n' | sort;
             dpkg-query -W; docker images --all --no-trunc --format '{{{{.ID}}}} {{{{.Repository}}}}:{{{{.Tag}}}}';
             docker service ls --format '{{{{.ID}}}} {{{{.Name}}}} {{{{.Replicas}}}}'; docker ps --no-trunc --format '{{{{.ID}}}}' | sort;
             docker secret ls --format '{{{{.ID}}}}'; docker config ls --format '{{{{.ID}}}}';
             docker network ls --no-trunc --format '{{{{.ID}}}}' | sort",
        ));
        State(said.expect(0).stdout)
    }

    /// The engine's double (`/root/engine-double`, brought before) answers at its socket until [`Self::real_engine`].
    pub fn double(&self, fault: &str) {
        self.sh(&format!(
            "mv /run/docker.sock /run/docker.real.sock && \
             (setsid /root/engine-double /run/docker.real.sock /run/docker.sock {fault} >/root/double.log 2>&1 & echo $! >/root/double.pid)"
        ))
        .expect(0);
        self.within(5, "test -S /run/docker.sock");
    }

    /// It is gone, and all services are well again.
    pub fn real_engine(&self) {
        self.stop_double();
        self.within(60, &format!("{PROGRAM} status"));
    }

    pub fn stop_double(&self) {
        self.sh("kill $(cat /root/double.pid); rm -f /run/docker.sock; systemctl restart docker.socket docker; rm -f /run/docker.real.sock")
            .expect(0);
    }

    /// No check by the timer until [`Self::go_on_checking`].
    pub fn check_by_hand(&self) {
        self.sh("systemctl stop wt-worktile-check.timer").expect(0);
        self.within(120, "systemctl show -P ActiveState wt-worktile-check.service | grep -x inactive");
    }

    pub fn go_on_checking(&self) {
        self.sh("systemctl start wt-worktile-check.timer").expect(0);
    }

    /// Asks until it succeeds, for at most so many seconds of a quiet machine; one that is not takes up to three times as long.
    pub fn within(&self, seconds: u32, line: &str) {
        let seconds = 3 * seconds;
        let ask = format!(
            "while ((SECONDS < {seconds})); do ({line}) >/dev/null 2>&1 && exit 0; sleep 0.5; done; ({line})"
        );
        self.sh(&ask).expect(0);
    }
}

/// Makes `NAME.crt`, which is good for `names` and signed by nobody else, and `NAME.key` in `folder`.
pub fn certificate(folder: &Path, name: &str, names: &str) {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-subj", &format!("/CN={name}"), "-days", "90"]);
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args([
        "-addext",
        &format!("subjectAltName={names}"),
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    Ran::of(openssl.arg("-out").arg(file("crt")).arg("-keyout").arg(file("key"))).expect(0);
}

/// What is on a host, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(pub String);

impl State {
    /// Panics with all lines that are gone or new.
    #[track_caller]
    pub fn same(&self, after: &Self) {
        let missing = |from: &Self, what: &'static str, of: &Self| -> Vec<String> {
            let there: HashSet<&str> = of.0.lines().collect();
            from.0
                .lines()
                .filter(|line| !there.contains(line))
                .map(|line| format!("{what}: {line}"))
                .collect()
        };
        let differences = [missing(self, "gone", after), missing(after, "new", self)].concat();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}
