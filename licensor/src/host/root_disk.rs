//! Which disks the root file system is on: the only ones whose loss is the loss of the installation.

use std::fs;
use std::path::{Path, PathBuf};

use super::entries;

/// LUKS on LVM on RAID on partitions is four; more is a loop.
const DEEPEST_STACK: usize = 8;

/// Their folders under `/sys`, each once, in a stable order.
pub fn under_root(sysroot: &Path) -> Vec<PathBuf> {
    let mut disks = Vec::new();
    if let Some(device) = root_device(sysroot) {
        physical_disks(&device, DEEPEST_STACK, &mut disks);
    }
    disks.sort();
    disks.dedup();
    disks
}

/// The folder under `/sys` of the block device that holds the root file system.
fn root_device(sysroot: &Path) -> Option<PathBuf> {
    let mounts = fs::read_to_string(sysroot.join("proc/self/mountinfo")).ok()?;
    // proc(5): id, parent, major:minor, root, mount point, options, optional fields, `-`, type, source
    let of_root = |line: &&str| line.split(' ').nth(4) == Some("/");
    let line = mounts.lines().rev().find(of_root)?;
    let number = line.split(' ').nth(2)?;
    let by_number = sysroot.join("sys/dev/block").join(number);
    if let Ok(device) = fs::canonicalize(by_number) {
        return Some(device);
    }
    // btrfs has a number of its own, and names the device as its source
    let source = line.split(" - ").nth(1)?.split(' ').nth(1)?;
    let name = Path::new(source.strip_prefix("/dev/")?).file_name()?.to_owned();
    fs::canonicalize(sysroot.join("sys/class/block").join(name)).ok()
}

/// The disks below a partition, a logical volume, a RAID or an encrypted volume.
fn physical_disks(device: &Path, depth: usize, disks: &mut Vec<PathBuf>) {
    let below = entries(&device.join("slaves"));
    if depth == 0 {
        return;
    }
    if !below.is_empty() {
        for slave in below.iter().filter_map(|slave| fs::canonicalize(slave).ok()) {
            physical_disks(&slave, depth - 1, disks);
        }
    } else if device.join("partition").exists() {
        disks.extend(device.parent().map(Path::to_owned));
    } else {
        disks.push(device.to_owned());
    }
}
