//! Ed25519 keys and their ids (RFC 8032; key id = SHA-256 of the DER `SubjectPublicKeyInfo` of RFC 8410).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result, Sha256Digest};

/// What stands before the 32 bytes of an Ed25519 public key in a DER `SubjectPublicKeyInfo`.
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What stands around it in a file.
const PEM: [&str; 2] = ["-----BEGIN PUBLIC KEY-----\n", "\n-----END PUBLIC KEY-----\n"];

pub const SIGNATURE_BYTES: usize = 64;

/// The SHA-256 of a public key's SPKI: a name, never a reason to trust.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(Sha256Digest);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for KeyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(text.parse()?))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A public key that is a proper point of the curve, in its one encoding, and not weak; written as its SPKI in base64, so that
/// `-----BEGIN PUBLIC KEY-----` around it makes the file that OpenSSL reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self> {
        let key = Self(VerifyingKey::from_bytes(bytes).map_err(|_| Error::PublicKey)?);
        if key.0.is_weak() {
            return Err(Error::WeakKey(key.id()));
        }
        // a coordinate of p or more is read as the rest, and the key would have two names
        if key.0.to_edwards().compress().as_bytes() != bytes {
            return Err(Error::PublicKey);
        }
        Ok(key)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub fn to_spki(self) -> [u8; 44] {
        let mut spki = [0; 44];
        spki[..12].copy_from_slice(&SPKI_PREFIX);
        spki[12..].copy_from_slice(self.0.as_bytes());
        spki
    }

    pub fn to_pem(self) -> String {
        format!("{}{}{}", PEM[0], BASE64.encode(self.to_spki()), PEM[1])
    }

    /// Reads what [`Self::to_pem`] writes, and no other spelling.
    pub fn from_pem(text: &str) -> Result<Self> {
        let line = text.strip_prefix(PEM[0]).and_then(|rest| rest.strip_suffix(PEM[1]));
        let spki = line.and_then(|line| BASE64.decode(line).ok()).ok_or(Error::PublicKey)?;
        Self::from_spki(&spki)
    }

    fn from_spki(spki: &[u8]) -> Result<Self> {
        let bytes: Option<[u8; 32]> = spki.strip_prefix(&SPKI_PREFIX).and_then(|key| key.try_into().ok());
        bytes.ok_or(Error::PublicKey).and_then(|bytes| Self::from_bytes(&bytes))
    }

    pub fn id(&self) -> KeyId {
        KeyId(Sha256Digest::of(&self.to_spki()))
    }

    /// The only Ed25519 verification in the workspace; strict: one signature per message and key, no small-order
    /// points, no second encoding.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(self.to_spki()))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spki = BASE64.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)?;
        Self::from_spki(&spki).map_err(serde::de::Error::custom)
    }
}

/// From the kernel.
#[cfg(feature = "sign")]
pub(crate) fn random<const N: usize>() -> Result<zeroize::Zeroizing<[u8; N]>> {
    let mut bytes = zeroize::Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut()).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// A private key. Its memory is wiped when it is dropped; it can be neither printed nor serialised.
#[cfg(feature = "sign")]
pub struct SigningKey(ed25519_dalek::SigningKey);

#[cfg(feature = "sign")]
impl SigningKey {
    /// From 32 secret bytes; the public half is always computed from them, never taken from elsewhere.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    pub fn generate() -> Result<Self> {
        let seed = random()?;
        Ok(Self::from_seed(&seed))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// Signs, and verifies what it signed before anybody sees it: a fault while signing can leak the key.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES]> {
        use ed25519_dalek::Signer as _;
        let signature = self.0.sign(message).to_bytes();
        if self.public().verifies(message, &signature) { Ok(signature) } else { Err(Error::SelfCheck) }
    }
}

#[cfg(feature = "sign")]
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.public().id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_key_is_refused() {
        let identity =
            [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(matches!(PublicKey::from_bytes(&identity), Err(Error::WeakKey(_))));
    }

    #[test]
    fn a_key_has_one_encoding() {
        // y = p + 3 and y = 3 are the same point
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xf0, 0x7f);
        assert!(matches!(PublicKey::from_bytes(&bytes), Err(Error::PublicKey)));
        let mut bytes = [0; 32];
        bytes[0] = 3;
        assert!(PublicKey::from_bytes(&bytes).is_ok());
    }

    #[cfg(feature = "sign")]
    #[test]
    fn a_pem_file_is_read_in_the_spelling_that_is_written() {
        let key = SigningKey::from_seed(&[1; 32]).public();
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap(), key);
        for wrong in
            ["", "\n", &key.to_pem().replace('M', "N"), &(key.to_pem() + "\n"), &key.to_pem().to_lowercase()]
        {
            assert!(PublicKey::from_pem(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(feature = "sign")]
    #[test]
    fn the_first_vector_of_rfc_8032_is_reproduced() {
        let mut seed = [0; 32];
        hex::decode_to_slice("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", &mut seed)
            .unwrap();
        let key = SigningKey::from_seed(&seed);
        assert_eq!(
            hex::encode(key.public().as_bytes()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(
            hex::encode(key.sign(b"").unwrap()),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
    }
}
