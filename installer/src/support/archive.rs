//! The archive as a file: a tar in a zstd frame, root's alone, and there only when it is complete.

use std::io::Write;
use std::path::Path;

use wt_keys::nameless::Nameless;
use wt_keys::{Sha256Digest, durable, folder_of};
use wt_manifests::RelativePath;
use wt_manifests::bundle::tar;
use wt_manifests::manifest::{Entry, Mode};

use super::Support;
use crate::{Error, Result};

const LEVEL: i32 = 9;
const MODE: u32 = 0o600;

/// Writes it; nothing may have the name yet. Returns its size.
pub fn write(support: &Support, path: &Path) -> Result<u64> {
    let failed = |error| Error::io("write", path)(error);
    let file = Nameless::create(path, MODE)?;
    let mut out = zstd::Encoder::new(file.file(), LEVEL).map_err(failed)?;
    for item in &support.items {
        let name: RelativePath = format!("{}/{}", support.folder(), item.path).parse()?;
        put(name, item.text.text().as_bytes(), &mut out).map_err(failed)?;
    }
    out.write_all(&tar::END).map_err(failed)?;
    out.finish().map_err(failed)?;
    let size = file.file().metadata().map_err(failed)?.len();
    file.take_name(path)?;
    durable::sync_folder(&folder_of(path))?;
    Ok(size)
}

fn put(path: RelativePath, bytes: &[u8], out: &mut impl Write) -> std::io::Result<()> {
    let size = bytes.len() as u64;
    let entry = Entry { path, size, mode: Mode::Data, sha256: Sha256Digest::of(bytes), frame: 0 };
    out.write_all(&tar::header(&entry))?;
    out.write_all(bytes)?;
    out.write_all(&[0; 512][..tar::padding(size)])
}
