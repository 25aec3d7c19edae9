//! What can go wrong while a bundle is built, in words for the release engineer.

use std::path::PathBuf;

use wt_keys::console::{Exit, Explain};
use wt_keys::{KeyId, Sha256Digest};
use wt_manifests::ImageName;
use wt_manifests::complete::Missing;
use wt_manifests::release::TRANSPORTS;

use crate::difference::Difference;
use crate::packages::unmet::Unmet;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// from manifests: the release, the bundle file, and from keys below it
    #[error(transparent)]
    Bundle(#[from] wt_manifests::Error),
    #[error(transparent)]
    Keys(#[from] wt_keys::Error),

    #[error("no key to sign the bundle with")]
    NoKey,
    #[error("no key file `{}`", path.display())]
    NoKeyFile { path: PathBuf },
    #[error("no trust document to check the bundle with")]
    NoTrust,
    #[error("`{}` is a folder\n  expected the name of the file to write", path.display())]
    OutputFolder { path: PathBuf, example: PathBuf },
    #[error("`{}` is there already", path.display())]
    OutputExists { path: PathBuf },
    #[error("`{}` is a volume; volumes are not signed", path.display())]
    SignVolumes { path: PathBuf },
    #[error("`{}` takes no `--head`: it is not an unsigned bundle", path.display())]
    HeadWithoutUnsigned { path: PathBuf },
    #[error(
        "the bundle carries a newer trust document than the one to sign it with\n  expected version {carried} or newer\n  found    version {ours}"
    )]
    OlderTrust { carried: u64, ours: u64 },
    #[error("nothing was signed")]
    NotSigned,
    #[error("no installer `{}` to hand over", path.display())]
    NoInstaller { path: PathBuf },
    #[error(
        "`{}` is not a wt-install for {platform}\n  expected a static ELF executable for it\n  found    {found}",
        path.display()
    )]
    Installer { path: PathBuf, platform: String, found: &'static str },
    #[error(
        "`{}` does not trust this bundle\n  expected the built-in roots {}\n  found    {}",
        path.display(), keys(expected), keys(found)
    )]
    InstallerRoots { path: PathBuf, expected: Vec<KeyId>, found: Vec<KeyId> },
    #[error("`{}` cannot be handed over under this name\n  expected letters, digits and . _ - + only", path.display())]
    HandoverName { path: PathBuf },
    #[error("the bundle has nothing called `{found}`")]
    NoEntry { found: String, meant: Option<String> },
    #[error("the bundles differ")]
    BundlesDiffer,
    #[error("the bundle has no image `{found}`")]
    NoImage { found: String, known: Vec<String> },
    #[error("`{}` is there already, and is not what the bundle has", path.display())]
    Occupied { path: PathBuf },
    #[error("`{}` is not a folder, and nothing is written through a link", path.display())]
    NotAFolder { path: PathBuf },
    #[error("`{path}` is nothing that a terminal can show")]
    NotForTerminal { path: String },
    #[error("SOURCE_DATE_EPOCH is `{found}`\n  expected seconds since 1970")]
    Epoch { found: String },
    #[error("`{}` is not what this release gives: {difference}", bundle.display())]
    Different { bundle: PathBuf, difference: Difference },
    #[error("the release has no `{}`", path.display())]
    MissingFile { path: PathBuf },
    #[error("the release is not complete{}", lines(missing))]
    ReleaseIncomplete { missing: Vec<Missing> },
    #[error("`{}` is neither a file nor a folder", path.display())]
    FileKind { path: PathBuf },

    #[error("`{found}` is not an image source\n  expected TRANSPORT:WHERE, with one of {}", TRANSPORTS.join(", "))]
    Transport { found: String },
    #[error("`{found}` is not an image source\n  expected {expected}")]
    SourceForm { found: String, expected: &'static str },

    #[error(transparent)]
    Registry(#[from] crate::source::RegistryFailure),
    #[error("the engine at `{host}` cannot be reached")]
    EngineUnreachable { host: String, source: Box<bollard::errors::Error> },
    #[error("the engine at `{host}` cannot be reached this way\n  expected unix:///PATH")]
    EngineAddress { host: String },
    #[error("the engine failed to {action}")]
    Engine { action: &'static str, source: Box<bollard::errors::Error> },
    #[error("cannot start an asynchronous runtime")]
    Runtime { source: std::io::Error },
    #[error("the engine has no image {}", list(names))]
    NotInEngine { names: Vec<ImageName> },

    #[error("`{origin}` is not an image archive that can be used: {why}")]
    Archive { origin: String, why: &'static str },
    #[error(
        "the image archive `{origin}` holds more than is read\n  expected at most {limit} {what}\n  found    {found} or more"
    )]
    ArchiveTooLarge { origin: String, what: &'static str, limit: u64, found: u64 },
    #[error("`{origin}` cannot be understood: `{document}`")]
    Document { origin: String, document: String, source: serde_json::Error },
    #[error("`{origin}` holds no image `{wanted}`")]
    NotInArchive { origin: String, wanted: String, known: Vec<String> },
    #[error("`{origin}` misses `{path}`")]
    Misses { origin: String, path: String },
    #[error("`{origin}` has `{kind}` where this version takes none")]
    MediaType { origin: String, kind: String },
    #[error("digest mismatch for `{what}`\n  expected sha256:{expected}\n  found    sha256:{found}")]
    Digest { what: String, expected: Sha256Digest, found: Sha256Digest },
    #[error("`{what}` is of another size\n  expected {expected} bytes\n  found    {found} bytes")]
    Size { what: String, expected: u64, found: u64 },
    #[error("{why}")]
    SourceName { why: String },
    #[error("the image `{image}` is for another platform\n  expected {expected}\n  found    {found}")]
    Platform { image: ImageName, expected: String, found: String },
    #[error(
        "the layers of the image `{image}` are not those of its configuration\n  expected {expected}\n  found    {found}"
    )]
    Layers { image: ImageName, expected: String, found: String },
    #[error("the layers cannot be compressed any further")]
    PressStopped,
    #[error("no root file system `{}`", path.display())]
    NoRootfs { path: PathBuf, prepare: Option<PathBuf> },
    #[error("`{}` cannot be in an image: it is {kind}", path.display())]
    RootfsKind { path: PathBuf, kind: &'static str },
    #[error("the image `{image}` has {field} = `{found}`\n  expected {expected}")]
    Config { image: ImageName, field: &'static str, found: String, expected: &'static str },

    #[error("apt is needed to resolve packages, and cannot be started")]
    NoApt { source: std::io::Error },
    #[error("apt failed to {action} for `{target}`\n{said}")]
    Apt { action: &'static str, target: String, said: String },
    #[error("apt said something about `{target}` that cannot be understood: `{found}`")]
    AptAnswer { target: String, found: String },
    #[error("`{target}` has no package `{}`", names.join("`, `"))]
    NoPackage { target: String, names: Vec<String>, meant: Vec<String> },
    #[error("the packages for `{target}` need what cannot be had{}", lines(unmet))]
    Unmet { target: String, unmet: Vec<Unmet> },
    #[error("`{}` is not a Debian package", path.display())]
    NotAPackage { path: PathBuf },
    #[error("`{}` is a package for another machine\n  expected {expected} or all\n  found    {found}", path.display())]
    DebArchitecture { path: PathBuf, expected: String, found: String },
    #[error("no keyring `{}` to check the packages for `{target}` with", path.display())]
    NoKeyring { target: String, path: PathBuf },
    #[error("where the archive with `{suite}` is, is not known here")]
    NoMirror { suite: String },
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

/// What apt says where a signature or a digest is not right.
fn not_authentic(said: &str) -> bool {
    ["is not signed", "GPG error", "Hash Sum mismatch", "is expired"].iter().any(|words| said.contains(words))
}

/// What apt says where an archive, or a suite of it, is not there.
fn not_reached(said: &str) -> bool {
    ["Failed to fetch", "does not have a Release file", "does not exist"]
        .iter()
        .any(|words| said.contains(words))
}

impl Error {
    /// For `map_err` on an [`std::io::Error`]; an error of ours that went through a reader comes out as it went in.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| match source.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Io { action, path, source },
        }
    }
}

impl Explain for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Bundle(error) => error.exit(),
            Self::Keys(error) => error.exit(),
            Self::Registry(failure) => failure.exit(),
            Self::NoKey
            | Self::NoTrust
            | Self::HeadWithoutUnsigned { .. }
            | Self::OutputFolder { .. }
            | Self::Epoch { .. } => Exit::Usage,
            Self::EngineUnreachable { .. }
            | Self::EngineAddress { .. }
            | Self::Engine { .. }
            | Self::Runtime { .. } => Exit::Engine,
            Self::Apt { said, .. } if not_authentic(said) => Exit::NotTrusted,
            Self::InstallerRoots { .. } | Self::Digest { .. } | Self::Size { .. } | Self::Layers { .. } => {
                Exit::NotTrusted
            }
            _ => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Bundle(error) => return error.hint(),
            Self::Keys(error) => return error.hint(),
            Self::Registry(failure) => return failure.hint(),
            Self::NoKey | Self::NoKeyFile { .. } => {
                "pass `--key DIR/bundle.key` or set WT_KEY; `wt-keys init --dir DIR` makes keys".into()
            }
            Self::NoTrust => {
                "pass `--trust DIR/trust.json` or set WT_TRUST; `wt-keys init --dir DIR` made the file".into()
            }
            Self::OutputFolder { example, .. } => format!("for example `-o {}`", example.display()),
            Self::OutputExists { .. } => "name another with `-o`, or remove it".into(),
            Self::NoInstaller { .. } => "`--installer FILE` names the wt-install that goes with it".into(),
            Self::Installer { .. } => {
                "build wt-install for that platform, and name it with `--installer FILE`".into()
            }
            Self::InstallerRoots { .. } => {
                "build wt-install with WT_ROOTS set to the path of the trust.json of this bundle".into()
            }
            Self::HandoverName { .. } => "rename the bundle".into(),
            Self::NoEntry { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            Self::NoEntry { .. } => "`wt-bundle inspect BUNDLE --entries` lists what there is".into(),
            Self::NoImage { known, .. } => format!("it has: {}", known.join(", ")),
            Self::Occupied { .. } | Self::NotAFolder { .. } => "name a folder that is new or empty".into(),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "free some space, or write to another disk; what is complete is not written again".into()
            }
            Self::NotForTerminal { .. } => "write it to a file: `> FILE`, or `wt-bundle extract`".into(),
            Self::OlderTrust { .. } => {
                "pass the newer one: `--trust FILE`; an older one would take its revocations back".into()
            }
            Self::SignVolumes { .. } => "`wt-bundle join` makes one file of them, which can be signed".into(),
            Self::EngineUnreachable { .. } => {
                "is it running, and may you use it? DOCKER_HOST says where it is".into()
            }
            Self::Different { .. } => "`expected` is what was signed, `found` what was built now".into(),
            Self::NotInEngine { names } => {
                let name = names.first().map(ToString::to_string).unwrap_or_default();
                format!("`docker images` shows what it has; `docker pull {name}` or build it first")
            }
            Self::NotInArchive { known, .. } if !known.is_empty() => {
                format!("it holds: {}", known.join(", "))
            }
            Self::NoRootfs { prepare: Some(prepare), .. } => format!("run `{}` first", prepare.display()),
            Self::NoPackage { meant, .. } if !meant.is_empty() => {
                format!("did you mean `{}`?", meant.join("`, `"))
            }
            Self::Unmet { .. } => {
                "add the suite that has it, or give it by hand: files = [{ path = …, sha256 = … }]".into()
            }
            Self::NoKeyring { target, .. } if target.starts_with("ubuntu-") => {
                "apt-get install ubuntu-keyring, or put the keyring into the release folder".into()
            }
            Self::NoKeyring { .. } => "for Debian: apt-get install debian-archive-keyring".into(),
            Self::NoMirror { .. } => "name it in release.toml: mirror = \"http://HOST/debian\"".into(),
            Self::Apt { said, .. } if said.contains("is expired") => {
                "the mirror has not been renewed for long, or this machine's clock is wrong".into()
            }
            Self::Apt { said, .. } if not_reached(said) => {
                "is the archive reachable from here, and has it these suites? `mirror = …` names another"
                    .into()
            }
            Self::NoApt { .. } => "build on a Debian or Ubuntu machine, or in a container of one".into(),
            _ => return None,
        })
    }
}
