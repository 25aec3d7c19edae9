//! A folder as a layer: the same files give the same bytes, whoever owns them here and whenever they were written.
//!
//! Names in byte order, owner 0:0, one time for all; modes, links and hard links as they are. Refused: what a layer
//! cannot carry to another machine.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{Read as _, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};
use walkdir::WalkDir;

use crate::spool::{Layer, Spool};
use crate::{Error, Result};

/// 2000-01-01T00:00:00Z, the time of every file of a bundle.
pub const MODIFIED: u64 = 946_684_800;

pub fn pack(folder: &Path, spool: Spool) -> Result<Layer> {
    let mut packer = Packer { tar: Builder::new(spool), first_names: HashMap::new() };
    for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::io("read", folder)(error.into()))?;
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        packer.add(entry.path(), name)?;
    }
    packer.tar.into_inner().map_err(Error::io("pack", folder))?.finish()
}

struct Packer<W: Write> {
    tar: Builder<W>,
    /// Of files that have several names: the one that carries the content.
    first_names: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packer<W> {
    fn add(&mut self, path: &Path, name: &Path) -> Result<()> {
        let metadata = fs::symlink_metadata(path).map_err(Error::io("read", path))?;
        let kind = metadata.file_type();
        let mut header = header(&metadata);
        let failed = || Error::io("pack", path);
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            self.tar.append_data(&mut header, name.join(""), std::io::empty()).map_err(failed())
        } else if kind.is_symlink() {
            let target = fs::read_link(path).map_err(Error::io("read", path))?;
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            self.tar.append_link(&mut header, name, target).map_err(failed())
        } else if kind.is_file() {
            self.add_file(path, name, &metadata, header)
        } else {
            let kind = if kind.is_fifo() { "a pipe" } else if kind.is_socket() { "a socket" } else { "a device" };
            Err(Error::RootfsKind { path: path.to_owned(), kind })
        }
    }

    fn add_file(&mut self, path: &Path, name: &Path, metadata: &Metadata, mut header: Header) -> Result<()> {
        let failed = || Error::io("pack", path);
        if metadata.nlink() > 1 {
            let first = self.first_names.entry((metadata.dev(), metadata.ino())).or_insert_with(|| name.to_owned());
            if first != name {
                header.set_entry_type(EntryType::Link);
                return self.tar.append_link(&mut header, name, &*first).map_err(failed());
            }
        }
        header.set_entry_type(EntryType::Regular);
        header.set_size(metadata.len());
        let mut content = File::open(path).map_err(Error::io("open", path))?.take(metadata.len());
        self.tar.append_data(&mut header, name, &mut content).map_err(failed())?;
        match content.limit() {
            0 => Ok(()),
            _ => Err(failed()(std::io::Error::other("it became shorter meanwhile"))),
        }
    }
}

fn header(metadata: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MODIFIED);
    header.set_size(0);
    header
}
