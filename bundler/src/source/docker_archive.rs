//! What `docker save` writes, as a stream: the format of Docker up to 24 (`<id>/layer.tar`) and the one from 25 on
//! (`blobs/sha256/…`), in one reader, since both end in `manifest.json`.
//!
//! Attacks this module is written against: two files of one name, a list of layers that leads outside or in circles,
//! a file whose name is not the digest it claims, documents and names of any size or number,
//! an archive of a few megabytes that unpacks to what nothing can read to its end.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use wt_keys::{Sha256Digest, capped};
use wt_manifests::ImageName;
use wt_manifests::image::{Blob, refuse_ambiguous_keys};

use crate::decompress::{Coding, decompressed_archive, in_place};
use crate::foreign_tar::{clean, each_entry, each_place};
use crate::hashed::Hashed;
use crate::image::{Content, DOCUMENT_LIMIT};
use crate::place::Place;
use crate::press::Press;
use crate::{Error, Result};

const MOST_LINKS: usize = 8;
pub const BLOBS: &str = "blobs/sha256/";

/// How much of an archive is kept in memory. A compressed one of a few megabytes could ask for gigabytes.
#[derive(Clone, Copy)]
pub struct Amount {
    /// Of any kind, folders too; Docker up to 24 writes four for a layer.
    entries: u64,
    /// Of documents and of names.
    bytes: u64,
}

/// Room for thousands of layers.
pub const MOST: Amount = Amount { entries: 20_000, bytes: 64 << 20 };

/// An archive that was read to its end; its layers went to the press.
pub struct Archive {
    origin: String,
    /// Where layers can be read again.
    file: Option<Arc<File>>,
    documents: HashMap<String, Vec<u8>>,
    layers: HashMap<String, Blob>,
    links: HashMap<String, String>,
    images: Vec<ArchiveImage>,
    kept: Amount,
    most: Amount,
}

