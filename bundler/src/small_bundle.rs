//! For tests: a bundle in one frame, signed whatever it says.

use std::path::Path;

use wt_keys::Role;
use wt_keys::testkit::Vendor;
use wt_manifests::bundle::body_writer::BodyWriter;
use wt_manifests::bundle::frame_writer::{Compression, FrameWriter};
use wt_manifests::bundle::{Bundle, tar};
use wt_manifests::manifest::{Manifest, Mode};
use wt_manifests::{RelativePath, testkit};

/// Writes the files to `path`, lets `change` have its way with the manifest, signs, and opens the bundle.
pub fn small_bundle(
    path: &Path,
    files: &[(RelativePath, &[u8])],
    change: impl FnOnce(&mut Manifest),
) -> Bundle {
    let folder = path.parent().unwrap();
    let size: u64 = files.iter().map(|(_, bytes)| tar::stored_size(bytes.len() as u64).unwrap()).sum();
    let mut frame = FrameWriter::new(folder, Compression { level: 1, threads: 1 }, size + 1024).unwrap();
    for (path, bytes) in files {
        frame.entry(path.clone(), bytes.len() as u64, Mode::Data, &mut &bytes[..]).unwrap();
    }
    frame.end_of_archive().unwrap();
    let mut body = BodyWriter::create(path, 1).unwrap();
    body.append(frame.finish().unwrap()).unwrap();
    let bundle = body.finish();
    let mut manifest =
        Manifest { body: bundle.body.clone(), entries: bundle.entries.clone(), ..testkit::manifest() };
    change(&mut manifest);
    let signer = Vendor::insecure(1).signer(2, Role::Bundle, |_| {});
    bundle.seal(&manifest, &signer, &|_| {}).unwrap().publish().unwrap();
    Bundle::open(path, &signer.trust).unwrap()
}
