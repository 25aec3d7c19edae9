//! Whether the data root lies on a disk that turns, where a release asks for one that does not. A warning: the product
//! works, slowly.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Row, Scene, Verdict};
use crate::file_system::existing;

/// Disks that a hypervisor makes up: what they say of themselves is a guess.
const VIRTUAL: [&str; 3] = ["vd", "xvd", "sr"];

/// What the kernel says of the disk under a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Disk {
    Turns(String),
    Still(String),
    /// It says nothing, or nothing that could be believed.
    Unknown(String),
}

pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    let installation = scene.installation;
    let needs = installation.manifest().site.requirements.of(&installation.site.node().roles);
    let root = installation.places.root();
    needs.ssd.then(|| row(&disk_of(root, &installation.site.data_root))).into_iter().collect()
}

fn row(disk: &Disk) -> Row {
    let (verdict, found) = match disk {
        Disk::Still(name) => (Verdict::Ok, format!("{name} does not turn")),
        Disk::Turns(name) => (Verdict::Warn, format!("{name} turns")),
        Disk::Unknown(name) => (Verdict::Warn, format!("{name} does not say")),
    };
    Row::new(
        "data root on an SSD",
        verdict,
        found,
        "a disk that does not turn",
        "put the data root on an SSD; where the host is a virtual machine, ask what its disk lies on",
    )
}

fn disk_of(root: &Path, folder: &Path) -> Disk {
    let Ok(found) = fs::metadata(existing(folder)) else { return Disk::Unknown("the disk".to_owned()) };
    let (major, minor) = (rustix::fs::major(found.dev()), rustix::fs::minor(found.dev()));
    named(&root.join(format!("sys/dev/block/{major}:{minor}")))
}

/// A partition has its queue one folder up.
fn named(device: &Path) -> Disk {
    let Ok(device) = fs::canonicalize(device) else {
        return Disk::Unknown("what it lies on is no disk of this host, and".to_owned());
    };
    let disk = if device.join("partition").exists() { device.parent().unwrap_or(&device) } else { &device };
    let name = disk.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match fs::read_to_string(disk.join("queue/rotational")) {
        Ok(_) if VIRTUAL.iter().any(|prefix| name.starts_with(prefix)) => {
            Disk::Unknown(format!("{name} is virtual and"))
        }
        Ok(text) if text.trim() == "0" => Disk::Still(name),
        Ok(_) => Disk::Turns(name),
        Err(_) => Disk::Unknown(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_as_its_disk_is_and_a_virtual_disk_says_nothing() {
        let root = tempfile::tempdir().unwrap();
        let make = |disk: &str, rotational: &str| {
            let folder = root.path().join(disk);
            fs::create_dir_all(folder.join("queue")).unwrap();
            fs::create_dir_all(folder.join("part1")).unwrap();
            fs::write(folder.join("part1/partition"), "1").unwrap();
            fs::write(folder.join("queue/rotational"), rotational).unwrap();
            folder
        };
        let (sda, sdb, vda) = (make("sda", "1\n"), make("nvme0n1", "0\n"), make("vda", "1\n"));
        assert_eq!(named(&sda.join("part1")), Disk::Turns("sda".into()));
        assert_eq!(named(&sdb), Disk::Still("nvme0n1".into()));
        assert!(matches!(named(&vda.join("part1")), Disk::Unknown(_)));
        assert!(matches!(named(&root.path().join("0:45")), Disk::Unknown(_)));
        assert_eq!(row(&named(&sda)).verdict, Verdict::Warn);
        assert_eq!(row(&named(&vda)).found, "vda is virtual and does not say");
    }
}
