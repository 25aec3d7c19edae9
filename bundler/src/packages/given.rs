//! Packages that are given by hand: compared with the digest in release.toml before anything looks into them, and read
//! by dpkg itself from a copy that nobody else changes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wt_keys::{Sha256Digest, capped};
use wt_manifests::Platform;
use wt_manifests::release::{GivenPackage, PackageTarget};

use super::apt::architecture;
use crate::hashed::Hashed;
use crate::problems::Problems;
use crate::{Error, Result};

const LARGEST: u64 = 4 << 30;
const FIELDS_LIMIT: u64 = 64 << 10;

/// A package of a target, copied and read.
#[derive(Debug)]
pub struct Given {
    pub name: String,
    pub version: String,
    pub architecture: String,
    /// What apt would call it.
    pub file_name: String,
    pub file: PathBuf,
    pub sha256: Sha256Digest,
    pub size: u64,
}

/// Takes the files of `target` into `folder`; none of them where one cannot be had.
pub fn take(
    target: &PackageTarget,
    platform: &Platform,
    folder: &Path,
    place: &str,
    problems: &mut Problems,
) -> Option<Vec<Given>> {
    let architecture = architecture(platform);
    let mut taken = Vec::new();
    for (at, given) in target.files.iter().enumerate() {
        let given = take_one(given, architecture, folder.join(format!("{at}.deb")));
        taken.push(problems.keep(place, given));
    }
    taken.into_iter().collect()
}

fn take_one(given: &GivenPackage, architecture: &str, copy: PathBuf) -> Result<Given> {
    let size = copy_compared(given, &copy)?;
    let [name, version, found] = fields(&given.path, &copy)?;
    if found != architecture && found != "all" {
        let (path, expected) = (given.path.clone(), architecture.to_owned());
        return Err(Error::DebArchitecture { path, expected, found });
    }
    let file_name = format!("{name}_{}_{found}.deb", version.replace(':', "%3a"));
    Ok(Given { name, version, architecture: found, file_name, file: copy, sha256: given.sha256, size })
}

fn copy_compared(given: &GivenPackage, copy: &Path) -> Result<u64> {
    let path = &given.path;
    let file = match capped::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::MissingFile { path: path.clone() });
        }
        file => file.map_err(Error::io("open", path))?,
    };
    if !file.metadata().map_err(Error::io("read", path))?.is_file() {
        return Err(Error::FileKind { path: path.clone() });
    }
    let mut to = File::create(copy).map_err(Error::io("create", copy))?;
    let mut content = Hashed::new(file.take(LARGEST));
    let size = std::io::copy(&mut content, &mut to).map_err(Error::io("copy", path))?;
    let (expected, found) = (given.sha256, content.finish().map_err(Error::io("read", path))?);
    if found == expected {
        return Ok(size);
    }
    Err(Error::Digest { what: path.display().to_string(), expected, found })
}

/// Name, version and architecture, as dpkg reads them.
fn fields(path: &Path, copy: &Path) -> Result<[String; 3]> {
    let mut dpkg = Command::new("dpkg-deb")
        .args(["-f".as_ref(), copy.as_os_str()])
        .args(["Package", "Version", "Architecture"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| Error::NoApt { source })?;
    let mut said = String::new();
    let read = match dpkg.stdout.take() {
        Some(stdout) => stdout.take(FIELDS_LIMIT).read_to_string(&mut said).is_ok(),
        None => false,
    };
    let succeeded = dpkg.wait().map_err(|source| Error::NoApt { source })?.success();
    let value = |field: &str| {
        let mut lines = said.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(name, _)| *name == field).map(|(_, value)| value.to_owned())
    };
    let fields = (value("Package"), value("Version"), value("Architecture"));
    match fields {
        (Some(name), Some(version), Some(architecture))
            if read
                && succeeded
                && [&name, &version, &architecture].into_iter().all(|text| is_plain(text)) =>
        {
            Ok([name, version, architecture])
        }
        _ => Err(Error::NotAPackage { path: path.to_owned() }),
    }
}

/// What names and versions are made of, and what can stand in the name of a file.
fn is_plain(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b".+-~:".contains(&c);
    text.len() <= 200 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(allowed)
}
