//! What makes a bundle that was built again another one than the first (`build --check`). It names one thing: the one that
//! a person would look at first. What two releases do not have in common is in `changes.rs` (`diff`).

use std::fmt;

use serde_json::Value;
use wt_manifests::manifest::{Manifest, PackageSet, PackageSource};

const NOTHING: &str = "nothing";

/// The first thing that differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    what: String,
    expected: String,
    found: String,
    why: Option<&'static str>,
}

/// Of packages, where an archive is not what it was.
const NEWER_INDEX: &str = "the archive signed another index since; only a mirror that stays gives the same again: `mirror` \
     of a snapshot, with `snapshot = true`";

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  expected {}\n  found    {}", self.what, self.expected, self.found)
    }
}

impl Difference {
    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        self.why
    }

    /// Images before packages before files, since an image that changed changes files too; what only the
    /// compression made another comes last. None means that the bodies are equal byte for byte.
    pub fn first(expected: &Manifest, found: &Manifest) -> Option<Self> {
        images(expected, found)
            .or_else(|| {
                packages(expected, found)
                    .or_else(|| sources(expected, found))
                    .map(because_of(expected, found))
            })
            .or_else(|| entries(expected, found))
            .or_else(|| fields(expected, found))
            .or_else(|| frames(expected, found))
            .or_else(|| chunks(expected, found))
    }
}

fn images(expected: &Manifest, found: &Manifest) -> Option<Difference> {
    first_of(&expected.images, &found.images, |image, _| {
        let layers: Vec<String> = image.layers.iter().map(ToString::to_string).collect();
        let from = image.source.as_ref().map(|source| format!(", from {source}")).unwrap_or_default();
        (
            format!("the image `{}`", image.name),
            format!("config {}, layers {}{from}", image.config, layers.join(" ")),
        )
    })
}

fn packages(expected: &Manifest, found: &Manifest) -> Option<Difference> {
    let rows = |sets: &[PackageSet]| -> Vec<(String, String)> {
        let of = |set: &PackageSet| -> Vec<(String, String)> {
            let row = |name: &str, version: &str| (set.target.clone(), format!("{name} {version}"));
            set.packages.iter().map(|package| row(&package.name, &package.version)).collect()
        };
        sets.iter().flat_map(of).collect()
    };
    first_of(&rows(&expected.packages), &rows(&found.packages), |(target, package), _| {
        (format!("a package for {target}"), package.clone())
    })
}

/// What the packages were taken from.
fn sources(expected: &Manifest, found: &Manifest) -> Option<Difference> {
    first_of(&source_rows(expected), &source_rows(found), |(target, source), _| {
        let value = format!("{}, sha256:{}", source.date, source.release_sha256);
        (format!("the index `{}` for {target}", source.suite), value)
    })
}

fn source_rows(manifest: &Manifest) -> Vec<(String, PackageSource)> {
    let of = |set: &PackageSet| -> Vec<(String, PackageSource)> {
        set.sources.iter().map(|source| (set.target.clone(), source.clone())).collect()
    };
    manifest.packages.iter().flat_map(of).collect()
}

fn because_of(expected: &Manifest, found: &Manifest) -> impl FnOnce(Difference) -> Difference {
    let newer = source_rows(expected) != source_rows(found);
    move |difference| Difference { why: newer.then_some(NEWER_INDEX), ..difference }
}

fn entries(expected: &Manifest, found: &Manifest) -> Option<Difference> {
    first_of(&expected.entries, &found.entries, |entry, _| {
        let value = format!(
            "`{}`, {} bytes, mode {:04o}, sha256:{}",
            entry.path,
            entry.size,
            entry.mode.bits(),
            entry.sha256
        );
        (format!("the file `{}`", entry.path), value)
    })
}

/// Everything else that is signed, those included that are yet to be invented.
fn fields(expected: &Manifest, found: &Manifest) -> Option<Difference> {
    let rows = |manifest: &Manifest| -> Vec<(String, Value)> {
        let Ok(Value::Object(fields)) = serde_json::to_value(manifest) else { return Vec::new() };
        let compared_elsewhere = |name: &String| name == "body" || name == "entries";
        fields.into_iter().filter(|(name, _)| !compared_elsewhere(name)).collect()
    };
    first_of(&rows(expected), &rows(found), |(name, value), _| (format!("`{name}`"), value.to_string()))
}

fn frames(expected: &Manifest, found: &Manifest) -> Option<Difference> {
    first_of(&expected.body.frames, &found.body.frames, |frame, at| {
        let holds = expected.entries.iter().find(|entry| entry.frame == at).map(|entry| entry.path.as_str());
        let what = format!("frame {at}, with `{}`, is compressed in another way", holds.unwrap_or_default());
        (what, format!("{} bytes in the file, {} unpacked", frame.length, frame.size))
    })
}

fn chunks(expected: &Manifest, found: &Manifest) -> Option<Difference> {
    first_of(&expected.body.chunks, &found.body.chunks, |chunk, at| {
        (format!("chunk {at} is compressed in another way"), format!("sha256:{chunk}"))
    })
}

/// The first place where two lists differ; `show` gives what it is called, and its value.
fn first_of<T: PartialEq>(
    expected: &[T],
    found: &[T],
    show: impl Fn(&T, usize) -> (String, String),
) -> Option<Difference> {
    let length = expected.len().max(found.len());
    let at = (0..length).find(|at| expected.get(*at) != found.get(*at))?;
    let shown = |list: &[T]| list.get(at).map(|one| show(one, at));
    let (expected, found) = (shown(expected), shown(found));
    let what = expected.as_ref().or(found.as_ref()).map(|(what, _)| what.clone()).unwrap_or_default();
    let value =
        |shown: Option<(String, String)>| shown.map_or_else(|| NOTHING.to_owned(), |(_, value)| value);
    Some(Difference { what, expected: value(expected), found: value(found), why: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_of_two_lists_is_named_and_none_where_they_are_equal() {
        let show = |n: &i32, at: usize| (format!("number {at}"), n.to_string());
        assert_eq!(first_of(&[1, 2], &[1, 2], show), None);
        let changed = first_of(&[1, 2, 3], &[1, 5, 6], show).unwrap();
        assert_eq!(changed.to_string(), "number 1\n  expected 2\n  found    5");
        let missing = first_of(&[1, 2], &[1], show).unwrap();
        assert_eq!(missing.to_string(), "number 1\n  expected 2\n  found    nothing");
        let more = first_of(&[], &[7], show).unwrap();
        assert_eq!(more.to_string(), "number 0\n  expected nothing\n  found    7");
    }
}
