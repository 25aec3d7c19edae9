//! Reads a host's components from its files.
//!
//! Everything is below `sysroot`, so that a recorded machine is read like this one. Only the kernel's and root's files
//! are read: never a fallback that others can write, such as the `/tmp/sysinfo/model` of sysinfo's `Product`.

mod root_disk;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::junk::{is_junk, normalised};
use crate::{Component, Kind, Quality, Tag};

const LONGEST_VALUE: u64 = 4096;
const LONGEST_SHOWN: usize = 60;
/// An engine makes a virtual interface for each container.
const MOST_SHOWN: usize = 16;

/// Collects the values of one component.
struct Gather<'a> {
    product: &'a str,
    kind: Kind,
    tags: Vec<Tag>,
    left_out: Vec<String>,
    unreadable: bool,
}

enum Found {
    Value(String),
    Absent,
    Unreadable,
}

/// All components that are read from files, in the order of [`Kind`].
pub fn components(sysroot: &Path, product: &str) -> Vec<Component> {
    vec![
        smbios_uuid(sysroot, product),
        serials(sysroot, product),
        disk(sysroot, product),
        nic(sysroot, product),
        machine_id(sysroot, product),
    ]
}

fn smbios_uuid(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::SmbiosUuid);
    gather.add("UUID", "", read(&sysroot.join("sys/class/dmi/id/product_uuid")));
    gather.finish()
}

fn serials(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::Serials);
    for part in ["board", "product", "chassis"] {
        let found = read(&sysroot.join(format!("sys/class/dmi/id/{part}_serial")));
        gather.add(&format!("{part} serial"), &format!("{part}="), found);
    }
    gather.finish()
}

fn disk(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::Disk);
    for disk in root_disk::under_root(sysroot) {
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

fn nic(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::Nic);
    let (physical, other): (Vec<_>, Vec<_>) = entries(&sysroot.join("sys/class/net"))
        .into_iter()
        .filter(|interface| file_name(interface) != "lo" && interface.is_dir())
        .partition(|interface| interface.join("device").exists());
    let kinds: BTreeSet<String> =
        other.iter().map(|interface| kind_of_virtual(&file_name(interface))).collect();
    gather.left_out.extend(kinds.iter().map(|kind| shown(kind, "is virtual")));
    let only_one = physical.len() == 1;
    for interface in &physical {
        let name = file_name(interface);
        match permanent_address(interface) {
            Found::Value(address) if is_locally_administered(&address) && !only_one => {
                gather.left_out.push(shown(&name, "has a locally administered address"));
            }
            found => {
                gather.add(&name, "", found);
            }
        }
    }
    gather.finish()
}

/// Engines name the interfaces of containers and networks at random: `veth1a2b` counts as one of `veth…`.
fn kind_of_virtual(name: &str) -> String {
    let random = ["veth", "br-"].into_iter().find(|prefix| name.starts_with(prefix));
    random.map_or_else(|| name.to_owned(), |prefix| format!("{prefix}…"))
}

/// The address that the card was made with, also where a bond has given it another.
fn permanent_address(interface: &Path) -> Found {
    match read(&interface.join("bonding_slave/perm_hwaddr")) {
        Found::Absent => {}
        found => return found,
    }
    match read(&interface.join("addr_assign_type")) {
        Found::Value(kind) if kind != "0" => Found::Absent, // random, stolen or set by an administrator
        _ => read(&interface.join("address")),
    }
}

/// IEEE 802, the second-lowest bit of the first byte.
fn is_locally_administered(address: &str) -> bool {
    address.get(..2).and_then(|byte| u8::from_str_radix(byte, 16).ok()).is_none_or(|byte| byte & 2 != 0)
}

fn machine_id(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::MachineId);
    let found = match read(&sysroot.join("etc/machine-id")) {
        Found::Value(value) if !is_machine_id(&value) => {
            gather.left_out.push(shown("machine-id", &format!("`{value}`")));
            Found::Absent
        }
        found => found,
    };
    gather.add("machine-id", "", found);
    gather.finish()
}

