//! What a backup says about itself: the signed list. `manifests/FORMAT.md` section 10.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};
use wt_keys::{Document, Sha256Digest, Utc, written_as_string};
use wt_manifests::platform::is_plain;

use super::bounds::{DEEPEST, LONGEST_KIND, MOST_ENTRIES, MOST_ROOTS, at_most};
use super::path::BackupPath;
use crate::{Error, Result};

pub const FORMAT: u32 = 1;
/// The unit in which the data file is authenticated.
pub const CHUNK_SIZE: u64 = 4 << 20;
/// What the operator's edits and licenses are called in a backup.
pub const CONF: &str = "conf";
/// What the release's templates had been rendered to.
pub const RENDERED: &str = "rendered";
/// What lies below the data root.
pub const DATA: &str = "data";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupList {
    pub format: u32,
    pub product: String,
    pub version: Version,
    /// What the vendor calls the release, and the digest of its signed manifest.
    pub release: String,
    pub manifest: Sha256Digest,
    pub created: Utc,
    pub logs: bool,
    pub data: DataFile,
    /// What can be put back by itself: folders of the release, the configuration.
    #[serde(deserialize_with = "at_most::<MOST_ROOTS, _, _>")]
    pub roots: Vec<BackupPath>,
    /// What was there and cannot be in a backup.
    #[serde(deserialize_with = "at_most::<MOST_ENTRIES, _, _>")]
    pub left_out: Vec<LeftOut>,
    /// In the order of the tar.
    #[serde(deserialize_with = "at_most::<MOST_ENTRIES, _, _>")]
    pub entries: Vec<Entry>,
}

/// The file beside the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    pub encrypted: bool,
    pub length: u64,
    pub sha256: Sha256Digest,
    /// Of every 4 MiB of it, the last one shorter.
    pub chunks: Vec<Sha256Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub path: BackupPath,
    pub what: String,
}

/// A file, a folder or a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub path: BackupPath,
    pub mode: Mode,
    pub user: u32,
    pub group: u32,
    pub modified: Moment,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Kind {
    Folder,
    File {
        size: u64,
        sha256: Sha256Digest,
        /// Bytes on the disk, where that is less: the file has holes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stored: Option<u64>,
        /// It was written to while it was read. What is here is its first `size` bytes; what it lost is zeros.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        changed: bool,
    },
    /// Kept as it is and never followed.
    Symlink(Target),
    /// Another name of a file before it.
    Hardlink(BackupPath),
}

/// Where a symbolic link points: any bytes, spelled like a [`BackupPath`].
#[derive(Clone, PartialEq, Eq)]
pub struct Target(pub Vec<u8>);

/// Permission bits, written `0640`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

/// A time of a file, in seconds and nanoseconds since 1970; written `1795420800.000000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub seconds: i64,
    pub nanos: u32,
}

impl Document for BackupList {
    const TYPE: &'static str = "application/vnd.wt.backup.v1+json";
    const NAME: &'static str = "list of a backup";

    fn beyond_us(payload: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let found: Format = serde_json::from_slice(payload).ok()?;
        (found.format != FORMAT).then(|| format!("format {}", found.format))
    }
}

impl BackupList {
    /// Refuses a list that contradicts itself, though it is signed.
    pub fn check(&self) -> Result<()> {
        if !is_plain(&self.product) {
            return Err(invalid("a product that is not a plain word"));
        }
        if self.data.chunks.len() as u64 != self.data.length.div_ceil(CHUNK_SIZE) {
            return Err(invalid("a number of chunks that does not fit the length"));
        }
        if self.entries.len().saturating_add(self.left_out.len()) > MOST_ENTRIES {
            return Err(invalid("more than 400000 entries"));
        }
        if self.roots.len() > MOST_ROOTS {
            return Err(invalid("more than 1000 roots"));
        }
        if self.left_out.iter().any(|out| out.what.len() > LONGEST_KIND) {
            return Err(invalid("a kind of thing with a name of more than 100 bytes"));
        }
        if self.entries.iter().any(|entry| entry.path.depth() > DEEPEST) {
            return Err(invalid("folders more than 128 deep"));
        }
        let inside = |inner: &BackupPath| self.roots.iter().filter(|outer| inner.lies_in(outer)).count() != 1;
        if self.roots.iter().any(inside) {
            return Err(invalid("a folder inside another, or twice"));
        }
        self.check_entries()
    }

