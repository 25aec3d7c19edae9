//! Room on a disk, for what comes from others in a size that they decide: it may fill the disk, but not to the brim, where
//! everything else on the machine fails.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is written between two looks.
const STEP: u64 = 16 << 20;
/// What is kept free of a large disk, and of a small one: a part of it.
const RESERVE: u64 = 1 << 30;
const PART: u64 = 20;

pub struct Room {
    folder: PathBuf,
    written: AtomicU64,
}

impl Room {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), written: AtomicU64::new(0) }
    }

    /// Says that so many bytes are to be written.
    pub fn take(&self, bytes: u64) -> io::Result<()> {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before / STEP == (before + bytes) / STEP {
            return Ok(());
        }
        // where nobody can say what is left, the disk itself will
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else { return Ok(()) };
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        check(bytes(disk.f_blocks), bytes(disk.f_bavail))
    }
}

fn check(size: u64, left: u64) -> io::Result<()> {
    let reserve = RESERVE.min(size / PART);
    if left >= reserve {
        return Ok(());
    }
    let why = format!("only {} MiB are left on the disk, which are kept free", left >> 20);
    Err(io::Error::new(ErrorKind::StorageFull, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_not_filled_to_the_brim() {
        for (size, left, fits) in [
            (100 << 30, 2 << 30, true),
            (100 << 30, RESERVE, true),
            (100 << 30, RESERVE - 1, false),
            (60 << 20, 4 << 20, true),
            (60 << 20, 2 << 20, false),
        ] {
            assert_eq!(check(size, left).is_ok(), fits, "{left} of {size}");
        }
        assert_eq!(check(1 << 40, 0).unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
