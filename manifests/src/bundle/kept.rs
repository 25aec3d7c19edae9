//! What a site keeps of a bundle when the bundle itself is gone: its signed documents, and the small files that a release
//! is made of beside its images and packages.
//!
//! Promises: what is kept is read as a bundle is: the signatures first, by the roots that were in force when it was kept,
//! then each file by its signed digest. Refuses: a folder that is not complete, and every file that is not the signed one.

use std::fs;
use std::path::{Path, PathBuf};

use wt_keys::{Chain, Sha256Digest, Trust, Trusted, capped, durable, folder_of};

use crate::bundle::{Bundle, reader};
use crate::manifest::{Entry, Manifest};
use crate::{Error, Result};

const CHAIN: &str = "chain";
const TRUST: &str = "trust.json";
const FILES: &str = "files";
const CHAIN_LIMIT: u64 = super::head::HEAD_LIMIT;
/// What the folder's name ends with while it is not complete.
const UNFINISHED: &str = "unfinished";

/// A release that was kept.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    trusted: Trusted<Manifest>,
}

impl Kept {
    /// Keeps a release in `folder`, which must not be there yet. It has its name when all of it is on the disk.
    pub fn keep(bundle: &Bundle, folder: &Path) -> Result<Self> {
        let unfinished = folder.with_added_extension(UNFINISHED);
        durable::remove_folder(&unfinished)?;
        durable::create_folder(&unfinished, 0o700)?;
        durable::write(&unfinished.join(CHAIN), &bundle.chain().to_bytes(), 0o600)?;
        durable::write(&unfinished.join(TRUST), &bundle.trusted().trust.to_bytes(), 0o600)?;
        bundle.for_each_entry(is_kept, |entry, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).map_err(reader::unwrapped)?;
            let path = unfinished.join(FILES).join(entry.path.as_str());
            durable::create_folder(&folder_of(&path), 0o700)?;
            Ok::<_, Error>(durable::write(&path, &bytes, 0o600)?)
        })?;
        fs::rename(&unfinished, folder).map_err(Error::io("write", folder))?;
        durable::sync_folder(&folder_of(folder))?;
        Self::open(folder)
    }

    pub fn open(folder: &Path) -> Result<Self> {
        let read = |name, what| capped::read(&folder.join(name), what, CHAIN_LIMIT);
        let trust = Trust::parse(&read(TRUST, "a trust document")?)?;
        let chain = Chain::parse(&read(CHAIN, "the documents of a bundle")?, "the documents of a bundle")?;
        let trusted: Trusted<Manifest> = chain.verify(&trust)?;
        trusted.document.check()?;
        Ok(Self { folder: folder.to_owned(), trusted })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn manifest(&self) -> &Manifest {
        &self.trusted.document
    }

    pub fn trusted(&self) -> &Trusted<Manifest> {
        &self.trusted
    }

    /// The whole of one file of at most `limit` bytes.
    pub fn read_entry(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let entry = self.manifest().entry(path)?;
        if entry.size > limit || !is_kept(entry) {
            return Err(Error::EntryTooLarge { path: path.to_owned(), limit, found: entry.size });
        }
        let place = self.folder.join(FILES).join(path);
        let bytes = capped::read(&place, "a file of the release", entry.size)?;
        let (expected, found) = (entry.sha256, Sha256Digest::of(&bytes));
        if expected == found {
            Ok(bytes)
        } else {
            Err(Error::Entry { path: path.to_owned(), expected, found })
        }
    }
}

/// Neither an image nor a package.
fn is_kept(entry: &Entry) -> bool {
    !["blobs", "packages"].iter().any(|folder| entry.path.starts_with(folder))
}
