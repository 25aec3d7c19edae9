//! The signed manifest: what is in a bundle, byte for byte, and what it is for.

mod check;

use std::collections::HashSet;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use wt_keys::chain::Certified;
use wt_keys::{Document, Role, Sha256Digest, TrustDocument, Utc, shown};

use crate::image::{Image, blob_path};
use crate::platform::Platform;
use crate::site::Site;
use crate::{Error, RelativePath, Result};

pub const FORMAT: u32 = 1;
/// Images whose registry's own blobs and manifest are kept.
pub const VERBATIM: &str = "verbatim";
/// Images that say where they came from.
pub const IMAGE_SOURCE: &str = "image-source";
/// A site's life beyond its installation: hooks around what is done, roles, logs, how stores are held still.
pub const LIFECYCLE: &str = "lifecycle";
/// The trust document that the signer had, which the head's must not be older than.
pub const TRUST_VERSION: &str = "trust-version";
const FEATURES: [&str; 4] = [IMAGE_SOURCE, LIFECYCLE, TRUST_VERSION, VERBATIM];
pub const CHUNK_SIZE: u64 = 4 << 20;

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
    pub platform: Platform,
    pub created: Utc,
    /// The version of the signer's trust document; left out at 1, which nothing is older than.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_version: Option<u64>,
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

impl Entry {
    /// Whether it is a blob at its place: there, and nowhere else, images find it.
    pub fn is_blob(&self) -> bool {
        self.path == blob_path(self.sha256)
    }

    /// Whether the vendor wrote it; everything else follows from images and packages.
    pub fn is_of_release(&self) -> bool {
        self.path.as_str() == "stack.yaml"
            || self.path.starts_with("conf")
            || self.path.starts_with("scripts")
    }
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
        Some(format!("the feature `{}`", shown(unknown)))
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

    fn trust_version(&self) -> Option<u64> {
        self.trust_version
    }

    /// A manifest that was signed under newer trust before keeps saying so.
    fn under(mut self, trust: &TrustDocument) -> Self {
        self.trust_version = self.trust_version.max(Some(trust.version)).filter(|version| *version > 1);
        self.name_features();
        self
    }
}

impl Manifest {
    /// Names the features that it uses, as [`Self::check`] wants them.
    pub fn name_features(&mut self) {
        self.features = self.used_features().map(str::to_owned).collect();
    }

    fn used_features(&self) -> impl Iterator<Item = &'static str> {
        let uses = [
            self.images.iter().any(|image| image.source.is_some()),
            self.site.has_lifecycle(),
            self.trust_version.is_some(),
            self.images.iter().any(|image| image.verbatim.is_some()),
        ];
        FEATURES.into_iter().zip(uses).filter_map(|(feature, used)| used.then_some(feature))
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
        self.entries.iter().filter(move |entry| layers.contains(&entry.sha256) && entry.is_blob())
    }
}
