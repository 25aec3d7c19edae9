//! The small files of a release: `stack.yaml`, `conf/`, `scripts/`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;
use wt_keys::capped;
use wt_manifests::bundle::frame_writer::{Compression, FrameFile, FrameWriter};
use wt_manifests::bundle::tar;
use wt_manifests::complete::{self, File};
use wt_manifests::manifest::Mode;
use wt_manifests::release::Release;
use wt_manifests::{RelativePath, Stack};

use crate::{Error, Result};

const LARGEST: u64 = 64 << 20;
const STACK: &str = "stack.yaml";

/// A file of the release and what it holds.
pub struct ReleaseFile {
    pub path: RelativePath,
    mode: Mode,
    content: Vec<u8>,
}

/// Reads them in the order of their paths, and checks that what `release.toml` names is among them.
pub fn read(release: &Release) -> Result<Vec<ReleaseFile>> {
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
    check(release, &stack, &files)?;
    Ok(files)
}

fn check(release: &Release, stack: &Stack, files: &[ReleaseFile]) -> Result<()> {
    let small: Vec<File<'_>> = files.iter().map(ReleaseFile::as_file).collect();
    let missing = complete::missing(&release.file, stack, &small);
    if missing.is_empty() { Ok(()) } else { Err(Error::ReleaseIncomplete { missing }) }
}

impl ReleaseFile {
    fn as_file(&self) -> File<'_> {
        let executable = matches!(self.mode, Mode::Program);
        File { path: self.path.as_str(), executable, content: &self.content }
    }
}

fn read_one(release: &Path, file: PathBuf) -> Result<ReleaseFile> {
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
    Ok(ReleaseFile { path, mode, content: capped::read(&file, "a file of the release", LARGEST)? })
}

/// All of them in one frame.
pub fn frame(files: &[ReleaseFile], folder: &Path, compression: Compression) -> Result<FrameFile> {
    let size = files.iter().filter_map(|file| tar::stored_size(file.content.len() as u64)).sum();
    let mut frame = FrameWriter::new(folder, compression, size)?;
    for file in files {
        frame.entry(file.path.clone(), file.content.len() as u64, file.mode, &mut &file.content[..])?;
    }
    Ok(frame.finish()?)
}
