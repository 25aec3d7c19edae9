//! The signed manifest: what is in a bundle, byte for byte, and what it is for.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wt_keys::chain::Certified;
use wt_keys::{Document, Role, Sha256Digest, Utc};

use crate::bundle::tar;
use crate::image::{Image, blob_path};
use crate::release::{ConfTemplate, DataFolder, Hooks, JourneyStep, LicensePlace, Port, Requirements};
use crate::{Error, RelativePath, Result};

pub const FORMAT: u32 = 1;
/// Images whose registry's own blobs and manifest are kept.
pub const VERBATIM: &str = "verbatim";
const FEATURES: [&str; 1] = [VERBATIM];
pub const CHUNK_SIZE: u64 = 4 << 20;
const MOST_ENTRIES: usize = 1_000_000;

/// FORMAT.md section 3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// What a reader must understand beyond the format; an unknown one is refused by name.
    pub features: Vec<String>,
    pub product: String,
    pub version: Version,
    /// What the vendor calls it: `v5.2`.
    pub release: String,
    pub platform: String,
    pub created: Utc,
    pub upgrades_from: VersionReq,
    /// The bytes behind the head.
    pub body: Body,
    /// In the order in which they stand in the tar.
    pub entries: Vec<Entry>,
    pub images: Vec<Image>,
    pub packages: Vec<PackageSet>,
    pub site: Site,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    pub length: u64,
    /// The SHA-256 of every 4 MiB, the last one shorter.
    pub chunks: Vec<Sha256Digest>,
    pub frames: Vec<Frame>,
}

/// A zstd frame; frames follow each other without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Bytes in the file.
    pub length: u64,
    /// Bytes when decompressed.
    pub size: u64,
}

/// A regular file of the tar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub path: RelativePath,
    pub size: u64,
    pub mode: Mode,
    pub sha256: Sha256Digest,
    /// The index of the frame that holds it.
    pub frame: usize,
}

/// A file is data or a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    #[serde(rename = "0644")]
    Data,
    #[serde(rename = "0755")]
    Program,
}

impl Mode {
    pub fn bits(self) -> u32 {
        match self {
            Self::Data => 0o644,
            Self::Program => 0o755,
        }
    }
}

/// The packages for one target and how they were authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSet {
    pub target: String,
    /// What the build asked for; the rest is what that needs.
    pub install: Vec<String>,
    pub sources: Vec<PackageSource>,
    pub packages: Vec<Package>,
}

/// An archive's signed index, as it was when the packages were taken from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSource {
    pub suite: String,
    /// Of the signed `InRelease` file.
    pub release_sha256: Sha256Digest,
    /// The `Date` that the archive wrote into it.
    pub date: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub architecture: String,
    pub path: RelativePath,
}

/// What `wt-install` must know to put the release into service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub modules: Vec<String>,
    pub hooks: Hooks,
    pub requirements: Requirements,
    pub ports: Vec<Port>,
    pub data: Vec<DataFolder>,
    pub conf: Vec<ConfTemplate>,
    pub journey: Vec<JourneyStep>,
    /// The host names that a site gives the product, by the names that templates use.
    pub domains: Vec<String>,
    pub license: Option<LicensePlace>,
}

impl Document for Manifest {
    const TYPE: &'static str = "application/vnd.wt.bundle.v1+json";
    const NAME: &'static str = "manifest";

    fn beyond_us(payload: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct Needs {
            format: u32,
            features: Vec<String>,
        }
        let needs: Needs = serde_json::from_slice(payload).ok()?;
        if needs.format != FORMAT {
            return Some(format!("bundle format {}", needs.format));
        }
        let unknown = needs.features.into_iter().find(|feature| !FEATURES.contains(&&**feature))?;
        Some(format!("the feature `{}`", unknown.escape_debug()))
    }
}

impl Certified for Manifest {
    const ROLE: Role = Role::Bundle;

    fn product(&self) -> &str {
        &self.product
    }

    fn issued(&self) -> Utc {
        self.created
    }
}

