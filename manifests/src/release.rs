//! `release.toml`: how a vendor describes one version of a product.

pub mod meant;
mod packages;

use std::fs;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub use self::packages::{AptWord, GivenPackage, Mirror, PackageTarget};
use crate::platform::{Platform, is_plain};
use crate::site::{ConfTemplate, DataFolder, Hooks, JourneyStep, LicensePlace, Port, Requirements, Store};
use crate::{Error, ImageName, Result};
use wt_keys::shown::shown;

const RELEASE_FILE: &str = "release.toml";
const RELEASE_FILE_LIMIT: u64 = 4 << 20;
/// Where an image can come from, by the names that skopeo gives them.
pub const TRANSPORTS: [&str; 6] =
    ["docker", "docker-daemon", "docker-archive", "oci", "oci-archive", "rootfs"];

/// A release folder, read and checked.
#[derive(Debug)]
pub struct Release {
    /// What the folder is called: `v5.2`.
    pub name: String,
    pub folder: PathBuf,
    pub file: ReleaseFile,
}

/// `release.toml` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReleaseFile {
    #[serde(deserialize_with = "product")]
    pub product: String,
    pub version: Version,
    pub platform: Platform,
    /// The releases that can be upgraded to this one; left out: every older one.
    #[serde(default)]
    pub upgrades_from: VersionReq,
    #[serde(default)]
    pub modules: Vec<String>,
    #[serde(rename = "image", deserialize_with = "images")]
    pub images: Vec<ImageSource>,
    #[serde(default, deserialize_with = "packages::targets")]
    pub packages: Vec<PackageTarget>,
    #[serde(default)]
    pub hooks: Hooks,
    #[serde(default)]
    pub requirements: Requirements,
    #[serde(default, rename = "port")]
    pub ports: Vec<Port>,
    #[serde(default, rename = "data")]
    pub data: Vec<DataFolder>,
    #[serde(default, rename = "conf")]
    pub conf: Vec<ConfTemplate>,
    #[serde(default, rename = "journey")]
    pub journey: Vec<JourneyStep>,
    /// The host names that a site gives the product, by the names that templates use.
    #[serde(default)]
    pub domains: Vec<String>,
    pub license: Option<LicensePlace>,
    #[serde(default, rename = "log")]
    pub logs: Vec<DataFolder>,
    #[serde(default, rename = "store")]
    pub stores: Vec<Store>,
}

/// An image and where the build machine finds it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ImageAsWritten")]
pub struct ImageSource {
    pub name: ImageName,
    /// One of [`TRANSPORTS`], a colon, and what follows it.
    pub source: String,
    pub config: RootfsConfig,
}

/// One table with the fields of both; serde's `flatten` would lose the line and the names that were expected.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageAsWritten {
    name: ImageName,
    #[serde(deserialize_with = "known_transport")]
    source: String,
    #[serde(default)]
    entrypoint: Vec<String>,
    #[serde(default)]
    cmd: Vec<String>,
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    workdir: String,
    #[serde(default)]
    ports: Vec<String>,
    healthcheck: Option<Healthcheck>,
}

impl TryFrom<ImageAsWritten> for ImageSource {
    type Error = String;

    fn try_from(written: ImageAsWritten) -> std::result::Result<Self, String> {
        let ImageAsWritten { name, source, entrypoint, cmd, env, user, workdir, ports, healthcheck } =
            written;
        let config = RootfsConfig { entrypoint, cmd, env, user, workdir, ports, healthcheck };
        if !source.starts_with("rootfs:") && config != RootfsConfig::default() {
            return Err(format!(
                "the image `{name}` brings its own configuration; only `rootfs:` images are given one here"
            ));
        }
        Ok(Self { name, source, config })
    }
}

/// A transport that is nearly a known one is a typing error; of any other the builder says what it makes of it.
fn known_transport<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    let source = String::deserialize(deserializer)?;
    let Some((found, _)) = source.split_once(':') else { return Ok(source) };
    match meant::nearest(found, TRANSPORTS) {
        Some(_) if !TRANSPORTS.contains(&found) => Err(serde::de::Error::unknown_variant(found, &TRANSPORTS)),
        _ => Ok(source),
    }
}

/// How an image made from a root file system is run. Only for `rootfs:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootfsConfig {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub env: Vec<String>,
    pub user: String,
    pub workdir: String,
    pub ports: Vec<String>,
    pub healthcheck: Option<Healthcheck>,
}

/// As in a Dockerfile; the times are `2s`, `500ms`, `1m`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healthcheck {
    pub test: Vec<String>,
    pub interval: Option<String>,
    pub timeout: Option<String>,
    pub start_period: Option<String>,
    /// Until it is well for the first time; engines before 25 go by `interval`.
    pub start_interval: Option<String>,
    pub retries: Option<u32>,
}

impl Release {
    /// Finds `manifests/NAME/` below `here`, or takes `name` as the path of a release folder, and reads it.
    pub fn find(name: &str, here: &Path) -> Result<Self> {
        let by_name = here.join("manifests").join(name);
        let folder = [by_name.clone(), here.join(name)]
            .into_iter()
            .find(|folder| folder.join(RELEASE_FILE).is_file())
            .ok_or_else(|| Error::NoRelease {
                name: name.to_owned(),
                expected: by_name,
                known: known_releases(&here.join("manifests")),
            })?;
        let mut file = ReleaseFile::read(&folder.join(RELEASE_FILE))?;
        for target in &mut file.packages {
            target.keyring = folder.join(&target.keyring); // an absolute one stays what it is
            for given in &mut target.files {
                given.path = folder.join(&given.path);
            }
        }
        let resolved = folder.canonicalize().map_err(Error::io("open", &folder))?;
        let name = resolved.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self { name, folder, file })
    }
}

impl ReleaseFile {
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = wt_keys::capped::read(path, "a release file", RELEASE_FILE_LIMIT)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::Release { path: path.to_owned(), why: "it is not UTF-8 text".to_owned() })?;
        toml::from_str(&text).map_err(|error| Error::Toml { path: path.to_owned(), what: Box::new(error) })
    }
}

fn product<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    let product = String::deserialize(deserializer)?;
    if is_plain(&product) {
        return Ok(product);
    }
    Err(D::Error::custom(format!("the product `{}` is not a word of a-z, 0-9 and `-`", shown(&product))))
}

fn images<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<ImageSource>, D::Error> {
    let images = Vec::<ImageSource>::deserialize(deserializer)?;
    for (at, image) in images.iter().enumerate() {
        if images[..at].iter().any(|other| other.name == image.name) {
            return Err(D::Error::custom(format!("the image `{}` is named twice", image.name)));
        }
    }
    Ok(images)
}

fn known_releases(manifests: &Path) -> Vec<String> {
    let mut known: Vec<String> = fs::read_dir(manifests)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(RELEASE_FILE).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    known
}

#[cfg(test)]
mod tests;
