//! What can go wrong with requests, licenses and snapshots, in words for the person who meets it.

use std::path::PathBuf;

use crate::{Reason, State};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Keys(#[from] wt_keys::Error),

    #[error("`{found}` is not an identifier\n  expected 32 lower-case hexadecimal digits")]
    Id { found: String },
    #[error("`{found}` is not a component tag\n  expected 6 or 32 lower-case hexadecimal digits")]
    Tag { found: String },

    #[error("`{}` is not a hardware request that can be trusted", path.display())]
    NotARequest { path: PathBuf, source: Box<Error> },
    #[error("the hardware request is not valid: {0}")]
    RequestInvalid(&'static str),
    #[error("the license is not valid: {0}")]
    LicenseInvalid(&'static str),
    #[error("`{}` is not a host snapshot", path.display())]
    Snapshot { path: PathBuf },
    #[error("`{}` is not a host snapshot\n  expected schema `{expected}`\n  found    `{found}`", path.display())]
    SnapshotSchema { path: PathBuf, expected: &'static str, found: String },

    #[error(
        "the fingerprint of node `{node}` is too weak\n  expected grade A or B\n  found    grade C: {usable}"
    )]
    Weak { node: String, usable: String },
    #[error("the request is for another product\n  expected `{expected}`\n  found    `{found}`")]
    OtherProduct { expected: String, found: String },
    #[error("the request is for more nodes than are sold\n  expected at most {expected}\n  found    {found}")]
    MoreNodes { expected: u32, found: usize },
    #[error("`{}` is there already", path.display())]
    FileExists { path: PathBuf },
    #[error("the license is refused: {state} ({reason})")]
    Refused { state: State, reason: Reason },
}

#[cfg(feature = "console")]
impl wt_keys::console::Explain for Error {
    fn exit(&self) -> wt_keys::console::Exit {
        use wt_keys::console::Exit;
        match self {
            Self::Keys(error) => error.exit(),
            Self::NotARequest { source, .. } => source.exit(),
            Self::Id { .. } | Self::Tag { .. } => Exit::Usage,
            Self::Refused { state: State::Untrusted, .. }
            | Self::RequestInvalid(_)
            | Self::LicenseInvalid(_)
            | Self::Snapshot { .. }
            | Self::SnapshotSchema { .. } => Exit::NotTrusted,
            Self::FileExists { .. } => Exit::Failed,
            Self::Weak { .. } | Self::OtherProduct { .. } | Self::MoreNodes { .. } | Self::Refused { .. } => {
                Exit::LicenseRefused
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Keys(error) => return error.hint(),
            Self::NotARequest { .. } => {
                "ask the site for the `hw.json` that `wt-install fingerprint` writes, unchanged".into()
            }
            Self::Weak { .. } => {
                "run `wt-install fingerprint` as root on the host itself; `--accept-weak` signs anyway, and the license \
                 can then be copied more easily"
                    .into()
            }
            Self::OtherProduct { expected, .. } => format!("ask the site for the `hw.json` of `{expected}`"),
            Self::MoreNodes { found, .. } => format!("if that many were sold, say so: `--nodes {found}`"),
            Self::FileExists { .. } => {
                "name another file with `--output`, or replace it with `--replace`".into()
            }
            Self::Snapshot { .. } | Self::SnapshotSchema { .. } => {
                "give the file that `wt-install` writes under `/run`".into()
            }
            _ => return None,
        })
    }
}
