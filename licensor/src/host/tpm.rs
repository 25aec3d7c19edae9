//! The trusted platform module, by the public half of the key that it was made with (its endorsement key).
//!
//! The kernel shows that key of a TPM 1.2 which nobody owns. From any other it is had by commands to the device, and
//! here files are read: such a module is there and cannot be read, which is said and is worth nothing.

use std::path::Path;

use super::{Found, Gather, entries, file_name, read, shown};
use crate::{Component, Kind};

pub fn component(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::TpmEk);
    for module in entries(&sysroot.join("sys/class/tpm")) {
        let name = file_name(&module);
        if let Some(key) = endorsement_key(&module) {
            gather.add(&name, "", Found::Value(key));
        } else {
            gather.leave_out(shown(&name, "the kernel does not show its key"));
            gather.add(&name, "", Found::Unreadable);
        }
    }
    gather.finish()
}

/// The digits of its modulus: how many stand on a line, and in which case, changes from kernel to kernel.
fn endorsement_key(module: &Path) -> Option<String> {
    let text = ["pubek", "device/pubek"].iter().find_map(|file| match read(&module.join(file)) {
        Found::Value(text) => Some(text),
        Found::Absent | Found::Unreadable => None,
    })?;
    let (_, modulus) = text.split_once("Modulus:")?;
    let digits: String = modulus.chars().filter(|c| !c.is_whitespace()).collect();
    (digits.len() >= 256 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| digits.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quality;
    use crate::testkit::{Machine, PRODUCT};

    const HEAD: &str =
        "Algorithm: 00 00 00 01\nEncscheme: 00 03\nSigscheme: 00 01\nModulus length: 256\nModulus:\n";

    fn found(machine: &Machine) -> Component {
        component(machine.sysroot(), PRODUCT)
    }

    #[test]
    fn the_key_that_the_kernel_shows_is_the_same_however_it_is_written() {
        let machine = Machine::nothing();
        assert_eq!(found(&machine).quality, Quality::Absent);
        let old = "A1 2B C3 D4 E5 F6 07 18 29 3A 4B 5C 6D 7E 8F 90 \n".repeat(16);
        machine.put("sys/class/tpm/tpm0/device/pubek", &format!("{HEAD}{old}"));
        let before = found(&machine);
        assert_eq!((before.quality, before.tags.len()), (Quality::Ok, 1));
        machine
            .put("sys/class/tpm/tpm0/pubek", &format!("{HEAD}{}", old.replace(" \n", "\n").to_lowercase()));
        assert_eq!(found(&machine), before);
    }

    #[test]
    fn a_module_whose_key_is_not_shown_is_said_to_be_there() {
        let machine = Machine::nothing();
        for pubek in [None, Some("Modulus:\nA1 2B\n"), Some("no key here")] {
            machine.put("sys/class/tpm/tpm0/tpm_version_major", "2\n");
            if let Some(pubek) = pubek {
                machine.put("sys/class/tpm/tpm0/pubek", pubek);
            }
            let found = found(&machine);
            assert_eq!(
                (found.quality, found.left_out),
                (Quality::Unreadable, vec!["tpm0: the kernel does not show its key".into()])
            );
        }
    }
}
