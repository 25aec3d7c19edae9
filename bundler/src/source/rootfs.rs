//! `rootfs:`, an image without a container tool: a folder or a tar that becomes the one layer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wt_manifests::image::Blob;

use super::rootfs_tar;
use crate::decompress::{decompressed, in_place};
use crate::place::Place;
use crate::press::Press;
use crate::{Error, Result};

/// A folder is packed the same way every time; a tar is taken byte for byte.
pub fn layer(path: &Path, press: &Press) -> Result<Blob> {
    if path.is_dir() {
        let layer = rootfs_tar::pack(path, press.spool(&path.display().to_string()))?;
        return press.add(layer);
    }
    let origin = path.display().to_string();
    let file = std::fs::File::open(path).map_err(Error::io("open", path))?;
    if let Some(file) = in_place(&file).map_err(Error::io("read", path))? {
        let size = file.metadata().map_err(Error::io("read", path))?.len();
        return press.take_in_place(Place::in_file(Arc::new(file), 0, size), None, &origin);
    }
    let mut content = decompressed(file).map_err(Error::io("read", path))?;
    press.take(&mut content, &origin)
}

/// Says what to do where it is missing.
pub fn check(path: &Path, release: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let prepare: PathBuf = release.join("prepare");
    Err(Error::NoRootfs { path: path.to_owned(), prepare: prepare.is_file().then_some(prepare) })
}
