//! Frames of layers, by the layer's digest and everything that decides the frame's bytes.
//!
//! A frame from here goes into a bundle that gets signed. Trusted is the user who builds: the folder is theirs alone
//! (another owner's, or one that others may write, is not used), as are the key and the release. A frame is compared
//! with the SHA-256 in its own footer, which finds damage, not malice. Who doubts builds with `--no-cache`.
//!
//! An entry appears complete or not at all: it is written without a name and then linked. One that is not what its
//! footer says is removed and made anew.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;
use wt_manifests::Platform;
use wt_manifests::bundle::frame_writer::{Compression, FrameFile};
use wt_manifests::image::{Blob, blob_path};
use wt_manifests::manifest::{Entry, Mode};

use super::Configs;
use super::entry::{self, Footer, digest};

/// A folder of frames that were made with the same settings.
#[derive(Clone, Debug)]
pub struct LayerCache {
    folder: PathBuf,
    settings: String,
    most: u64,
}

impl LayerCache {
    /// Creates the folder where it is missing. The error says why it cannot be used.
    pub fn open(folder: PathBuf, compression: Compression, most: u64) -> Result<Self, String> {
        super::open(&folder, "layer")?;
        Ok(Self { folder, settings: compression.settings(), most })
    }

    /// Where to write a frame that [`Self::keep`] is to take.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The frame of a layer, if it is here and whole.
    pub fn take(&self, layer: Sha256Digest) -> Option<(Blob, FrameFile)> {
        let path = self.path(layer);
        let file = File::open(&path).ok()?;
        let Ok(Some(footer)) = Footer::read(&file, self.key(layer)) else {
            let _ = fs::remove_file(&path);
            return None;
        };
        entry::used_now(&file);
        let entry =
            Entry { path: blob_path(layer), size: footer.size, mode: Mode::Data, sha256: layer, frame: 0 };
        let blob = Blob { digest: layer, size: footer.size };
        Some((blob, FrameFile { file, frame: footer.frame, entries: vec![entry] }))
    }

    /// Keeps a frame that was written in [`Self::folder`]: gives its file a footer and a name.
    pub fn keep(&self, layer: Blob, frame: &FrameFile) -> std::io::Result<()> {
        let length = frame.frame.length;
        let sha256 = digest(&frame.file, length)?;
        let (size, key) = (layer.size, self.key(layer.digest));
        let footer = Footer { frame: frame.frame, size, sha256, key };
        frame.file.write_all_at(&footer.to_bytes(), length)?;
        entry::name(&frame.file, &self.path(layer.digest))
    }

    /// Beside the frames: the configurations of an engine's images.
    pub fn configs<'a>(&'a self, platform: &'a Platform) -> Configs<'a> {
        Configs::new(&self.folder, platform)
    }

    /// Keeps to the size; what was not used for longest goes first.
    pub fn bound(&self) {
        super::bound(super::list(&self.folder), self.most);
    }

    fn key(&self, layer: Sha256Digest) -> Sha256Digest {
        Sha256Digest::of(format!("wt layer cache 1\n{}\n{layer}\n", self.settings).as_bytes())
    }

    fn path(&self, layer: Sha256Digest) -> PathBuf {
        self.folder.join(format!("{}.frame", self.key(layer)))
    }
}

#[cfg(test)]
mod tests;
