//! Components: the things about a host that identify it, each worth so much.
//!
//! The firmware's values are strong: they change with the machine. Those of disks, cards and the operating system are of
//! medium strength: they are replaced while the machine stays. Processor, memory and host name are none: many machines
//! share them, or they are changed at will.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Environment, Tag};

/// In the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// the UUID of the mainboard's firmware, or of the virtual machine
    SmbiosUuid,
    /// serial numbers of board, product and chassis
    Serials,
    /// what the cloud calls the virtual machine
    CloudInstance,
    /// the public half of the key that the trusted platform module was made with
    TpmEk,
    /// WWN or serial number of the disks under the root file system and under the data
    Disk,
    /// permanent MAC addresses of physical network cards
    Nic,
    /// the identity of the operating system's installation
    MachineId,
    /// the key that was made when the product was installed
    InstallKey,
}

/// How much a component says about the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Strong,
    Medium,
    /// It says that the same installation asks, on whatever machine.
    Continuity,
}

/// What became of the attempt to read a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    Ok,
    /// There are only values that many machines share.
    Junk,
    Absent,
    /// It is there, and the reader was not allowed to see it.
    Unreadable,
}

/// One component of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    pub kind: Kind,
    pub quality: Quality,
    /// Ascending, each once, no more than [`Kind::most_tags`]; empty unless the quality is [`Quality::Ok`].
    pub tags: Vec<Tag>,
    /// What was found and does not count, in words.
    pub left_out: Vec<String>,
}

impl Kind {
    /// As it is spelt in documents and in what a tag is computed from.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmbiosUuid => "smbios_uuid",
            Self::Serials => "serials",
            Self::CloudInstance => "cloud_instance",
            Self::TpmEk => "tpm_ek",
            Self::Disk => "disk",
            Self::Nic => "nic",
            Self::MachineId => "machine_id",
            Self::InstallKey => "install_key",
        }
    }

    pub fn class(self) -> Class {
        match self {
            Self::SmbiosUuid | Self::Serials | Self::CloudInstance | Self::TpmEk => Class::Strong,
            Self::Disk | Self::Nic | Self::MachineId => Class::Medium,
            Self::InstallKey => Class::Continuity,
        }
    }

    /// What it is worth on such a host; a component worth 0 is not bound. A virtual machine's serial numbers repeat
    /// its UUID, or are the same in all of them. All add up to 100 without the key of a trusted platform module, which
    /// few machines show.
    pub fn weight(self, environment: Environment) -> u32 {
        let (metal, virtual_machine, cloud) = match self {
            Self::SmbiosUuid => (25, 35, 20),
            Self::Serials => (20, 0, 0),
            Self::CloudInstance => (0, 0, 40),
            Self::TpmEk => (40, 40, 40),
            Self::Disk => (20, 15, 10),
            Self::Nic => (15, 15, 5),
            Self::MachineId => (15, 20, 15),
            Self::InstallKey => (5, 15, 10),
        };
        match environment {
            Environment::Metal => metal,
            Environment::Virtual => virtual_machine,
            Environment::Cloud => cloud,
        }
    }

    /// How many values of it a machine may have: with more, one licensed machine could be many machines.
    pub fn most_tags(self) -> usize {
        match self {
            Self::SmbiosUuid | Self::CloudInstance | Self::TpmEk | Self::MachineId | Self::InstallKey => 1,
            Self::Serials => 4,
            Self::Disk => 16,
            Self::Nic => 32,
        }
    }

    /// Whether it is kept in a file, which a copy of the disk has too.
    pub fn is_in_a_file(self) -> bool {
        matches!(self, Self::MachineId | Self::InstallKey)
    }

    /// Whether one value in common is as good as all of them.
    pub fn any_is_enough(self) -> bool {
        self == Self::Disk
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Junk => "junk",
            Self::Absent => "absent",
            Self::Unreadable => "unreadable",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Strong => "strong",
            Self::Medium => "medium",
            Self::Continuity => "continuity",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 8] = [
        Kind::SmbiosUuid,
        Kind::Serials,
        Kind::CloudInstance,
        Kind::TpmEk,
        Kind::Disk,
        Kind::Nic,
        Kind::MachineId,
        Kind::InstallKey,
    ];

    #[test]
    fn the_weights_of_each_environment_add_up_to_a_hundred() {
        for environment in [Environment::Metal, Environment::Virtual, Environment::Cloud] {
            let of_all = KINDS.iter().filter(|kind| **kind != Kind::TpmEk);
            assert_eq!(of_all.map(|kind| kind.weight(environment)).sum::<u32>(), 100);
        }
    }

    #[test]
    fn a_kind_is_spelt_the_same_in_a_tag_and_in_a_document() {
        for kind in KINDS {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
