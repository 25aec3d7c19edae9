//! Where on this site the parts of a backup belong, and whether there is room for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wt_keys::{durable, folder_of};

use super::record::{self, Swap};
use crate::backup::list::{BackupList, CONF, RENDERED};
use crate::backup::path::BackupPath;
use crate::backup::source;
use crate::conf::Conf;
use crate::file_system::{available, device, is_mount_point};
use crate::operation::Operation;
use crate::{Error, Installation, Result};

/// What folders, links and small files take beside their bytes.
const EACH: u64 = 4096;

#[derive(Debug)]
pub struct Targets {
    /// Each root of the backup, and its place here.
    data: Vec<(BackupPath, PathBuf)>,
    /// The folder for the configuration, if the backup has any, and what was rendered.
    conf: Option<PathBuf>,
    aside: Vec<BackupPath>,
}

impl Targets {
    /// Refuses a backup of another product or release, and one with a folder that the release has not.
    pub fn of(installation: &Installation, list: &BackupList) -> Result<Self> {
        Operation::refuse_pending(&installation.places)?;
        let manifest = installation.manifest();
        if (&list.product, &list.version) != (&manifest.product, &manifest.version) {
            return Err(Error::BackupRelease {
                expected: format!("{} {}", manifest.product, manifest.version),
                found: format!("{} {}", list.product, list.version),
            });
        }
        let known = source::roots(installation, true).into_iter().map(|root| (root.path, root.place));
        let known: BTreeMap<BackupPath, PathBuf> = known.collect();
        let (mut data, mut conf, mut aside) = (Vec::new(), None, Vec::new());
        for root in &list.roots {
            let place = known.get(root).ok_or_else(|| Error::BackupRoot { found: root.to_string() })?;
            match root.as_bytes() {
                name if name == CONF.as_bytes() => {
                    conf = Some(Conf::folder(&installation.site, installation.product()));
                    aside.push(root.clone());
                }
                name if name == RENDERED.as_bytes() => aside.push(root.clone()),
                _ => data.push((root.clone(), place.clone())),
            }
        }
        Ok(Self { data, conf, aside })
    }

    pub fn swaps(&self) -> Result<Vec<Swap>> {
        let places = self.data.iter().map(|(_, place)| place).chain(&self.conf);
        places
            .map(|place| {
                if place.is_symlink() {
                    Err(Error::LinkedRoot { path: place.clone() })
                } else if is_mount_point(place) {
                    Err(Error::RestoreMount { path: place.clone() })
                } else {
                    Swap::new(place.clone())
                }
            })
            .collect()
    }

    pub fn conf(&self) -> Option<Swap> {
        self.conf.clone().map(|live| Swap { live, had: true })
    }

    /// Where each root is unpacked: from nothing, as what is there is a killed run's.
    pub fn unpack_places(&self, installation: &Installation) -> Result<Vec<(BackupPath, PathBuf)>> {
        let restoring = installation.places.restoring();
        durable::remove_folder(&restoring)?;
        durable::create_folder(&restoring, 0o700)?;
        let staged = |(root, place): &(BackupPath, PathBuf)| {
            let staged = Swap { live: place.clone(), had: true }.staged();
            if record::is_there(&staged)? {
                return Err(Error::RestoreInTheWay { path: staged });
            }
            Ok((root.clone(), staged))
        };
        let aside = self.aside.iter().map(|root| Ok((root.clone(), restoring.join(root.to_string()))));
        self.data.iter().map(staged).chain(aside).collect()
    }

    /// A row for each file system: folders that share one share its free bytes.
    pub fn require_room(&self, list: &BackupList) -> Result<()> {
        let mut needed: BTreeMap<u64, (PathBuf, u64)> = BTreeMap::new();
        for (root, place) in &self.data {
            let own = list.entries.iter().filter(|entry| entry.path.lies_in(root));
            let bytes = own.fold(0_u64, |sum, entry| sum.saturating_add(entry.stored()).saturating_add(EACH));
            let folder = folder_of(place);
            let row = needed.entry(device(&folder)).or_insert((folder, 0));
            row.1 = row.1.saturating_add(bytes);
        }
        for (folder, needed) in needed.into_values() {
            let free = available(&folder);
            if free < needed {
                return Err(Error::NoRoom { folder, needed, free });
            }
        }
        Ok(())
    }
}
