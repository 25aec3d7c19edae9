//! Where a thing lies in a backup.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::str::FromStr;

use wt_keys::written_as_string;

const LONGEST: usize = 4096;
const LONGEST_NAME: usize = 255;

/// Names joined by `/`, of whatever bytes a file system takes; none is empty, `.` or `..`. Written with `%XX` for `%`, for
/// control characters and for bytes that are not UTF-8, and read in no other spelling.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupPath(Vec<u8>);

impl BackupPath {
    /// `None` where the bytes are no such path.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let named = |name: &[u8]| {
            !name.is_empty()
                && name.len() <= LONGEST_NAME
                && name != b"."
                && name != b".."
                && !name.contains(&0)
        };
        let fits = bytes.len() <= LONGEST && bytes.split(|byte| *byte == b'/').all(named);
        fits.then(|| Self(bytes.to_owned()))
    }

    /// A thing in this folder; `None` where the name is none, or the path would be too long.
    pub fn join(&self, name: &OsStr) -> Option<Self> {
        if name.as_bytes().contains(&b'/') {
            return None;
        }
        Self::new(&[&self.0[..], b"/", name.as_bytes()].concat())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The names from `folder` down; none where it is the folder itself, `None` where it does not lie in it.
    pub fn names_below(&self, folder: &Self) -> Option<Vec<&OsStr>> {
        match self.0.strip_prefix(&folder.0[..])? {
            [] => Some(Vec::new()),
            [b'/', rest @ ..] => Some(rest.split(|byte| *byte == b'/').map(OsStr::from_bytes).collect()),
            _ => None,
        }
    }

    pub fn lies_in(&self, folder: &Self) -> bool {
        self.names_below(folder).is_some()
    }

    /// How many names it has.
    pub fn depth(&self) -> usize {
        self.0.split(|byte| *byte == b'/').count()
    }

    /// The folder that it lies in.
    pub fn parent(&self) -> Option<Self> {
        let at = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(Self(self.0[..at].to_owned()))
    }
}

/// Bytes as text, in one spelling.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let encode = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            let _ = write!(text, "%{byte:02X}"); // to a string: cannot fail
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() {
                encode(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(c);
            }
        }
        encode(&mut text, chunk.invalid());
    }
    text
}

/// The other way; `None` for another spelling.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    (escape(&bytes) == text).then_some(bytes)
}

impl fmt::Display for BackupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

impl fmt::Debug for BackupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&escape(&self.0), f)
    }
}

impl FromStr for BackupPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = unescape(text).and_then(|bytes| Self::new(&bytes));
        path.ok_or_else(|| "a path that no backup holds".to_owned())
    }
}

written_as_string!(BackupPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_bytes_is_written_in_one_spelling() {
        for (bytes, text) in [
            (&b"data/a b"[..], "data/a b"),
            ("data/ü易".as_bytes(), "data/ü易"),
            (b"data/100%", "data/100%25"),
            (b"data/\xff\n\x1b[2J", "data/%FF%0A%1B[2J"),
        ] {
            let path = BackupPath::new(bytes).unwrap();
            assert_eq!(path.to_string(), text);
            assert_eq!(text.parse::<BackupPath>().unwrap(), path);
        }
        for wrong in
            ["", "/", "a/", "/a", "a//b", "a/../b", ".", "a\n", "%41", "%ff", "%F", "%", "a%00b", "%2e%2e"]
        {
            assert!(wrong.parse::<BackupPath>().is_err(), "{wrong}");
        }
        assert!(BackupPath::new(&[b'a'; 256]).is_none());
    }

    #[test]
    fn a_path_lies_in_a_folder_by_whole_names() {
        let path = |text: &str| text.parse::<BackupPath>().unwrap();
        assert!(path("a/b/c").lies_in(&path("a/b")));
        assert!(!path("a/bc").lies_in(&path("a/b")));
        assert_eq!(path("a/b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), None);
        assert!(path("a").join(OsStr::new("..")).is_none());
        assert!(path("a").join(OsStr::new("b/c")).is_none());
    }
}
