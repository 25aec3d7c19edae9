//! What the kernel shows of a program while it runs, to its own user and to root.
#![allow(dead_code, reason = "no suite needs all of it")]

use std::cell::RefCell;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nobody special.
pub const NOBODY: u32 = 65534;

/// A command line on a terminal of its own, by `script`.
pub struct Terminal {
    script: Child,
    said: PathBuf,
}

impl Terminal {
    /// What is said on it is written to `said`.
    pub fn run(line: &str, folder: &Path, said: &Path) -> Self {
        let mut script = Command::new("script");
        script.args(["-q", "-f", "-c", line]).arg(said).current_dir(folder);
        let script = script.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        Self { script, said: said.to_owned() }
    }

    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    pub fn wait_for(&self, text: &str) {
        until(&format!("it says `{text}`"), || self.said().contains(text).then_some(()));
    }

    pub fn type_in(&mut self, text: &str) {
        self.script.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits for its end; all that was said.
    pub fn end(mut self) -> String {
        drop(self.script.stdin.take());
        let ended = RefCell::new(&mut self.script);
        until("it ends", || ended.borrow_mut().try_wait().unwrap());
        self.said()
    }
}

/// A test that failed leaves nothing that runs.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// A process of `program`, which no other test runs under that name.
#[derive(Clone, Debug)]
pub struct Process(PathBuf);

impl Process {
    pub fn of(program: &Path) -> Self {
        let is_it = |folder: &PathBuf| {
            let arguments = fs::read(folder.join("cmdline")).unwrap_or_default();
            arguments.split(|byte| *byte == 0).next() == Some(program.as_os_str().as_encoded_bytes())
        };
        let all = || fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        Self(until("it runs", || all().find(is_it)))
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.0.join(name)).unwrap_or_default()).into_owned()
    }

    fn id(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }

    /// Its terminal shows nothing of what is typed.
    pub fn wait_for_silence(&self) {
        until("the terminal is silent", || {
            let number: u32 = self.state().nth(4)?.parse().ok()?;
            let terminal = format!("/dev/pts/{}", (number & 0xff) | ((number >> 12) & 0xf_ff00));
            let stty = Command::new("stty").args(["-a", "-F", &terminal]).output().unwrap();
            String::from_utf8_lossy(&stty.stdout).contains(" -echo ").then_some(())
        });
    }

    /// What proc(5) tells of it behind its name: state, parent, group, session, terminal, …
    fn state(&self) -> impl Iterator<Item = String> {
        let stat = self.read("stat");
        let rest = stat.rsplit(") ").next().unwrap_or_default().to_owned();
        rest.split(' ').map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    pub fn kill(&self, signal: &str) {
        assert!(Command::new("kill").args(["-s", signal, self.id()]).status().unwrap().success());
    }

    /// With its children and theirs.
    fn family(&self) -> Vec<Self> {
        let children = self.read(&format!("task/{}/children", self.id()));
        let of = |id: &str| Self(Path::new("/proc").join(id)).family();
        std::iter::once(self.clone()).chain(children.split_whitespace().flat_map(of)).collect()
    }

    /// Root sees an environment that the kernel keeps from others.
    pub fn assert_nowhere_shown(&self, secret: &str) {
        for process in self.family() {
            assert!(!process.read("cmdline").is_empty(), "it has ended");
            for place in ["cmdline", "environ", "comm"] {
                assert!(!process.read(place).contains(secret), "{place}");
            }
        }
    }

    /// No core file may be written, whatever its parent allowed, and its own user cannot read its memory.
    pub fn assert_memory_is_private(&self) {
        let limits = self.read("limits");
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);
        for place in ["mem", "environ", "maps"] {
            assert!(!is_open_to_its_user(&self.0.join(place)), "{place}");
        }
    }
}

/// As the user of this test, or as nobody where that is root.
pub fn unprivileged(line: &str) -> Command {
    let root = rustix::process::geteuid().is_root();
    let words: &[&str] =
        if root { &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] } else { &[] };
    let words: Vec<&str> = words.iter().copied().chain(["sh", "-c", line]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn is_open_to_its_user(file: &Path) -> bool {
    let line = format!("head -c 1 {} >/dev/null 2>&1", file.display());
    unprivileged(&line).status().unwrap().success()
}

/// Whether the kernel would write a core file here for a program that allows it, and another process of its user see it.
pub fn control(folder: &Path) -> bool {
    let mut sleep = unprivileged("ulimit -c unlimited; exec sleep 600").current_dir(folder).spawn().unwrap();
    let process = Process(PathBuf::from(format!("/proc/{}", sleep.id())));
    until("it sleeps", || process.read("cmdline").starts_with("sleep").then_some(()));
    assert!(is_open_to_its_user(&process.0.join("environ")), "it could not be seen anyway");
    process.kill("ABRT");
    let dumped = sleep.wait().unwrap().core_dumped();
    let _ = fs::remove_file(folder.join("core"));
    dumped
}

/// Waits for what is bound to come.
pub fn until<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "a minute long not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
