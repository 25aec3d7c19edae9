//! Issuing certificates and trust documents: the key ceremony, and nothing that a site or a desk has.

use crate::{Certificate, Envelope, Result, SigningKey, Trust, TrustDocument};

/// Signs a certificate with the given roots, and checks that the trust document accepts it.
#[inline(never)] // a test looks for this name in what customers get
pub fn issue_certificate(certificate: &Certificate, roots: &[SigningKey], trust: &Trust) -> Result<Envelope> {
    trust.check_no_root(&certificate.key)?;
    let envelope = Envelope::seal(certificate, &roots.iter().collect::<Vec<_>>())?;
    trust.verify::<Certificate>(&envelope)?;
    Ok(envelope)
}

/// Signs the document that follows `trust`: with a threshold of its roots, and with one of those that it brings.
#[inline(never)] // a test looks for this name in what customers get
pub fn issue_next_trust(trust: &Trust, next: &TrustDocument, roots: &[SigningKey]) -> Result<Trust> {
    next.check()?; // a reader says less of what it does not decode
    let envelope = Envelope::seal(next, &roots.iter().collect::<Vec<_>>())?;
    trust.clone().advance(&envelope)
}

/// Signs the first trust document with the roots that it lists.
#[inline(never)] // a test looks for this name in what customers get
pub fn issue_trust(document: &TrustDocument, roots: &[SigningKey]) -> Result<Trust> {
    document.check()?;
    Trust::pin(Envelope::seal(document, &roots.iter().collect::<Vec<_>>())?)
}
