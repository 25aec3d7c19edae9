//! The exit code of every error, and what to do about it.

use std::io;

use wt_keys::console::{Exit, Explain};
use wt_keys::shown::shown;

use super::Error;
use crate::problems;

impl Explain for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Bundle(error) => error.exit(),
            Self::Keys(error) => error.exit(),
            Self::Registry(failure) => failure.exit(),
            Self::ReleaseIncomplete { problems } => problems::exit(problems),
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
            Self::InstallerRoots { .. }
            | Self::Digest { .. }
            | Self::Size { .. }
            | Self::ImageInBundle { .. }
            | Self::Layers { .. }
            | Self::Unfolded { .. }
            | Self::UnsignedIndex { .. }
            | Self::OldIndex { .. } => Exit::NotTrusted,
            _ => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Bundle(error) => return error.hint(),
            Self::Keys(error) => return error.hint(),
            Self::Registry(failure) => return failure.hint(),
            Self::ReleaseIncomplete { problems } => return problems::hint(problems),
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
            Self::NoImage { known, .. } => format!("it has: {}", some(known)),
            Self::Occupied { .. } | Self::NotAFolder { .. } => "name a folder that is new or empty".into(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space, or write to another disk; what is complete is not written again".into()
            }
            Self::LayerTooLarge { .. } | Self::UnpackedTooLarge { .. } => {
                "if it has to be so large: `--largest-layer SIZE`".into()
            }
            Self::Unfolded { .. } => "the image is broken where it is; no engine would load it".into(),
            Self::NotForTerminal { .. } => "write it to a file: `> FILE`, or `wt-bundle extract`".into(),
            Self::OlderTrust { .. } => {
                "pass the newer one: `--trust FILE`; an older one would take its revocations back".into()
            }
            Self::SignVolumes { .. } => "`wt-bundle join` makes one file of them, which can be signed".into(),
            Self::EngineUnreachable { .. } => {
                "is it running, and may you use it? DOCKER_HOST says where it is".into()
            }
            Self::Different { difference, .. } => {
                difference.hint().unwrap_or("`expected` is what was signed, `found` what was built now").into()
            }
            Self::NotInEngine { names } => {
                let name = names.first().map(ToString::to_string).unwrap_or_default();
                format!("`docker images` shows what it has; `docker pull {name}` or build it first")
            }
            Self::NotInArchive { known, .. } | Self::NoPlatform { known, .. } if !known.is_empty() => {
                format!("it holds: {}", some(known))
            }
            Self::SeveralImages { known, .. } if !known.is_empty() => {
                format!("name one behind the path, as in `PATH:{}`; it holds: {}", shown(&known[0]), some(known))
            }
            Self::Variants { known, .. } => {
                format!("say which in release.toml: `platform = …`; there are {}", some(known))
            }
            Self::ForeignLayer { .. } => {
                "a bundle holds every layer; take an image that brings its own".into()
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
            Self::UnsignedIndex { .. } => "the archive must sign its Release file in place: `InRelease`".into(),
            Self::OldIndex { .. } => {
                "the mirror is behind, or gives an old index for a new one; `not-before` says how old one may be".into()
            }
            Self::NoMirror { .. } => "name it in release.toml: mirror = \"http://HOST/debian\"".into(),
            Self::Apt { said, .. } if said.contains("is expired") => {
                "the mirror has not been renewed for long, or this machine's clock is wrong; of a snapshot say \
                 `snapshot = true`"
                    .into()
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

/// Of what there is, in a hint.
const MOST_NAMED: usize = 20;

/// What there is instead.
fn some(names: &[String]) -> String {
    let mut some: Vec<String> = names.iter().take(MOST_NAMED).map(|name| shown(name).to_string()).collect();
    let left = names.len() - some.len();
    some.extend((left > 0).then(|| format!("and {left} more")));
    some.join(", ")
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
