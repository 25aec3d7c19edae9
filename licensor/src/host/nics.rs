//! Network cards, by the address that each was made with.
//!
//! What is no card of this machine is left out and named: interfaces of engines, bridges and bonds, which are no device;
//! what hangs on USB and may hang on another machine tomorrow, or is a controller's own, with the same address in all
//! machines of a maker; addresses that somebody set or made up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Found, Gather, entries, file_name, read, shown};
use crate::{Component, Environment, Kind};

pub fn component(sysroot: &Path, product: &str, environment: Environment) -> Component {
    let mut gather = Gather::new(product, Kind::Nic);
    let (devices, other): (Vec<_>, Vec<_>) = entries(&sysroot.join("sys/class/net"))
        .into_iter()
        .filter(|interface| file_name(interface) != "lo" && interface.is_dir())
        .partition(|interface| interface.join("device").exists());
    let kinds: BTreeSet<String> =
        other.iter().map(|interface| kind_of_virtual(&file_name(interface))).collect();
    for kind in &kinds {
        gather.leave_out(shown(kind, "is virtual"));
    }
    let (mut cards, plugged): (Vec<_>, Vec<_>) = devices.into_iter().partition(|card| !is_on_usb(card));
    match &plugged[..] {
        [only_one] if cards.is_empty() => cards.push(only_one.clone()),
        plugged => plugged.iter().for_each(|card| gather.leave_out(shown(&file_name(card), "is on USB"))),
    }
    // a hypervisor makes addresses up for its virtual machines, and keeps to them
    let may_be_local = environment != Environment::Metal || cards.len() == 1;
    for card in &cards {
        match permanent_address(card) {
            Found::Value(address) if is_locally_administered(&address) && !may_be_local => {
                gather.leave_out(shown(&file_name(card), "has a locally administered address"));
            }
            Found::Absent if !is_its_own_address(card) => {
                gather.leave_out(shown(&file_name(card), "has an address that was set or made up"));
            }
            found => {
                gather.add(&file_name(card), "", found);
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

/// The address that the card was made with, also where a bond or a roaming radio has given it another.
fn permanent_address(card: &Path) -> Found {
    for elsewhere in ["bonding_slave/perm_hwaddr", "phy80211/macaddress"] {
        match read(&card.join(elsewhere)) {
            Found::Absent => {}
            found => return found,
        }
    }
    if is_its_own_address(card) { read(&card.join("address")) } else { Found::Absent }
}

/// Neither random, nor stolen, nor set by an administrator.
fn is_its_own_address(card: &Path) -> bool {
    !matches!(read(&card.join("addr_assign_type")), Found::Value(kind) if kind != "0")
}

fn is_on_usb(card: &Path) -> bool {
    let bus: Option<PathBuf> = fs::read_link(card.join("device/subsystem")).ok();
    bus.is_some_and(|bus| file_name(&bus) == "usb")
}

/// IEEE 802, the second-lowest bit of the first byte.
fn is_locally_administered(address: &str) -> bool {
    address.get(..2).and_then(|byte| u8::from_str_radix(byte, 16).ok()).is_none_or(|byte| byte & 2 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quality;
    use crate::testkit::{Machine, PRODUCT};

    fn found(machine: &Machine) -> Component {
        component(machine.sysroot(), PRODUCT, Environment::Metal)
    }

    #[test]
    fn a_locally_administered_address_counts_where_it_is_the_only_one_or_a_hypervisors() {
        let machine = Machine::nothing();
        machine.put_nic("ens1", "52:54:00:aa:bb:cc");
        assert_eq!(found(&machine).quality, Quality::Ok);
        machine.put_nic("ens2", "52:54:00:aa:bb:cd");
        assert_eq!(found(&machine).quality, Quality::Junk);
        assert_eq!(component(machine.sysroot(), PRODUCT, Environment::Virtual).tags.len(), 2);
        machine.put_nic("ens3", "3c:ec:ef:00:00:01");
        assert_eq!(found(&machine).tags.len(), 1);
    }

    #[test]
    fn a_card_on_usb_counts_only_when_it_is_the_only_one() {
        let machine = Machine::nothing();
        machine.put_nic("enx1", "3c:ec:ef:00:00:02");
        machine.link("sys/class/net/enx1/device/subsystem", "../../../../bus/usb");
        assert_eq!(found(&machine).quality, Quality::Ok);
        machine.put_nic("eno1", "3c:ec:ef:00:00:01");
        machine.link("sys/class/net/eno1/device/subsystem", "../../../../bus/pci");
        assert_eq!(
            (found(&machine).tags.len(), found(&machine).left_out),
            (1, vec!["enx1: is on USB".into()])
        );
    }

    #[test]
    fn the_address_that_a_card_was_made_with_counts_and_no_other() {
        let machine = Machine::nothing();
        machine.put_nic("wlp2s0", "3c:ec:ef:00:00:01");
        let as_made = found(&machine);
        machine.put_nic("wlp2s0", "3c:ec:ef:77:77:77");
        machine.put("sys/class/net/wlp2s0/addr_assign_type", "3\n");
        assert_eq!(found(&machine).left_out, ["wlp2s0: has an address that was set or made up"]);
        machine.put("sys/class/net/wlp2s0/phy80211/macaddress", "3c:ec:ef:00:00:01\n");
        assert_eq!(found(&machine), as_made);
    }
}
