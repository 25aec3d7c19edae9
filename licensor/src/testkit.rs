//! Recorded machines and a vendor's desk, for the tests of this crate.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use wt_keys::{SigningKey, Utc};

use crate::request::{Node, Occasion};
use crate::{Fingerprint, Id, Kind, Request, fingerprint};

#[cfg(feature = "issue")]
mod desk;
#[cfg(feature = "issue")]
pub use desk::Desk;

pub const PRODUCT: &str = "worktile";

pub const MOST_TAGS_OF_A_MACHINE: [(Kind, usize); 8] = [
    (Kind::SmbiosUuid, 1),
    (Kind::Serials, 4),
    (Kind::CloudInstance, 1),
    (Kind::TpmEk, 1),
    (Kind::Disk, 16),
    (Kind::Nic, 32),
    (Kind::MachineId, 1),
    (Kind::InstallKey, 1),
];

pub fn now() -> Utc {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

pub fn install_key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[100 + n; 32])
}

pub fn fingerprint(machine: &Machine, key: &SigningKey) -> Fingerprint {
    fingerprint::collect(machine.sysroot(), Path::new("/"), PRODUCT, &key.public())
}

pub fn request(machine: &Machine, key: &SigningKey) -> Request {
    Request {
        request_id: Id::from_bytes([1; 16]),
        reason: Occasion::New,
        previous_license: None,
        product: PRODUCT.into(),
        release: "5.2.0".into(),
        customer_hint: "Acme GmbH".into(),
        collected_at: now(),
        nodes: vec![Node::new("node-1", fingerprint(machine, key))],
        usage: None,
        install_key: key.public(),
    }
}

/// A recorded machine: a folder with the files that are read.
pub struct Machine(TempDir);

impl Machine {
    pub fn nothing() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A host without DMI and without a disk or card of its own, such as a system container on a virtual machine.
    pub fn container() -> Self {
        let machine = Self::nothing();
        machine.put("proc/cpuinfo", "flags\t\t: fpu hypervisor\n");
        machine.put("proc/self/mountinfo", "1 0 0:42 / / rw - overlay overlay rw,lowerdir=/x");
        machine.put("sys/class/net/eth0/address", "02:42:ac:11:00:02");
        machine.put("etc/machine-id", "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
        machine
    }

    pub fn metal() -> Self {
        let machine = Self::nothing();
        machine.put("proc/cpuinfo", "flags\t\t: fpu vme lahf_lm\n");
        machine.put("proc/sys/kernel/random/boot_id", "6a5b7c1e-0f5c-4f0e-9a37-4a2f5f0c9d11\n");
        machine.put_board("4c4c4544-0051-3010-8052-b4c04f5a4d32", "CN7475137I00AB");
        machine.put_disk("naa.5000c500a1b2c3d4");
        machine.put_nic("eno1", "3c:ec:ef:12:34:56");
        machine.put_nic("eno2", "3c:ec:ef:12:34:57");
        machine.put("sys/class/net/docker0/address", "02:42:00:00:00:01");
        machine.put("etc/machine-id", "8f14e45fceea167a5a36dedd4bea2543\n");
        machine
    }

    /// A bare-metal machine that shares nothing with [`Machine::metal`].
    #[cfg(feature = "issue")]
    pub fn other_metal() -> Self {
        let machine = Self::metal();
        machine.put_board("11b7a4d2-4f0e-11ec-8d3d-0242ac130003", "J0K1L2M3");
        machine.put("sys/class/dmi/id/product_serial", "9QX8Y7Z");
        machine.put("sys/class/dmi/id/chassis_serial", "8WX7Y6Z");
        machine.put_disk("naa.5000c500ffffeee1");
        machine.put_nic("eno1", "3c:ec:ef:99:99:01");
        machine.put_nic("eno2", "3c:ec:ef:99:99:02");
        machine.put("etc/machine-id", "c9f0f895fb98ab9159f51fd0297e236d");
        machine
    }

    /// A machine whose maker filled in nothing.
    pub fn junk() -> Self {
        let machine = Self::metal();
        machine.put_board("03000200-0400-0500-0006-000700080009", "To be filled by O.E.M.");
        machine.put("sys/class/dmi/id/product_serial", "System Serial Number");
        machine.put("sys/class/dmi/id/chassis_serial", "Default string");
        machine.put_disk("t10.ATA     QEMU HARDDISK                           QM00001");
        machine.put("etc/machine-id", "uninitialized");
        fs::remove_dir_all(machine.sysroot().join("sys/class/net")).unwrap();
        machine.put("sys/class/net/docker0/address", "02:42:00:00:00:01");
        machine.put("sys/class/net/veth1a2b/address", "6e:11:22:33:44:55");
        machine
    }

    pub fn sysroot(&self) -> &Path {
        self.0.path()
    }

    pub fn put(&self, path: &str, content: &str) {
        let path = self.sysroot().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.sysroot().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    /// A mainboard with its UUID and serial, in the same chassis.
    pub fn put_board(&self, uuid: &str, serial: &str) {
        self.put("sys/class/dmi/id/product_uuid", uuid);
        self.put("sys/class/dmi/id/board_serial", serial);
        self.put("sys/class/dmi/id/product_serial", &format!("P{serial}"));
        self.put("sys/class/dmi/id/chassis_serial", "51QZM2X");
    }

    pub fn put_disk(&self, wwid: &str) {
        self.put("proc/self/mountinfo", "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw");
        self.put("sys/devices/pci0/block/sda/device/wwid", wwid);
        self.put("sys/devices/pci0/block/sda/sda2/partition", "2");
        self.link("sys/dev/block/8:2", "../../devices/pci0/block/sda/sda2");
    }

    pub fn put_nic(&self, name: &str, address: &str) {
        self.put(&format!("sys/class/net/{name}/address"), address);
        self.put(&format!("sys/class/net/{name}/addr_assign_type"), "0\n");
        self.put(&format!("sys/class/net/{name}/device/vendor"), "0x8086");
    }
}
