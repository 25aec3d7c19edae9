//! Credential helpers: programs that keep credentials, in docker's protocol. A helper gets the address of a registry and
//! says what it has; what it says is a secret, and in no message.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::credentials::Credentials;

const ANSWER: u64 = 64 << 10;
const INTERVAL: Duration = Duration::from_millis(5);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-NAME` what it has for `server`.
pub fn ask(name: &str, server: &str, most: Duration) -> Result<Option<Credentials>, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.chars().all(plain) {
        return Err("what it calls its credential helper is no name");
    }
    ask_program(format!("docker-credential-{name}"), server, most)
}

/// Waits for the answer no longer than `most`.
pub fn ask_program(
    program: impl AsRef<OsStr>,
    server: &str,
    most: Duration,
) -> Result<Option<Credentials>, &'static str> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut helper = command.spawn().map_err(|_| "its credential helper cannot be started")?;
    if let Some(mut stdin) = helper.stdin.take() {
        let _ = writeln!(stdin, "{server}"); // one that does not read may answer all the same
    }
    let ended = wait(&mut helper, Instant::now() + most);
    if ended.is_none() {
        let _ = helper.kill();
        let _ = helper.wait();
    }
    let (status, said) = ended.ok_or("its credential helper does not answer")?;
    understood(status, &said)
}

/// What the helper says, and how it ended; none when it is too late.
fn wait(helper: &mut Child, until: Instant) -> Option<(ExitStatus, Vec<u8>)> {
    let (sender, said) = mpsc::sync_channel(1);
    let stdout = helper.stdout.take()?;
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.take(ANSWER).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    let said = said.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
    loop {
        match helper.try_wait() {
            Ok(Some(status)) => return Some((status, said)),
            Ok(None) if Instant::now() < until => std::thread::sleep(INTERVAL),
            _ => return None,
        }
    }
}

/// One that has no credentials for a server fails, and says so in these words.
fn understood(status: ExitStatus, said: &[u8]) -> Result<Option<Credentials>, &'static str> {
    if !status.success() {
        let unknown = String::from_utf8_lossy(said).contains("credentials not found");
        return if unknown { Ok(None) } else { Err("its credential helper failed") };
    }
    let answer: Answer = serde_json::from_slice(said)
        .map_err(|_| "its credential helper gave an answer that cannot be understood")?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Credentials::Identity(answer.secret),
        _ => Credentials::Password(answer.username, answer.secret),
    }))
}
