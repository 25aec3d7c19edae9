use std::io::Write as _;
use std::path::Path;

use wt_keys::console::Progress;
use wt_manifests::image::{ManifestType, Verbatim, blob_path};
use wt_manifests::manifest::VERBATIM;

use super::*;
use crate::layer_files::FileKind;
use crate::small_bundle::small_bundle;

fn file(content: &str) -> LayerFile {
    LayerFile {
        kind: FileKind::File,
        size: content.len() as u64,
        mode: 0o644,
        owner: (0, 0),
        sha256: Some(Sha256Digest::of(content.as_bytes())),
        target: None,
    }
}

fn layer(files: &[(&str, &str)], whiteouts: &[&str], opaque: &[&str]) -> LayerFiles {
    LayerFiles {
        files: files.iter().map(|(path, content)| ((*path).to_owned(), file(content))).collect(),
        whiteouts: whiteouts.iter().map(ToString::to_string).collect(),
        opaque: opaque.iter().map(ToString::to_string).collect(),
    }
}

fn view(layers: &[LayerFiles]) -> View {
    let mut view = View::default();
    for layer in layers {
        view.put_on(layer);
    }
    view
}

fn changes(before: &[LayerFiles], after: &[LayerFiles]) -> Vec<(String, Change)> {
    differ(view(before), view(after)).into_iter().map(|change| (change.path, change.change)).collect()
}

#[test]
fn files_are_compared_by_what_they_are() {
    let before = layer(&[("a", "1"), ("b", "1"), ("c", "1")], &[], &[]);
    let mut after = layer(&[("a", "1"), ("b", "2"), ("d", "1")], &[], &[]);
    assert_eq!(
        changes(&[before], &[after]),
        [("b".into(), Change::Changed), ("c".into(), Change::Removed), ("d".into(), Change::Added)]
    );
    let before = layer(&[("a", "1")], &[], &[]);
    after = layer(&[("a", "1")], &[], &[]);
    after.files.get_mut("a").unwrap().mode = 0o755;
    assert_eq!(changes(&[before], &[after]), [("a".into(), Change::Changed)]);
}

#[test]
fn an_upper_layer_hides_what_lies_below() {
    let lower = || layer(&[("app/a", "1"), ("app/b/c", "1"), ("app/bc", "1"), ("etc/x", "1")], &[], &[]);
    let upper = layer(&[("etc/x", "2")], &["app/b"], &[]);
    assert_eq!(
        changes(&[lower()], &[lower(), upper]),
        [
            ("app/b".into(), Change::Removed),
            ("app/b/c".into(), Change::Removed),
            ("etc/x".into(), Change::Changed)
        ]
    );
    let opaque = layer(&[("app/new", "1")], &[], &["app"]);
    let left: Vec<String> = view(&[lower(), opaque]).files.into_keys().collect();
    assert_eq!(left, ["app/new", "etc/x"]);
    let replaced = layer(&[("app", "a file now")], &[], &[]);
    let left: Vec<String> = view(&[lower(), replaced]).files.into_keys().collect();
    assert_eq!(left, ["app", "etc/x"]);
}

#[test]
fn what_only_lies_in_layers_of_both_is_taken_away_by_a_whiteout() {
    assert_eq!(changes(&[], &[layer(&[], &["etc/old"], &[])]), [("etc/old".into(), Change::Removed)]);
    assert_eq!(changes(&[layer(&[], &["etc/old"], &[])], &[]), [("etc/old".into(), Change::Added)]);
    let both = || layer(&[], &["etc/old"], &[]);
    assert!(changes(&[both()], &[both()]).is_empty());
}

/// A bundle with one image whose one layer is kept as it is stored.
fn verbatim(path: &Path, layer: &[u8], stored: &[u8]) -> Bundle {
    let digest = Sha256Digest::of(stored);
    small_bundle(path, &[(blob_path(digest), stored)], |manifest| {
        let verbatim = Verbatim { media_type: ManifestType::Oci, layers: vec![digest] };
        manifest.features = vec![VERBATIM.into()];
        manifest.images = vec![Image {
            name: "acme/a:1".parse().unwrap(),
            config: digest,
            manifest: digest,
            layers: vec![Sha256Digest::of(layer)],
            verbatim: Some(verbatim),
            source: None,
        }];
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A tar of one file.
fn layer_of(content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "file", content).unwrap();
    tar.into_inner().unwrap()
}

fn noise(size: u64) -> Vec<u8> {
    (0..size / 32).flat_map(|n| *Sha256Digest::of(&n.to_le_bytes()).as_bytes()).collect()
}

fn compared(before: &Bundle, after: &Bundle) -> Result<Vec<ImageFiles>> {
    let pairs = [ImagePair { before: &before.manifest().images[0], after: &after.manifest().images[0] }];
    compare([before, after], &pairs, &Progress::silent().phase("test", None))
}

#[test]
fn a_damaged_chunk_below_a_compressed_layer_is_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("before");
    let one = layer_of(&noise(6 << 20)); // several chunks
    let before = verbatim(&path, &one, &gzip(&one));
    let after = verbatim(&folder.path().join("after"), &[0; 1024], &gzip(&[0; 1024]));
    assert_eq!(compared(&before, &after).unwrap()[0].files.len(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let refused = compared(&before, &after).unwrap_err();
    assert!(matches!(refused, Error::Bundle(wt_manifests::Error::Chunk { .. })), "{refused:?}");
}

#[test]
fn a_layer_that_does_not_decompress_is_shown_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let broken = [&gzip(b"")[..12], &[0xEE; 100]].concat();
    let before = verbatim(&folder.path().join("before"), b"a", &broken);
    let after = verbatim(&folder.path().join("after"), b"b", &gzip(&[0; 1024]));
    let files = compared(&before, &after).unwrap();
    assert!(files[0].unreadable.as_ref().is_some_and(|why| why.contains("damaged")), "{files:?}");
}
