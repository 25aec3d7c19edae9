//! What can go wrong with requests, licenses and snapshots, in words for the person who meets it.

use std::path::PathBuf;

use wt_keys::{Utc, shown, shown_path};

use crate::{Id, Reason, State};

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
    #[error(
        "the request is for more nodes than are sold, spares included\n  expected at most {expected}\n  found    {found}"
    )]
    MoreNodes { expected: u32, found: usize },
    #[error("`{}` is there already", path.display())]
    FileExists { path: PathBuf },
    #[error("the license is refused: {state} ({reason})")]
    Refused { state: State, reason: Reason },

    #[error("`{}` is not a term\n  expected `1 year`, `18 months` or `90 days`", shown(found))]
    Term { found: String },
    #[error("`{}` is not a day\n  expected one such as `2027-11-23`", shown(found))]
    Day { found: String },
    #[error("{found} is over\n  expected {today} or later")]
    DayPast { found: String, today: String },
    #[error("`{}` is not a time zone", shown(found))]
    Zone { found: String, meant: String },
    #[error("`{}` is not a plans file\n  {why}", shown_path(path))]
    Plans { path: PathBuf, why: String },
    #[error("there is no plan `{}`\n  expected one of {known}", shown(found))]
    NoPlan { found: String, known: String },
    #[error("`{}` has no module `{}`\n  expected some of {known}", shown(product), shown(found))]
    NoModule { product: String, found: String, known: String },

    #[error("there is no ledger `{}`", shown_path(path))]
    NoLedger { path: PathBuf },
    #[error("another process has the ledger `{}`", shown_path(path))]
    LedgerBusy { path: PathBuf },
    #[error(
        "`{}` is a ledger of a newer program\n  expected version {expected}\n  found    version {found}",
        shown_path(path)
    )]
    LedgerVersion { path: PathBuf, expected: u32, found: u32 },
    #[error("the ledger `{}` was altered at entry {number}: {why}", shown_path(path))]
    LedgerAltered { path: PathBuf, number: u64, why: &'static str },
    #[error("the ledger `{}` was altered at entry {number}", shown_path(path))]
    LedgerEntry { path: PathBuf, number: u64, source: Box<Error> },
    #[cfg(feature = "issue")]
    #[error("the ledger `{}` cannot be used", shown_path(path))]
    Ledger { path: PathBuf, source: rusqlite::Error },
    #[error("the ledger has no license `{}`", shown(wanted))]
    NoLicense { wanted: String },
    #[error("{several} licenses of the ledger begin with `{}`", shown(wanted))]
    SeveralLicenses { wanted: String, several: usize },
    #[error("`{}` gets no license", shown_path(path))]
    OfRequest { path: PathBuf, source: Box<Error> },
    #[error("`{}` and `{}` are for the same machine", shown_path(one), shown_path(other))]
    SameMachine { one: PathBuf, other: PathBuf },
    #[error(
        "the request is for another machine than the license\n  expected 25 % alike or more\n  found    {percent} %"
    )]
    OtherMachine { percent: u32 },
    #[error("license {license} was revoked already")]
    RevokedAlready { license: Id },
    #[error(
        "there is a license of this machine: {license}\n  for      `{}`, signed {signed}, good until {expires}\n  the same {common}",
        shown(customer)
    )]
    SecondLicense { license: Id, customer: String, signed: Utc, expires: Utc, common: String },
}

#[cfg(feature = "console")]
impl wt_keys::console::Explain for Error {
    fn exit(&self) -> wt_keys::console::Exit {
        use wt_keys::console::Exit;
        match self {
            Self::Keys(error) => error.exit(),
            Self::NotARequest { source, .. } | Self::OfRequest { source, .. } => source.exit(),
            Self::Id { .. }
            | Self::Tag { .. }
            | Self::Term { .. }
            | Self::Day { .. }
            | Self::DayPast { .. }
            | Self::Zone { .. }
            | Self::Plans { .. }
            | Self::NoPlan { .. }
            | Self::NoModule { .. }
            | Self::NoLicense { .. }
            | Self::SeveralLicenses { .. } => Exit::Usage,
            Self::LedgerBusy { .. } => Exit::Locked,
            Self::Refused { state: State::Untrusted, .. }
            | Self::OldRequest
            | Self::RequestInvalid(_)
            | Self::LicenseInvalid(_)
            | Self::LedgerAltered { .. }
            | Self::LedgerEntry { .. }
            | Self::Snapshot { .. }
            | Self::SnapshotSchema { .. } => Exit::NotTrusted,
            #[cfg(feature = "issue")]
            Self::Ledger { .. } => Exit::Failed,
            Self::FileExists { .. }
            | Self::MergeMixed { .. }
            | Self::MergeSameName { .. }
            | Self::MergeWithoutOwn
            | Self::Usage { .. }
            | Self::NoLedger { .. }
            | Self::LedgerVersion { .. }
            | Self::RevokedAlready { .. } => Exit::Failed,
            Self::Weak { .. }
            | Self::OtherProduct { .. }
            | Self::MoreNodes { .. }
            | Self::SecondLicense { .. }
            | Self::SameMachine { .. }
            | Self::OtherMachine { .. }
            | Self::Refused { .. } => Exit::LicenseRefused,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Keys(error) => return error.hint(),
            Self::OfRequest { source, .. } => return source.hint(),
            Self::OtherMachine { .. } => "`--rehost` signs it all the same".into(),
            Self::SameMachine { .. } => "take one of the two out of the folder".into(),
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
            Self::Zone { meant, .. } => format!("perhaps `{meant}`"),
            Self::NoLedger { .. } => {
                "name it: `--ledger FILE`, or `WT_LEDGER=FILE`; the first `wt-license sign` makes it".into()
            }
            Self::LedgerBusy { .. } => "wait until it is done, and run this again".into(),
            Self::LedgerAltered { .. } | Self::LedgerEntry { .. } => {
                "sign nothing with it; put back the last copy that `wt-license verify-ledger` accepts".into()
            }
            Self::NoLicense { .. } => "`wt-license list` shows them".into(),
            Self::SeveralLicenses { .. } => "give more of its identifier".into(),
            Self::SecondLicense { license, .. } => format!(
                "`wt-license renew {license}` renews it; if the machine was sold or set up anew, `--rehost` signs another in \
                 its place"
            ),
            Self::Snapshot { .. } | Self::SnapshotSchema { .. } => {
                "give the file that `wt-install` writes under `/run`".into()
            }
            _ => return None,
        })
    }
}
