//! Reading files that anybody may have put there: a FIFO does not hang us, a size is checked before anything is allocated.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::{Error, Result};

/// Opens without waiting for whoever writes into a FIFO. What was opened may be anything.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Opens a regular file of any size, and nothing else.
pub fn open_file(path: &Path) -> Result<File> {
    let file = open(path).map_err(Error::io("open", path))?;
    check_kind(&file, path)?;
    Ok(file)
}

fn check_kind(file: &File, path: &Path) -> Result<Metadata> {
    let found = file.metadata().map_err(Error::io("read", path))?;
    if found.is_file() {
        return Ok(found);
    }
    Err(Error::io("read", path)(io::Error::other("not a regular file")))
}

/// Reads a whole regular file of at most `limit` bytes.
pub fn read(path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>> {
    read_file(&open(path).map_err(Error::io("open", path))?, path, what, limit)
}

/// The same of a file that is open.
pub fn read_file(file: &File, path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>> {
    let found = check_kind(file, path)?;
    if found.len() > limit {
        return Err(Error::TooLarge { what, limit, found: found.len() });
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { what, limit, found: bytes.len() as u64 });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_cap_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, [0; 11]).unwrap();
        assert!(matches!(read(&path, "test", 10), Err(Error::TooLarge { found: 11, .. })));
        assert_eq!(read(&path, "test", 11).unwrap().len(), 11);
        assert!(read(folder.path(), "test", 10).is_err());
    }

    #[test]
    fn a_fifo_that_nobody_writes_into_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        assert!(open_file(&path).is_err() && read(&path, "test", 10).is_err());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "a").unwrap();
        assert!(open_file(&path).is_ok() && open_file(folder.path()).is_err());
    }
}
