use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use wt_keys::console::Progress;
use wt_keys::{durable, folder_of};
use wt_manifests::site::DataFolder;

use super::{Need, Step};
use crate::{Error, Installation, Result, home, site};

/// Makes the product's folder and the data folders, and keeps the answers and this program where later runs find them.
pub struct MakeFolders;

impl Step for MakeFolders {
    fn name(&self) -> &'static str {
        "folders"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let home = installation.home();
        if fs::symlink_metadata(&home).is_ok_and(|found| found.uid() != 0 || found.mode() & 0o022 != 0) {
            return Err(Error::Staging { path: home }); // root will run what lies in it
        }
        let missing = data_folders(installation).iter().any(|folder| !folder.is_as_wanted());
        if missing || !home.is_dir() || !same_answers(installation) || !same_program(&home::program(&home))? {
            return Ok(Need::Work(format!(
                "make {} and {} data folders under {}",
                home.display(),
                data_folders(installation).len(),
                installation.site.data_root.display()
            )));
        }
        Ok(Need::Nothing)
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let home = installation.home();
        durable::create_folder(&home, 0o755)?;
        for folder in data_folders(installation) {
            folder.make()?;
        }
        keep_program(&home::program(&home))?;
        if !same_answers(installation) {
            let answers = site::kept(&installation.site_path)?;
            durable::write(&installation.places.site_file(), &answers, 0o600)?;
        }
        Ok(format!("{} and {}", home.display(), installation.site.data_root.display()))
    }
}

fn same_answers(installation: &Installation) -> bool {
    site::kept(&installation.site_path).ok().map(|kept| kept.to_vec())
        == fs::read(installation.places.site_file()).ok()
}

const THIS_PROGRAM: &str = "/proc/self/exe";

fn same_program(kept: &Path) -> Result<bool> {
    let this = fs::read(THIS_PROGRAM).map_err(Error::io("read", THIS_PROGRAM))?;
    Ok(fs::read(kept).is_ok_and(|kept| kept == this))
}

/// What this program takes on a disk.
pub fn program_size() -> Result<u64> {
    Ok(fs::metadata(THIS_PROGRAM).map_err(Error::io("read", THIS_PROGRAM))?.len())
}

fn keep_program(kept: &Path) -> Result<()> {
    durable::create_folder(&folder_of(kept), 0o755)?;
    let this = fs::read(THIS_PROGRAM).map_err(Error::io("read", THIS_PROGRAM))?;
    durable::write_if_changed(kept, &this, 0o755)?;
    Ok(())
}

struct Wanted {
    path: PathBuf,
    owner: (u32, u32),
    mode: u32,
}

fn data_folders(installation: &Installation) -> Vec<Wanted> {
    let site = &installation.manifest().site;
    site.data.iter().chain(&site.logs).map(|folder| Wanted::new(installation, folder)).collect()
}

impl Wanted {
    fn new(installation: &Installation, folder: &DataFolder) -> Self {
        Self {
            path: installation.data_folder(&folder.path),
            owner: (folder.owner.user, folder.owner.group),
            mode: folder.mode.0,
        }
    }

    fn is_as_wanted(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| {
            found.is_dir() && (found.uid(), found.gid()) == self.owner && found.mode() & 0o7777 == self.mode
        })
    }

    /// A folder that is there already keeps its content.
    fn make(&self) -> Result<()> {
        if self.is_as_wanted() {
            return Ok(());
        }
        durable::create_folder(&self.path, 0o755)?;
        let failed = |error| Error::io("set the owner of", &self.path)(error);
        chown(&self.path, Some(self.owner.0), Some(self.owner.1)).map_err(failed)?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(self.mode)).map_err(failed)?;
        Ok(durable::sync_folder(&self.path)?)
    }
}
