//! What can be wrong with a bundle or a release, in words for the person who holds it.

use std::path::PathBuf;

use wt_keys::Sha256Digest;
use wt_keys::console::{Exit, Explain};
use wt_keys::shown::{Shown, shown, shown_path};

use crate::bundle::volume_problem::VolumeProblem;
use crate::release::meant;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`", shown_path(path))]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// from keys: signatures, digests, trust
    #[error(transparent)]
    Keys(#[from] wt_keys::Error),

    #[error("`{}` is not a bundle\n  expected {expected}\n  found    {found}", shown_path(path))]
    NotABundle { path: PathBuf, expected: &'static str, found: String },
    #[error("`{}` is a folder\n  expected the name of a bundle", shown_path(path))]
    Folder { path: PathBuf, there: Vec<String> },
    #[error("no bundle `{}`", shown_path(path))]
    NoBundle { path: PathBuf, there: Vec<String> },
    #[error("`{}` is cut short at {found} bytes; its head alone has {expected}", shown_path(path))]
    HeadCut { path: PathBuf, expected: u64, found: u64 },
    #[error("`{}` {}", shown_path(path), of_length(*expected, *found))]
    Length { path: PathBuf, expected: u64, found: u64 },
    #[error("the volumes of `{}` are not complete\n{}", shown_path(name), listed(problems))]
    Volumes { name: PathBuf, problems: Vec<VolumeProblem> },
    #[error(
        "the bundle cannot be cut so small\n  expected at least {smallest} bytes a volume\n  found    {found} bytes"
    )]
    VolumeSize { smallest: u64, found: u64 },
    #[error("`{}` is there already", shown_path(path))]
    VolumeExists { path: PathBuf },
    #[error("a manifest to be signed cannot be understood")]
    UnsignedManifest { source: Shown<serde_json::Error> },
    #[error("a manifest to be signed is not spelled as it would be signed")]
    ManifestSpelling,
    #[error(
        "the head is of another bundle\n  expected the manifest sha256:{expected}\n  found    sha256:{found}"
    )]
    OtherManifest { expected: Sha256Digest, found: Sha256Digest },
    #[error("the bundle was signed by nobody yet")]
    Unsigned,
    #[error("the manifest contradicts itself: {}", shown(.0).up_to(1000))]
    Manifest(String),
    #[error(
        "chunk {index} of the bundle is damaged (bytes {from} to {to})\n  expected sha256:{expected}\n  found    sha256:{found}"
    )]
    Chunk { index: usize, from: u64, to: u64, expected: Sha256Digest, found: Sha256Digest },
    #[error("frame {frame} of the bundle does not hold what the manifest says: {why}")]
    Frame { frame: usize, why: &'static str },
    #[error("digest mismatch for `{path}`\n  expected sha256:{expected}\n  found    sha256:{found}")]
    Entry { path: String, expected: Sha256Digest, found: Sha256Digest },
    /// A reader of ours failed with an error that is not ours.
    #[error("the bundle cannot be read")]
    Unreadable { source: std::io::Error },
    #[error("the bundle has no entry `{}`", shown(.0))]
    NoEntry(String),
    #[error(
        "the entry `{path}` is larger than allowed here\n  expected at most {limit} bytes\n  found    {found} bytes"
    )]
    EntryTooLarge { path: String, limit: u64, found: u64 },

    #[error("`{path}` is larger than a bundle can hold\n  found    {found} bytes")]
    EntrySize { path: String, found: u64 },

    #[error("`{}` is not a path that a bundle may hold: {why}", shown(found))]
    Path { found: String, why: &'static str },
    #[error(
        "`{}` is not an image name\n  expected a lower-case repository and a tag, such as `acme/web:1.0`",
        shown(found)
    )]
    ImageName { found: String },
    #[error("image documents that cannot be understood")]
    ImageDocument { source: Shown<serde_json::Error> },

    #[error("`stack.yaml` cannot be understood")]
    StackYaml { source: Box<Shown<serde_saphyr::Error>> },
    #[error("`stack.yaml` is not valid: {}", shown(why).up_to(1000))]
    Stack { why: String },
    #[error(
        "the service `{}` uses the image `{}`, which the bundle does not have",
        shown(service),
        shown(image)
    )]
    StackImage { service: String, image: String },

    #[error(
        "no release `{}` here\n  expected a folder `{}` with a release.toml",
        shown(name),
        shown_path(expected)
    )]
    NoRelease { name: String, expected: PathBuf, known: Vec<String> },
    /// toml's text has lines of its own, so it stands in the text and is not a source.
    #[error("`{}` cannot be understood\n{}", shown_path(path), what.to_string().trim_end())]
    Toml { path: PathBuf, what: Box<toml::de::Error> },
    #[error("`{}` is not valid: {}", shown_path(path), shown(why).up_to(1000))]
    Release { path: PathBuf, why: String },
}

fn listed(problems: &[VolumeProblem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

fn of_length(expected: u64, found: u64) -> String {
    match found.checked_sub(expected) {
        None => format!("is cut short at {found} of {expected} bytes"),
        Some(extra) => {
            format!("is too long: {extra} bytes follow the end of the bundle, which has {expected}")
        }
    }
}

/// Names of files, which anybody can have chosen.
fn named(names: &[String]) -> String {
    names.iter().map(|name| shown(name).to_string()).collect::<Vec<_>>().join(", ")
}

/// The names, as examples of what to say instead of `path`.
fn there_are(there: &[String]) -> Option<String> {
    match there {
        [] => None,
        [one] => Some(format!("there is `{}`", shown(one))),
        several => Some(format!("there are {}", named(several))),
    }
}

impl Error {
    /// For `map_err` on an [`std::io::Error`].
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl Explain for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Io { .. }
            | Self::Unreadable { .. }
            | Self::EntrySize { .. }
            | Self::Folder { .. }
            | Self::NoBundle { .. }
            | Self::NoEntry(_)
            | Self::VolumeExists { .. }
            | Self::EntryTooLarge { .. }
            | Self::NoRelease { .. }
            | Self::Toml { .. }
            | Self::Release { .. }
            | Self::Path { .. }
            | Self::ImageName { .. }
            | Self::StackYaml { .. }
            | Self::Stack { .. }
            | Self::StackImage { .. } => Exit::Failed,
            Self::VolumeSize { .. } => Exit::Usage,
            Self::Keys(error) => error.exit(),
            _ => Exit::NotTrusted,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Keys(error) => return error.hint(),
            Self::HeadCut { .. } | Self::Length { .. } => "copy it again, and compare the sizes".into(),
            Self::Folder { there, .. } => match there_are(there) {
                Some(there) => format!("name the bundle in it: {there}"),
                None => "name the `.tar.zst` file that the vendor sent; there is none in this folder".into(),
            },
            Self::NoBundle { there, .. } => there_are(there).unwrap_or_else(|| {
                "name the `.tar.zst` file that the vendor sent; there is none here".into()
            }),
            Self::Chunk { .. } => {
                "the file changed after it was signed, or the medium is bad; copy it again".into()
            }
            Self::Unsigned => {
                "`wt-bundle sign` signs it, with the key or with a head made where the key is".into()
            }
            Self::Volumes { .. } => {
                "copy these volumes again; `--volumes DIR` names further folders that hold some".into()
            }
            Self::VolumeExists { .. } => {
                "volumes replace no files; remove what is left of others, or name another folder".into()
            }
            Self::OtherManifest { .. } => "sign the `.manifest` that lies beside this bundle".into(),
            Self::VolumeSize { .. } => "larger volumes, of whole 4 MiB".into(),
            Self::StackImage { .. } => "name the image in release.toml, or correct the service".into(),
            Self::NotABundle { .. } => "is it the `.tar.zst` file that the vendor sent?".into(),
            Self::Toml { what, .. } => {
                format!("did you mean `{}`?", shown(meant::of_message(what.message())?))
            }
            Self::NoRelease { name, .. } if name.ends_with("release.toml") => {
                let folder = name.trim_end_matches("release.toml").trim_end_matches('/');
                let folder = if folder.is_empty() { "." } else { folder };
                format!("name the folder that it is in: `{}`", shown(folder))
            }
            Self::NoRelease { known, .. } if known.is_empty() => {
                "run it in the folder that holds `manifests/`, or give the path of a release folder".into()
            }
            Self::NoRelease { known, .. } => format!("there are: {}", named(known)),
            _ => return None,
        })
    }
}
