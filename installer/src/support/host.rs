//! The host, as its own programs describe it.

use std::time::Duration;

use super::Collection;
use crate::Places;
use crate::command::Command;

const LIMIT: Duration = Duration::from_secs(15);

/// Nothing here was written by an operator or a service. No arguments of processes: those of others may be secrets.
pub(super) fn facts(found: &mut Collection, places: &Places) {
    for (name, about, file) in [
        ("host/os-release", "the system", "etc/os-release"),
        ("host/kernel", "the kernel", "proc/version"),
        ("host/memory", "memory", "proc/meminfo"),
        ("host/load", "load", "proc/loadavg"),
        ("host/uptime", "seconds since it started", "proc/uptime"),
        ("host/limits", "how many files are open", "proc/sys/fs/file-nr"),
    ] {
        found.add_file(name, about, &places.root().join(file));
    }
    let commands: [(&str, &str, &[&str]); 8] = [
        ("host/disks", "file systems, and what is free", &["df", "-PTk"]),
        ("host/inodes", "the same of inodes", &["df", "-Pi"]),
        (
            "host/processes",
            "processes, without their arguments",
            &["ps", "-eo", "pid,ppid,stat,etime,rss,comm"],
        ),
        ("host/addresses", "addresses", &["ip", "-o", "addr"]),
        ("host/routes", "routes", &["ip", "route"]),
        ("host/listening", "who listens", &["ss", "-tlnp"]),
        (
            "host/packages",
            "packages of the engine",
            &["dpkg-query", "-W", "*docker*", "containerd*", "runc", "iptables"],
        ),
        ("host/timers", "what runs by itself", &["systemctl", "list-timers", "--no-pager", "--all", "wt-*"]),
    ];
    for (name, about, line) in commands {
        command(found, name, about, line);
    }
}

/// What the system wrote down about the engine, the product and itself.
pub(super) fn journals(found: &mut Collection) {
    let engine = ["journalctl", "--no-pager", "-n", "3000", "-u", "docker", "-u", "containerd"];
    command(found, "host/journal-engine.log", "the last lines of Docker", &engine);
    let ours = ["journalctl", "--no-pager", "-n", "1000", "-u", "wt-*"];
    command(found, "host/journal-wt.log", "the last lines of what runs by itself", &ours);
    let kernel = ["journalctl", "--no-pager", "-n", "1000", "-k"];
    command(found, "host/journal-kernel.log", "the last lines of the kernel", &kernel);
}

/// What a program says, also where it ends badly; one that is not there is named.
fn command(found: &mut Collection, name: &str, about: &str, line: &[&str]) {
    let [program, arguments @ ..] = line else { return };
    let said = Command::new(program, LIMIT).args(arguments).run(b"");
    found.add_or_why(name, about, said.map(|said| said.stdout + &said.stderr));
}
