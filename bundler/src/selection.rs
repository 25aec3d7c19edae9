//! Which entries of a bundle a person means.

use wt_manifests::manifest::{Entry, Manifest};
use wt_manifests::release::meant;

use crate::{Error, Result};

/// Paths, folders and patterns; without any, everything.
#[derive(Debug)]
pub struct Selection {
    patterns: Vec<String>,
}

impl Selection {
    /// Refuses what selects nothing.
    pub fn new(patterns: &[String], manifest: &Manifest) -> Result<Self> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| plain(pattern).to_owned()).collect();
        let selects =
            |pattern: &str| manifest.entries.iter().any(|entry| matches(pattern, entry.path.as_str()));
        match patterns.iter().find(|pattern| !selects(pattern)) {
            Some(nothing) => Err(no_entry(manifest, nothing)),
            None => Ok(Self { patterns }),
        }
    }

    pub fn has(&self, entry: &Entry) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, entry.path.as_str()))
    }
}

/// As shells complete them: `./conf/` is `conf`.
fn plain(pattern: &str) -> &str {
    pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/')
}

/// A path matches itself and the folders that it is in; `*` stands for any part of a name, `?` for a letter of it.
fn matches(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    pattern
        .split('/')
        .all(|part| names.next().is_some_and(|name| name_matches(part.as_bytes(), name.as_bytes())))
}

/// Goes back to the last `*` only, which is enough and never slow.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut star, mut index) = (0, None, 0);
    while index < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, index));
                at += 1;
            }
            Some(c) if *c == b'?' || *c == name[index] => {
                at += 1;
                index += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                (at, index) = (star_at + 1, taken + 1);
                star = Some((star_at, index));
            }
        }
    }
    pattern[at..].iter().all(|c| *c == b'*')
}

/// Nothing is called `found`; what was meant, perhaps. Nobody types the name of a blob by heart.
pub fn no_entry(manifest: &Manifest, found: &str) -> Error {
    let paths = manifest.entries.iter().map(|entry| entry.path.as_str());
    let known = paths.filter(|path| !path.starts_with("blobs/"));
    Error::NoEntry { found: found.to_owned(), meant: meant::nearest(found, known).map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_a_folder_and_a_pattern_select() {
        for (pattern, path, expected) in [
            ("conf/a", "conf/a", true),
            ("conf", "conf/web/a", true),
            ("conf", "config", false),
            ("conf/web/a", "conf/web", false),
            ("packages/*/runc_*.deb", "packages/debian-12/runc_1.1.5_amd64.deb", true),
            ("packages/*/runc_*.deb", "packages/debian-12/runc_1.1.5_amd64.txt", false),
            ("packages/runc_*", "packages/debian-12/runc_1", false),
            ("*", "conf/a", true),
            ("c?nf", "conf/a", true),
            ("c?nf", "cnf/a", false),
            ("*a*b*", "xxaxxb", true),
            ("*a*b", "xxaxxbx", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
        assert_eq!(plain("./packages/debian-12/"), "packages/debian-12");
    }
}
