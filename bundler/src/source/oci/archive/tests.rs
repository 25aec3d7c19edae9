use std::io::Write as _;

use super::super::Images;
use super::*;
use crate::image::{Content, Keep};

const LAYER: &[u8] = b"a layer";

/// The files of a layout; `index.json` is the last.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut blob = |kind: &str, bytes: &[u8]| {
        let digest = Sha256Digest::of(bytes);
        files.push((format!("{BLOBS}{digest}"), bytes.to_vec()));
        let kind = format!("application/vnd.oci.image.{kind}");
        format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{}}}"#, digest.to_oci(), bytes.len())
    };
    let id = Sha256Digest::of(LAYER).to_oci();
    let config = format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"diff_ids":["{id}"]}}}}"#);
    let config = blob("config.v1+json", config.as_bytes());
    let layer = blob("layer.v1.tar", LAYER);
    let manifest = blob(
        "manifest.v1+json",
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#).as_bytes(),
    );
    files.push((INDEX.to_owned(), format!(r#"{{"schemaVersion":2,"manifests":[{manifest}]}}"#).into()));
    files
}

fn tar_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

fn read(bytes: &[u8]) -> Result<Content> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    std::fs::write(&path, bytes).unwrap();
    let press = Press::for_test(folder.path());
    let archive = Archive::open(&path, &press)?;
    let platform = "linux/amd64".parse().unwrap();
    let content = Images::new(&archive, &platform, Keep::Layers).image(None, &press);
    press.finish()?; // which reads what stands in the archive
    content
}

#[test]
fn an_archive_is_read_in_any_order_and_coding() {
    let mut files = files();
    let last = tar_of(&files);
    files.reverse();
    let first = tar_of(&files);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&last).unwrap();
    let zstd = zstd::encode_all(&last[..], 1).unwrap();
    for bytes in [last, first, gzip.finish().unwrap(), zstd] {
        assert_eq!(read(&bytes).unwrap().layers[0].digest, Sha256Digest::of(LAYER));
    }
}

#[test]
fn an_archive_with_two_files_of_one_name_is_refused() {
    let mut twice = files();
    twice.push(twice[1].clone());
    twice.last_mut().unwrap().0.insert_str(0, "./");
    assert!(matches!(read(&tar_of(&twice)), Err(Error::Unusable { why, .. }) if why.contains("two files")));
}

#[test]
fn an_archive_with_a_link_is_refused() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, INDEX, "/etc/passwd").unwrap();
    let bytes = tar.into_inner().unwrap();
    assert!(matches!(read(&bytes), Err(Error::Unusable { why, .. }) if why.contains("neither")));
}

#[test]
fn an_archive_that_is_cut_off_or_changed_is_refused() {
    let files = files();
    let whole = tar_of(&files);
    let at = whole.windows(LAYER.len()).position(|bytes| bytes == LAYER).unwrap();
    assert!(matches!(read(&whole[..at + 2]), Err(Error::Unusable { why, .. }) if why.contains("cut off")));
    let mut changed = whole;
    changed[at] ^= 1;
    assert!(matches!(read(&changed), Err(Error::Digest { .. })));
    assert!(matches!(read(&tar_of(&files[1..])), Err(Error::Misses { .. })));
    assert!(matches!(read(b""), Err(Error::Misses { .. })));
    assert!(matches!(read(&[7; 2000]), Err(Error::Unusable { .. })));
}

#[test]
fn an_archive_with_a_name_without_end_is_refused() {
    let name = "a/".repeat(1 << 20);
    let bytes = tar_of(&[(name, Vec::new())]);
    assert!(matches!(read(&bytes), Err(Error::Unusable { why, .. }) if why.contains("1 MiB")));
}
