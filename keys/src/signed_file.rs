//! Certificates and trust documents in files of their own. What is wrong with one names the file.

use std::path::{Path, PathBuf};

use crate::{Certificate, Document as _, Envelope, Error, Result, Trust, TrustDocument, capped, folder_of};

const LIMIT: u64 = 16 << 20;

/// Reads a certificate and checks that the roots signed it.
pub fn read_certificate(path: &Path, trust: &Trust) -> Result<(Envelope, Certificate)> {
    let read = || {
        let bytes = capped::read(path, "a certificate", LIMIT)?;
        let envelope = Envelope::parse(bytes.strip_suffix(b"\n").unwrap_or(&bytes), Certificate::NAME)?;
        let certificate = trust.verify::<Certificate>(&envelope)?.into_content();
        Ok((envelope, certificate))
    };
    read().map_err(Error::signed_file(Certificate::NAME, path))
}

pub fn read_trust(path: &Path) -> Result<Trust> {
    capped::read(path, "a trust document", LIMIT)
        .and_then(|bytes| Trust::parse(&bytes))
        .map_err(Error::signed_file(TrustDocument::NAME, path))
}

/// As it is kept in a file: the envelope and a line feed.
pub fn to_file(envelope: &Envelope) -> Vec<u8> {
    [&envelope.to_bytes()[..], b"\n"].concat()
}

/// The trust document of a key or a certificate: `trust.json` beside it.
pub fn trust_beside(path: &Path) -> PathBuf {
    folder_of(path).join("trust.json")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_signed_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.json");
        for wrong in [&b""[..], b"{}", &[b'x'; 20]] {
            fs::write(&path, wrong).unwrap();
            let refused = read_trust(&path).unwrap_err();
            assert!(refused.to_string().contains("trust.json"), "{refused}");
            assert!(matches!(refused, Error::SignedFile { .. }));
        }
        assert!(matches!(read_trust(&folder.path().join("none")), Err(Error::Io { .. })));
    }
}
