//! An image layout in a tar. Its files may come in any order, so it is indexed once, and blobs are read where they stand.
//! A compressed tar is unpacked first, into a nameless file.
//!
//! Refused: two files of one name, links, a file that goes on behind the end of the tar, entries without end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use wt_keys::{Sha256Digest, capped};

use super::blobs::{Blobs, INDEX_TOO_LARGE, Layout};
use super::descriptor::Descriptor;
use crate::decompress::{decompressed_archive, in_place};
use crate::foreign_tar::{clean, each_place};
use crate::image::DOCUMENT_LIMIT;
use crate::place::Place;
use crate::press::Press;
use crate::source::docker_archive::BLOBS;
use crate::{Error, Result};

const MOST_ENTRIES: u64 = 20_000;
const INDEX: &str = "index.json";

pub struct Archive {
    origin: String,
    file: Arc<File>,
    parts: HashMap<String, Part>,
}

/// Where a file stands in the tar.
#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    size: u64,
}

impl Archive {
    pub fn open(path: &Path, press: &Press) -> Result<Self> {
        let origin = path.display().to_string();
        let file = Arc::new(tar_file(path, press)?);
        let mut archive = Self { file, origin, parts: HashMap::new() };
        archive.parts = archive.parts()?;
        Ok(archive)
    }

    fn parts(&self) -> Result<HashMap<String, Part>> {
        let end = self.file.metadata().map_err(Error::io("read", &self.origin))?.len();
        let (mut parts, mut entries) = (HashMap::new(), 0);
        each_place(&*self.file, &self.origin, |entry| {
            entries += 1;
            if entries > MOST_ENTRIES {
                let (origin, what) = (self.origin.clone(), "entries");
                return Err(Error::ArchiveTooLarge { origin, what, limit: MOST_ENTRIES, found: entries });
            }
            let part = Part { offset: entry.raw_file_position(), size: entry.size() };
            if part.offset.checked_add(part.size).is_none_or(|behind| behind > end) {
                return Err(self.wrong("it is cut off"));
            }
            if let Some(name) = self.wanted(entry)? {
                match parts.entry(name) {
                    Entry::Vacant(free) => free.insert(part),
                    Entry::Occupied(_) => return Err(self.wrong("it has two files of one name")),
                };
            }
            Ok(())
        })?;
        Ok(parts)
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

    fn place(&self, name: &str) -> Result<Place> {
        let Some(Part { offset, size }) = self.parts.get(name).copied() else {
            return Err(Error::Misses { origin: self.origin.clone(), path: name.to_owned() });
        };
        Ok(Place::in_file(self.file.clone(), offset, size))
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

    fn find(&self, blob: &Descriptor) -> Result<Place> {
        self.place(&format!("{BLOBS}{}", blob.digest(&self.origin)?))
    }
}

impl Layout for Archive {
    fn index(&self) -> Result<Vec<u8>> {
        let place = self.place(INDEX)?;
        if place.size > DOCUMENT_LIMIT {
            return Err(self.wrong(INDEX_TOO_LARGE));
        }
        let mut bytes = Vec::new();
        place.reader().read_to_end(&mut bytes).map_err(Error::io("read", &self.origin))?;
        Ok(bytes)
    }
}

/// A tar that can be read at any place.
fn tar_file(path: &Path, press: &Press) -> Result<File> {
    let failed = || Error::io("read", path);
    let file = capped::open_file(path)?;
    let mut file = match in_place(&file).map_err(failed())? {
        Some(file) => file,
        None => unpack(decompressed_archive(file, path, press.largest()).map_err(failed())?, path, press)?,
    };
    file.rewind().map_err(failed())?;
    Ok(file)
}

fn unpack(mut content: impl Read, path: &Path, press: &Press) -> Result<File> {
    let (file, room) = press.nameless().map_err(Error::io("write", "a temporary file"))?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let got = match content.read(&mut buffer) {
            Ok(0) => return Ok(file),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("unpack", path)(error)),
        };
        room.take(got as u64)
            .and_then(|()| (&file).write_all(&buffer[..got]))
            .map_err(Error::io("write", "a temporary file"))?;
    }
}

#[cfg(test)]
mod tests;
