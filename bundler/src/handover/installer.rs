//! The roots that a `wt-install` was built with, found in its bytes.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use wt_keys::{Document as _, KeyId, Trust, TrustDocument};
use wt_manifests::Platform;

use super::elf;
use crate::{Error, Result};

const BLOCK: usize = 1 << 20;
/// The largest trust document that wt-install reads.
const TRUST_LIMIT: usize = 16 << 20;
/// How the envelope of a document ends.
const END: &[u8] = b"\"}]}";

/// The trust documents in an installer that was looked at and not run: one, if it is right.
#[derive(Debug)]
pub struct BuiltIn(Vec<Trust>);

impl BuiltIn {
    /// Refuses what is no static executable for `platform`. `shown` is the file's name for messages.
    pub fn read(path: &Path, shown: &Path, platform: &Platform) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", shown))?;
        if let Some(found) = elf::fault(&file, platform) {
            return Err(Error::Installer { path: shown.to_owned(), platform: platform.to_string(), found });
        }
        Ok(Self(search(&file).map_err(Error::io("read", shown))?))
    }

    /// The one trust document, if it has the roots of `trust` and asks for as many of them.
    pub fn expect(&self, shown: &Path, trust: &Trust) -> Result<&Trust> {
        let expected = trust.document();
        match &self.0[..] {
            [found] if same_roots(found.document(), expected) => Ok(found),
            found => Err(Error::InstallerRoots {
                path: shown.to_owned(),
                expected: ids(expected).collect(),
                found: found.iter().flat_map(|trust| ids(trust.document())).collect(),
            }),
        }
    }
}

/// In any order.
fn same_roots(one: &TrustDocument, other: &TrustDocument) -> bool {
    let sorted = |document| {
        let mut ids: Vec<KeyId> = ids(document).collect();
        ids.sort_unstable();
        ids
    };
    one.threshold == other.threshold && sorted(one) == sorted(other)
}

fn ids(document: &TrustDocument) -> impl Iterator<Item = KeyId> {
    document.roots.iter().map(wt_keys::PublicKey::id)
}

/// Every trust document in a file, each once, read block by block.
fn search(file: &File) -> std::io::Result<Vec<Trust>> {
    // of whatever version
    let start =
        format!("{{\"payloadType\":\"{}", TrustDocument::TYPE.trim_end_matches("1+json")).into_bytes();
    let mut found: Vec<Trust> = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    loop {
        let got = read_at(file, &mut block, at)?;
        for hit in places(&block[..got], &start) {
            let trust = envelope(file, at + hit as u64)?.and_then(|bytes| Trust::parse(&bytes).ok());
            found.extend(
                trust.filter(|trust| !found.iter().any(|known| known.envelope() == trust.envelope())),
            );
        }
        if got < block.len() {
            return Ok(found);
        }
        at += (got - start.len() + 1) as u64; // a start may lie across two blocks
    }
}

fn places<'a>(block: &'a [u8], start: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = start[0];
    let candidates = block.iter().enumerate().filter(move |(_, byte)| **byte == first).map(|(at, _)| at);
    candidates.filter(move |at| block[*at..].starts_with(start))
}

/// The bytes from `at` to the end of an envelope; `None` where there is none.
fn envelope(file: &File, mut at: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        let got = read_at(file, &mut block, at)?;
        let text = block[..got].iter().take_while(|byte| (b' '..=b'~').contains(byte)).count();
        let before = bytes.len().saturating_sub(END.len());
        bytes.extend_from_slice(&block[..text]);
        if let Some(end) = bytes[before..].windows(END.len()).position(|window| window == END) {
            bytes.truncate(before + end + END.len());
            return Ok(Some(bytes));
        }
        if text < block.len() || bytes.len() > TRUST_LIMIT {
            return Ok(None);
        }
        at += got as u64;
    }
}

/// Fills `block`, or as much of it as the file has.
fn read_at(file: &File, block: &mut [u8], at: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read_at(&mut block[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