    /// Each thing once, in a folder that comes before it; another name only of a file that comes before it, in the same root.
    fn check_entries(&self) -> Result<()> {
        let (mut folders, mut files, mut links) = (HashSet::new(), HashMap::new(), HashSet::new());
        let roots: HashSet<&BackupPath> = self.roots.iter().collect();
        let mut root = None;
        for entry in &self.entries {
            let path = &entry.path;
            let is_root = roots.contains(path);
            if is_root {
                root = Some(path);
            }
            if !is_root && path.parent().is_none_or(|parent| !folders.contains(&parent)) {
                return Err(invalid("an entry before the folder that it lies in"));
            }
            if folders.contains(path) || files.contains_key(path) || links.contains(path) {
                return Err(invalid("an entry twice"));
            }
            match &entry.kind {
                Kind::Hardlink(file) if files.get(file).is_none_or(|of| *of != root) => {
                    return Err(invalid("another name of a file that is not there"));
                }
                Kind::Folder => folders.insert(path.clone()),
                Kind::File { .. } => files.insert(path, root).is_none(),
                Kind::Symlink(_) | Kind::Hardlink(_) => links.insert(path),
            };
        }
        let seen = |root: &BackupPath| folders.contains(root) || files.contains_key(root);
        if self.roots.iter().all(seen) {
            Ok(())
        } else {
            Err(invalid("a root that is not among the entries"))
        }
    }

    /// Bytes that its files take on a disk.
    pub fn stored(&self) -> u64 {
        self.entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.stored()))
    }
}

fn invalid(why: &'static str) -> Error {
    Error::BackupInvalid { why }
}

impl Entry {
    pub fn stored(&self) -> u64 {
        match self.kind {
            Kind::File { size, stored, .. } => stored.unwrap_or(size),
            _ => 0,
        }
    }

    /// Bytes of it that follow its header in the tar.
    pub fn size(&self) -> u64 {
        match self.kind {
            Kind::File { size, .. } => size,
            _ => 0,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.len() == 4 && text.bytes().all(|c| (b'0'..=b'7').contains(&c));
        let bits = u32::from_str_radix(text, 8).ok().filter(|_| digits);
        bits.map(Self).ok_or_else(|| "a mode that is not like `0640`".to_owned())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(s, n)| Some((s.parse().ok()?, n.parse().ok()?)));
        let moment = parts.map(|(seconds, nanos)| Self { seconds, nanos });
        let fits = |moment: &Self| moment.nanos < 1_000_000_000 && moment.to_string() == text;
        moment.filter(fits).ok_or_else(|| "a time that is not like `1795420800.000000000`".to_owned())
    }
}

const LONGEST_TARGET: usize = 4096;

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::path::escape(&self.0))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = super::path::unescape(text);
        let fits =
            |bytes: &Vec<u8>| !bytes.is_empty() && bytes.len() <= LONGEST_TARGET && !bytes.contains(&0);
        bytes.filter(fits).map(Self).ok_or_else(|| "a link to nowhere".to_owned())
    }
}

