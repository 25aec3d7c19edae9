//! One image of a bundle as an archive that `docker load` and skopeo take: the same blobs and documents that a bundle
//! holds, for this image alone.

use std::collections::HashSet;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_keys::nameless::Nameless;
use wt_manifests::bundle::reader::unwrapped;
use wt_manifests::bundle::{Bundle, tar};
use wt_manifests::image::{Image, blob_path, documents};
use wt_manifests::manifest::{Entry, Manifest, Mode};

use crate::counted::Counted;
use crate::new_file::published;
use crate::{Error, Result};

/// The image with this name, which may leave out what Docker implies.
pub fn find<'a>(manifest: &'a Manifest, name: &str) -> Result<&'a Image> {
    let wanted = |image: &&Image| image.name.to_string() == name || image.name.canonical() == name;
    manifest.images.iter().find(wanted).ok_or_else(|| Error::NoImage {
        found: name.to_owned(),
        known: manifest.images.iter().map(|image| image.name.to_string()).collect(),
    })
}

/// Bytes of an image's blobs.
pub fn size(manifest: &Manifest, image: &Image) -> u64 {
    let blobs = blobs(image);
    manifest.entries.iter().filter(|entry| is_of(&blobs, entry)).map(|entry| entry.size).sum()
}

/// Writes the archive; it stands under its name when every blob was compared with its digest.
pub fn write(bundle: &Bundle, image: &Image, output: &Path, phase: &Phase) -> Result<()> {
    let landing = Nameless::create(output, 0o644)?;
    let mut archive = Archive { out: BufWriter::with_capacity(256 << 10, landing.file()), output };
    let blobs = blobs(image);
    bundle.for_each_entry(
        |entry| is_of(&blobs, entry),
        |entry, content| archive.add(entry, &mut Counted { inner: content, phase }),
    )?;
    let its_manifest = bundle.manifest().entry(blob_path(image.manifest).as_str())?;
    for (path, bytes) in documents([(image, its_manifest.size)]) {
        let (size, sha256) = (bytes.len() as u64, Sha256Digest::of(&bytes));
        let entry = Entry { path, size, mode: Mode::Data, sha256, frame: 0 };
        archive.add(&entry, &mut &bytes[..])?;
    }
    archive.end()?;
    published(landing.take_name(output), output)
}

fn blobs(image: &Image) -> HashSet<Sha256Digest> {
    [image.config, image.manifest].into_iter().chain(image.stored().iter().copied()).collect()
}

fn is_of(blobs: &HashSet<Sha256Digest>, entry: &Entry) -> bool {
    blobs.contains(&entry.sha256) && entry.is_blob()
}

struct Archive<'a, W> {
    out: W,
    output: &'a Path,
}

impl<W: Write> Archive<'_, W> {
    fn add(&mut self, entry: &Entry, content: &mut impl Read) -> Result<()> {
        self.put(&tar::header(entry))?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match content.read(&mut buffer).map_err(unwrapped)? {
                0 => break,
                got => self.put(&buffer[..got])?,
            }
        }
        self.put(&[0; 512][..tar::padding(entry.size)])
    }

    fn end(mut self) -> Result<()> {
        self.put(&tar::END)?;
        self.out.flush().map_err(|error| self.failed(error))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::io("write", self.output)(error)
    }
}
