//! Scripts of the bundle, run on the host: from authenticated bytes, with a clean environment, within a time limit.

use std::path::Path;
use std::time::Duration;

use wt_keys::{durable, folder_of};
use wt_manifests::RelativePath;
use wt_manifests::manifest::Entry;

use crate::command::Command;
use crate::{Error, Installation, Result};

const SCRIPT_LIMIT: u64 = 16 << 20;
const TIME_LIMIT: Duration = Duration::from_mins(15);

/// Runs `script` of the bundle and waits for it. It is told the names of the stack and of the folders, no secrets; what
/// else lies in `scripts/` lies beside it.
pub fn run(installation: &Installation, script: &RelativePath) -> Result<()> {
    let folder = installation.places.hooks();
    let ran =
        write_scripts(installation, script, &folder).and_then(|()| start(installation, script, &folder));
    durable::remove_folder(&folder)?;
    ran
}

/// From nothing: what a killed run left is not believed.
fn write_scripts(installation: &Installation, script: &RelativePath, folder: &Path) -> Result<()> {
    durable::remove_folder(folder)?;
    durable::create_folder(folder, 0o700)?;
    let beside = |entry: &&Entry| entry.path.starts_with("scripts") || entry.path == *script;
    for entry in installation.manifest().entries.iter().filter(beside) {
        let path = folder.join(entry.path.as_str());
        durable::create_folder(&folder_of(&path), 0o700)?;
        let bytes = installation.release.read_entry(entry.path.as_str(), SCRIPT_LIMIT)?;
        durable::write(&path, &bytes, entry.mode.bits() & 0o700)?;
    }
    Ok(())
}

fn start(installation: &Installation, script: &RelativePath, folder: &Path) -> Result<()> {
    let program = folder.join(script.as_str());
    let text = |path: &Path| path.display().to_string();
    Command::new(&text(&program), TIME_LIMIT)
        .env("WT_STACK", installation.stack_name())
        .env("WT_HOME", &text(&installation.home()))
        .env("WT_DATA", &text(&installation.site.data_root))
        .succeed(b"")
        .map_err(|source| Error::Hook { script: script.to_string(), source: Box::new(source) })
        .map(drop)
}
