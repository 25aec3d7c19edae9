//! The file system that a folder is on, or will be: what it has to give, and where it begins.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use wt_keys::console::Size;

/// Fewer bytes than this are said to the byte.
const EXACT: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystem {
    pub bytes: Usage,
    /// `None` where they are made as they are needed.
    pub inodes: Option<Usage>,
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub used: u64,
    /// To us.
    pub free: u64,
}

impl Usage {
    /// As `df` counts it.
    pub fn percent(self) -> u8 {
        let all = u128::from(self.used) + u128::from(self.free);
        let percent = (u128::from(self.used) * 100).div_ceil(all.max(1));
        u8::try_from(percent).unwrap_or(100)
    }
}

impl FileSystem {
    /// `None` where the kernel does not say.
    pub fn of(path: &Path) -> Option<Self> {
        let found = statvfs(existing(path)).ok()?;
        let size = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        let bytes =
            Usage { used: size(found.f_blocks.saturating_sub(found.f_bfree)), free: size(found.f_bavail) };
        let inodes = Usage { used: found.f_files.saturating_sub(found.f_ffree), free: found.f_favail };
        let inodes = (found.f_files > 0).then_some(inodes);
        Some(Self { bytes, inodes, read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY) })
    }
}

/// Free bytes where `path` is, or will be.
pub fn available(path: &Path) -> u64 {
    FileSystem::of(path).map_or(0, |found| found.bytes.free)
}

/// What is free, and how much less that is than what is needed: to the byte where it is little.
pub fn room_in_words(free: u64, needed: u64) -> String {
    match needed.checked_sub(free) {
        None | Some(0) => format!("{} free", Size(free)),
        Some(short) if short < EXACT => format!("{} free, {short} bytes too few", Size(free)),
        Some(short) => format!("{} free, {} too few", Size(free), Size(short)),
    }
}

/// Tells file systems apart.
pub fn device(path: &Path) -> u64 {
    fs::metadata(existing(path)).map_or(0, |found| found.dev())
}

/// The folder where `path` is, or the nearest above it that is there.
pub fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

/// Where the file system begins that a folder is on, or will be.
pub fn mount_of(folder: &Path) -> Option<PathBuf> {
    let folder = existing(folder).canonicalize().ok()?;
    let own = device(&folder);
    folder.ancestors().take_while(|path| device(path) == own).last().map(Path::to_owned)
}

/// On another file system than the folder that it lies in.
pub fn is_mount_point(path: &Path) -> bool {
    let device = |path: &Path| path.symlink_metadata().ok().map(|found| found.dev());
    path.parent().is_some_and(|parent| device(path).is_some() && device(path) != device(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_counted_as_df_does() {
        for (used, free, percent) in [(0, 0, 0), (1, 999, 1), (85, 15, 85), (1000, 0, 100), (0, 5, 0)] {
            assert_eq!(Usage { used, free }.percent(), percent, "{used} {free}");
        }
    }

    #[test]
    fn a_mount_is_found_from_below_and_for_what_is_not_there_yet() {
        assert_eq!(mount_of(Path::new("/proc/self/task/none")), Some(PathBuf::from("/proc")));
        assert_eq!(mount_of(Path::new("/not/there")), Some(PathBuf::from("/")));
        assert!(is_mount_point(Path::new("/proc")) && !is_mount_point(Path::new("/proc/self/task")));
    }
}
