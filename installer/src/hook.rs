//! Scripts of the bundle, run on the host: from authenticated bytes, with a clean environment, within a time limit.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wt_keys::durable;
use wt_manifests::RelativePath;

use crate::{Error, Installation, Result};

const SCRIPT_LIMIT: u64 = 16 << 20;
const TIME_LIMIT: Duration = Duration::from_secs(15 * 60);
const SHOWN_OUTPUT: usize = 2000;

/// Runs `script` of the bundle and waits for it. It is told the names of the stack and of the folders, no secrets.
pub fn run(installation: &Installation, script: &RelativePath) -> Result<()> {
    let failed = |why: String| Error::Hook { script: script.to_string(), why };
    let staging = installation.places.staging();
    durable::create_folder(&staging, 0o700)?;
    let program = staging.join(script.file_name());
    durable::write(&program, &installation.bundle.read_entry(script.as_str(), SCRIPT_LIMIT)?, 0o700)?;
    let mut output = tempfile::tempfile_in(&staging).map_err(Error::io("create a file in", &staging))?;
    let mut clone = || output.try_clone().map_err(Error::io("write in", &staging));
    let mut child = Command::new(&program)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("WT_STACK", installation.stack_name())
        .env("WT_HOME", installation.home())
        .env("WT_DATA", &installation.site.data_root)
        .current_dir(installation.home())
        .stdin(Stdio::null())
        .stdout(clone()?)
        .stderr(clone()?)
        .spawn()
        .map_err(|error| failed(format!("it cannot be started ({error})")))?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) => break status,
            None if started.elapsed() > TIME_LIMIT => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed("it ran for 15 minutes and was ended".to_owned()));
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    std::fs::remove_file(&program).map_err(Error::io("remove", &program))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(format!("{status}\n{}", tail(&mut output))))
}

/// The end of what the script said.
fn tail(output: &mut std::fs::File) -> String {
    use std::io::Seek as _;
    let mut text = Vec::new();
    let _ = output.rewind().and_then(|()| output.read_to_end(&mut text));
    let from = text.len().saturating_sub(SHOWN_OUTPUT);
    String::from_utf8_lossy(&text[from..]).trim_end().to_owned()
}
