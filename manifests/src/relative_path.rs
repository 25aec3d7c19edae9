//! Paths inside a bundle: checked once, safe to join to any folder afterwards.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use wt_keys::written_as_string;

use crate::{Error, Result};

/// A relative path of ASCII names joined by `/`; no `.`, no `..`, nothing that a shell, a terminal or another file
/// system would read differently. It fits a ustar header.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

/// A ustar header holds a name of this length, and a folder of [`FOLDER_LIMIT`] before it.
pub(crate) const NAME_LIMIT: usize = 100;
const FOLDER_LIMIT: usize = 155;

impl RelativePath {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// `a/b` + `c/d` = `a/b/c/d`
    pub fn join(&self, name: &str) -> Result<Self> {
        format!("{self}/{name}").parse()
    }

    pub fn starts_with(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Splits for a ustar header: the folder for `prefix` (empty where it all fits `name`), and the name.
    pub(crate) fn split(&self) -> (&str, &str) {
        if self.0.len() <= NAME_LIMIT {
            return ("", &self.0);
        }
        split_long(&self.0).unwrap_or(("", &self.0))
    }
}

fn split_long(path: &str) -> Option<(&str, &str)> {
    path.match_indices('/')
        .map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find(|(folder, name)| folder.len() <= FOLDER_LIMIT && name.len() <= NAME_LIMIT)
}

impl FromStr for RelativePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why| Err(Error::Path { found: text.to_owned(), why });
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"._-+~%@,=".contains(&c);
        if text.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return refuse("an empty name, `.`, `..`, or a `/` at an end");
        }
        if !text.bytes().all(|c| plain(c) || c == b'/') {
            return refuse("a character other than A-Z a-z 0-9 . _ - + ~ % @ , = /");
        }
        if text.len() > NAME_LIMIT && split_long(text).is_none() {
            return refuse("too long");
        }
        Ok(Self(text.to_owned()))
    }
}

impl AsRef<Path> for RelativePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

written_as_string!(RelativePath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_read() {
        for good in ["a", "a/b.c", "packages/debian-12/runc_1.1.5+ds1-1~deb12u1_amd64.deb", "..a/b.."] {
            assert!(good.parse::<RelativePath>().is_ok(), "{good}");
        }
        let long = "x".repeat(101);
        for bad in
            ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\\b", "a b", "a\n", "C:x", "ä", &long]
        {
            assert!(bad.parse::<RelativePath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_long_path_is_split_at_a_slash() {
        let path: RelativePath = format!("{}/{}", "f".repeat(120), "n".repeat(90)).parse().unwrap();
        assert_eq!(path.split(), ("f".repeat(120).as_str(), "n".repeat(90).as_str()));
    }
}
