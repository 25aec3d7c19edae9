//! What the firmware says of the machine (SMBIOS), as the kernel shows it: one value a file, the identifying ones to root
//! alone.

use std::path::Path;

use super::environment::{Instance, cloud};
use super::{Found, Gather, read, shown};
use crate::junk::{is_junk, normalised};
use crate::{Component, Environment, Kind};

pub fn value(sysroot: &Path, name: &str) -> Found {
    read(&sysroot.join("sys/class/dmi/id").join(name))
}

pub fn smbios_uuid(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::SmbiosUuid);
    gather.add("UUID", "", uuid(sysroot));
    gather.finish()
}

/// On bare metal. Those of a virtual machine repeat its UUID, are the same in all of them, or are its host's.
pub fn serials(sysroot: &Path, product: &str, environment: Environment) -> Component {
    let mut gather = Gather::new(product, Kind::Serials);
    for part in ["board", "product", "chassis"] {
        let name = format!("{part} serial");
        match value(sysroot, &format!("{part}_serial")) {
            Found::Absent => {}
            _ if environment != Environment::Metal => {
                gather.leave_out(shown(&name, "counts on bare metal only"));
            }
            found => {
                gather.add(&name, &format!("{part}="), found);
            }
        }
    }
    gather.finish()
}

/// What the cloud calls this virtual machine.
pub fn cloud_instance(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::CloudInstance);
    match cloud(sysroot).map(|cloud| cloud.instance) {
        None => {}
        Some(Instance::Uuid) => {
            gather.add("UUID", "", uuid(sysroot));
        }
        Some(Instance::ProductSerial) => {
            gather.add("product serial", "", value(sysroot, "product_serial"));
        }
        Some(Instance::BoardAssetTag) => match value(sysroot, "board_asset_tag") {
            Found::Value(tag) if !tag.starts_with("i-") => {
                gather.leave_out(shown("board asset tag", &format!("`{tag}` is no instance")));
            }
            found => {
                gather.add("board asset tag", "", found);
            }
        },
    }
    gather.finish()
}

/// Before SMBIOS 2.6 its first three fields were in the other byte order, so it is read differently once a virtual
/// machine is given later virtual hardware. The lesser of both spellings is the same before and after.
fn uuid(sysroot: &Path) -> Found {
    match value(sysroot, "product_uuid") {
        Found::Value(uuid) if !is_junk(&normalised(&uuid)) => {
            let uuid = normalised(&uuid);
            Found::Value(in_the_other_byte_order(&uuid).map_or(uuid.clone(), |other| other.min(uuid)))
        }
        found => found,
    }
}

/// `00112233-4455-6677-…` → `33221100-5544-7766-…`
fn in_the_other_byte_order(uuid: &str) -> Option<String> {
    let bytes = hex::decode(uuid.replace('-', "")).ok().filter(|bytes| bytes.len() == 16)?;
    let swapped = [3, 2, 1, 0, 5, 4, 7, 6].map(|at: usize| bytes[at]);
    let digits = hex::encode([&swapped, &bytes[8..]].concat());
    let fields = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Some(fields.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Machine, PRODUCT};
    use crate::{Quality, Tag};

    #[test]
    fn a_uuid_is_the_same_in_either_byte_order() {
        let machine = Machine::nothing();
        let tags = |uuid: &str| {
            machine.put("sys/class/dmi/id/product_uuid", uuid);
            smbios_uuid(machine.sysroot(), PRODUCT).tags
        };
        let before = tags("564d8a2c-91f3-4b70-a1c2-5d3e4f60718a");
        assert_eq!(tags("2C8A4D56-F391-704B-A1C2-5D3E4F60718A"), before);
        assert_ne!(tags("2C8A4D56-F391-704B-A1C2-5D3E4F60718B"), before);
        assert_eq!(before, [Tag::of(PRODUCT, Kind::SmbiosUuid, "2c8a4d56-f391-704b-a1c2-5d3e4f60718a")]);
        assert_eq!(tags("not a uuid at all").len(), 1, "it is what it is");
    }

    #[test]
    fn a_virtual_machine_has_no_serial_numbers_of_its_own() {
        let machine = Machine::metal();
        let found = serials(machine.sysroot(), PRODUCT, Environment::Virtual);
        assert_eq!((found.quality, found.tags.len()), (Quality::Junk, 0));
        assert_eq!(found.left_out[0], "board serial: counts on bare metal only");
        assert_eq!(serials(machine.sysroot(), PRODUCT, Environment::Metal).tags.len(), 3);
    }

    #[test]
    fn each_cloud_names_its_machines_in_its_own_place() {
        let machine = Machine::nothing();
        let found = || cloud_instance(machine.sysroot(), PRODUCT);
        let tag = |value: &str| vec![Tag::of(PRODUCT, Kind::CloudInstance, value)];
        machine.put_board("ec2a1b2c-3d4e-5f60-7182-93a4b5c6d7e8", "B1");
        assert_eq!(found().quality, Quality::Absent, "no cloud");
        machine.put("sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
        machine.put("sys/class/dmi/id/board_asset_tag", "i-0fedcba9876543210\n");
        assert_eq!(found().tags, tag("i-0fedcba9876543210"));
        machine.put("sys/class/dmi/id/board_asset_tag", "Amazon EC2\n");
        assert_eq!(
            (found().quality, found().left_out),
            (Quality::Junk, vec!["board asset tag: `Amazon EC2` is no instance".into()])
        );
        machine.put("sys/class/dmi/id/sys_vendor", "Hetzner\n");
        machine.put("sys/class/dmi/id/product_serial", "31415926\n");
        assert_eq!(found().tags, tag("31415926"));
        machine.put("sys/class/dmi/id/sys_vendor", "OpenStack Foundation\n");
        machine.put("sys/class/dmi/id/product_name", "OpenStack Nova\n");
        assert_eq!(
            found().tags,
            tag("2c1b2aec-4e3d-605f-7182-93a4b5c6d7e8"),
            "the UUID, in its lesser spelling"
        );
    }
}
