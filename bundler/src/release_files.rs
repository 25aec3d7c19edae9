//! The small files of a release: `stack.yaml`, `conf/`, `scripts/`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;
use wt_keys::capped;
use wt_manifests::Stack;
use wt_manifests::bundle::frame_writer::{Compression, FrameFile, FrameWriter};
use wt_manifests::bundle::tar;
use wt_manifests::complete::{self, Missing, SmallFile};
use wt_manifests::manifest::Mode;
use wt_manifests::release::Release;

use crate::{Error, Result};

const LARGEST: u64 = 64 << 20;
const STACK: &str = "stack.yaml";

/// Reads them in the order of their paths, and looks whether all that they reach is among them and in `release.toml`.
pub fn read(release: &Release) -> Result<(Vec<SmallFile>, Vec<Missing>)> {
    let mut files = vec![read_one(&release.folder, release.folder.join(STACK))?];
    for folder in ["conf", "scripts"] {
        let folder = release.folder.join(folder);
        if !folder.is_dir() {
            continue;
        }
        for entry in WalkDir::new(&folder) {
            let entry = entry.map_err(|error| Error::io("read", &folder)(error.into()))?;
            if !entry.file_type().is_dir() {
                files.push(read_one(&release.folder, entry.into_path())?);
            }
        }
    }
    let stack = Stack::parse(&files[0].content)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let missing = complete::missing(&release.file, &stack, &files);
    Ok((files, missing))
}

fn read_one(release: &Path, file: PathBuf) -> Result<SmallFile> {
    let metadata = match file.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Err(Error::FileKind { path: file }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::MissingFile { path: file });
        }
        Err(error) => return Err(Error::io("read", file)(error)),
    };
    let path = file.strip_prefix(release).unwrap_or(&file).to_string_lossy().parse()?;
    let mode = if metadata.permissions().mode() & 0o111 == 0 { Mode::Data } else { Mode::Program };
    Ok(SmallFile { path, mode, content: capped::read(&file, "a file of the release", LARGEST)? })
}

/// All of them in one frame.
pub fn frame(files: &[SmallFile], folder: &Path, compression: Compression) -> Result<FrameFile> {
    let size = files.iter().filter_map(|file| tar::stored_size(file.content.len() as u64)).sum();
    let mut frame = FrameWriter::new(folder, compression, size)?;
    for file in files {
        frame.entry(file.path.clone(), file.content.len() as u64, file.mode, &mut &file.content[..])?;
    }
    Ok(frame.finish()?)
}
