//! Scripts of the bundle, run on the host: from authenticated bytes, with a clean environment, within a time limit.

use std::path::Path;
use std::time::Duration;

use wt_keys::durable;
use wt_manifests::RelativePath;

use crate::command::Command;
use crate::{Error, Installation, Result};

const SCRIPT_LIMIT: u64 = 16 << 20;
const TIME_LIMIT: Duration = Duration::from_mins(15);

/// Runs `script` of the bundle and waits for it. It is told the names of the stack and of the folders, no secrets.
pub fn run(installation: &Installation, script: &RelativePath) -> Result<()> {
    let folder = installation.places.hooks();
    durable::create_folder(&folder, 0o700)?;
    let program = folder.join(script.file_name());
    durable::write(&program, &installation.bundle.read_entry(script.as_str(), SCRIPT_LIMIT)?, 0o700)?;
    let text = |path: &Path| path.display().to_string();
    let ran = Command::new(&text(&program), TIME_LIMIT)
        .env("WT_STACK", installation.stack_name())
        .env("WT_HOME", &text(&installation.home()))
        .env("WT_DATA", &text(&installation.site.data_root))
        .succeed(b"")
        .map_err(|source| Error::Hook { script: script.to_string(), source: Box::new(source) });
    std::fs::remove_file(&program).map_err(Error::io("remove", &program))?;
    ran.map(drop)
}
