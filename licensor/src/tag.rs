//! Tags: keyed, shortened names of hardware values, so that neither the vendor nor a thief of the license can name the
//! device behind one.
//!
//! `tag = HMAC-SHA256(key = "wt.fingerprint.v1" || product, kind || 0x00 || value)`, cut to the first 128 bits for kinds
//! whose values cannot be guessed, and to the first 24 bits for MAC addresses and serial numbers, a cloud's numbers of its
//! machines among them: of those, tens of thousands share each tag, and a list of all of them does not lead back to the one.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wt_keys::written_as_string;

use crate::{Error, Kind};

const KEY_PREFIX: &str = "wt.fingerprint.v1";
const LONG: usize = 16;
const SHORT: usize = 3;

/// Written as 6 or 32 lower-case hexadecimal digits, and read in no other spelling.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Vec<u8>);

impl Tag {
    /// `value` is normalised already: what differs in nothing that matters must not differ here.
    pub fn of(product: &str, kind: Kind, value: &str) -> Self {
        let key = [KEY_PREFIX, product].concat();
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
        for part in [kind.name().as_bytes(), &[0], value.as_bytes()] {
            mac.update(part);
        }
        Self(mac.finalize().into_bytes()[..Self::length(kind)].to_vec())
    }

    /// Whether it is as long as the tags of `kind` are.
    pub fn fits(&self, kind: Kind) -> bool {
        self.0.len() == Self::length(kind)
    }

    /// Whether many values share it.
    pub fn is_short(&self) -> bool {
        self.0.len() == SHORT
    }

    fn length(kind: Kind) -> usize {
        match kind {
            Kind::SmbiosUuid | Kind::TpmEk | Kind::MachineId | Kind::InstallKey => LONG,
            Kind::Serials | Kind::CloudInstance | Kind::Disk | Kind::Nic => SHORT,
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let lower_case = !text.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode(text) {
            Ok(bytes) if lower_case && matches!(bytes.len(), LONG | SHORT) => Ok(Self(bytes)),
            _ => Err(Error::Tag { found: text.chars().take(40).collect() }),
        }
    }
}

written_as_string!(Tag);

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `openssl dgst -sha256 -hmac wt.fingerprint.v1worktile` over kind, a zero byte and value.
    #[test]
    fn the_tag_is_what_openssl_computes() {
        assert_eq!(Tag::of("worktile", Kind::Nic, "3c:ec:ef:12:34:56").to_string(), "8b7937");
        assert_eq!(
            Tag::of("worktile", Kind::MachineId, "8f14e45fceea167a5a36dedd4bea2543").to_string(),
            "35d3ca46e972d09ef7593348d480e0f8"
        );
    }

    #[test]
    fn product_and_kind_are_part_of_the_tag() {
        let tag = Tag::of("worktile", Kind::Disk, "x");
        assert_ne!(tag, Tag::of("other", Kind::Disk, "x"));
        assert_ne!(tag, Tag::of("worktile", Kind::Nic, "x"));
    }

    #[test]
    fn only_one_spelling_is_read() {
        assert!("00ff00".parse::<Tag>().is_ok());
        for wrong in ["", "00ff", "00FF00", "00ff0g", "00ff0000", "../../etc"] {
            assert!(wrong.parse::<Tag>().is_err(), "{wrong}");
        }
    }
}
