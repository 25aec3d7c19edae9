//! The files that a bundle lies in: one, or volumes in one or several folders. FORMAT.md section 8.
//!
//! Everything is read where it lies. What is missing, twice, or of a wrong length is listed together.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::bundle::cut::Cut;
use crate::bundle::found::Part;
use crate::bundle::volume_problem::{VolumeProblem, VolumeProblemKind as Kind};
use crate::{Error, Result};

/// The files of a bundle whose head is known.
#[derive(Debug)]
pub struct Volumes {
    pub(super) name: PathBuf,
    pub(super) split: bool,
    pub(super) parts: BTreeMap<u64, Part>,
    pub(super) cut: Cut,
    pub(super) problems: Vec<VolumeProblem>,
}

impl Volumes {
    /// What the bundle is called: without a number where it lies in volumes.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Where its files lie, in their order.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.parts.values().map(|part| &*part.path)
    }

    pub fn is_split(&self) -> bool {
        self.split
    }

    pub fn problems(&self) -> &[VolumeProblem] {
        &self.problems
    }

    pub fn refused(&self, problems: Vec<VolumeProblem>) -> Error {
        Error::Volumes { name: self.name.clone(), problems }
    }

    /// Whether the volume at `offset` of the bundle is there with its right length.
    pub fn has(&self, offset: u64) -> bool {
        let number = self.cut.holding(offset);
        let wrong =
            |problem: &VolumeProblem| problem.number == number && !matches!(problem.kind, Kind::Twice { .. });
        !self.problems.iter().any(wrong)
    }

    /// The volume that holds `offset`, where it lies, and the place of `offset` in it.
    pub fn locate(&self, offset: u64) -> (u64, &Path, u64) {
        let number = self.cut.holding(offset);
        let path = self.parts.get(&number).map_or(&*self.name, |part| &part.path);
        (number, path, offset - self.cut.range(number).start)
    }

    /// Fills `bytes` with what stands at `offset` of the bundle.
    pub fn read_exact_at(&self, mut bytes: &mut [u8], mut offset: u64) -> Result<()> {
        while !bytes.is_empty() {
            let number = self.cut.holding(offset);
            let range = self.cut.range(number);
            let Some(part) = self.parts.get(&number) else {
                return Err(self.refused(vec![missing(&self.name, number)]));
            };
            let here = usize::try_from(range.end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at_mut(here.clamp(1, bytes.len()));
            part.file
                .read_exact_at(now, offset.saturating_sub(range.start))
                .map_err(Error::io("read", &part.path))?;
            offset += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }
}

/// `NAME.007`
pub fn volume_path(name: &Path, number: u64) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push(format!(".{number:03}"));
    PathBuf::from(name)
}

pub(super) fn missing(name: &Path, number: u64) -> VolumeProblem {
    VolumeProblem { number, path: volume_path(name, number), kind: Kind::Missing }
}
