//! Looking for the files of a bundle by its name, before its head is known.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use wt_keys::{capped, folder_of};

use crate::bundle::cut::Cut;
use crate::bundle::lookalike;
use crate::bundle::volume_problem::{VolumeProblem, VolumeProblemKind as Kind};
use crate::bundle::volumes::{Volumes, missing};
use crate::{Error, Result};

/// A file that holds a bundle or a volume of one.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) length: u64,
    /// Device and inode.
    identity: (u64, u64),
}

/// What was found under a bundle's name, before its head is known.
#[derive(Debug)]
pub struct Found {
    name: PathBuf,
    split: bool,
    parts: BTreeMap<u64, Part>,
    problems: Vec<VolumeProblem>,
}

impl Part {
    fn open(path: PathBuf) -> Result<Self> {
        let file = capped::open(&path).map_err(lookalike::not_opened(&path))?;
        Self::of_file(file, path)
    }

    fn of_file(file: File, path: PathBuf) -> Result<Self> {
        let metadata = file.metadata().map_err(Error::io("read", &path))?;
        if !metadata.is_file() {
            return Err(lookalike::not_a_file(&path));
        }
        Ok(Self { file, path, length: metadata.len(), identity: (metadata.dev(), metadata.ino()) })
    }
}

impl Found {
    /// Looks for the bundle `path`, which may be a file, one of its volumes, or the name that volumes have in common;
    /// volumes may lie beside it and in `folders`.
    pub fn at(path: &Path, folders: &[PathBuf]) -> Result<Self> {
        let base = match base_name(path) {
            Some(base) => Some(base),
            None if path.symlink_metadata().is_ok() => None,
            None => path.file_name().map(OsStr::to_owned),
        };
        if let Some(base) = base {
            let found = Self::volumes(path, &base, folders)?;
            if !found.parts.is_empty() {
                return Ok(found);
            }
        }
        Ok(Self::single(path, Part::open(path.to_owned())?))
    }

    /// A file that is open already, and may have no name yet.
    pub fn of_file(file: &File, path: &Path) -> Result<Self> {
        let file = file.try_clone().map_err(Error::io("read", path))?;
        Ok(Self::single(path, Part::of_file(file, path.to_owned())?))
    }

    fn single(path: &Path, part: Part) -> Self {
        let parts = BTreeMap::from([(1, part)]);
        Self { name: path.to_owned(), split: false, parts, problems: Vec::new() }
    }

    fn volumes(path: &Path, base: &OsStr, folders: &[PathBuf]) -> Result<Self> {
        let beside = folder_of(path);
        let name = path.with_file_name(base);
        let mut found = Self { name, split: true, parts: BTreeMap::new(), problems: Vec::new() };
        if beside.is_dir() {
            found.look_in(path.parent().unwrap_or(&beside), &beside, base)?;
        }
        for folder in folders {
            found.look_in(folder, folder, base)?;
        }
        Ok(found)
    }

    fn look_in(&mut self, shown: &Path, folder: &Path, base: &OsStr) -> Result<()> {
        let failed = |error| Error::io("read the folder", folder)(error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(number_of(&name, base).map(|number| (number, name)));
        }
        names.sort();
        for (number, name) in names {
            let part = Part::open(shown.join(name))?;
            match self.parts.get(&number) {
                None => drop(self.parts.insert(number, part)),
                Some(first) if first.identity == part.identity => {}
                Some(first) => self.problems.push(VolumeProblem {
                    number,
                    path: first.path.clone(),
                    kind: Kind::Twice { other: part.path },
                }),
            }
        }
        Ok(())
    }

    /// The file with the head. Its length is that of the bundle or of volume 1.
    pub fn first(&self) -> Result<(&File, &Path, u64)> {
        match self.parts.get(&1) {
            Some(part) => Ok((&part.file, &part.path, part.length)),
            None => Err(self.refused(vec![missing(&self.name, 1)])),
        }
    }

    /// Names the volume where its head is cut short.
    pub fn head_error(&self, error: Error) -> Error {
        match error {
            Error::HeadCut { path, expected: least, found } if self.split => {
                self.refused(vec![VolumeProblem { number: 1, path, kind: Kind::HeadCut { least, found } }])
            }
            other => other,
        }
    }

    fn refused(&self, problems: Vec<VolumeProblem>) -> Error {
        let problems = self.problems.iter().cloned().chain(problems).collect();
        Error::Volumes { name: self.name.clone(), problems }
    }

    /// Compares what was found with the length that was signed.
    pub fn cut(mut self, body_offset: u64, total: u64) -> Result<Volumes> {
        if self.problems.iter().any(|problem| problem.number == 1) {
            return Err(self.refused(Vec::new())); // two heads: whose?
        }
        let cut =
            if self.split { self.likely_cut(body_offset, total) } else { Cut::whole(body_offset, total) };
        let problems = self.problems_with(&cut);
        if let [VolumeProblem { path, kind: Kind::Length { expected, found }, .. }] = &problems[..]
            && !self.split
        {
            return Err(Error::Length { path: path.clone(), expected: *expected, found: *found });
        }
        self.problems.extend(problems);
        self.problems.sort_by_key(|problem| problem.number);
        Ok(Volumes { name: self.name, split: self.split, parts: self.parts, cut, problems: self.problems })
    }

    /// Every length hints at where the bundle was cut; the hint that most volumes agree with is taken.
    fn likely_cut(&self, body_offset: u64, total: u64) -> Cut {
        let last = self.parts.keys().next_back().copied();
        let mut best = Cut::whole(body_offset, total);
        let mut fewest = self.disagreement(&best);
        for (number, part) in &self.parts {
            for cut in Cut::from_length(*number, part.length, last == Some(*number), body_offset, total) {
                let problems = self.disagreement(&cut);
                if problems < fewest {
                    (best, fewest) = (cut, problems);
                }
            }
        }
        best
    }

    /// How many volumes have a length that the cut does not give them; then, how many are missing.
    fn disagreement(&self, cut: &Cut) -> (usize, usize) {
        let problems = self.problems_with(cut);
        let missing = problems.iter().filter(|problem| problem.kind == Kind::Missing).count();
        (problems.len() - missing, missing)
    }

    fn problems_with(&self, cut: &Cut) -> Vec<VolumeProblem> {
        let count = cut.count();
        let absent = (1..=count).filter(|number| !self.parts.contains_key(number));
        let mut problems: Vec<_> = absent.map(|number| missing(&self.name, number)).collect();
        for (number, part) in &self.parts {
            let range = cut.range(*number);
            let (expected, found) = (range.end - range.start, part.length);
            let kind = match () {
                () if *number > count => Kind::Beyond { count },
                () if expected != found => Kind::Length { expected, found },
                () => continue,
            };
            problems.push(VolumeProblem { number: *number, path: part.path.clone(), kind });
        }
        problems
    }
}

/// The file name of a volume without its number.
fn base_name(path: &Path) -> Option<OsString> {
    let number = path.extension()?;
    let digits = number.len() == 3 && number.to_str()?.bytes().all(|c| c.is_ascii_digit());
    (digits && number != "000").then(|| path.file_stem().map(OsStr::to_owned)).flatten()
}

/// The number of the volume `name` of the bundle `base`.
fn number_of(name: &OsStr, base: &OsStr) -> Option<u64> {
    let own = base_name(Path::new(name))?;
    if own != base {
        return None;
    }
    Path::new(name).extension()?.to_str()?.parse().ok()
}
