use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use wt_keys::capped;
use zeroize::Zeroizing;

use super::Facts;
use crate::{Error, Result};

const LIMIT: u64 = 1 << 20;
const LINE: usize = 64;

/// A certificate, those that signed it, and its private key.
pub struct Pair {
    /// The site's own first.
    pub chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key.secret_der() == other.key.secret_der()
    }
}

impl Pair {
    /// The pair that two files hold; whether it fits together is for [`Pair::check_key`].
    pub fn read(certificate: &Path, key: &Path) -> Result<Self> {
        Self::of(certificate, &read(certificate)?, key, &read(key)?)
    }

    /// As [`Pair::read`], of what was read from there.
    pub fn of(certificate: &Path, certificate_pem: &[u8], key: &Path, key_pem: &[u8]) -> Result<Self> {
        let unusable = |path: &Path, why| Error::Certificate { path: path.to_owned(), why };
        Ok(Self {
            chain: chain(certificate_pem).map_err(|why| unusable(certificate, why))?,
            key: private_key(key_pem).map_err(|why| unusable(key, why))?,
        })
    }

    /// The certificates as a web server reads them.
    pub fn certificate_pem(&self) -> Vec<u8> {
        let certificates = self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate));
        certificates.fold(Vec::new(), |mut text, one| {
            text.extend_from_slice(&one);
            text
        })
    }

    pub fn key_pem(&self) -> Zeroizing<Vec<u8>> {
        let label = match &self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        pem(label, self.key.secret_der())
    }

    /// Both in one file.
    pub fn to_pem(&self) -> Zeroizing<Vec<u8>> {
        let mut both = Zeroizing::new(self.certificate_pem());
        both.extend_from_slice(&self.key_pem());
        both
    }

    /// Whether the key is the certificate's; the error says why not.
    pub fn check_key(&self) -> Result<(), String> {
        let kinds = "RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519";
        let key = ring::sign::any_supported_type(&self.key)
            .map_err(|_| format!("it is of a kind that cannot be used, or damaged; {kinds} can"))?;
        match CertifiedKey::new(self.chain.clone(), Arc::clone(&key)).keys_match() {
            Ok(()) => Ok(()),
            Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Err(format!("it cannot be compared with the certificate; {kinds} can"))
            }
            Err(TlsError::InconsistentKeys(_)) => Err("it belongs to another certificate".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What the site's own certificate says.
    pub fn facts(&self) -> Result<Facts, String> {
        Facts::of(&self.chain)
    }
}

pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    Ok(Zeroizing::new(capped::read(path, "a certificate or a key", LIMIT)?))
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, pem::Error>>()
        .map_err(|error| format!("it is damaged: {error}"))?;
    if found.is_empty() { Err("it has no `-----BEGIN CERTIFICATE-----`".to_owned()) } else { Ok(found) }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    const ENCRYPTED: &[u8] = b"ENCRYPTED";
    if text.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED) {
        return Err("it is encrypted, and nobody is there to type its passphrase when a service starts; \
             `openssl pkey -in ENCRYPTED -out PLAIN` takes it off"
            .to_owned());
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => "it has no `-----BEGIN PRIVATE KEY-----`".to_owned(),
        error => format!("it is damaged: {error}"),
    })
}

fn pem(label: &str, der: &[u8]) -> Zeroizing<Vec<u8>> {
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(format!("-----BEGIN {label}-----\n").into_bytes());
    for line in text.as_bytes().chunks(LINE) {
        pem.extend_from_slice(line);
        pem.push(b'\n');
    }
    pem.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    pem
}

#[cfg(test)]
pub(crate) mod tests {
    use std::process::Command;

    use super::*;

    /// What `openssl` makes: `NAME.crt` and `NAME.key` in a folder; `more` are further arguments of `openssl req`.
    pub fn make(folder: &Path, name: &str, names: &str, more: &[&str]) -> Pair {
        let file = |end: &str| folder.join(format!("{name}.{end}"));
        let status = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-subj", "/CN=test", "-addext"])
            .arg(format!("subjectAltName={names}"))
            .args(if more.contains(&"-newkey") { &[][..] } else { &EC })
            .args(more)
            .arg("-out")
            .arg(file("crt"))
            .arg("-keyout")
            .arg(file("key"))
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
        Pair::read(&file("crt"), &file("key")).unwrap()
    }

    /// A TLS server that shows it.
    pub fn server(pair: &Pair) -> rustls::ServerConfig {
        rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(pair.chain.clone(), pair.key.clone_key())
            .unwrap()
    }

    const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

    #[test]
    fn a_pair_reads_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        for (name, kind) in
            [("ec", &EC[..]), ("rsa", &["-newkey", "rsa:2048"]), ("ed", &["-newkey", "ed25519"])]
        {
            let pair = make(folder.path(), name, "DNS:a.example", kind);
            assert_eq!(pair.check_key(), Ok(()), "{name}");
            let both = pair.to_pem();
            assert!(pair == Pair::of(Path::new("a"), &both, Path::new("a"), &both).unwrap());
            let certificate = std::fs::read(folder.path().join(format!("{name}.crt"))).unwrap();
            assert_eq!(pair.certificate_pem(), certificate, "as openssl writes it");
        }
    }

    #[test]
    fn what_does_not_fit_or_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (make(folder.path(), "1", "DNS:a", &[]), make(folder.path(), "2", "DNS:a", &[]));
        let mixed = Pair { chain: one.chain.clone(), key: two.key.clone_key() };
        assert_eq!(mixed.check_key().unwrap_err(), "it belongs to another certificate");
        let certificate = one.certificate_pem();
        let of = |certificate: &[u8], key: &[u8]| {
            Pair::of(Path::new("crt"), certificate, Path::new("key"), key).unwrap_err().to_string()
        };
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n";
        for (said, expected) in [
            (of(b"hello", b""), "`crt` cannot be used: it has no `-----BEGIN CERTIFICATE-----`"),
            (of(&certificate, &certificate), "`key` cannot be used: it has no `-----BEGIN PRIVATE KEY-----`"),
            (of(&certificate, encrypted), "`key` cannot be used: it is encrypted"),
            (of(&certificate[..90], b""), "`crt` cannot be used: it is damaged"),
        ] {
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
