//! SHA-256 digests as a type: whoever holds one need not check its spelling again.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::{Error, written_as_string};

/// A SHA-256 digest; written as 64 lower-case hexadecimal digits, and read in no other spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `sha256:…`, as OCI documents and Docker write it.
    pub fn to_oci(self) -> String {
        format!("sha256:{self}")
    }

    /// Reads `sha256:…`; any other algorithm or spelling is refused.
    pub fn from_oci(text: &str) -> Result<Self, Error> {
        text.strip_prefix("sha256:").ok_or_else(|| Error::Digest { found: text.to_owned() })?.parse()
    }
}

/// Hashes while bytes go by.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> Sha256Digest {
        Sha256Digest(self.0.finalize().into())
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 32];
        if text.bytes().any(|b| b.is_ascii_uppercase()) || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(Error::Digest { found: text.to_owned() });
        }
        Ok(Self(bytes))
    }
}

written_as_string!(Sha256Digest);

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        assert_eq!(Sha256Digest::of(b"").to_string(), EMPTY);
        assert_eq!(Hasher::default().finish().to_string(), EMPTY);
    }

    #[test]
    fn only_one_spelling_is_read() {
        assert!(EMPTY.parse::<Sha256Digest>().is_ok());
        for wrong in [&EMPTY.to_uppercase(), &EMPTY[1..], "", "../../etc/passwd", &format!("{EMPTY}0")] {
            assert!(wrong.parse::<Sha256Digest>().is_err(), "{wrong}");
        }
        for wrong in [EMPTY.to_owned(), format!("sha512:{EMPTY}"), format!("SHA256:{EMPTY}")] {
            assert!(Sha256Digest::from_oci(&wrong).is_err(), "{wrong}");
        }
    }
}
