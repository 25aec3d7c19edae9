//! A file that has no name before it is complete: killed at any moment, nothing is left of it.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::TempPath;
use wt_keys::durable;

use crate::{Error, Result};

const PREFIX: &str = ".wt-bundle-";

#[derive(Debug)]
pub struct Nameless {
    file: File,
    /// Where the file system knows no nameless files.
    named: Option<TempPath>,
    folder: PathBuf,
}

impl Nameless {
    pub fn create(folder: &Path) -> Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if let Ok(file) = rustix::fs::openat(CWD, folder, flags, Mode::from_raw_mode(0o644)) {
            return Ok(Self { file: file.into(), named: None, folder: folder.to_owned() });
        }
        let named = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(Error::io("create a file in", folder))?;
        let (file, path) = named.into_parts();
        Ok(Self { file, named: Some(path), folder: folder.to_owned() })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name, over whatever had it. Content and name are on the disk then.
    pub fn publish(self, output: &Path) -> Result<()> {
        let folder = self.folder.clone();
        let path = self.into_path(output)?;
        path.persist(output).map_err(|refused| Error::io("write", output)(refused.error))?;
        durable::sync_folder(&folder)?;
        Ok(())
    }

    /// As [`Self::publish`], where nothing had the name. Once this is done the name is on its way to the disk;
    /// [`durable::sync_folder`] awaits it.
    pub fn publish_new(self, output: &Path) -> Result<()> {
        let path = self.into_path(output)?;
        path.persist_noclobber(output).map_err(|refused| match refused.error.kind() {
            ErrorKind::AlreadyExists => Error::VolumeExists { path: output.to_owned() },
            _ => Error::io("write", output)(refused.error),
        })
    }

    /// All of it is on the disk, under a name that nobody looks for.
    fn into_path(self, output: &Path) -> Result<TempPath> {
        let failed = |error| Error::io("write", output)(error);
        self.file.sync_all().map_err(failed)?;
        match self.named {
            Some(path) => Ok(path),
            None => link(&self.file, &self.folder).map_err(failed),
        }
    }
}

/// A link cannot replace a file, a rename can.
fn link(file: &File, folder: &Path) -> std::io::Result<TempPath> {
    let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
    let linked = tempfile::Builder::new().prefix(PREFIX).make_in(folder, |path| {
        Ok(rustix::fs::linkat(CWD, &descriptor, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
    })?;
    Ok(linked.into_temp_path())
}
