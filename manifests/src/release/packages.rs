//! `[[packages]]`: the packages that install the engine on one target.
//!
//! What stands here becomes configuration of apt, so that no value can be more than a value: what is not one plain word
//! is refused where it is read.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use wt_keys::shown::shown;
use wt_keys::{Sha256Digest, Utc, written_as_string};

const LONGEST: usize = 200;

/// Resolved by apt.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackageTarget {
    /// `ID-VERSION_ID` of the target's /etc/os-release: `debian-12`.
    #[serde(deserialize_with = "target")]
    pub target: String,
    pub suites: Vec<AptWord>,
    pub components: Vec<AptWord>,
    /// The keyring that authenticates the archive; a relative path is one in the release folder.
    pub keyring: PathBuf,
    /// Where the archive is; left out: where this machine's apt finds the same suites.
    pub mirror: Option<Mirror>,
    /// The mirror is a snapshot: what its indexes say about how long they are good is not asked.
    #[serde(default)]
    pub snapshot: bool,
    /// An index that the archive signed before this day is refused; left out: an old one is a warning.
    #[serde(default, deserialize_with = "day")]
    pub not_before: Option<Utc>,
    #[serde(default)]
    pub install: Vec<AptWord>,
    /// Packages that no archive has; the archive is asked for what they need.
    #[serde(default)]
    pub files: Vec<GivenPackage>,
}

/// A `.deb` file given by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenPackage {
    /// A relative path is one in the release folder.
    pub path: PathBuf,
    pub sha256: Sha256Digest,
}

/// The name of a suite, a component or a package: `bookworm-security`, `stable/updates`, `libstdc++6`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AptWord(String);

/// The address of an archive: `http://HOST/debian`, `https://HOST/debian`, `file:/srv/mirror`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror(String);

impl AptWord {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Mirror {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AptWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: u8| c.is_ascii_alphanumeric() || b".+~-_/".contains(&c);
        let path = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !text.split('/').any(|part| matches!(part, "" | "." | ".."));
        if path && text.len() <= LONGEST && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(unlike(text, "a name of letters, digits and . + ~ - _ /, such as `bookworm-security`"))
    }
}

impl FromStr for Mirror {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = ["http://", "https://", "file:/"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let plain = |c: u8| c.is_ascii_graphic() && !b"[]<>{}\"'`\\^|".contains(&c);
        match place {
            Some(place) if !place.is_empty() && text.len() <= 2000 && text.bytes().all(plain) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(unlike(
                text,
                "http://HOST/PATH, https://HOST/PATH or file:/PATH, without spaces and brackets",
            )),
        }
    }
}

fn unlike(text: &str, expected: &str) -> String {
    format!("`{}` is not {expected}", shown(text))
}

impl fmt::Display for AptWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_string!(AptWord);
written_as_string!(Mirror);

/// It becomes a folder in the bundle.
fn target<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-.".contains(&c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(plain) {
        return Ok(text);
    }
    Err(D::Error::custom(unlike(&text, "a target such as `debian-12`")))
}

/// Its first second.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let start = format!("{text}T00:00:00Z").parse();
    start.map(Some).map_err(|_| D::Error::custom(unlike(&text, "a day such as `2026-11-23`")))
}

/// All targets of a release.
pub(super) fn targets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PackageTarget>, D::Error> {
    let all = Vec::<PackageTarget>::deserialize(deserializer)?;
    for (at, target) in all.iter().enumerate() {
        let wrong = |why: &str| Err(D::Error::custom(format!("the target `{}` {why}", target.target)));
        if target.install.is_empty() && target.files.is_empty() {
            return wrong("has neither `install` nor `files`");
        }
        if target.snapshot && target.mirror.is_none() {
            return wrong("is from a snapshot and has no `mirror`");
        }
        if all[..at].iter().any(|other| other.target == target.target) {
            return wrong("is described twice");
        }
    }
    Ok(all)
}
