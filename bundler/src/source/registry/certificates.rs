//! Authorities that are trusted besides those of the machine.

use std::path::{Path, PathBuf};

use super::{Access, Failure};
use crate::{Error, Result};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Where engines look, in a folder for each registry, behind the user's own.
const FOLDERS: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
const OWN: &str = ".config/containers/certs.d";

/// The certificates for the registry `host`, each as PEM.
pub fn find(access: &Access, host: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let own = home.map(|home| Path::new(&home).join(OWN));
    let folders = own.into_iter().chain(FOLDERS.map(PathBuf::from));
    for path in access.authorities.iter().cloned().chain(folders.flat_map(|folder| of(&folder, host))) {
        found.extend(read(&path)?);
    }
    Ok(found)
}

/// The `.crt` files in the folder for `host`, in the order of their names.
fn of(folder: &Path, host: &str) -> Vec<PathBuf> {
    let Ok(entries) = folder.join(host).read_dir() else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "crt")).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Result<Vec<String>> {
    let bytes = wt_keys::capped::read(path, "a file of certificates", crate::image::DOCUMENT_LIMIT)?;
    let text = String::from_utf8_lossy(&bytes);
    let blocks: Vec<String> = text
        .split(BEGIN)
        .skip(1)
        .filter_map(|rest| Some(format!("{BEGIN}{}{END}\n", rest.split_once(END)?.0)))
        .collect();
    let good = |block: &String| reqwest::Certificate::from_pem(block.as_bytes()).is_ok();
    if blocks.is_empty() || !blocks.iter().all(good) {
        return Err(Error::from(Failure::Certificate { path: path.to_owned() }));
    }
    Ok(blocks)
}
