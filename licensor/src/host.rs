//! Reads a host's components from its files.
//!
//! Everything is below `sysroot`, so that a recorded machine is read like this one. Only the kernel's and root's files
//! are read: never a fallback that others can write, such as the `/tmp/sysinfo/model` of sysinfo's `Product`.

mod disks;
mod dmi;
mod environment;
mod nics;
mod tpm;

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::junk::{is_junk, normalised};
use crate::{Component, Environment, Kind, Quality, Tag};

pub use environment::environment;

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
pub fn components(
    sysroot: &Path,
    data_root: &Path,
    product: &str,
    environment: Environment,
) -> Vec<Component> {
    vec![
        dmi::smbios_uuid(sysroot, product),
        dmi::serials(sysroot, product, environment),
        dmi::cloud_instance(sysroot, product),
        tpm::component(sysroot, product),
        disks::component(sysroot, data_root, product),
        nics::component(sysroot, product, environment),
        machine_id(sysroot, product),
    ]
}

/// What people call the machine: who made it, and which one it is.
#[cfg(feature = "fingerprint")]
pub fn model(sysroot: &Path) -> String {
    let parts = ["sys_vendor", "product_name"].map(|file| match dmi::value(sysroot, file) {
        Found::Value(value) if !is_junk(&normalised(&value)) => value,
        _ => String::new(),
    });
    parts.join(" ").trim().to_owned()
}

fn machine_id(sysroot: &Path, product: &str) -> Component {
    let mut gather = Gather::new(product, Kind::MachineId);
    let found = match read(&sysroot.join("etc/machine-id")) {
        Found::Value(value) if !is_machine_id(&value) => {
            gather.leave_out(shown("machine-id", &format!("`{value}`")));
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
                self.leave_out(shown(name, &format!("`{value}`")));
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

    /// Notes what does not count, and why.
    fn leave_out(&mut self, note: String) {
        self.left_out.push(note);
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

    fn found(machine: &Machine) -> Vec<Component> {
        components(machine.sysroot(), Path::new("/"), PRODUCT, Environment::Metal)
    }

    fn component(machine: &Machine, kind: Kind) -> Component {
        found(machine).into_iter().find(|c| c.kind == kind).unwrap()
    }

    #[test]
    fn a_bare_metal_machine_has_all_its_components() {
        let found = found(&Machine::metal());
        let of_all = |kind| !matches!(kind, Kind::CloudInstance | Kind::TpmEk);
        assert!(found.iter().filter(|c| of_all(c.kind)).all(|c| c.quality == Quality::Ok), "{found:?}");
        assert!(found.is_sorted_by(|a, b| a.kind < b.kind));
        assert_eq!(component(&Machine::metal(), Kind::Serials).tags.len(), 3, "board, product, chassis");
        assert_eq!(component(&Machine::metal(), Kind::Nic).tags.len(), 2, "two cards");
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
        let found = found(&Machine::nothing());
        assert!(found.iter().all(|component| component.quality == Quality::Absent), "{found:?}");
    }
}
