//! What a backup of a site holds, and how much that is.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use wt_keys::console::Size;

use super::bounds::{Tally, refused};
use super::list::{CONF, DATA, RENDERED};
use super::path::BackupPath;
use crate::beneath::Folder;
use crate::conf::{self, Conf};
use crate::{Error, Installation, Places, Result, SiteFile, init_data};

/// A folder or a file of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    pub path: BackupPath,
    pub place: PathBuf,
    /// Services hold still while it is copied.
    pub still: bool,
}

/// How much it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Bytes to be read, and bytes that they take on the disk.
    pub size: u64,
    pub stored: u64,
    /// Files and folders, and what the list of them takes.
    pub tally: Tally,
}

/// All that a backup holds: what services write to first.
pub fn roots(installation: &Installation, logs: bool) -> Vec<Root> {
    let site = &installation.manifest().site;
    let data_root = &installation.site.data_root;
    let below = |path: &Path, still| {
        let named = path.to_str().and_then(|path| BackupPath::new(format!("{DATA}/{path}").as_bytes()));
        named.map(|named| Root { path: named, place: data_root.join(path), still })
    };
    let data = site.data.iter().map(|folder| below(folder.path.as_ref(), true));
    let marker = init_data::place(&installation.site.data_root, installation.product());
    let marker = below(marker.strip_prefix(data_root).unwrap_or(&marker), true);
    let logs = site.logs.iter().filter(|_| logs).map(|folder| below(folder.path.as_ref(), false));
    let named =
        |name: &str, place| BackupPath::new(name.as_bytes()).map(|path| Root { path, place, still: false });
    let conf = named(CONF, Conf::folder(&installation.site, installation.product()));
    let rendered = named(RENDERED, conf::rendered(&installation.places, &installation.release.digest()));
    data.chain([marker]).chain(logs).chain([conf, rendered]).flatten().collect()
}

/// What one file may have of holes: they are read like data while services are held still.
const MOST_HOLLOW: u64 = 64 << 30;

/// Looks at everything. What is gone meanwhile was never there; what would make the copy fail, or last for ever, is said
/// before anything is held still.
pub fn measure(roots: &[Root]) -> Result<Measure> {
    let mut sum = Measure::default();
    for Root { path, place, .. } in roots {
        let parent = place.parent().unwrap_or(Path::new("/"));
        let folder = match Folder::open(parent) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            folder => folder.map_err(Error::io("open", parent))?,
        };
        let name = place.file_name().unwrap_or_default();
        match folder.look(name).map(|found| FileType::from_raw_mode(found.st_mode)) {
            Ok(FileType::Symlink) => return Err(Error::LinkedRoot { path: place.clone() }),
            Ok(FileType::Directory | FileType::RegularFile) => {}
            Ok(_) => return Err(refused(place, "it is neither a folder nor a file".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("read", place)(error)),
        }
        sum.tally.add_root(path, place)?;
        sum.add(&folder, name, path, place)?;
    }
    Ok(sum)
}

impl Measure {
    fn add(&mut self, folder: &Folder, name: &OsStr, path: &BackupPath, place: &Path) -> Result<()> {
        let found = match folder.look(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found.map_err(Error::io("read", place))?,
        };
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => {
                let size = u64::try_from(found.st_size).unwrap_or_default();
                let on_disk = u64::try_from(found.st_blocks).unwrap_or_default().saturating_mul(512);
                let hollow = size.saturating_sub(on_disk);
                if hollow > MOST_HOLLOW {
                    let why = format!("it has {} of holes, more than {}", Size(hollow), Size(MOST_HOLLOW));
                    return Err(refused(place, why));
                }
                self.size = self.size.saturating_add(size);
                self.stored = self.stored.saturating_add(on_disk.min(size));
            }
            FileType::Directory => {
                let inner = match folder.folder(name) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                    inner => inner.map_err(Error::io("read", place))?,
                };
                for name in self.tally.names(&inner, place)? {
                    let place = place.join(&name);
                    let path = self.tally.join(path, &name, &place)?;
                    self.add(&inner, &name, &path, &place)?;
                }
            }
            FileType::Symlink => {
                self.tally.add_listed(u64::try_from(found.st_size).unwrap_or_default(), place)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The folder of the site that a backup must not lie in, as it would hold itself, or be taken for something of the site's.
pub fn lies_in(
    folder: &Path,
    places: &Places,
    site: &SiteFile,
    product: &str,
    roots: &[Root],
) -> Option<PathBuf> {
    let home = site.home(product);
    let inside = roots.iter().map(|root| &root.place).chain([&home]).cloned().chain([places.state()]);
    inside.into_iter().find(|outer| folder.starts_with(real(outer)))
}

/// Where a path really leads, as far as it is there.
pub fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), _, _) => real,
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}
