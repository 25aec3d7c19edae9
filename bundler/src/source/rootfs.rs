//! `rootfs:`, an image without a container tool: a folder or a tar that becomes the one layer.

use std::path::{Path, PathBuf};

use wt_manifests::image::Blob;

use super::rootfs_tar;
use crate::decompress::decompressed;
use crate::press::Press;
use crate::{Error, Result};

/// A folder is packed the same way every time; a tar is taken byte for byte.
pub fn layer(path: &Path, press: &Press) -> Result<Blob> {
    if path.is_dir() {
        let layer = rootfs_tar::pack(path, press.spool())?;
        return press.add(layer);
    }
    let file = std::fs::File::open(path).map_err(Error::io("open", path))?;
    let mut content = decompressed(file).map_err(Error::io("read", path))?;
    press.take(&mut content, &path.display().to_string())
}

/// Says what to do where it is missing.
pub fn check(path: &Path, release: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let prepare: PathBuf = release.join("prepare");
    Err(Error::NoRootfs { path: path.to_owned(), prepare: prepare.is_file().then_some(prepare) })
}
