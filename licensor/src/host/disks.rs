//! Which disks the root file system and the product's data are on: the only ones whose loss is the loss of the
//! installation.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Found, Gather, entries, file_name, read};
use crate::{Component, Kind};

/// LUKS on LVM on RAID on partitions is four; more is a loop.
const DEEPEST_STACK: usize = 8;

pub fn component(sysroot: &Path, data_root: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::Disk);
    for disk in under(sysroot, &[Path::new("/"), data_root]) {
        let name = file_name(&disk);
        for identity in ["wwid", "device/wwid", "serial", "device/serial"] {
            let found = read(&disk.join(identity));
            let present = !matches!(found, Found::Absent);
            if gather.add(&format!("{name} {identity}"), "", found) || (present && gather.unreadable) {
                break;
            }
        }
    }
    gather.finish()
}

/// Their folders under `/sys`, each once, in a stable order.
fn under(sysroot: &Path, folders: &[&Path]) -> Vec<PathBuf> {
    let mut disks = Vec::new();
    let mounts = fs::read_to_string(sysroot.join("proc/self/mountinfo")).unwrap_or_default();
    for folder in folders {
        if let Some(device) = device_of(sysroot, &mounts, &resolved(sysroot, folder)) {
            physical_disks(&device, DEEPEST_STACK, &mut disks);
        }
    }
    disks.sort();
    disks.dedup();
    disks
}

/// The folder without links on the way to it, as seen from `sysroot`; as it is called where it is not there.
fn resolved(sysroot: &Path, folder: &Path) -> PathBuf {
    let below = folder.strip_prefix("/").unwrap_or(folder);
    let found = fs::canonicalize(sysroot).and_then(|root| Ok((fs::canonicalize(root.join(below))?, root)));
    match &found {
        Ok((path, root)) => {
            path.strip_prefix(root).map_or(folder.to_owned(), |path| Path::new("/").join(path))
        }
        Err(_) => folder.to_owned(),
    }
}

/// The folder under `/sys` of the block device that holds the file system of `folder`.
fn device_of(sysroot: &Path, mounts: &str, folder: &Path) -> Option<PathBuf> {
    // proc(5): id, parent, major:minor, root, mount point, options, optional fields, `-`, type, source
    let of_folder = |line: &&str| line.split(' ').nth(4).is_some_and(|at| folder.starts_with(unescaped(at)));
    // of several at one place, the last one covers the others
    let line = mounts.lines().filter(of_folder).max_by_key(|line| line.split(' ').nth(4).map(str::len))?;
    let by_number = sysroot.join("sys/dev/block").join(line.split(' ').nth(2)?);
    if let Ok(device) = fs::canonicalize(by_number) {
        return Some(device);
    }
    // btrfs has a number of its own, and names the device as its source
    let source = line.split(" - ").nth(1)?.split(' ').nth(1)?;
    let name = Path::new(source.strip_prefix("/dev/")?).file_name()?.to_owned();
    fs::canonicalize(sysroot.join("sys/class/block").join(name)).ok()
}

/// `/srv/my\040data` → `/srv/my data`: the kernel writes blanks and backslashes as three octal digits.
fn unescaped(path: &str) -> PathBuf {
    let mut parts = path.split('\\');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let octal = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => bytes.extend([&[byte], &part.as_bytes()[3..]].concat()),
            None => bytes.extend([b"\\", part.as_bytes()].concat()),
        }
    }
    PathBuf::from(std::ffi::OsStr::from_bytes(&bytes))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quality;
    use crate::testkit::{Machine, PRODUCT};

    const ROOT: &str = "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw";

    fn found(machine: &Machine, data_root: &str) -> Component {
        component(machine.sysroot(), Path::new(data_root), PRODUCT)
    }

    /// [`Machine::metal`] with a second disk at `mount_point`.
    fn with_data_at(mount_point: &str) -> Machine {
        let machine = Machine::metal();
        let data = format!("40 22 8:16 / {mount_point} rw,relatime shared:9 - xfs /dev/sdb rw");
        machine.put("proc/self/mountinfo", &format!("{ROOT}\n{data}\n"));
        machine.put("sys/devices/pci0/block/sdb/device/wwid", "naa.5000c500d0d0d0d0");
        machine.link("sys/dev/block/8:16", "../../devices/pci0/block/sdb");
        machine
    }

    #[test]
    fn the_disk_is_found_below_an_encrypted_volume() {
        let plain = Machine::metal();
        let encrypted = Machine::metal();
        encrypted.put("proc/self/mountinfo", "22 1 253:0 / / rw - ext4 /dev/mapper/root rw");
        encrypted.put("sys/devices/virtual/block/dm-0/dev", "253:0");
        encrypted.link("sys/dev/block/253:0", "../../devices/virtual/block/dm-0");
        encrypted.link("sys/devices/virtual/block/dm-0/slaves/sda2", "../../../../pci0/block/sda/sda2");
        assert_eq!(found(&encrypted, "/"), found(&plain, "/"));
    }

    #[test]
    fn the_disk_of_the_data_counts_beside_the_one_of_the_system() {
        let machine = with_data_at("/data");
        assert_eq!(found(&machine, "/data").tags.len(), 2);
        assert_eq!(found(&machine, "/data/worktile").tags.len(), 2, "below a mount point");
        assert_eq!(found(&machine, "/database").tags.len(), 1, "that is another folder");
        assert_eq!(found(&machine, "/").tags.len(), 1);
        assert_eq!(found(&Machine::metal(), "/data").tags.len(), 1, "on the same disk");
        assert_eq!(found(&Machine::nothing(), "/data").quality, Quality::Absent);
    }

    #[test]
    fn the_data_is_found_behind_a_link_and_at_a_name_with_a_blank() {
        let machine = with_data_at("/mnt/big\\040disk");
        assert_eq!(found(&machine, "/mnt/big disk/data").tags.len(), 2);
        machine.put("mnt/big disk/data/x", "");
        machine.link("data", "mnt/big disk/data");
        assert_eq!(found(&machine, "/data").tags.len(), 2);
        assert_eq!(unescaped("/a\\134b\\9\\"), Path::new("/a\\b\\9\\"));
    }
}
