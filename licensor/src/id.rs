//! Identifiers of requests and licenses: 128 random bits.

use std::fmt;
use std::str::FromStr;

use wt_keys::written_as_string;

use crate::Error;

/// Written as 32 lower-case hexadecimal digits, and read in no other spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 16]);

impl Id {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From the kernel's random numbers; for the command layer, which hands it down.
    #[cfg(any(feature = "issue", feature = "fingerprint"))]
    pub fn generate() -> crate::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| wt_keys::Error::Random)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        if text.bytes().any(|b| b.is_ascii_uppercase()) || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(Error::Id { found: text.chars().take(40).collect() });
        }
        Ok(Self(bytes))
    }
}

written_as_string!(Id);
