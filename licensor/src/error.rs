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
    #[error("a hardware request of format 1, which an older `wt-install` wrote\n  expected format 2")]
    OldRequest,
    #[error("the requests are for different {what}\n  expected `{expected}`\n  found    `{found}`")]
    MergeMixed { what: &'static str, expected: String, found: String },
    #[error("two machines are called `{label}`")]
    MergeSameName { label: String },
    #[error("none of the requests is this site's own")]
    MergeWithoutOwn,
    #[error("`{}` does not say what was used", path.display())]
    Usage { path: PathBuf, source: serde_json::Error },
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
            | Self::OldRequest
            | Self::RequestInvalid(_)
            | Self::LicenseInvalid(_)
            | Self::Snapshot { .. }
            | Self::SnapshotSchema { .. } => Exit::NotTrusted,
            Self::FileExists { .. }
            | Self::MergeMixed { .. }
            | Self::MergeSameName { .. }
            | Self::MergeWithoutOwn
            | Self::Usage { .. } => Exit::Failed,
            Self::Weak { .. } | Self::OtherProduct { .. } | Self::MoreNodes { .. } | Self::Refused { .. } => {
                Exit::LicenseRefused
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Keys(error) => return error.hint(),
            Self::NotARequest { source, .. } if matches!(**source, Self::OldRequest) => {
                "run `wt-install fingerprint` of the present release on the site, which writes it anew".into()
            }
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
            Self::MergeMixed { .. } => {
                "run `wt-install fingerprint` on every node once all of them have the same release".into()
            }
            Self::MergeSameName { .. } => {
                "give each node its own name in its `site.toml`, and run `wt-install fingerprint` there again".into()
            }
            Self::MergeWithoutOwn => {
                "name the `hw.json` of this host, too: the merged one is signed with its key".into()
            }
            Self::Usage { .. } => {
                "expected `{\"users\": 87, \"modules\": [\"messages\"], \"counted_at\": \"2026-11-23T08:00:00Z\"}`".into()
            }
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
