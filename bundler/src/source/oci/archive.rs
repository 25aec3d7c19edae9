//! An image layout in a tar. Its files may come in any order, so it is indexed once, and blobs are read where they stand.
//! A compressed tar is unpacked first, into a nameless file.
//!
//! Refused: two files of one name, links, a file that goes on behind the end of the tar, entries without end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use wt_keys::Sha256Digest;

use super::blobs::{Blobs, Layout, Stored};
use super::descriptor::Descriptor;
use crate::decompress::Coding;
use crate::foreign_tar::{clean, each_place};
use crate::image::DOCUMENT_LIMIT;
use crate::press::Press;
use crate::source::docker_archive::BLOBS;
use crate::{Error, Result};

const MOST_ENTRIES: u64 = 20_000;
const INDEX: &str = "index.json";

pub struct Archive {
    origin: String,
    file: File,
    places: HashMap<String, Place>,
}

#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    size: u64,
}

impl Archive {
    pub fn open(path: &Path, press: &Press) -> Result<Self> {
        let origin = path.display().to_string();
        let mut archive = Self { file: tar_file(path, press)?, origin, places: HashMap::new() };
        archive.places = archive.places()?;
        Ok(archive)
    }

    fn places(&self) -> Result<HashMap<String, Place>> {
        let end = self.file.metadata().map_err(Error::io("read", &self.origin))?.len();
        let (mut places, mut entries) = (HashMap::new(), 0);
        each_place(&self.file, &self.origin, |entry| {
            entries += 1;
            if entries > MOST_ENTRIES {
                let (origin, what) = (self.origin.clone(), "entries");
                return Err(Error::ArchiveTooLarge { origin, what, limit: MOST_ENTRIES, found: entries });
            }
            let place = Place { offset: entry.raw_file_position(), size: entry.size() };
            if place.offset.checked_add(place.size).is_none_or(|behind| behind > end) {
                return Err(self.wrong("it is cut off"));
            }
            if let Some(name) = self.wanted(entry)? {
                match places.entry(name) {
                    Entry::Vacant(free) => free.insert(place),
                    Entry::Occupied(_) => return Err(self.wrong("it has two files of one name")),
                };
            }
            Ok(())
        })?;
        Ok(places)
    }

    /// The name of a file that can be part of an image.
    fn wanted<R: Read>(&self, entry: &tar::Entry<'_, R>) -> Result<Option<String>> {
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            return Ok(None);
        }
        if !kind.is_file() {
            return Err(self.wrong("it has something that is neither file nor folder"));
        }
        let bytes = entry.path_bytes();
        let name = std::str::from_utf8(&bytes).map_err(|_| self.wrong("a name in it is not UTF-8"))?;
        let name = clean(name);
        Ok((name == INDEX || name.starts_with(BLOBS)).then(|| name.to_owned()))
    }

    fn stored(&self, name: &str) -> Result<Stored<'_>> {
        let Some(Place { offset, size }) = self.places.get(name).copied() else {
            return Err(Error::Misses { origin: self.origin.clone(), path: name.to_owned() });
        };
        Ok(Stored { size, content: Box::new(Window { file: &self.file, offset }.take(size)) })
    }

    fn wrong(&self, why: &'static str) -> Error {
        Error::Unusable { origin: self.origin.clone(), why }
    }
}

impl Blobs for Archive {
    fn origin(&self) -> String {
        self.origin.clone()
    }

    fn name(&self, digest: Sha256Digest) -> String {
        format!("{}: {BLOBS}{digest}", self.origin)
    }

    fn open(&self, blob: &Descriptor) -> Result<Stored<'_>> {
        self.stored(&format!("{BLOBS}{}", blob.digest(&self.origin)?))
    }
}

impl Layout for Archive {
    fn index(&self) -> Result<Vec<u8>> {
        let Stored { size, mut content } = self.stored(INDEX)?;
        if size > DOCUMENT_LIMIT {
            return Err(self.wrong("its index.json is larger than 4 MiB"));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(Error::io("read", &self.origin))?;
        Ok(bytes)
    }
}

/// A tar that can be read at any place.
fn tar_file(path: &Path, press: &Press) -> Result<File> {
    let failed = || Error::io("read", path);
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let (coding, content) = Coding::detect(&file).map_err(failed())?;
    if coding == Coding::Plain {
        drop(content);
    } else {
        let mut unpacked = press.nameless().map_err(Error::io("write", "a temporary file"))?;
        let mut content = coding.decoder(content).map_err(failed())?;
        io::copy(&mut content, &mut unpacked).map_err(Error::io("unpack", path))?;
        drop(content);
        file = unpacked;
    }
    file.rewind().map_err(failed())?;
    Ok(file)
}

/// The file from a place on; several can be read side by side.
struct Window<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(out, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
