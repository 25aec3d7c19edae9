//! Where an image came from.

use std::fmt;
use std::str::FromStr;

use wt_keys::shown::is_harmless;
use wt_keys::{Sha256Digest, shown, written_as_string};

const LONGEST: usize = 8192;
const DIGEST: &str = "@sha256:";

/// What `release.toml` named, and the digest that it stood for when the bundle was built:
/// `docker://registry.example.com/acme/web:5.2@sha256:…`. With the digest, the same is had again.
#[derive(Clone, PartialEq, Eq)]
pub struct ResolvedSource {
    named: String,
    digest: Sha256Digest,
}

impl ResolvedSource {
    /// `named` may be pinned to a digest already, which is then the one.
    pub fn new(named: &str, digest: Sha256Digest) -> Result<Self, String> {
        let named = named.split_once(DIGEST).map_or(named, |(named, _)| named);
        format!("{named}{DIGEST}{digest}").parse()
    }

    pub fn named(&self) -> &str {
        &self.named
    }

    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }
}

impl FromStr for ResolvedSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{}` is not a source like `docker://acme/web:1{DIGEST}…`", shown(text));
        let (named, digest) = text.split_once(DIGEST).ok_or_else(refuse)?;
        if text.len() > LONGEST || !named.chars().all(is_harmless) || !named.contains(':') {
            return Err(refuse());
        }
        Ok(Self { named: named.to_owned(), digest: digest.parse().map_err(|_| refuse())? })
    }
}

impl fmt::Display for ResolvedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{DIGEST}{}", self.named, self.digest)
    }
}

impl fmt::Debug for ResolvedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

written_as_string!(ResolvedSource);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_line_with_a_digest_and_is_written_as_it_was_read() {
        let digest = Sha256Digest::of(b"");
        let resolved = ResolvedSource::new("docker://acme/web:5.2", digest).unwrap();
        assert_eq!(resolved.to_string(), format!("docker://acme/web:5.2@sha256:{digest}"));
        assert_eq!(resolved.to_string().parse::<ResolvedSource>().unwrap(), resolved);
        let pinned = format!("docker://acme/web@sha256:{}", Sha256Digest::of(b"other"));
        assert_eq!(ResolvedSource::new(&pinned, digest).unwrap().named(), "docker://acme/web");
        for wrong in ["", "docker", "docker://a\n", "docker://\u{202e}a", &"a:".repeat(5000)] {
            assert!(ResolvedSource::new(wrong, digest).is_err(), "{wrong}");
        }
        for wrong in ["docker://a".to_owned(), format!("docker://a@sha256:{digest}0"), "d:a@sha512:00".into()]
        {
            assert!(wrong.parse::<ResolvedSource>().is_err(), "{wrong}");
        }
    }
}
