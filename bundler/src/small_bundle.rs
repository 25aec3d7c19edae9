//! For tests: a bundle in one frame, signed whatever it says.

use std::path::Path;

use wt_keys::issue::{issue_certificate, issue_trust};
use wt_keys::{Certificate, Role, Signer, SigningKey, TrustDocument, Utc};
use wt_manifests::RelativePath;
use wt_manifests::bundle::body_writer::BodyWriter;
use wt_manifests::bundle::frame_writer::{Compression, FrameWriter};
use wt_manifests::bundle::{Bundle, tar};
use wt_manifests::manifest::{FORMAT, Manifest, Mode};
use wt_manifests::site::Site;

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
    let mut manifest = Manifest {
        format: FORMAT,
        features: vec![],
        product: "acme".into(),
        version: semver::Version::new(1, 0, 0),
        release: "v1".into(),
        platform: "linux/amd64".parse().unwrap(),
        created: Utc::START,
        upgrades_from: semver::VersionReq::STAR,
        body: bundle.body.clone(),
        entries: bundle.entries.clone(),
        images: vec![],
        packages: vec![],
        site: Site::default(),
    };
    change(&mut manifest);
    let signer = signer();
    bundle.sign(&manifest, &signer).unwrap();
    Bundle::open(path, &signer.trust).unwrap()
}

fn signer() -> Signer {
    let (root, key) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
    let root = std::slice::from_ref(&root);
    let document = TrustDocument {
        version: 1,
        issued: Utc::START,
        threshold: 1,
        roots: vec![root[0].public()],
        revoked_keys: vec![],
        revoked_licenses: vec![],
        lowest_releases: vec![],
    };
    let trust = issue_trust(&document, root).unwrap();
    let certificate = Certificate {
        key: key.public(),
        role: Role::Bundle,
        product: "acme".into(),
        not_before: Utc::START,
        not_after: Utc::START.plus_days(1),
        longest_term_days: None,
    };
    let certificate_envelope = issue_certificate(&certificate, root, &trust).unwrap();
    Signer { key, certificate, certificate_envelope, trust }
}
