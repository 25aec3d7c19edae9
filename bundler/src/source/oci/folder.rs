//! An image layout in a folder.

use std::path::Path;
use std::sync::Arc;

use wt_keys::{Sha256Digest, capped};

use super::blobs::{Blobs, INDEX_TOO_LARGE, Layout};
use super::descriptor::Descriptor;
use crate::image::DOCUMENT_LIMIT;
use crate::place::Place;
use crate::{Error, Result};

pub struct Folder<'a>(pub &'a Path);

impl Blobs for Folder<'_> {
    fn origin(&self) -> String {
        self.0.display().to_string()
    }

    fn name(&self, digest: Sha256Digest) -> String {
        self.0.join("blobs/sha256").join(digest.to_string()).display().to_string()
    }

    fn find(&self, blob: &Descriptor) -> Result<Place> {
        let path = self.0.join("blobs/sha256").join(blob.digest(&self.origin())?.to_string());
        let file = capped::open_file(&path)?;
        let size = file.metadata().map_err(Error::io("read", &path))?.len();
        Ok(Place::in_file(Arc::new(file), 0, size))
    }
}

impl Layout for Folder<'_> {
    fn index(&self) -> Result<Vec<u8>> {
        match capped::read(&self.0.join("index.json"), "an index.json", DOCUMENT_LIMIT) {
            Err(wt_keys::Error::TooLarge { .. }) => {
                Err(Error::Unusable { origin: self.origin(), why: INDEX_TOO_LARGE })
            }
            read => Ok(read?),
        }
    }
}