impl Manifest {
    /// Refuses a manifest that needs more than this program knows, or contradicts itself.
    pub fn check(&self) -> Result<()> {
        self.check_names()?;
        self.check_verbatim()?;
        self.check_data()?;
        self.check_body()?;
        self.check_entries()?;
        self.check_references()
    }

    /// Names that become parts of paths on site, and of the line by which a person recognises a bundle before it is signed.
    pub fn check_names(&self) -> Result<()> {
        if !is_plain(&self.product) {
            return Err(contradiction(format_args!("the product `{}` is not a plain word", self.product)));
        }
        let named = |c: u8| c.is_ascii_alphanumeric() || b"._+-".contains(&c);
        if self.release.is_empty() || self.release.len() > 100 || !self.release.bytes().all(named) {
            let release = self.release.escape_debug();
            return Err(contradiction(format_args!(
                "the release `{release}` is not a word of A-Z a-z 0-9 . _ + -"
            )));
        }
        if !matches!(self.platform.split_once('/'), Some((os, machine)) if is_plain(os) && is_plain(machine))
        {
            let platform = self.platform.escape_debug();
            return Err(contradiction(format_args!("the platform `{platform}` is not like `linux/amd64`")));
        }
        for package in self.packages.iter().flat_map(|set| &set.packages) {
            let debian = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"+.-".contains(&c);
            let plain = |text: &str| !text.is_empty() && !text.starts_with('.') && text.bytes().all(debian);
            if !plain(&package.name) || !plain(&package.architecture) {
                return Err(contradiction(format_args!("`{}` is not a package's name", package.name)));
            }
        }
        Ok(())
    }

    /// The feature is named where it is used, and a blob stands for each layer.
    fn check_verbatim(&self) -> Result<()> {
        if !self.features.is_sorted_by(|a, b| a < b) {
            return Err(contradiction("the features are not in order, or one is named twice"));
        }
        let verbatim = |image: &&Image| image.verbatim.is_some();
        if self.features.iter().any(|feature| feature == VERBATIM) != self.images.iter().any(|i| verbatim(&i))
        {
            return Err(contradiction("the feature `verbatim` and the images do not agree"));
        }
        match self.images.iter().find(|image| image.stored().len() != image.layers.len()) {
            Some(image) => Err(contradiction(format_args!("`{}` has not a blob for each layer", image.name))),
            None => Ok(()),
        }
    }

    /// A folder inside another would lie in the hands of a service that owns the outer one.
    fn check_data(&self) -> Result<()> {
        let folders = || self.site.data.iter().map(|folder| &folder.path);
        match folders().find(|inner| folders().any(|outer| inner.starts_with(outer.as_str()))) {
            Some(inner) => Err(contradiction(format_args!("the data folder `{inner}` lies inside another"))),
            None => Ok(()),
        }
    }

    fn check_body(&self) -> Result<()> {
        let frames: Option<u64> = self.body.frames.iter().try_fold(0_u64, |sum, f| sum.checked_add(f.length));
        if frames != Some(self.body.length) || self.body.frames.iter().any(|frame| frame.length == 0) {
            return Err(contradiction("the frames do not add up to the length"));
        }
        if self.body.chunks.len() as u64 != self.body.length.div_ceil(CHUNK_SIZE) {
            return Err(contradiction("the number of chunks does not fit the length"));
        }
        Ok(())
    }

