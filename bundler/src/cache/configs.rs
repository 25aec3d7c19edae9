//! Configurations of an engine's images, by the image's id and the platform, so that an image which the engine describes
//! as it did for an earlier build need not be exported again.
//!
//! An id is the digest of the configuration in Docker's classic store, and of a manifest or an index in containerd's. So
//! the id finds the configuration, and does not vouch for it: what is here was written by a build of the same user, as
//! said in `layers.rs`, and a digest in front of it finds damage. Whoever takes it compares its layers with the engine's.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;
use wt_manifests::Platform;

use super::entry;
use crate::image::DOCUMENT_LIMIT;

const DIGEST: usize = 32;

/// The documents in a folder that a [`super::LayerCache`] has checked.
pub struct Configs<'a> {
    folder: &'a Path,
    platform: &'a Platform,
}

impl<'a> Configs<'a> {
    pub(super) fn new(folder: &'a Path, platform: &'a Platform) -> Self {
        Self { folder, platform }
    }

    /// The configuration of the image with this id, if it is here and whole.
    pub fn take(&self, id: &str) -> Option<Vec<u8>> {
        let path = self.path(id);
        let file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        (&file).take(DOCUMENT_LIMIT + DIGEST as u64).read_to_end(&mut bytes).ok()?;
        let config = bytes.split_off(bytes.len().min(DIGEST));
        if bytes != self.digest(id, &config).as_bytes() {
            let _ = fs::remove_file(&path);
            return None;
        }
        entry::used_now(&file);
        Some(config)
    }

    /// Keeps it; it appears whole or not at all.
    pub fn keep(&self, id: &str, config: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::tempfile_in(self.folder)?;
        file.write_all(self.digest(id, config).as_bytes())?;
        file.write_all(config)?;
        entry::name(&file, &self.path(id))
    }

    /// Of the document and of what it is found by, so that a file under another's name is not taken for it.
    fn digest(&self, id: &str, config: &[u8]) -> Sha256Digest {
        Sha256Digest::of(&[self.key(id).as_bytes(), config].concat())
    }

    fn key(&self, id: &str) -> Sha256Digest {
        Sha256Digest::of(format!("wt image configuration 1\n{id}\n{}\n", self.platform).as_bytes())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{}.config", self.key(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "sha256:1";

    #[test]
    fn a_configuration_is_found_by_its_image_and_platform_only() {
        let folder = tempfile::tempdir().unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let configs = Configs::new(folder.path(), &platform);
        assert_eq!(configs.take(ID), None);
        configs.keep(ID, b"{}").unwrap();
        assert_eq!(configs.take(ID).unwrap(), b"{}");
        assert_eq!(configs.take("sha256:2"), None);
        assert_eq!(Configs::new(folder.path(), &"linux/arm64".parse().unwrap()).take(ID), None);
    }

    #[test]
    fn a_damaged_or_misplaced_configuration_is_removed_and_never_taken() {
        let folder = tempfile::tempdir().unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let configs = Configs::new(folder.path(), &platform);
        configs.keep("sha256:2", b"{}").unwrap();
        configs.keep(ID, b"{}").unwrap();
        let whole = fs::read(configs.path(ID)).unwrap();
        let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
        damaged.extend((0..whole.len()).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        }));
        damaged.push(fs::read(configs.path("sha256:2")).unwrap());
        for bytes in damaged {
            fs::write(configs.path(ID), bytes).unwrap();
            assert_eq!(configs.take(ID), None);
            assert!(!configs.path(ID).exists());
        }
    }
}
