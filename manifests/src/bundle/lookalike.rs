//! What a path is that was named as a bundle and is none, in words. Nothing here decides whether a bundle is opened.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use wt_keys::folder_of;

use crate::Error;
use crate::bundle::head::EMPTY_FRAME;

/// How many bundles of a folder are named.
const MOST_NAMED: usize = 5;
/// How much of a folder is looked at.
const MOST_SEEN: usize = 10_000;

/// First bytes that say what a file is.
const MAGIC: [(&[u8], &str); 12] = [
    (&EMPTY_FRAME, "a bundle's first bytes, and then something else"),
    (&[0x28, 0xB5, 0x2F, 0xFD], "a plain zstd file (a `.tar.zst`, perhaps) without a signed head"),
    (&[0x1F, 0x8B], "a gzip file"),
    (&[0xFD, b'7', b'z', b'X', b'Z'], "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"PK\x03\x04", "a zip file"),
    (b"!<arch>\n", "an ar archive (a .deb, perhaps)"),
    (b"\x7FELF", "a program"),
    (b"-----BEGIN ", "a PEM file (a key, perhaps)"),
    (b"{\"payloadType\":", "a signed document of wt (a certificate, a trust document or a license)"),
    (b"{", "a JSON document"),
    (b"#!", "a script"),
];
/// Where a tar says that it is one.
const USTAR: std::ops::Range<usize> = 257..262;

/// For `map_err` on opening a bundle: a file that is not there is told by what is.
pub fn not_opened(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::NoBundle { path: path.to_owned(), there: bundles_in(&folder_of(path)) }
        }
        _ => Error::io("open", path)(error),
    }
}

/// What was opened is not a regular file.
pub fn not_a_file(path: &Path) -> Error {
    if path.is_dir() {
        return Error::Folder { path: path.to_owned(), there: bundles_in(path) };
    }
    let found = "a device, a pipe or a socket".to_owned();
    Error::NotABundle { path: path.to_owned(), expected: "a regular file", found }
}

/// What a file without a head looks like.
pub fn looks_like(file: &File, length: u64) -> String {
    let mut start = [0; 512];
    let got = file.read_at(&mut start, 0).unwrap_or_default();
    let start = &start[..got];
    match MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        _ if length == 0 => "an empty file".to_owned(),
        Some((_, name)) => (*name).to_owned(),
        None if start.get(USTAR) == Some(b"ustar") => "a tar that is not compressed".to_owned(),
        None if start.iter().all(|byte| *byte == 0) => "zeros: nothing was written here".to_owned(),
        None if std::str::from_utf8(start).is_ok_and(|text| !text.contains('\0')) => "text".to_owned(),
        None => format!("a file of {length} bytes that begins otherwise"),
    }
}

/// The names in `folder` that a bundle or its first volume would have.
fn bundles_in(folder: &Path) -> Vec<String> {
    let Ok(names) = folder.read_dir() else { return Vec::new() };
    let names = names.take(MOST_SEEN).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.ends_with(".tar.zst") || name.ends_with(".tar.zst.001")).collect();
    names.sort();
    names.truncate(MOST_NAMED);
    names
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(bytes: &[u8]) -> (File, u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        (file, bytes.len() as u64)
    }

    #[test]
    fn a_file_that_is_no_bundle_is_known_by_its_first_bytes() {
        let mut tar = [b'a'; 512];
        tar[USTAR].copy_from_slice(b"ustar");
        for (bytes, expected) in [
            (&b""[..], "an empty file"),
            (&[0x1F, 0x8B, 8], "a gzip file"),
            (&tar, "a tar that is not compressed"),
            (&[0; 600], "zeros: nothing was written here"),
            (b"hello\n", "text"),
            (&[0xEE; 20], "a file of 20 bytes that begins otherwise"),
            (
                b"{\"payloadType\":\"x",
                "a signed document of wt (a certificate, a trust document or a license)",
            ),
        ] {
            let (file, length) = file(bytes);
            assert_eq!(looks_like(&file, length), expected);
        }
    }

    #[test]
    fn a_folder_and_an_absent_file_name_the_bundles_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tar.zst", "a.tar.zst.001", "a.tar.zst.002", "readme.txt"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let expected = ["a.tar.zst.001", "b.tar.zst"];
        assert!(matches!(not_a_file(folder.path()), Error::Folder { there, .. } if there == expected));
        let absent = not_opened(&folder.path().join("c"))(io::ErrorKind::NotFound.into());
        assert!(matches!(absent, Error::NoBundle { there, .. } if there == expected));
    }
}
