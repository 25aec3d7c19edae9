use std::fmt;
use std::path::PathBuf;

use wt_keys::shown_path;

/// What is wrong with one volume of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeProblem {
    pub number: u64,
    pub path: PathBuf,
    pub kind: VolumeProblemKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeProblemKind {
    Missing,
    Length {
        expected: u64,
        found: u64,
    },
    /// Volume 1 ends inside the head, so that nothing more is known.
    HeadCut {
        least: u64,
        found: u64,
    },
    /// The same number in another folder.
    Twice {
        other: PathBuf,
    },
    /// A number that the bundle does not reach.
    Beyond {
        count: u64,
    },
    /// The first damaged chunk, its bytes in the volume, and how many more there are.
    Damaged {
        chunk: usize,
        from: u64,
        to: u64,
        more: usize,
    },
    /// It begins as another volume does.
    Swapped {
        holds: u64,
    },
}

impl fmt::Display for VolumeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "volume {} ", self.number)?;
        match &self.kind {
            VolumeProblemKind::Missing => write!(f, "is missing: `{}`", shown_path(&self.path)),
            VolumeProblemKind::Length { expected, found } => {
                let how = if found < expected { "cut short" } else { "too long" };
                let path = shown_path(&self.path);
                write!(f, "is {how}: `{path}` has {found} bytes, expected {expected}")
            }
            VolumeProblemKind::HeadCut { least, found } => {
                let path = shown_path(&self.path);
                write!(f, "is cut short: `{path}` has {found} bytes, expected at least {least}")
            }
            VolumeProblemKind::Twice { other } => {
                write!(f, "is there twice: `{}` and `{}`", shown_path(&self.path), shown_path(other))
            }
            VolumeProblemKind::Beyond { count } => {
                write!(f, "is not of this bundle, which has {count}: `{}`", shown_path(&self.path))
            }
            VolumeProblemKind::Damaged { chunk, from, to, more } => {
                write!(f, "is damaged at chunk {chunk}: `{}`, bytes {from} to {to}", shown_path(&self.path))?;
                if *more > 0 { write!(f, ", and {more} more chunks") } else { Ok(()) }
            }
            VolumeProblemKind::Swapped { holds } => {
                write!(f, "holds the bytes of volume {holds}: `{}`", shown_path(&self.path))
            }
        }
    }
}
