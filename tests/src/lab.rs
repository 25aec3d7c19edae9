//! Site hosts, by way of the script `lab/lab`; only inside `lab run`.

use std::path::Path;
use std::process::Command;

use crate::program::Ran;

/// The address of this machine on the wire between the hosts.
pub const WIRE: &str = "198.18.0.1";

/// A host with systemd, an address and no route anywhere.
#[derive(Debug)]
pub struct Host {
    pub name: &'static str,
    pub address: String,
}

fn lab(verb: &str) -> Command {
    let mut command = Command::new(crate::repository().join("tests/lab/lab"));
    command.arg(verb);
    command
}

/// Runs a shell line of this machine on the wire between the hosts, where their users are.
pub fn outside(line: &str) -> Command {
    let mut command = lab("enter");
    command.args(["bash", "-c", line]).stdin(std::process::Stdio::null());
    command
}

impl Host {
    pub fn start(name: &'static str) -> Self {
        Self::start_as(name, "debian-12")
    }

    /// One of another `system`; `lab/lab` says which there are.
    pub fn start_as(name: &'static str, system: &str) -> Self {
        Ran::of(lab("host").args([name, system])).expect(0);
        let address = Ran::of(lab("address").arg(name)).expect(0).stdout.trim().to_owned();
        Self { name, address }
    }

    /// Runs a shell line as root. It ends after a quarter of an hour, with 124: a story that hangs would keep to itself why.
    pub fn sh(&self, line: &str) -> Ran {
        let limited = [self.name, "timeout", "--kill-after=10", "900", "bash", "-c", line];
        Ran::of(lab("exec").args(limited).stdin(std::process::Stdio::null()))
    }

    pub fn put(&self, from: &Path, to: &str) {
        Ran::of(lab("put").arg(self.name).arg(from).arg(to)).expect(0);
    }

    pub fn get(&self, from: &str, to: &Path) {
        Ran::of(lab("get").args([self.name, from]).arg(to)).expect(0);
    }

    /// Removes it and its disks; its name is free again.
    pub fn down(self) {
        Ran::of(lab("down").arg(self.name)).expect(0);
    }

    pub fn reboot(&self) {
        Ran::of(lab("reboot").arg(self.name)).expect(0);
    }

    /// Ends all that runs there, at once.
    pub fn kill(&self) {
        Ran::of(lab("kill").arg(self.name)).expect(0);
    }

    pub fn switch_on(&self) {
        Ran::of(lab("start").arg(self.name)).expect(0);
    }

    /// The rules of its firewall, by whichever tables; it need not have the program for that.
    pub fn firewall(&self) -> String {
        Ran::of(lab("firewall").arg(self.name)).expect(0).stdout
    }

    /// Records every frame that leaves the host, until [`Self::captured`].
    pub fn capture(&self, file: &Path) {
        Ran::of(lab("capture").arg(self.name).arg(file)).expect(0);
    }

    /// How many frames left the host.
    pub fn captured(&self) -> usize {
        let ran = Ran::of(lab("capture").args([self.name, "stop"])).expect(0);
        ran.stdout.trim().parse().unwrap_or_else(|_| panic!("{ran:?}"))
    }

    /// The body of an HTTP answer from the host's port 80; the host has no curl.
    pub fn http(&self, path: &str) -> String {
        let request =
            format!("GET {path} HTTP/1.1\\r\\nHost: worktile.example.com\\r\\nConnection: close\\r\\n\\r\\n");
        let line = format!("exec 3<>/dev/tcp/127.0.0.1/80; printf '{request}' >&3; cat <&3");
        self.sh(&line).expect(0).stdout
    }
}
