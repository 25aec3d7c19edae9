//! What a release runs on.

use std::fmt;
use std::str::FromStr;

use wt_keys::{shown, written_as_string};

/// An operating system, a machine and perhaps a variant of it, as Docker names them: `linux/amd64`, `linux/arm/v7`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Platform {
    os: String,
    machine: String,
    variant: Option<String>,
}

impl Platform {
    pub fn os(&self) -> &str {
        &self.os
    }

    pub fn machine(&self) -> &str {
        &self.machine
    }

    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Whether what was made for this system, machine and variant is what a release for `self` asks for. One that names
    /// no variant takes any.
    pub fn is_met_by(&self, os: &str, machine: &str, variant: Option<&str>) -> bool {
        let same_variant = self.variant.is_none() || self.variant.as_deref() == variant;
        (&*self.os, &*self.machine) == (os, machine) && same_variant
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split('/').take(4).collect();
        let variant = match words[..] {
            [_, _] => None,
            [_, _, variant] => Some(variant.to_owned()),
            _ => return Err(unlike(text)),
        };
        if !words.iter().all(|word| is_plain(word)) {
            return Err(unlike(text));
        }
        Ok(Self { os: words[0].to_owned(), machine: words[1].to_owned(), variant })
    }
}

fn unlike(text: &str) -> String {
    format!("the platform `{}` is not like `linux/amd64`", shown(text))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.machine)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

written_as_string!(Platform);

/// A word of `a-z`, `0-9` and `-`: what a product is called, safe in a path and in a unit file.
pub fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_two_plain_words_or_three_and_is_written_as_it_was_read() {
        for good in ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le"] {
            assert_eq!(good.parse::<Platform>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/arm/v7/x",
            "linux//v7",
            "linux/arm/",
            "../x",
            "Linux/amd64",
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variant_that_is_asked_for_must_be_there_and_one_that_is_not_may_be() {
        let [arm, v7] = ["linux/arm", "linux/arm/v7"].map(|text| text.parse::<Platform>().unwrap());
        assert!(arm.is_met_by("linux", "arm", None) && arm.is_met_by("linux", "arm", Some("v6")));
        assert!(v7.is_met_by("linux", "arm", Some("v7")));
        assert!(!v7.is_met_by("linux", "arm", Some("v6")) && !v7.is_met_by("linux", "arm", None));
        assert!(!arm.is_met_by("linux", "arm64", None) && !arm.is_met_by("windows", "arm", None));
    }
}
