use std::io::Write as _;

use wt_keys::console::Progress;
use wt_manifests::image::{Blob, ManifestType, Verbatim, oci_manifest};
use wt_manifests::manifest::VERBATIM;

use super::*;
use crate::small_bundle::small_bundle;

const LAYER: &[u8] = b"a layer, as far as its digest cares";

/// What stands in a bundle with one image of one layer.
#[derive(Clone)]
struct Parts {
    config: Vec<u8>,
    /// What the manifest points to.
    pointed: Blob,
    stored: Vec<u8>,
    platform: &'static str,
    verbatim: bool,
}

fn config(layer: &[u8]) -> Vec<u8> {
    let diff_id = Sha256Digest::of(layer).to_oci();
    format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"diff_ids":["{diff_id}"]}}}}"#).into_bytes()
}

fn blob(bytes: &[u8]) -> Blob {
    Blob { digest: Sha256Digest::of(bytes), size: bytes.len() as u64 }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn good() -> Parts {
    let (config, stored) = (config(LAYER), LAYER.to_vec());
    Parts { config, pointed: blob(LAYER), stored, platform: "linux/amd64", verbatim: false }
}

fn kept_as_it_was(layer: &[u8]) -> Parts {
    let stored = gzip(layer);
    Parts { pointed: blob(&stored), stored, verbatim: true, ..good() }
}

/// Signs whatever it is given, and checks it.
fn checked(parts: &Parts) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let document = oci_manifest(blob(&parts.config), &[parts.pointed]);
    let files =
        [&parts.stored[..], &parts.config, &document].map(|file| (blob_path(Sha256Digest::of(file)), file));
    let layers = vec![Sha256Digest::of(&parts.stored)];
    let verbatim = Verbatim { media_type: ManifestType::Oci, layers: layers.clone() };
    let image = Image {
        name: "acme/a:1".parse().unwrap(),
        config: Sha256Digest::of(&parts.config),
        manifest: Sha256Digest::of(&document),
        layers: if parts.verbatim { vec![Sha256Digest::of(LAYER)] } else { layers },
        verbatim: parts.verbatim.then_some(verbatim),
        source: None,
    };
    let bundle = small_bundle(&folder.path().join("acme.tar.zst"), &files, |manifest| {
        manifest.features = if parts.verbatim { vec![VERBATIM.into()] } else { vec![] };
        manifest.platform = parts.platform.parse().unwrap();
        manifest.images = vec![image];
    });
    check(&bundle, &Progress::silent().phase("test", None))
}

#[test]
fn an_image_that_agrees_with_its_documents_passes() {
    checked(&good()).unwrap();
    checked(&kept_as_it_was(LAYER)).unwrap();
}

#[test]
fn documents_that_contradict_each_other_are_refused_though_they_are_signed() {
    let other = Parts { config: config(b"another layer"), ..good() };
    assert!(matches!(checked(&other), Err(Error::Layers { .. })));
    let elsewhere = Parts { pointed: blob(b"another layer"), ..good() };
    assert!(matches!(checked(&elsewhere), Err(Error::Layers { .. })));
    let size = Parts { pointed: Blob { size: 1, ..blob(LAYER) }, ..good() };
    assert!(matches!(checked(&size), Err(Error::Size { expected: 1, .. })));
    let platform = Parts { platform: "linux/arm64", ..good() };
    assert!(matches!(checked(&platform), Err(Error::Platform { .. })));
    let noise = Parts { config: b"{".to_vec(), ..good() };
    assert!(matches!(checked(&noise), Err(Error::ImageInBundle { .. })));
}

#[test]
fn a_compressed_layer_that_unfolds_to_another_is_refused() {
    assert!(matches!(checked(&kept_as_it_was(b"another layer")), Err(Error::Digest { .. })));
}
