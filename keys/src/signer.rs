//! A key that may sign documents, with what a reader needs to believe it.

use std::path::Path;

use crate::key_file::{self, AskPassphrase, certificate_path};
use crate::signed_file::{read_certificate, read_earlier, read_trust, trust_beside};
use crate::{Certificate, Envelope, Error, PublicKey, Result, SigningKey, Trust};

/// A key with what a reader needs to trust it: loaded from `NAME.key`, `NAME.cert` and a trust file.
#[derive(Debug)]
pub struct Signer {
    pub key: SigningKey,
    pub certificate: Certificate,
    pub certificate_envelope: Envelope,
    pub trust: Trust,
    /// The documents that lead up to it, for sites that missed rotations of the roots; oldest first.
    pub earlier: Vec<Envelope>,
    /// What whoever signs is to hear: which of those are missing.
    pub warnings: Vec<String>,
}

impl Signer {
    /// Loads the key, its certificate beside it, and the trust document: `trust`, or `trust.json` beside the key.
    pub fn load(key_path: &Path, trust: Option<&Path>, ask: AskPassphrase<'_>) -> Result<Self> {
        let trust_path = trust.map_or_else(|| trust_beside(key_path), Path::to_owned);
        let trust = read_trust(&trust_path)?;
        let (earlier, warnings) = read_earlier(&trust_path, &trust)?;
        let certificate_path = certificate_path(key_path)?;
        check_certified(key_path, &certificate_path)?;
        let (certificate_envelope, certificate) = read_certificate(&certificate_path, &trust)?;
        trust.check_not_revoked(certificate.key.id())?;
        let key = key_file::read(key_path, ask)?;
        if certificate.key != key.public() {
            return Err(Error::CertificateKey { certificate: certificate_path, key: key_path.to_owned() });
        }
        Ok(Self { key, certificate, certificate_envelope, trust, earlier, warnings })
    }

    pub fn public(&self) -> PublicKey {
        self.key.public()
    }
}

/// A root key has no certificate; whoever names one by mistake is told so.
fn check_certified(key: &Path, certificate: &Path) -> Result<()> {
    if certificate.exists() || !key.exists() {
        return Ok(());
    }
    let is_root = key.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("root-"));
    Err(if is_root {
        Error::RootKey { path: key.to_owned() }
    } else {
        Error::NoCertificate { key: key.to_owned(), certificate: certificate.to_owned() }
    })
}
