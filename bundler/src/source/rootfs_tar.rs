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
            let kind = if kind.is_fifo() {
                "a pipe"
            } else if kind.is_socket() {
                "a socket"
            } else {
                "a device"
            };
            Err(Error::RootfsKind { path: path.to_owned(), kind })
        }
    }

    fn add_file(&mut self, path: &Path, name: &Path, metadata: &Metadata, mut header: Header) -> Result<()> {
        let failed = || Error::io("pack", path);
        if metadata.nlink() > 1 {
            let first =
                self.first_names.entry((metadata.dev(), metadata.ino())).or_insert_with(|| name.to_owned());
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    /// The same files, made in another order.
    fn folder(names: [&str; 2]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in names {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("file"), name).unwrap();
        }
        fs::set_permissions(at("b"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::hard_link(at("a/file"), at("b/again")).unwrap();
        symlink("/a/file", at("link")).unwrap();
        fs::write(at(&"l".repeat(150)), "long").unwrap();
        folder
    }

    fn packed(folder: &Path) -> Layer {
        pack(folder, Spool::new(folder, 1 << 30, "a folder")).unwrap()
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let one = packed(folder(["a", "b"]).path());
        let two = packed(folder(["b", "a"]).path());
        assert_eq!((one.digest, one.size), (two.digest, two.size));
    }

    #[test]
    fn everything_is_in_it_in_order_and_nobody_s() {
        let layer = packed(folder(["b", "a"]).path());
        let mut found = Vec::new();
        for entry in tar::Archive::new(layer.content).entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(
                (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
                (0, 0, MODIFIED)
            );
            let name = entry.path().unwrap().display().to_string();
            let link = entry.link_name().unwrap().map(|link| link.display().to_string());
            found.push((name, header.mode().unwrap(), link));
        }
        let short: Vec<_> =
            found.iter().map(|(name, mode, link)| (name.as_str(), *mode & 0o7000, link.as_deref())).collect();
        let long = "l".repeat(150);
        let expected = [
            ("a/", 0, None),
            ("a/file", 0, None),
            ("b/", 0o1000, None),
            ("b/again", 0, Some("a/file")),
            ("b/file", 0, None),
            ("link", 0, Some("/a/file")),
            (&long, 0, None),
        ];
        assert_eq!(short, expected);
    }

    #[test]
    fn a_socket_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = UnixListener::bind(folder.path().join("s")).unwrap();
        let refused = pack(folder.path(), Spool::new(folder.path(), 1 << 30, "a folder")).err().unwrap();
        assert!(matches!(refused, Error::RootfsKind { kind: "a socket", .. }));
    }
}
