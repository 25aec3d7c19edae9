//! The archive that the engine is fed: an OCI image layout and a docker archive at once, of what the engine lacks.
//!
//! Attacks: an engine is no verifier. It takes a changed config under an unchanged name, the last of two
//! `manifest.json`, and any tag. So nothing of the bundle's own tar reaches it: every header and
//! every index here is written by us from the signed manifest, and blobs are copied while they are authenticated.

use std::collections::HashSet;
use std::io::{Read, Write};

use wt_keys::Sha256Digest;
use wt_manifests::bundle::{Bundle, reader, tar};
use wt_manifests::image::{self, Image, blob_path};
use wt_manifests::manifest::{Entry, Manifest, Mode};
use wt_manifests::{RelativePath, Result as BundleResult};

use super::layers::ImagePlan;
use crate::{Error, Result};

const PIECE: usize = 256 << 10;

/// Writes the archive to `out`, whose only failure is that nobody listens any more. `progress` is told of each file, in
/// turn, how many more of its bytes were written.
pub fn write(
    bundle: &Bundle,
    plan: &ImagePlan,
    out: &mut impl Write,
    progress: impl Fn(&Entry, u64),
) -> Result<()> {
    for (path, content) in documents(bundle.manifest(), &plan.images)? {
        put(&document_entry(path, &content), &mut content.as_slice(), out, &progress)?;
    }
    let wanted: HashSet<RelativePath> = plan.blobs().into_iter().map(blob_path).collect();
    bundle.for_each_entry(
        |entry| wanted.contains(&entry.path),
        |entry, content| put(&as_blob(entry), content, out, &progress),
    )?;
    out.write_all(&tar::END).map_err(closed)
}

/// The documents that make the blobs images.
fn documents(manifest: &Manifest, images: &[Image]) -> Result<[(RelativePath, Vec<u8>); 3]> {
    let sizes: Vec<u64> = images
        .iter()
        .map(|image| Ok(manifest.entry(blob_path(image.manifest).as_str())?.size))
        .collect::<BundleResult<_>>()?;
    Ok(image::documents(images.iter().zip(sizes)))
}

fn document_entry(path: RelativePath, content: &[u8]) -> Entry {
    Entry { path, size: content.len() as u64, mode: Mode::Data, sha256: Sha256Digest::of(content), frame: 0 }
}

fn as_blob(entry: &Entry) -> Entry {
    Entry { mode: Mode::Data, ..entry.clone() }
}

/// One file: header, content, zeros up to a whole block.
fn put(
    entry: &Entry,
    content: &mut dyn Read,
    out: &mut impl Write,
    progress: &impl Fn(&Entry, u64),
) -> Result<()> {
    out.write_all(&tar::header(entry)).map_err(closed)?;
    let mut buffer = vec![0; PIECE];
    let mut left = entry.size;
    while left > 0 {
        let wanted = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let got = content.read(&mut buffer[..wanted]).map_err(reader::unwrapped)?;
        if got == 0 {
            return Err(Error::Io {
                action: "read",
                path: entry.path.as_str().into(),
                source: std::io::ErrorKind::UnexpectedEof.into(),
            });
        }
        out.write_all(&buffer[..got]).map_err(closed)?;
        progress(entry, got as u64);
        left -= got as u64;
    }
    out.write_all(&[0; 512][..tar::padding(entry.size)]).map_err(closed)
}

fn closed(_: std::io::Error) -> Error {
    Error::EngineClosed
}

#[cfg(test)]
mod tests {
    use super::super::layers::tests::{image, manifest};
    use super::*;

    #[test]
    fn the_documents_name_the_planned_images_and_no_other() {
        let manifest = manifest(vec![image("web", &["base", "web"]), image("im", &["base"])]);
        let [index, docker, layout] = documents(&manifest, &manifest.images[..1]).unwrap();
        assert_eq!(layout.0.as_str(), "oci-layout");
        for (path, content) in [index, docker] {
            let text = String::from_utf8(content).unwrap();
            assert!(text.contains("acme/web:1") && !text.contains("acme/im:1"), "{path}: {text}");
        }
    }

    #[test]
    fn a_file_is_a_header_its_bytes_and_zeros() {
        let mut out = Vec::new();
        put(&document_entry("a".parse().unwrap(), b"abc"), &mut &b"abcdef"[..], &mut out, &|_, _| ())
            .unwrap();
        assert_eq!(out.len(), 1024);
        assert_eq!(&out[512..516], b"abc\0");
        assert!(
            put(&document_entry("a".parse().unwrap(), b"abc"), &mut &b"ab"[..], &mut out, &|_, _| ())
                .is_err()
        );
    }
}
