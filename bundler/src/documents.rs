//! The last frame: the documents that make the tar an OCI image layout and a docker archive, and `SHA256SUMS`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use wt_keys::Sha256Digest;
use wt_manifests::RelativePath;
use wt_manifests::bundle::frame_writer::{Compression, FrameFile, FrameWriter};
use wt_manifests::bundle::tar;
use wt_manifests::image::{self, blob_path};
use wt_manifests::manifest::{Entry, Mode};

use crate::Result;
use crate::image::Collected;

/// Documents about `images`; `before` are the entries of the frames that come first.
pub fn frame<'a>(
    images: &[Collected],
    before: impl Iterator<Item = &'a Entry>,
    folder: &Path,
    compression: Compression,
) -> Result<FrameFile> {
    let mut documents = blobs(images);
    let sized = images.iter().map(|image| (&image.image, image.manifest.len() as u64));
    documents.extend(image::documents(sized));
    let sums = sums(before, &documents);
    documents.push(("SHA256SUMS".parse()?, sums.into_bytes()));
    let content: u64 = documents.iter().filter_map(|(_, bytes)| tar::stored_size(bytes.len() as u64)).sum();
    let mut frame = FrameWriter::new(folder, compression, content + tar::END.len() as u64)?;
    for (path, bytes) in documents {
        frame.entry(path, bytes.len() as u64, Mode::Data, &mut &bytes[..])?;
    }
    frame.end_of_archive()?;
    Ok(frame.finish()?)
}

/// Configurations and manifests, each once, in the order of their digests.
fn blobs(images: &[Collected]) -> Vec<(RelativePath, Vec<u8>)> {
    let mut blobs = BTreeMap::new();
    for image in images {
        blobs.insert(image.image.config, &image.config);
        blobs.insert(image.image.manifest, &image.manifest);
    }
    blobs.into_iter().map(|(digest, bytes)| (blob_path(digest), bytes.clone())).collect()
}

/// What `sha256sum -c` reads, over everything else in the tar.
fn sums<'a>(before: impl Iterator<Item = &'a Entry>, documents: &[(RelativePath, Vec<u8>)]) -> String {
    let documents = documents.iter().map(|(path, bytes)| (Sha256Digest::of(bytes), path));
    let mut text = String::new();
    for (digest, path) in before.map(|entry| (entry.sha256, &entry.path)).chain(documents) {
        let _ = writeln!(text, "{digest}  {path}");
    }
    text
}
