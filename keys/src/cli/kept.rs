//! Certificates that outlive their roots: `rotate --certificate`.
//!
//! A `.cert` is public and comes on a stick, and who stole a root that goes can put one of his own key in its place. What is
//! named outlives that root, so whoever signs is shown whose key it is, what it may sign and who has signed it; and what only
//! roots have signed that went already is not named unless its key is at hand.

use std::path::{Path, PathBuf};

use super::show::{certificate_text, line};
use crate::console::{Failure, PassphraseFile};
use crate::issue::issue_certificate;
use crate::signed_file::{self, to_file};
use crate::{
    Certificate, Envelope, Error, PublicKey, Result, SigningKey, Trust, TrustDocument, key_file, shown_path,
};

/// A certificate with the place that it will have.
#[derive(Debug)]
pub struct Kept {
    pub path: PathBuf,
    pub envelope: Envelope,
    pub certificate: Certificate,
}

impl Kept {
    /// With `before`, the document that `trust` has followed: where it has ended, its key must lie beside it.
    pub fn read(
        path: &Path,
        trust: &Trust,
        before: Option<&Trust>,
        passphrase: &PassphraseFile,
    ) -> Result<(Envelope, Certificate)> {
        signed_file::read_certificate(path, trust).or_else(|error| {
            let ended = before.and_then(|before| signed_file::read_certificate(path, before).ok());
            let (envelope, certificate) = ended.ok_or(error)?;
            let key = path.with_extension("key");
            if key.exists() && key_file::read(&key, &|key| passphrase.ask(key))?.public() == certificate.key {
                return Ok((envelope, certificate));
            }
            Err(Error::CertificateEnded { certificate: path.to_owned() })
        })
    }

    /// What whoever signs is to see of it: `next` are the roots of the document that comes.
    pub fn lines(&self, trust: &TrustDocument, next: &TrustDocument) -> Vec<String> {
        let is_new = !self.envelope.is_named(&trust.kept_certificates);
        let stays = if is_new { "stays good, whoever signed it" } else { "is kept already" };
        let mut lines = vec![format!("`{}` {stays}:", shown_path(&self.path))];
        lines.extend(certificate_text(&self.certificate).lines().map(|line| format!("  {line}")));
        let signed = |root: &&PublicKey| self.envelope.is_signed_by::<Certificate>(root);
        let signers: Vec<String> = trust.roots.iter().filter(signed).map(|root| signer(root, next)).collect();
        let nobody = || vec!["only roots that went".to_owned()];
        for signer in if signers.is_empty() { nobody() } else { signers } {
            lines.push(format!("  {}", line("signed by", &signer).trim_end()));
        }
        lines
    }
}

fn signer(root: &PublicKey, next: &TrustDocument) -> String {
    let goes = if next.roots.contains(root) { "" } else { ", which goes" };
    format!("root {}{goes}", root.id())
}

/// Names those that are not named yet, whoever signed them: what is in the field may carry them with other signatures than
/// their files have. Tells whether there were any.
pub fn keep(certificates: &[Kept], document: &mut TrustDocument) -> bool {
    let before = document.kept_certificates.len();
    document.kept_certificates.extend(certificates.iter().map(|kept| kept.envelope.payload_digest()));
    document.kept_certificates.sort_unstable();
    document.kept_certificates.dedup();
    document.kept_certificates.len() > before
}

/// With those of the keys that are roots now; as they are kept in files.
pub fn certify_again(
    certificates: &[Kept],
    keys: &[SigningKey],
    trust: &Trust,
) -> std::result::Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let is_root = |key: &&SigningKey| trust.document().roots.contains(&key.public());
    let seeds: Vec<SigningKey> =
        keys.iter().filter(is_root).map(|key| SigningKey::from_seed(&key.seed())).collect();
    let certify = |Kept { path, certificate, .. }: &Kept| {
        let envelope = issue_certificate(certificate, &seeds, trust).map_err(|error| {
            Failure::from(error).or_hint("repeat `--root FILE` until a threshold of the new roots is reached")
        })?;
        Ok((path.clone(), to_file(&envelope)))
    };
    certificates.iter().map(certify).collect()
}
