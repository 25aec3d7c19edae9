//! The handover folder in the making: hidden beside its place until it is complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use wt_keys::console::Phase;
use wt_keys::staged_folder::StagedFolder;
use wt_keys::{Sha256Digest, durable};

use crate::counted::Counted;
use crate::hashed::Hashed;
use crate::{Error, Result};

#[derive(Debug)]
pub struct Staging {
    folder: StagedFolder,
    /// In the order in which they came.
    names: Vec<String>,
}

impl Staging {
    pub fn beside(output: &Path) -> Result<Self> {
        let folder = StagedFolder::create(output, 0o755)?;
        Ok(Self { folder, names: Vec::new() })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        durable::create(&self.path(name), bytes, 0o644)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Takes no room where a link can be made; what cannot be linked is copied.
    pub fn link_or_copy(&mut self, from: &Path, name: &str, phase: &Phase) -> Result<()> {
        // a link to a symbolic link would be one
        let real = from.canonicalize().map_err(Error::io("read", from))?;
        let to = self.path(name);
        if fs::hard_link(&real, &to).is_err() {
            return self.copy(&real, name, 0o644, phase).map(drop);
        }
        self.names.push(name.to_owned());
        let length = File::open(&to).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
        phase.advance(length.map_err(Error::io("write", to))?.len());
        Ok(())
    }

    pub fn copy(&mut self, from: &Path, name: &str, mode: u32, phase: &Phase) -> Result<PathBuf> {
        let to = self.path(name);
        let failed = |error| Error::io("write", &to)(error);
        let source = File::open(from).map_err(Error::io("read", from))?;
        let mut source = Counted { inner: source, phase };
        let mut copy =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&to).map_err(failed)?;
        let mut block = vec![0; 1 << 20];
        loop {
            match source.read(&mut block).map_err(Error::io("read", from))? {
                0 => break,
                got => copy.write_all(&block[..got]).map_err(failed)?,
            }
        }
        // the umask may have taken bits away
        copy.set_permissions(Permissions::from_mode(mode)).and_then(|()| copy.sync_all()).map_err(failed)?;
        self.names.push(name.to_owned());
        Ok(to)
    }

    /// The digests of all that is there, by name.
    pub fn digests(&self, phase: &Phase) -> Result<Vec<(&str, Sha256Digest)>> {
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.into_iter().map(|name| Ok((name, digest(&self.path(name), phase)?))).collect()
    }

    /// Gives the folder its name, which nothing may have by now but an empty folder.
    pub fn publish(self, output: &Path) -> Result<()> {
        match self.folder.publish() {
            Err(wt_keys::Error::Io { source, .. }) if is_taken(&source) => {
                Err(Error::OutputExists { path: output.to_owned() })
            }
            published => Ok(published?),
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory)
}

/// The digest of a file, as `sha256sum` prints it.
pub fn digest(path: &Path, phase: &Phase) -> Result<Sha256Digest> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    Hashed::new(Counted { inner: file, phase }).finish().map_err(Error::io("read", path))
}