written_as_string!(Mode);
written_as_string!(Moment);
written_as_string!(Target);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(path: &str, kind: Kind) -> Entry {
        let modified = Moment { seconds: 1_795_420_800, nanos: 5 };
        Entry { path: path.parse().unwrap(), mode: Mode(0o640), user: 10001, group: 10001, modified, kind }
    }

    pub(crate) fn file(content: &[u8]) -> Kind {
        let (size, sha256) = (content.len() as u64, Sha256Digest::of(content));
        Kind::File { size, sha256, stored: None, changed: false }
    }

    pub(crate) fn list(entries: Vec<Entry>) -> BackupList {
        BackupList {
            format: FORMAT,
            product: "acme".to_owned(),
            version: "1.0.0".parse().unwrap(),
            release: "v1".to_owned(),
            manifest: Sha256Digest::of(b"manifest"),
            created: "2026-11-24T02:00:00Z".parse().unwrap(),
            logs: false,
            data: DataFile { encrypted: false, length: 0, sha256: Sha256Digest::of(b""), chunks: vec![] },
            roots: vec!["data/db".parse().unwrap()],
            left_out: vec![],
            entries,
        }
    }

    #[test]
    fn a_list_that_contradicts_itself_is_refused_though_it_is_signed() {
        let root = || entry("data/db", Kind::Folder);
        let a = || entry("data/db/a", file(b"a"));
        let same = |of: &str| entry("data/db/b", Kind::Hardlink(of.parse().unwrap()));
        assert!(list(vec![root(), a(), same("data/db/a")]).check().is_ok());
        for wrong in [
            vec![],
            vec![a(), root()],
            vec![root(), a(), a()],
            vec![root(), root()],
            vec![root(), same("data/db/a"), a()],
            vec![root(), same("data/db/b")],
            vec![root(), entry("etc/passwd", file(b"a"))],
            vec![root(), entry("data", Kind::Folder)],
            vec![root(), a(), entry("data/db/a/b", file(b"a"))],
            vec![root(), entry("data/db/c/a", file(b"a"))],
            vec![entry("data/db", Kind::Symlink(Target(b"/etc".to_vec()))), a()],
            vec![
                root(),
                entry("data/db/l", Kind::Symlink(Target(b"/etc".to_vec()))),
                entry("data/db/l/a", file(b"a")),
            ],
        ] {
            assert!(matches!(list(wrong.clone()).check(), Err(Error::BackupInvalid { .. })), "{wrong:?}");
        }
        let chunks = DataFile { length: 1, ..list(vec![]).data };
        assert!(BackupList { data: chunks, ..list(vec![root()]) }.check().is_err());
        let roots = ["data", "data/db"].map(|text| text.parse().unwrap()).to_vec();
        let two = vec![entry("data", Kind::Folder), root()];
        assert!(BackupList { roots, ..list(two) }.check().is_err());
    }

    #[test]
    fn a_list_that_says_too_much_is_refused_though_it_is_signed() {
        let path = |text: &str| text.parse::<BackupPath>().unwrap();
        let root = || entry("data/db", Kind::Folder);
        let said = |list: BackupList| match list.check() {
            Err(Error::BackupInvalid { why }) => why,
            other => panic!("{other:?}"),
        };
        let mut deep = vec![root()];
        for depth in 3..=DEEPEST {
            let folder = format!("data/db{}", "/f".repeat(depth - 2));
            deep.push(entry(&folder, Kind::Folder));
        }
        assert!(list(deep.clone()).check().is_ok());
        deep.push(entry(&format!("data/db{}", "/f".repeat(DEEPEST - 1)), Kind::Folder));
        assert_eq!(said(list(deep)), "folders more than 128 deep");
        let many = (0..=MOST_ROOTS).map(|number| path(&number.to_string())).collect();
        assert_eq!(said(BackupList { roots: many, ..list(vec![root()]) }), "more than 1000 roots");
        let out = |what: &str| LeftOut { path: path("data/db/x"), what: what.to_owned() };
        let long = BackupList { left_out: vec![out(&"x".repeat(101))], ..list(vec![root()]) };
        assert!(said(long).starts_with("a kind of thing"));
        let crowd = BackupList { left_out: vec![out("a pipe"); MOST_ENTRIES], ..list(vec![root()]) };
        assert_eq!(said(crowd), "more than 400000 entries");
    }

    #[test]
    fn a_list_with_too_many_roots_is_not_read_to_its_end() {
        let mut value = serde_json::to_value(list(vec![entry("data/db", Kind::Folder)])).unwrap();
        value["roots"] = vec!["x"; MOST_ROOTS + 1].into();
        let refused = serde_json::from_value::<BackupList>(value).unwrap_err().to_string();
        assert!(refused.contains("at most 1000 of them"), "{refused}");
    }

    #[test]
    fn another_name_of_a_file_in_another_root_is_refused() {
        let mut two = list(vec![
            entry("data/db", Kind::Folder),
            entry("data/db/a", file(b"a")),
            entry("data/x", Kind::Folder),
            entry("data/x/a", Kind::Hardlink("data/db/a".parse().unwrap())),
        ]);
        two.roots.push("data/x".parse().unwrap());
        assert!(two.check().is_err());
    }

    #[test]
    fn numbers_have_one_spelling() {
        for good in ["0.000000000", "-1.999999999", "1795420800.000000005"] {
            assert_eq!(good.parse::<Moment>().unwrap().to_string(), good);
        }
        for wrong in
            ["0", "0.0", "00.000000000", "+1.000000000", "0.9999999999", "0.-00000001", "0.+00000001"]
        {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
        assert_eq!("4755".parse::<Mode>().unwrap(), Mode(0o4755));
        for wrong in ["640", "0o640", "+640", "8000", "00640"] {
            assert!(wrong.parse::<Mode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn another_format_is_named_before_the_rest_is_read() {
        let needs = BackupList::beyond_us(br#"{"format":2,"new":true}"#);
        assert_eq!(needs.as_deref(), Some("format 2"));
        assert_eq!(BackupList::beyond_us(br#"{"format":1}"#), None);
    }
}