const KEYS: [&str; 3] = ["Config", "RepoTags", "Layers"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ArchiveImage {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl Archive {
    /// Reads a file, which may be compressed.
    pub fn open(path: &Path, press: &Press) -> Result<Self> {
        let (file, origin) = (capped::open_file(path)?, path.display().to_string());
        if let Some(file) = in_place(&file).map_err(Error::io("read", path))? {
            return Self::read_file(file, &origin, press);
        }
        let content = decompressed_archive(file, path, press.largest()).map_err(Error::io("read", path))?;
        Self::read(content, &origin, press, MOST)
    }

    /// Reads a stream and keeps at most `most` of it; `origin` is what to call it in an error.
    pub fn read(stream: impl Read, origin: &str, press: &Press, most: Amount) -> Result<Self> {
        let mut archive = Self::new(origin, None, most);
        each_entry(stream, origin, |entry| archive.take(entry, press))?;
        archive.images = archive.manifest()?;
        Ok(archive)
    }

    /// Reads a tar of which layers can be read where they stand, and what is known is not read.
    fn read_file(file: File, origin: &str, press: &Press) -> Result<Self> {
        let file = Arc::new(file);
        let end = file.metadata().map_err(Error::io("read", origin))?.len();
        let mut archive = Self::new(origin, Some(file.clone()), MOST);
        each_place(&*file, origin, |entry| {
            let behind = entry.raw_file_position().checked_add(entry.size());
            if behind.is_none_or(|behind| behind > end) {
                return Err(archive.wrong("it is cut off"));
            }
            archive.take(entry, press)
        })?;
        archive.images = archive.manifest()?;
        Ok(archive)
    }

    fn new(origin: &str, file: Option<Arc<File>>, most: Amount) -> Self {
        Self {
            origin: origin.to_owned(),
            file,
            documents: HashMap::new(),
            layers: HashMap::new(),
            links: HashMap::new(),
            images: Vec::new(),
            kept: Amount { entries: 0, bytes: 0 },
            most,
        }
    }

    fn take<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, press: &Press) -> Result<()> {
        let path = std::str::from_utf8(&entry.path_bytes()).ok().map(|path| clean(path).to_owned());
        let path = path.ok_or_else(|| self.wrong("a name in it is not UTF-8"))?;
        let kind = entry.header().entry_type();
        let known = [
            self.documents.contains_key(&path),
            self.layers.contains_key(&path),
            self.links.contains_key(&path),
        ];
        if !kind.is_dir() && known.contains(&true) {
            return Err(self.wrong("it has two files of one name"));
        }
        self.kept.entries += 1;
        self.keep(path.len() as u64)?;
        if kind.is_symlink() || kind.is_hard_link() {
            let target =
                entry.link_name_bytes().and_then(|target| String::from_utf8(target.into_owned()).ok());
            let target = target.ok_or_else(|| self.wrong("a link in it leads nowhere"))?;
            let target = if kind.is_symlink() { beside(&path, &target) } else { clean(&target).to_owned() };
            self.keep(target.len() as u64)?;
            self.links.insert(path, target);
        } else if kind.is_file() {
            self.take_file(path, entry, press)?;
        } else if !kind.is_dir() {
            return Err(self.wrong("it has something that is neither file, folder nor link"));
        }
        Ok(())
    }

    /// A layer goes to the press at once; a document is kept until `manifest.json` says what it is.
    fn take_file<R: Read>(
        &mut self,
        path: String,
        entry: &mut tar::Entry<'_, R>,
        press: &Press,
    ) -> Result<()> {
        if path.ends_with("/VERSION") {
            return Ok(());
        }
        if let Some(known) = named_digest(&path).and_then(|digest| press.known(digest)) {
            self.layers.insert(path, known); // it is not read again
            return Ok(());
        }
        let mut first = Vec::new();
        entry.take(1).read_to_end(&mut first).map_err(Error::io("read", &self.origin))?;
        let is_document = named_json(&path) || matches!(first[..], [] | [b'{' | b'[']);
        if is_document && entry.size() <= DOCUMENT_LIMIT {
            self.keep(entry.size())?;
            entry.read_to_end(&mut first).map_err(Error::io("read", &self.origin))?;
            self.check_name(&path, Sha256Digest::of(&first))?;
            self.documents.insert(path, first);
        } else {
            let blob = match self.in_place(entry)? {
                Some(place) => {
                    press.take_in_place(place, named_digest(&path), &format!("{}: {path}", self.origin))?
                }
                None => self.press_layer(&path, (&first[..]).chain(entry), press)?,
            };
            self.layers.insert(path, blob);
        }
        Ok(())
    }

    /// Where a layer stands, if it can be read there and is not compressed.
    fn in_place<R: Read>(&self, entry: &tar::Entry<'_, R>) -> Result<Option<Place>> {
        let Some(file) = &self.file else { return Ok(None) };
        let place = Place::in_file(file.clone(), entry.raw_file_position(), entry.size());
        let (coding, _) = Coding::detect(place.reader()).map_err(Error::io("read", &self.origin))?;
        Ok((coding == Coding::Plain).then_some(place))
    }

    /// Counts what is about to be kept.
    fn keep(&mut self, bytes: u64) -> Result<()> {
        self.kept.bytes = self.kept.bytes.saturating_add(bytes);
        let (kept, most) = (self.kept, self.most);
        let counts = [
            ("entries", kept.entries, most.entries),
            ("bytes of documents and names", kept.bytes, most.bytes),
        ];
        match counts.into_iter().find(|(_, found, limit)| found > limit) {
            Some((what, found, limit)) => {
                Err(Error::ArchiveTooLarge { origin: self.origin.clone(), what, limit, found })
            }
            None => Ok(()),
        }
    }

    fn press_layer(&self, path: &str, content: impl Read, press: &Press) -> Result<Blob> {
        let origin = format!("{}: {path}", self.origin);
        let failed = || Error::io("read", &origin);
        let (coding, content) = Coding::detect(content).map_err(failed())?;
        if coding == Coding::Plain {
            let mut content = content;
            let blob = press.take(&mut content, &origin)?;
            self.check_name(path, blob.digest)?;
            return Ok(blob);
        }
        let mut stored = Hashed::new(content);
        let mut layer = coding.decoder(&mut stored).map_err(failed())?;
        let blob = press.take(&mut layer, &origin)?;
        drop(layer);
        self.check_name(path, stored.finish().map_err(failed())?)?;
        Ok(blob)
    }

    /// A file that is named after a digest has it.
    fn check_name(&self, path: &str, found: Sha256Digest) -> Result<()> {
        match named_digest(path) {
            Some(expected) if expected != found => {
                Err(Error::Digest { what: format!("{}: {path}", self.origin), expected, found })
            }
            _ => Ok(()),
        }
    }

    fn manifest(&self) -> Result<Vec<ArchiveImage>> {
        let bytes = self.document("manifest.json")?;
        let images = refuse_ambiguous_keys(bytes, &KEYS).and_then(|()| serde_json::from_slice(bytes));
        let images: Option<Vec<ArchiveImage>> = images.map_err(|source| Error::Document {
            origin: self.origin.clone(),
            document: "manifest.json".to_owned(),
            source: source.into(),
        })?;
        images.ok_or_else(|| self.wrong("its manifest.json names no images"))
    }

    /// The image with this name; without one, the only image.
    pub fn image(&self, wanted: Option<&ImageName>) -> Result<Content> {
        let image = self.find(wanted)?;
        Ok(Content {
            config: self.document(&image.config)?.clone(),
            layers: image.layers.iter().map(|path| self.layer(path)).collect::<Result<_>>()?,
            manifest: None,
            resolved: None,
        })
    }

    fn find(&self, wanted: Option<&ImageName>) -> Result<&ArchiveImage> {
        let tags = |image: &ArchiveImage| image.repo_tags.clone().unwrap_or_default();
        let (origin, known) = (self.origin.clone(), || self.images.iter().flat_map(tags).collect());
        match (wanted, &self.images[..]) {
            (None, []) => Err(self.wrong("it holds no image")),
            (None, [only]) => Ok(only),
            (None, _) => Err(Error::SeveralImages { origin, known: known() }),
            (Some(name), images) => {
                let named = |tag: &String| {
                    tag.parse().is_ok_and(|tag: ImageName| tag.canonical() == name.canonical())
                };
                let found = images.iter().find(|image| tags(image).iter().any(named));
                let wanted = name.to_string();
                found.ok_or_else(|| Error::NotInArchive { origin, wanted, known: known() })
            }
        }
    }

    fn document(&self, path: &str) -> Result<&Vec<u8>> {
        self.documents.get(self.follow(path)).ok_or_else(|| self.misses(path))
    }

    fn layer(&self, path: &str) -> Result<Blob> {
        self.layers.get(self.follow(path)).copied().ok_or_else(|| self.misses(path))
    }

    fn follow<'a>(&'a self, path: &'a str) -> &'a str {
        let mut path = clean(path);
        for _ in 0..MOST_LINKS {
            match self.links.get(path) {
                Some(target) => path = target,
                None => break,
            }
        }
        path
    }

    fn wrong(&self, why: &'static str) -> Error {
        Error::Unusable { origin: self.origin.clone(), why }
    }

    fn misses(&self, path: &str) -> Error {
        Error::Misses { origin: self.origin.clone(), path: path.to_owned() }
    }
}

/// `blobs/sha256/<digest>` and `<digest>.json`, as Docker names files after what they hold.
fn named_digest(path: &str) -> Option<Sha256Digest> {
    path.strip_prefix(BLOBS).or_else(|| path.strip_suffix(".json"))?.parse().ok()
}

fn named_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "json")
}

/// Where a symbolic link at `path` leads; a name that is in no archive where it leads out of it.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
