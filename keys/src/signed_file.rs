//! Certificates and trust documents in files of their own. What is wrong with one names the file.

use std::path::{Path, PathBuf};

use crate::{
    Certificate, Document as _, Envelope, Error, Result, Trust, TrustDocument, capped, folder_of, shown,
    shown_path,
};

const LIMIT: u64 = 16 << 20;

/// Reads a certificate and checks that the roots signed it, or keep it.
pub fn read_certificate(path: &Path, trust: &Trust) -> Result<(Envelope, Certificate)> {
    let read = || {
        let bytes = capped::read(path, "a certificate", LIMIT)?;
        let envelope = Envelope::parse(bytes.strip_suffix(b"\n").unwrap_or(&bytes), Certificate::NAME)?;
        let certificate = trust.certificate(&envelope)?.into_content();
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

/// How many earlier documents are looked for, and how many go with a document.
const MOST_EARLIER: u64 = 4096;
const MOST_CARRIED: usize = 15;

/// Where version `version` is kept when a later one takes the place of `path`: `trust-1.json` beside `trust.json`.
pub fn earlier_path(path: &Path, version: u64) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{version}.json"))
}

/// The earlier trust documents beside `path` that a site may need to get to `trust`: those that brought other roots, since
/// the roots before them have signed those and no later ones. And what is to be said of those that are not there.
pub fn read_earlier(path: &Path, trust: &Trust) -> Result<(Vec<Envelope>, Vec<String>)> {
    let version = trust.document().version;
    let mut earlier: Vec<Trust> = Vec::new();
    let paths =
        (version.saturating_sub(MOST_EARLIER).max(1)..version).map(|version| earlier_path(path, version));
    for path in paths.filter(|path| path.exists()) {
        earlier.push(read_trust(&path)?);
    }
    let roots = |trust: &Trust| (trust.document().threshold, trust.document().roots.clone());
    earlier.push(trust.clone());
    let missing = missing(path, &earlier);
    let brought = earlier.windows(2).filter(|pair| roots(&pair[0]) != roots(&pair[1])).map(|pair| &pair[1]);
    let before = brought.filter(|trust| trust.document().version < version);
    let mut carried: Vec<Envelope> = before.map(|trust| trust.envelope().clone()).collect();
    carried.drain(..carried.len().saturating_sub(MOST_CARRIED));
    if !carried.is_empty() {
        let all = [&carried[..], &[trust.envelope().clone()]].concat();
        trust.follow(&all).map_err(Error::signed_file(TrustDocument::NAME, path))?;
    }
    Ok((carried, missing))
}

/// The gaps before and between the documents, which stand oldest first.
fn missing(path: &Path, earlier: &[Trust]) -> Vec<String> {
    let name = |version| {
        let path = earlier_path(path, version);
        shown(&path.file_name().unwrap_or_default().to_string_lossy()).to_string()
    };
    let there: Vec<u64> = earlier.iter().map(|trust| trust.document().version).collect();
    let before = std::iter::once(0).chain(there.iter().copied());
    let gaps = before.zip(&there).map(|(before, after)| (before + 1, after - 1));
    gaps.filter(|(first, last)| first <= last)
        .map(|(first, last)| {
            let names = if first == last {
                format!("{} is", name(first))
            } else {
                format!("{} to {} are", name(first), name(last))
            };
            format!(
                "{names} missing beside `{}`: sites that missed it cannot follow, if it brought other roots",
                shown_path(path)
            )
        })
        .collect()
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

    #[test]
    #[cfg(feature = "certify")]
    fn earlier_documents_that_are_missing_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.json");
        let vendor = |version| crate::testkit::Vendor::insecure(1).trusting(|trust| trust.version = version);
        let missing = || read_earlier(&path, &vendor(6).trust).unwrap().1;
        for version in 1..6 {
            fs::write(earlier_path(&path, version), vendor(version).trust.to_bytes()).unwrap();
        }
        assert_eq!(missing(), [""; 0]);
        for version in [1, 3, 4] {
            fs::remove_file(earlier_path(&path, version)).unwrap();
        }
        let [first, second] = &missing()[..] else { panic!("{:?}", missing()) };
        assert!(first.starts_with("trust-1.json is missing beside `"), "{first}");
        assert!(second.starts_with("trust-3.json to trust-4.json are missing beside `"), "{second}");
        assert!(
            first.ends_with("`: sites that missed it cannot follow, if it brought other roots"),
            "{first}"
        );
    }
}