/// machine-id(5)
fn is_machine_id(value: &str) -> bool {
    value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl<'a> Gather<'a> {
    fn new(product: &'a str, kind: Kind) -> Self {
        Self { product, kind, tags: vec![], left_out: vec![], unreadable: false }
    }

    /// Tags a value, or notes why it does not count. Tells whether it counts.
    fn add(&mut self, name: &str, prefix: &str, found: Found) -> bool {
        match found {
            Found::Value(value) if is_junk(&normalised(&value)) => {
                self.left_out.push(shown(name, &format!("`{value}`")));
                false
            }
            Found::Value(value) => {
                let value = format!("{prefix}{}", normalised(&value));
                self.tags.push(Tag::of(self.product, self.kind, &value));
                true
            }
            Found::Unreadable => {
                self.unreadable = true;
                false
            }
            Found::Absent => false,
        }
    }

    fn finish(mut self) -> Component {
        if self.left_out.len() > MOST_SHOWN {
            let more = self.left_out.split_off(MOST_SHOWN).len();
            self.left_out.push(format!("and {more} more"));
        }
        self.tags.sort();
        self.tags.dedup();
        let most = self.kind.most_tags();
        if self.tags.len() > most {
            let beyond = self.tags.split_off(most).len();
            self.left_out.push(format!("{beyond} values beyond the {most} that count"));
        }
        let quality = match () {
            () if !self.tags.is_empty() => Quality::Ok,
            () if self.unreadable => Quality::Unreadable,
            () if !self.left_out.is_empty() => Quality::Junk,
            () => Quality::Absent,
        };
        Component { kind: self.kind, quality, tags: self.tags, left_out: self.left_out }
    }
}

/// The trimmed text of a small file. Only a refusal makes it unreadable: the kernel answers with various errors for
/// what a device does not have.
fn read(path: &Path) -> Found {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(LONGEST_VALUE).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Found::Unreadable,
        Err(_) => Found::Absent,
        Ok(_) => {
            let text = String::from_utf8_lossy(&bytes);
            match text.trim_matches(|c: char| c.is_whitespace() || c == '\0') {
                "" => Found::Absent,
                value => Found::Value(value.to_owned()),
            }
        }
    }
}

/// The entries of a folder in a stable order; none where there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `board serial: …`, short and on one line.
fn shown(name: &str, why: &str) -> String {
    crate::request::one_line(&format!("{name}: {why}"), LONGEST_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Machine, PRODUCT};

    fn component(machine: &Machine, kind: Kind) -> Component {
        components(machine.sysroot(), PRODUCT).into_iter().find(|c| c.kind == kind).unwrap()
    }

    #[test]
    fn a_bare_metal_machine_has_all_its_components() {
        let found = components(Machine::metal().sysroot(), PRODUCT);
        assert!(found.iter().all(|component| component.quality == Quality::Ok), "{found:?}");
        assert_eq!(found[1].tags.len(), 3, "board, product, chassis");
        assert_eq!(found[3].tags.len(), 2, "two cards");
    }

    #[test]
    fn of_more_cards_than_a_machine_may_have_some_are_left_out() {
        let machine = Machine::nothing();
        for n in 0..40 {
            machine.put_nic(&format!("eno{n}"), &format!("3c:ec:ef:00:00:{n:02x}"));
        }
        let found = component(&machine, Kind::Nic);
        assert_eq!(
            (found.tags.len(), found.left_out),
            (32, vec!["8 values beyond the 32 that count".into()])
        );
    }

    #[test]
    fn junk_is_dropped_and_named() {
        let machine = Machine::junk();
        for kind in [Kind::SmbiosUuid, Kind::Serials, Kind::Disk, Kind::Nic, Kind::MachineId] {
            let found = component(&machine, kind);
            assert_eq!(found.quality, Quality::Junk, "{found:?}");
            assert!(found.tags.is_empty());
        }
        assert_eq!(
            component(&machine, Kind::Serials).left_out,
            [
                "board serial: `To be filled by O.E.M.`",
                "product serial: `System Serial Number`",
                "chassis serial: `Default string`"
            ]
        );
        assert_eq!(component(&machine, Kind::Nic).left_out, ["docker0: is virtual", "veth…: is virtual"]);
    }

    #[test]
    fn where_there_is_nothing_everything_is_absent() {
        let found = components(Machine::nothing().sysroot(), PRODUCT);
        assert!(found.iter().all(|component| component.quality == Quality::Absent), "{found:?}");
    }

    #[test]
    fn a_locally_administered_address_counts_only_when_it_is_the_only_one() {
        let machine = Machine::nothing();
        machine.put_nic("ens1", "52:54:00:aa:bb:cc");
        assert_eq!(component(&machine, Kind::Nic).quality, Quality::Ok);
        machine.put_nic("ens2", "52:54:00:aa:bb:cd");
        assert_eq!(component(&machine, Kind::Nic).quality, Quality::Junk);
        machine.put_nic("ens3", "3c:ec:ef:00:00:01");
        assert_eq!(component(&machine, Kind::Nic).tags.len(), 1);
    }

    #[test]
    fn the_disk_is_found_below_an_encrypted_volume() {
        let plain = Machine::metal();
        let encrypted = Machine::metal();
        encrypted.put("proc/self/mountinfo", "22 1 253:0 / / rw - ext4 /dev/mapper/root rw");
        encrypted.put("sys/devices/virtual/block/dm-0/dev", "253:0");
        encrypted.link("sys/dev/block/253:0", "../../devices/virtual/block/dm-0");
        encrypted.link("sys/devices/virtual/block/dm-0/slaves/sda2", "../../../../pci0/block/sda/sda2");
        assert_eq!(component(&encrypted, Kind::Disk), component(&plain, Kind::Disk));
    }
}
