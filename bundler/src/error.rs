//! What can go wrong while a bundle is built, signed, shown or taken apart, in words for the release engineer.

mod explain;

use std::io;
use std::path::PathBuf;

use wt_keys::console::Size;
use wt_keys::shown::{Shown, shown, shown_path};
use wt_keys::{KeyId, Sha256Digest, Utc};
use wt_manifests::release::TRANSPORTS;
use wt_manifests::{ImageName, Platform};

use crate::difference::Difference;
use crate::packages::unmet::Unmet;
use crate::problems::Problem;
use crate::source::RegistryFailure;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`", shown_path(path))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// from manifests: the release, the bundle file, and from keys below it
    #[error(transparent)]
    Bundle(wt_manifests::Error),
    #[error(transparent)]
    Keys(#[from] wt_keys::Error),

    #[error("no key to sign the bundle with")]
    NoKey,
    #[error("no key file `{}`", shown_path(path))]
    NoKeyFile { path: PathBuf },
    #[error("no trust document to check the bundle with")]
    NoTrust,
    #[error("`{}` is a folder\n  expected the name of the file to write", shown_path(path))]
    OutputFolder { path: PathBuf, example: PathBuf },
    #[error("`{}` is there already", shown_path(path))]
    OutputExists { path: PathBuf },
    #[error("`{}` is a volume; volumes are not signed", shown_path(path))]
    SignVolumes { path: PathBuf },
    #[error("`{}` takes no `--head`: it is not an unsigned bundle", shown_path(path))]
    HeadWithoutUnsigned { path: PathBuf },
    #[error(
        "the bundle carries a newer trust document than the one to sign it with\n  expected version {carried} or newer\n  found    version {ours}"
    )]
    OlderTrust { carried: u64, ours: u64 },
    #[error("nothing was signed")]
    NotSigned,
    #[error("no installer `{}` to hand over", shown_path(path))]
    NoInstaller { path: PathBuf },
    #[error(
        "`{}` is not a wt-install for {platform}\n  expected a static ELF executable for it\n  found    {found}",
        shown_path(path)
    )]
    Installer { path: PathBuf, platform: String, found: &'static str },
    #[error(
        "`{}` does not trust this bundle\n  expected the built-in roots {}\n  found    {}",
        shown_path(path),
        keys(expected),
        keys(found)
    )]
    InstallerRoots { path: PathBuf, expected: Vec<KeyId>, found: Vec<KeyId> },
    #[error(
        "`{}` cannot be handed over under this name\n  expected letters, digits and . _ - + only",
        shown_path(path)
    )]
    HandoverName { path: PathBuf },
    #[error("the bundle has nothing called `{}`", shown(found))]
    NoEntry { found: String, meant: Option<String> },
    #[error("the bundles differ")]
    BundlesDiffer,
    #[error("the bundle has no image `{}`", shown(found))]
    NoImage { found: String, known: Vec<String> },
    #[error("`{}` is there already, and is not what the bundle has", shown_path(path))]
    Occupied { path: PathBuf },
    #[error("`{}` is not a folder, and nothing is written through a link", shown_path(path))]
    NotAFolder { path: PathBuf },
    #[error("`{}` is nothing that a terminal can show", shown(path))]
    NotForTerminal { path: String },
    #[error("SOURCE_DATE_EPOCH is `{}`\n  expected seconds since 1970", shown(found))]
    Epoch { found: String },
    #[error("`{}` is not what this release gives: {difference}", shown_path(bundle))]
    Different { bundle: PathBuf, difference: Difference },
    #[error("the release has no `{}`", shown_path(path))]
    MissingFile { path: PathBuf },
    #[error("the release is not complete{}", lines(problems))]
    ReleaseIncomplete { problems: Vec<Problem> },
    #[error("`{}` is neither a file nor a folder", shown_path(path))]
    FileKind { path: PathBuf },

    #[error("`{}` is not an image source\n  expected TRANSPORT:WHERE, with one of {}", shown(found), TRANSPORTS.join(", "))]
    Transport { found: String },
    #[error("`{}` is not an image source\n  expected {expected}", shown(found))]
    SourceForm { found: String, expected: &'static str },

    #[error(transparent)]
    Registry(#[from] RegistryFailure),
    #[error("the engine at `{host}` cannot be reached")]
    EngineUnreachable { host: String, source: Box<bollard::errors::Error> },
    #[error("the engine at `{host}` cannot be reached this way\n  expected unix:///PATH")]
    EngineAddress { host: String },
    #[error("the engine failed to {action}")]
    Engine { action: &'static str, source: Box<bollard::errors::Error> },
    #[error("cannot start an asynchronous runtime")]
    Runtime { source: io::Error },
    #[error("the engine has no image {}", list(names))]
    NotInEngine { names: Vec<ImageName> },

    #[error("`{}` cannot be used: {why}", place(origin))]
    Unusable { origin: String, why: &'static str },
    #[error(
        "`{}` holds more than is read\n  expected at most {limit} {what}\n  found    {found} or more",
        place(origin)
    )]
    ArchiveTooLarge { origin: String, what: &'static str, limit: u64, found: u64 },
    #[error("`{}` in `{}` cannot be understood", shown(document), place(origin))]
    Document { origin: String, document: String, source: Shown<serde_json::Error> },
    #[error("the documents of the image `{image}` in the bundle are not what images have")]
    ImageInBundle { image: ImageName, source: Box<Self> },
    #[error("`{}` holds no image `{}`", place(origin), shown(wanted))]
    NotInArchive { origin: String, wanted: String, known: Vec<String> },
    #[error("`{}` holds several images and none is named", place(origin))]
    SeveralImages { origin: String, known: Vec<String> },
    #[error("`{}` holds no image for `{wanted}`", place(origin))]
    NoPlatform { origin: String, wanted: Platform, known: Vec<String> },
    #[error("`{}` holds several images for `{wanted}`, of different variants", place(origin))]
    Variants { origin: String, wanted: Platform, known: Vec<String> },
    #[error("`{}` misses `{}`", place(origin), shown(path))]
    Misses { origin: String, path: String },
    #[error(
        "`{}` has {what} of a type that is not taken\n  expected {expected}\n  found    {}",
        place(origin),
        shown(found)
    )]
    MediaType { origin: String, what: &'static str, expected: &'static str, found: String },
    #[error(
        "the layer `{}` of `{}` is to be fetched from elsewhere: `{}`",
        shown(layer),
        place(origin),
        shown(url)
    )]
    ForeignLayer { origin: String, layer: String, url: String },
    #[error("digest mismatch for `{}`\n  expected sha256:{expected}\n  found    sha256:{found}", place(what))]
    Digest { what: String, expected: Sha256Digest, found: Sha256Digest },
    #[error("`{}` is of another size\n  expected {expected} bytes\n  found    {found} bytes", place(what))]
    Size { what: String, expected: u64, found: u64 },
    #[error("{}", shown(why))]
    SourceName { why: String },
    #[error(
        "the image `{image}` is for another platform\n  expected {expected}\n  found    {}",
        shown(found)
    )]
    Platform { image: ImageName, expected: String, found: String },
    #[error(
        "the layers of the image `{image}` are not those of its configuration\n  expected {expected}\n  found    {found}"
    )]
    Layers { image: ImageName, expected: String, found: String },
    #[error("the layers cannot be compressed any further")]
    PressStopped,
    #[error("there is no `{}`", shown_path(path))]
    NoSource { path: PathBuf },
    #[error(
        "a layer{} is larger than is allowed: `{}`\n  expected at most {}\n  found    more",
        image.as_ref().map_or_else(String::new, |image| format!(" of the image `{image}`")), shown(origin), Size(*limit)
    )]
    LayerTooLarge { image: Option<ImageName>, origin: String, limit: u64 },
    #[error("the image archive `{}` unpacks to more than is allowed\n  expected at most {}", shown(origin), Size(*limit))]
    UnpackedTooLarge { origin: String, limit: u64 },
    #[error(
        "the layer `{layer}` is not what the configuration of its image says: `{}`\n  expected sha256:{expected}, unpacked\n  found    sha256:{found}",
        shown(origin)
    )]
    Unfolded { origin: String, layer: String, expected: Sha256Digest, found: Sha256Digest },
    #[error("no root file system `{}`", shown_path(path))]
    NoRootfs { path: PathBuf, prepare: Option<PathBuf> },
    #[error("`{}` cannot be in an image: it is {kind}", shown_path(path))]
    RootfsKind { path: PathBuf, kind: &'static str },
    #[error("the image `{image}` has {field} = `{}`\n  expected {expected}", shown(found))]
    Config { image: ImageName, field: &'static str, found: String, expected: &'static str },

    #[error("apt is needed to resolve packages, and cannot be started")]
    NoApt { source: io::Error },
    #[error("apt failed to {action} for `{target}`\n{said}")]
    Apt { action: &'static str, target: String, said: String },
    #[error("apt said something about `{target}` that cannot be understood: `{}`", shown(found))]
    AptAnswer { target: String, found: String },
    #[error("`{target}` has no package `{}`", names.join("`, `"))]
    NoPackage { target: String, names: Vec<String>, meant: Vec<String> },
    #[error("the packages for `{target}` need what cannot be had{}", lines(unmet))]
    Unmet { target: String, unmet: Vec<Unmet> },
    #[error("`{}` is not a Debian package", shown_path(path))]
    NotAPackage { path: PathBuf },
    #[error(
        "`{}` is a package for another machine\n  expected {expected} or all\n  found    {}",
        shown_path(path),
        shown(found)
    )]
    DebArchitecture { path: PathBuf, expected: String, found: String },
    #[error("the index `{}` for `{target}` has no InRelease file that vouches for it", shown(found))]
    UnsignedIndex { target: String, found: String },
    #[error(
        "the index `{suite}` for `{target}` is older than the release takes\n  expected {expected} or later\n  found    {}",
        shown(found)
    )]
    OldIndex { target: String, suite: String, expected: Utc, found: String },
    #[error("no keyring `{}` to check the packages for `{target}` with", shown_path(path))]
    NoKeyring { target: String, path: PathBuf },
    #[error("where the archive with `{suite}` is, is not known here")]
    NoMirror { suite: String },
}

/// Where something is, with names that are not ours.
fn place(origin: &str) -> Shown<&str> {
    shown(origin).up_to(1000)
}

fn list(names: &[ImageName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn lines<T: ToString>(missing: &[T]) -> String {
    let mut lines = String::new();
    for missing in missing {
        lines = lines + "\n  " + &missing.to_string();
    }
    lines
}

fn keys(keys: &[KeyId]) -> String {
    if keys.is_empty() {
        return "none".to_owned();
    }
    keys.iter().map(|key| format!("{:.16}…", key.to_string())).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// An error of ours that went through a reader, as it went in; one that is not ours comes back.
    pub fn from_reader(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>().or_else(|error| error.downcast::<wt_manifests::Error>().map(Self::from))
    }

    /// For `map_err` on an [`io::Error`]; an error of ours that went through a reader comes out as it went in.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::from_reader(source).unwrap_or_else(|source| Self::Io { action, path, source })
    }
}

impl Error {
    pub fn layer_too_large(origin: impl Into<String>, limit: u64) -> Self {
        Self::LayerTooLarge { image: None, origin: origin.into(), limit }
    }

    /// Names the image, where that is known.
    #[must_use]
    pub fn of_image(self, name: &ImageName) -> Self {
        match self {
            Self::LayerTooLarge { image: None, origin, limit } => {
                Self::LayerTooLarge { image: Some(name.clone()), origin, limit }
            }
            other => other,
        }
    }

    /// Whether something that a release names is not there or cannot be used: no fault of a machine or of a network.
    pub fn is_of_release(&self) -> bool {
        matches!(
            self,
            Self::MissingFile { .. }
                | Self::FileKind { .. }
                | Self::Transport { .. }
                | Self::SourceForm { .. }
                | Self::NoSource { .. }
                | Self::NoRootfs { .. }
                | Self::Config { .. }
                | Self::NotInEngine { .. }
                | Self::NotInArchive { .. }
                | Self::SeveralImages { .. }
                | Self::Registry(RegistryFailure::NotFound { .. })
                | Self::NoKeyring { .. }
                | Self::NoMirror { .. }
                | Self::NoPackage { .. }
                | Self::Unmet { .. }
                | Self::NotAPackage { .. }
                | Self::DebArchitecture { .. }
        )
    }
}

/// What a frame is made of is read by `wt_manifests`, which knows no error of ours: it keeps ours as a source.
impl From<wt_manifests::Error> for Error {
    fn from(error: wt_manifests::Error) -> Self {
        match error {
            wt_manifests::Error::Io { action, path, source } => {
                let theirs = |source| Self::Bundle(wt_manifests::Error::Io { action, path, source });
                Self::from_reader(source).unwrap_or_else(theirs)
            }
            wt_manifests::Error::Unreadable { source } => {
                let theirs = |source| Self::Bundle(wt_manifests::Error::Unreadable { source });
                Self::from_reader(source).unwrap_or_else(theirs)
            }
            other => Self::Bundle(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through a reader, and through that of a frame.
    #[test]
    fn an_error_that_went_through_a_reader_comes_out_as_it_went_in() {
        let through = |error: io::Error| Error::from(wt_manifests::Error::io("read", "the bundle")(error));
        let ours = || io::Error::other(Error::NotSigned);
        let theirs = || io::Error::other(wt_manifests::Error::Unsigned);
        let disk = || io::Error::from(io::ErrorKind::StorageFull);
        for error in [Error::io("read", "x")(ours()), through(ours())] {
            assert!(matches!(error, Error::NotSigned), "{error:?}");
        }
        for error in [Error::io("read", "x")(theirs()), through(theirs())] {
            assert!(matches!(error, Error::Bundle(wt_manifests::Error::Unsigned)), "{error:?}");
        }
        assert!(matches!(Error::io("read", "x")(disk()), Error::Io { .. }));
        assert!(matches!(through(disk()), Error::Bundle(wt_manifests::Error::Io { .. })));
    }
}
