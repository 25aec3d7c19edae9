//! The site's mail server, on the wire between the hosts, and what it was sent.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::lab::{WIRE, outside};
use crate::site::{CHECK_PASSWORD, SMTP_PASSWORD, Site, certificate};
use crate::vendor::{text, world};

const NAME: &str = "mail.example.com";
const USER: &str = "worktile@example.com";
const PATIENCE: Duration = Duration::from_secs(20);

/// A running one; it ends with the lab.
#[derive(Debug)]
pub struct MailServer {
    folder: PathBuf,
    pub port: String,
}

impl MailServer {
    /// `program` is the one of `tests/src/bin/mail-server`.
    #[expect(clippy::zombie_processes, reason = "it ends with the lab")]
    pub fn start(program: &str) -> Self {
        let folder = world().join("mail");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the mail server");
        certificate(&folder, "mail", &format!("DNS:{NAME}"));
        fs::write(folder.join("account"), format!("{USER}:{SMTP_PASSWORD}")).expect("its account");
        let log = fs::File::create(folder.join("log")).expect("its log");
        let mut command = outside(&format!("exec {program} {}", text(&folder)));
        command.stdout(Stdio::null()).stderr(log).spawn().expect("a mail server");
        let begun = Instant::now();
        let port = loop {
            match fs::read_to_string(folder.join("port")) {
                Ok(port) => break port,
                Err(error) if begun.elapsed() > PATIENCE => {
                    panic!("the mail server does not listen: {error}")
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        Self { folder, port }
    }

    /// Has a bare site use it, and log in for its checks as somebody who is there for them alone.
    pub fn serve(&self, site: &Site) {
        site.host.put(&self.folder.join("mail.crt"), "/root/mail.crt");
        self.name(site);
        let answers = site.sh("cat /root/site.toml").expect(0).stdout;
        site.answer(&format!(
            "{answers}\n[smtp]\nhost = \"{NAME}\"\nport = {}\nuser = \"{USER}\"\npassword = \"{SMTP_PASSWORD}\"\nca = \"mail.crt\"\n\
             [check]\nmail-to = [\"ops@example.com\"]\naccount = {{ username = \"check\", password = \"{CHECK_PASSWORD}\" }}\n",
            self.port
        ));
    }

    /// Has the host know its name; a host of the lab forgets that when it is switched on.
    pub fn name(&self, site: &Site) {
        site.sh(&format!("echo {WIRE} {NAME} >>/etc/hosts")).expect(0);
    }

    /// What it has taken so far, in order.
    pub fn letters(&self) -> Vec<String> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.folder.join("letters"))
            .expect("letters")
            .map(|entry| entry.expect("a letter").path())
            .collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).expect("a letter")).collect()
    }

    /// Whether it takes none for now.
    pub fn be_busy(&self, busy: bool) {
        let file = self.folder.join("busy");
        if busy { fs::write(file, "") } else { fs::remove_file(file) }.expect("busy");
    }
}