    fn check_entries(&self) -> Result<()> {
        if self.entries.len() > MOST_ENTRIES {
            return Err(contradiction("more than 1000000 entries"));
        }
        let total = self.body.frames.iter().try_fold(0_u64, |sum, frame| sum.checked_add(frame.size));
        if total.is_none() {
            return Err(contradiction("the frames decompress to more than there is"));
        }
        let mut sizes = vec![0_u64; self.body.frames.len()];
        let mut paths = HashSet::new();
        let mut previous = 0;
        for entry in &self.entries {
            let in_order = entry.frame == previous || entry.frame == previous + 1;
            let Some(size) = sizes.get_mut(entry.frame).filter(|_| in_order) else {
                return Err(contradiction(format_args!("`{}` is in no frame, or out of order", entry.path)));
            };
            previous = entry.frame;
            *size = tar::stored_size(entry.size)
                .and_then(|stored| size.checked_add(stored))
                .ok_or_else(|| contradiction(format_args!("`{}` is too large", entry.path)))?;
            if !paths.insert(entry.path.as_str().to_ascii_lowercase()) {
                return Err(contradiction(format_args!("two entries are named `{}`", entry.path)));
            }
        }
        let folders = |path: &str| path.match_indices('/').any(|(at, _)| paths.contains(&path[..at]));
        if let Some(entry) = self.entries.iter().find(|e| folders(&e.path.as_str().to_ascii_lowercase())) {
            return Err(contradiction(format_args!("`{}` lies in a folder that is a file", entry.path)));
        }
        if let Some(last) = sizes.last_mut() {
            *last = last.saturating_add(tar::END.len() as u64); // more than any frame may have
        }
        if sizes.iter().ne(self.body.frames.iter().map(|frame| &frame.size)) {
            return Err(contradiction("the entries do not add up to the frames"));
        }
        Ok(())
    }

    fn check_references(&self) -> Result<()> {
        let at_its_place = |entry: &&Entry| entry.path == blob_path(entry.sha256);
        let blobs: HashSet<Sha256Digest> =
            self.entries.iter().filter(at_its_place).map(|entry| entry.sha256).collect();
        let paths: HashSet<&RelativePath> = self.entries.iter().map(|entry| &entry.path).collect();
        let mut names = HashSet::new();
        for image in &self.images {
            let mut needed = [image.config, image.manifest].into_iter().chain(image.stored().iter().copied());
            if let Some(missing) = needed.find(|blob| !blobs.contains(blob)) {
                return Err(contradiction(format_args!("`{}` misses {missing}", image.name)));
            }
            if image.layers.is_empty() {
                return Err(contradiction(format_args!("`{}` has no layers", image.name)));
            }
            if !names.insert(image.name.canonical()) {
                return Err(contradiction(format_args!("two images are named `{}`", image.name)));
            }
        }
        let packages = self.packages.iter().flat_map(|set| &set.packages).map(|package| &package.path);
        let scripts = self.site.hooks.init_data.iter();
        match packages.chain(scripts).find(|path| !paths.contains(path)) {
            Some(missing) => Err(contradiction(format_args!("`{missing}` is not among the entries"))),
            None => Ok(()),
        }
    }

    pub fn entry(&self, path: &str) -> Result<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.path.as_str() == path)
            .ok_or_else(|| Error::NoEntry(path.to_owned()))
    }

    /// Where each frame begins, counted from the start of the body.
    pub fn frame_offset(&self, frame: usize) -> u64 {
        self.body.frames[..frame].iter().map(|frame| frame.length).sum()
    }

    /// The distinct layers of all images as the bundle holds them.
    pub fn layers(&self) -> impl Iterator<Item = &Entry> {
        let layers: HashSet<Sha256Digest> =
            self.images.iter().flat_map(|image| image.stored().iter().copied()).collect();
        self.entries.iter().filter(move |entry| layers.contains(&entry.sha256))
    }
}

/// A word of `a-z`, `0-9` and `-`: what a product is called, safe in a path and in a unit file.
pub fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

fn contradiction(why: impl fmt::Display) -> Error {
    Error::Manifest(why.to_string())
}

/// A number of bytes, written `512 MiB` or `4 GiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{} {unit}", self.0 / size),
            None => write!(f, "{} B", self.0),
        }
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse =
            || format!("`{text}` is not a size; expected a whole number and a unit, such as `512 MiB`");
        let (number, unit) = text.split_once(' ').ok_or_else(refuse)?;
        let factor = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => *factor,
            None if unit == "B" => 1,
            None => return Err(refuse()),
        };
        number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).map(Self).ok_or_else(refuse)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
