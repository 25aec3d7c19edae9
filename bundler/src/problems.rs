//! All that keeps a release from being built, said at once.

use std::error::Error as StdError;
use std::fmt;
use std::mem::discriminant;

use wt_keys::console::{Exit, Explain as _};
use wt_manifests::complete::Missing;

use crate::{Error, Result};

/// What is wrong, and where in the release it is named.
#[derive(Debug)]
pub enum Problem {
    /// A small file that reaches what is not inside.
    Missing(Missing),
    /// A source or a package that is not to be had.
    Failed { place: String, error: Error },
}

/// Where something is looked for that may fail; what was found wrong is kept, and the search goes on.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn add(&mut self, place: impl Into<String>, error: Error) {
        self.0.push(Problem::Failed { place: place.into(), error });
    }

    pub fn extend(&mut self, missing: Vec<Missing>) {
        self.0.extend(missing.into_iter().map(Problem::Missing));
    }

    /// What there is; none where that went wrong.
    pub fn keep<T>(&mut self, place: &str, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(place, error)).ok()
    }

    /// Whether the release has to be mended, and not only this machine: then it is worth while to look for more.
    pub fn are_of_release(&self) -> bool {
        self.0.iter().any(Problem::is_of_release)
    }

    /// Something that is no fault of the release is said alone, in its own words.
    pub fn into_result(self) -> Result<()> {
        if self.are_of_release() {
            return Err(Error::ReleaseIncomplete { problems: self.0 });
        }
        match self.0.into_iter().next() {
            Some(Problem::Failed { error, .. }) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Problem {
    fn is_of_release(&self) -> bool {
        match self {
            Self::Missing(_) => true,
            Self::Failed { error, .. } => error.is_of_release(),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Missing(_) => Exit::Failed,
            Self::Failed { error, .. } => error.exit(),
        }
    }

    fn error(&self) -> Option<&Error> {
        match self {
            Self::Missing(_) => None,
            Self::Failed { error, .. } => Some(error),
        }
    }
}

/// On one line, and on deeper ones where the error has several; with its causes, as nobody prints those of a list.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, error) = match self {
            Self::Missing(missing) => return missing.fmt(f),
            Self::Failed { place, error } => (place, error),
        };
        write!(f, "{place}: {}", error.to_string().replace('\n', "\n  "))?;
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(f, ": {}", error.to_string().replace('\n', "\n  "))?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The one that they have in common. What is not to be trusted comes before the rest.
pub fn exit(problems: &[Problem]) -> Exit {
    let exits = || problems.iter().map(Problem::exit);
    match exits().next() {
        _ if exits().any(|exit| exit == Exit::NotTrusted) => Exit::NotTrusted,
        Some(first) if exits().all(|exit| exit == first) => first,
        _ => Exit::Failed,
    }
}

/// One for each kind of problem, each on a line of its own.
pub fn hint(problems: &[Problem]) -> Option<String> {
    let (mut kinds, mut hints) = (Vec::new(), Vec::new());
    for error in problems.iter().filter_map(Problem::error) {
        let kind = match error {
            Error::Registry(failure) => (discriminant(error), Some(discriminant(failure))),
            error => (discriminant(error), None),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
            hints.extend(error.hint().filter(|hint| !hints.contains(hint)));
        }
    }
    (!hints.is_empty()).then(|| hints.join("\nhint: "))
}
