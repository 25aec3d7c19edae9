//! Unpacking a backup beside the data: every entry is made in a folder that we have open, nothing is followed, nothing is
//! replaced, and each thing has the owner, the mode and the times that were signed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::rc::Rc;

use wt_keys::{durable, folder_of};

use crate::backup::data_reader::Visitor;
use crate::backup::list::{Entry, Kind};
use crate::backup::path::BackupPath;
use crate::beneath::{Attributes, Folder};
use crate::{Error, Result};

/// A page that holds nothing becomes a hole, in a file that had some.
const PAGE: usize = 4096;

/// Where the roots of a backup are unpacked.
#[derive(Debug)]
pub struct Unpack {
    roots: Vec<Root>,
    /// Folders get their owner and times when all that is in them is there.
    folders: Vec<(usize, BackupPath, Attributes)>,
    /// The folders that are open, each in the one before; all of them in the root `at`.
    open: Vec<(BackupPath, Rc<Folder>)>,
    at: usize,
    file: Option<Growing>,
}

#[derive(Debug)]
struct Root {
    path: BackupPath,
    /// Where it lies, and the name that it gets there.
    parent: Rc<Folder>,
    name: OsString,
    place: PathBuf,
}

#[derive(Debug)]
struct Growing {
    file: File,
    length: u64,
    holes: bool,
}

impl Unpack {
    /// `places` says for each root where it is to be; there must be nothing.
    pub fn new(places: Vec<(BackupPath, PathBuf)>) -> Result<Self> {
        let roots = places.into_iter().map(|(path, place)| {
            let parent = folder_of(&place);
            durable::create_folder(&parent, 0o755)?;
            let parent = Rc::new(Folder::open(&parent).map_err(Error::io("open", parent))?);
            let name = place.file_name().unwrap_or_default().to_owned();
            Ok(Root { path, parent, name, place })
        });
        let roots = roots.collect::<Result<_>>()?;
        Ok(Self { roots, folders: Vec::new(), open: Vec::new(), at: 0, file: None })
    }

    /// Gives the folders what they were signed with, and returns once all of it is on the disk.
    pub fn finish(mut self) -> Result<()> {
        self.open.clear();
        for (at, path, attributes) in self.folders.iter().rev() {
            let root = &self.roots[*at];
            let names = path.names_below(&root.path).unwrap_or_default().into_iter().map(OsStr::to_owned);
            let names: Vec<OsString> = [root.name.clone()].into_iter().chain(names).collect();
            let folder = root.parent.descend(&names);
            folder.and_then(|folder| folder.set(attributes)).map_err(Error::io("write", &root.place))?;
        }
        self.roots.iter().try_for_each(|root| root.parent.sync_all().map_err(Error::io("sync", &root.place)))
    }

    /// Makes the entry; the file that is to be written, where it is one.
    fn make(&mut self, entry: &Entry) -> io::Result<Option<Growing>> {
        let at = self.roots.iter().position(|root| entry.path.lies_in(&root.path));
        self.at = at.ok_or_else(|| io::Error::other("it lies in no folder of the backup"))?;
        let names = self.names(&entry.path);
        let Some((name, folders)) = names.split_last() else { return Ok(None) };
        let parent = self.parent(entry, folders)?;
        match &entry.kind {
            Kind::Folder => {
                let folder = parent.make_folder(name)?;
                self.folders.push((self.at, entry.path.clone(), attributes(entry)));
                self.open.push((entry.path.clone(), Rc::new(folder)));
            }
            Kind::File { stored, .. } => {
                let file = parent.make_file(name)?;
                return Ok(Some(Growing { file, length: 0, holes: stored.is_some() }));
            }
            Kind::Symlink(target) => {
                parent.make_symlink(name, &target.0)?;
                parent.set_symlink(name, &attributes(entry))?;
            }
            Kind::Hardlink(file) => {
                let names = self.names(file);
                let Some((file, folders)) = names.split_last() else { return Ok(None) };
                parent.make_hardlink(name, &self.roots[self.at].parent.descend(folders)?, file)?;
            }
        }
        Ok(None)
    }

    /// The way to a thing from the folder that its root is made in.
    fn names(&self, path: &BackupPath) -> Vec<OsString> {
        let root = &self.roots[self.at];
        let below = path.names_below(&root.path).unwrap_or_default();
        [root.name.as_os_str()].into_iter().chain(below).map(OsStr::to_owned).collect()
    }

    /// The folder that an entry lies in: mostly one that is open.
    fn parent(&mut self, entry: &Entry, folders: &[OsString]) -> io::Result<Rc<Folder>> {
        let parent = entry.path.parent().filter(|_| !folders.is_empty());
        while self.open.last().is_some_and(|(path, _)| Some(path) != parent.as_ref()) {
            self.open.pop();
        }
        match (self.open.last(), parent) {
            (Some((_, folder)), _) => Ok(Rc::clone(folder)),
            (None, None) => Ok(Rc::clone(&self.roots[self.at].parent)),
            (None, Some(path)) => {
                let folder = Rc::new(self.roots[self.at].parent.descend(folders)?);
                self.open.push((path, Rc::clone(&folder)));
                Ok(folder)
            }
        }
    }

    fn place(&self, entry: &Entry) -> PathBuf {
        let root = &self.roots[self.at];
        let names = entry.path.names_below(&root.path).unwrap_or_default();
        names.iter().fold(root.place.clone(), |path, name| path.join(name))
    }
}

impl Visitor for Unpack {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        self.file = self.make(entry).map_err(|error| Error::io("make", self.place(entry))(error))?;
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write(bytes).map_err(Error::io("write", &self.roots[self.at].place))
    }

    fn end(&mut self, entry: &Entry) -> Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let set = file.file.set_len(file.length).and_then(|()| attributes(entry).give(&file.file));
        set.map_err(|error| Error::io("write", self.place(entry))(error))
    }
}

impl Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.holes {
            self.file.write_all_at(bytes, self.length)?;
            self.length += bytes.len() as u64;
            return Ok(());
        }
        for page in bytes.chunks(PAGE) {
            if page.iter().any(|byte| *byte != 0) {
                self.file.write_all_at(page, self.length)?;
            }
            self.length += page.len() as u64;
        }
        Ok(())
    }
}

fn attributes(entry: &Entry) -> Attributes {
    Attributes {
        user: entry.user,
        group: entry.group,
        mode: entry.mode.0,
        modified: (entry.modified.seconds, entry.modified.nanos),
    }
}
