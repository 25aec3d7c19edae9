//! What a manifest must not say: whatever contradicts the rest of it.

use std::collections::HashSet;
use std::fmt;

use wt_keys::{Sha256Digest, shown};

use super::{CHUNK_SIZE, Manifest};
use crate::bundle::tar;
use crate::platform::is_plain;
use crate::{Error, RelativePath, Result};

const MOST_ENTRIES: usize = 1_000_000;

impl Manifest {
    /// Refuses a manifest that contradicts itself. What one needs that this program does not know was refused before it
    /// was read, by [`wt_keys::Document::beyond_us`].
    pub fn check(&self) -> Result<()> {
        self.check_names()?;
        self.check_features()?;
        self.check_verbatim()?;
        self.check_data()?;
        self.check_body()?;
        self.check_entries()?;
        self.check_references()
    }

    /// Names that become parts of paths on site, and of the line by which a person recognises a bundle before it is signed.
    fn check_names(&self) -> Result<()> {
        if !is_plain(&self.product) {
            return Err(contradiction(format_args!(
                "the product `{}` is not a plain word",
                shown(&self.product)
            )));
        }
        let named = |c: u8| c.is_ascii_alphanumeric() || b"._+-".contains(&c);
        if self.release.is_empty() || self.release.len() > 100 || !self.release.bytes().all(named) {
            return Err(contradiction(format_args!(
                "the release `{}` is not a word of A-Z a-z 0-9 . _ + -",
                shown(&self.release)
            )));
        }
        for package in self.packages.iter().flat_map(|set| &set.packages) {
            let debian = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"+.-".contains(&c);
            let plain = |text: &str| !text.is_empty() && !text.starts_with('.') && text.bytes().all(debian);
            if !plain(&package.name) || !plain(&package.architecture) {
                return Err(contradiction(format_args!(
                    "`{}` is not a package's name",
                    shown(&package.name)
                )));
            }
        }
        Ok(())
    }

    /// Every feature is named where it is used, and no other; in order, each once.
    fn check_features(&self) -> Result<()> {
        if !self.used_features().eq(self.features.iter()) {
            let used = self.used_features().collect::<Vec<_>>().join(" ");
            let named = self.features.join(" ");
            return Err(contradiction(format_args!(
                "it names the features `{}` and uses `{used}`",
                shown(named)
            )));
        }
        match self.trust_version {
            Some(version @ ..2) => {
                Err(contradiction(format_args!("a trust version of {version} is left out")))
            }
            _ => Ok(()),
        }
    }

    /// A blob stands for each layer.
    fn check_verbatim(&self) -> Result<()> {
        match self.images.iter().find(|image| image.stored().len() != image.layers.len()) {
            Some(image) => Err(contradiction(format_args!("`{}` has not a blob for each layer", image.name))),
            None => Ok(()),
        }
    }

    /// A folder inside another would lie in the hands of a service that owns the outer one.
    fn check_data(&self) -> Result<()> {
        let folders = || self.site.data.iter().chain(&self.site.logs).map(|folder| &folder.path);
        match folders().find(|inner| folders().any(|outer| inner.starts_with(outer.as_str()))) {
            Some(inner) => Err(contradiction(format_args!("the data folder `{inner}` lies inside another"))),
            None => Ok(()),
        }
    }

    fn check_body(&self) -> Result<()> {
        let frames: Option<u64> = self.body.frames.iter().try_fold(0_u64, |sum, f| sum.checked_add(f.length));
        if frames != Some(self.body.length) || self.body.frames.iter().any(|frame| frame.length == 0) {
            return Err(contradiction("the frames do not add up to the length"));
        }
        if self.body.chunks.len() as u64 != self.body.length.div_ceil(CHUNK_SIZE) {
            return Err(contradiction("the number of chunks does not fit the length"));
        }
        Ok(())
    }

    fn check_entries(&self) -> Result<()> {
        if self.entries.len() > MOST_ENTRIES {
            return Err(contradiction("more than 1000000 entries"));
        }
        let total = self.body.frames.iter().try_fold(0_u64, |sum, frame| sum.checked_add(frame.size));
        if total.is_none() {
            return Err(contradiction("the frames decompress to more than there is"));
        }
        let mut sizes = vec![0_u64; self.body.frames.len()];
        let mut paths = HashSet::new();
        let mut previous = 0;
        for entry in &self.entries {
            let in_order = entry.frame == previous || entry.frame == previous + 1;
            let Some(size) = sizes.get_mut(entry.frame).filter(|_| in_order) else {
                return Err(contradiction(format_args!("`{}` is in no frame, or out of order", entry.path)));
            };
            previous = entry.frame;
            *size = tar::stored_size(entry.size)
                .and_then(|stored| size.checked_add(stored))
                .ok_or_else(|| contradiction(format_args!("`{}` is too large", entry.path)))?;
            if !paths.insert(entry.path.as_str().to_ascii_lowercase()) {
                return Err(contradiction(format_args!("two entries are named `{}`", entry.path)));
            }
        }
        let folders = |path: &str| path.match_indices('/').any(|(at, _)| paths.contains(&path[..at]));
        if let Some(entry) = self.entries.iter().find(|e| folders(&e.path.as_str().to_ascii_lowercase())) {
            return Err(contradiction(format_args!("`{}` lies in a folder that is a file", entry.path)));
        }
        if let Some(last) = sizes.last_mut() {
            *last = last.saturating_add(tar::END.len() as u64); // more than any frame may have
        }
        if sizes.iter().ne(self.body.frames.iter().map(|frame| &frame.size)) {
            return Err(contradiction("the entries do not add up to the frames"));
        }
        Ok(())
    }

    fn check_references(&self) -> Result<()> {
        let blobs: HashSet<Sha256Digest> =
            self.entries.iter().filter(|entry| entry.is_blob()).map(|entry| entry.sha256).collect();
        let paths: HashSet<&RelativePath> = self.entries.iter().map(|entry| &entry.path).collect();
        let mut names = HashSet::new();
        for image in &self.images {
            let mut needed = [image.config, image.manifest].into_iter().chain(image.stored().iter().copied());
            if let Some(missing) = needed.find(|blob| !blobs.contains(blob)) {
                return Err(contradiction(format_args!("`{}` misses {missing}", image.name)));
            }
            if image.layers.is_empty() {
                return Err(contradiction(format_args!("`{}` has no layers", image.name)));
            }
            if !names.insert(image.name.canonical()) {
                return Err(contradiction(format_args!("two images are named `{}`", image.name)));
            }
        }
        let packages = self.packages.iter().flat_map(|set| &set.packages).map(|package| &package.path);
        let scripts = self.site.hooks.named().map(|(_, script)| script);
        match packages.chain(scripts).find(|path| !paths.contains(path)) {
            Some(missing) => Err(contradiction(format_args!("`{missing}` is not among the entries"))),
            None => Ok(()),
        }
    }
}

fn contradiction(why: impl fmt::Display) -> Error {
    Error::Manifest(why.to_string())
}
