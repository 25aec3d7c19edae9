//! What can go wrong with keys, signatures and files, in words for the person who meets it.

use std::path::PathBuf;

use crate::shown::{Shown, shown, shown_path};
use crate::{KeyId, Role, Utc};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`", shown_path(path))]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },

    #[error("`{}` is not a SHA-256 digest\n  expected 64 lower-case hexadecimal digits", shown(found))]
    Digest { found: String },
    #[error(
        "`{}` is not a time\n  expected UTC with whole seconds, such as `2026-11-23T08:00:00Z`",
        shown(found)
    )]
    Time { found: String },
    #[error("not an Ed25519 public key\n  expected a DER SubjectPublicKeyInfo of 44 bytes, in base64")]
    PublicKey,
    #[error("the public key {0} is weak: it makes signatures that verify for any message")]
    WeakKey(KeyId),

    #[error("the kernel gave no random bytes")]
    Random,
    #[error("`{}` is not a key file that wt can read", shown_path(path))]
    KeyFile { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("`{}` holds a public key that does not belong to its private key", shown_path(path))]
    KeyPair { path: PathBuf },
    #[error("`{}` is encrypted and no passphrase was given", shown_path(path))]
    PassphraseNeeded { path: PathBuf },
    #[error("the passphrase does not open `{}`", shown_path(path))]
    PassphraseWrong { path: PathBuf },
    #[error("`{}` can be read by others\n  expected mode 0600\n  found    mode {mode:04o}", shown_path(path))]
    KeyFileMode { path: PathBuf, mode: u32 },

    #[error(
        "others can exchange what is in `{}`\n  expected mode 0755 or less\n  found    mode {mode:04o}",
        shown_path(path)
    )]
    KeyFolderMode { path: PathBuf, mode: u32 },
    #[error(
        "others can exchange what is in `{}`\n  expected it to belong to user {me}, or to root\n  found    user {owner}",
        shown_path(path)
    )]
    KeyFolderOwner { path: PathBuf, me: u32, owner: u32 },
    #[error("the passphrase has {found} characters\n  expected {least} or more")]
    PassphraseShort { least: usize, found: usize },
    #[error("`{}` belongs to somebody else\n  expected user {me}\n  found    user {owner}", shown_path(path))]
    KeyFileOwner { path: PathBuf, me: u32, owner: u32 },
    #[error("`{}` has no certificate\n  expected it in `{}`", shown_path(key), shown_path(certificate))]
    NoCertificate { key: PathBuf, certificate: PathBuf },
    #[error("`{}` is there already", shown_path(certificate))]
    CertificateExists { certificate: PathBuf },
    #[error("`{}` says that the key signs {has}s; a key has one role", shown_path(certificate))]
    SecondRole { certificate: PathBuf, has: Role },
    #[error(
        "`{}` is a root key: it has no certificate, and signs nothing but certificates",
        shown_path(path)
    )]
    RootKey { path: PathBuf },
    #[error("`{}` is not a {what} that can be used", shown_path(path))]
    SignedFile { path: PathBuf, what: &'static str, source: Box<Self> },
    #[error("`{}` does not end in `.key`, as key files do", shown_path(path))]
    KeyFileName { path: PathBuf },

    #[error("{what} is larger than allowed\n  expected at most {limit} bytes\n  found    {found} bytes")]
    TooLarge { what: &'static str, limit: u64, found: u64 },
    #[error("{what} is not a signed document in its one valid spelling")]
    Malformed { what: &'static str },
    #[error("{what} is not a signed document")]
    Json { what: &'static str, source: Shown<serde_json::Error> },
    #[error("a signed document of another kind\n  expected {expected}\n  found    {}", shown(found))]
    PayloadType { expected: &'static str, found: String },
    #[error("the content of the signed {what} is not valid")]
    Payload { what: &'static str, source: Shown<serde_json::Error> },
    #[error("the content of the signed {what} is not valid")]
    PayloadSpelling { what: &'static str },
    #[error("the {what} needs {}, which this program does not know", shown(need))]
    BeyondUs { what: &'static str, need: String },
    #[error("the {what} is not signed by the key it names\n  key      {key}")]
    BadSignature { what: &'static str, key: KeyId },
    #[error("the {what} is signed by a key that is not trusted\n  expected {expected}\n  found    {found}")]
    UntrustedKey { what: &'static str, expected: String, found: KeyId },
    #[error("the {what} carries too few signatures\n  expected {threshold} of the roots\n  found    {found}")]
    Threshold { what: &'static str, threshold: u32, found: u32 },
    #[error("the signer checked its own signature and it does not verify: do not trust this machine")]
    SelfCheck,

    #[error("the trust document is not valid: {0}")]
    TrustInvalid(&'static str),
    #[error("two different trust documents carry version {version}")]
    TrustFork { version: u64 },
    #[error("the trust documents do not stand oldest first: version {found} follows version {before}")]
    TrustOrder { before: u64, found: u64 },
    #[error(
        "the trust document is older than the one it was signed under\n  expected version {expected} or later\n  found    version {found}"
    )]
    TrustOlder { expected: u64, found: u64 },
    #[error("the key {key} is a root and also signs documents; a key has one role")]
    RootCertified { key: KeyId },
    #[error(
        "{} {} was withdrawn by the vendor\n  expected at least {}\n  found    {}",
        shown(product),
        shown(found),
        shown(expected),
        shown(found)
    )]
    Withdrawn { product: String, expected: semver::Version, found: semver::Version },
    #[error("the key {key} was revoked: {}", shown(reason))]
    KeyRevoked { key: KeyId, reason: String },
    #[error("the certificate is for another role\n  expected {expected}\n  found    {found}")]
    Role { expected: Role, found: Role },
    #[error(
        "the certificate is for another product\n  expected `{}`\n  found    `{}`",
        shown(expected),
        shown(found)
    )]
    Product { expected: String, found: String },
    #[error(
        "signed outside the validity of the signer's certificate\n  expected {not_before} to {not_after}\n  found    {issued}"
    )]
    Validity { not_before: Utc, not_after: Utc, issued: Utc },
    #[error("`{}` is for another key than `{}`", shown_path(certificate), shown_path(key))]
    CertificateKey { certificate: PathBuf, key: PathBuf },
    #[error("only roots that went have signed `{}`", shown_path(certificate))]
    CertificateEnded { certificate: PathBuf },
    #[error("the certificate limits licenses to {limit} days\n  found    {found} days")]
    TermTooLong { limit: u32, found: u32 },
    #[error("the certificate limits licenses to {limit} seats\n  found    {found} seats")]
    TooManySeats { limit: u32, found: u32 },
}

#[cfg(feature = "console")]
const TRUST: &str = <crate::TrustDocument as crate::Document>::NAME;

impl Error {
    /// For `map_err` on an [`std::io::Error`].
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err` on reading a signed document from a file: names the file where the error does not.
    pub fn signed_file(what: &'static str, path: &std::path::Path) -> impl FnOnce(Self) -> Self {
        move |source| match source {
            named @ Self::Io { .. } => named,
            source => Self::SignedFile { path: path.to_owned(), what, source: Box::new(source) },
        }
    }
}

#[cfg(feature = "console")]
impl crate::console::Explain for Error {
    fn exit(&self) -> crate::console::Exit {
        use crate::console::Exit;
        match self {
            Self::Io { .. }
            | Self::Random
            | Self::SelfCheck
            | Self::CertificateKey { .. }
            | Self::NoCertificate { .. }
            | Self::CertificateExists { .. }
            | Self::SecondRole { .. }
            | Self::RootKey { .. }
            | Self::TermTooLong { .. }
            | Self::TooManySeats { .. }
            | Self::KeyFile { .. }
            | Self::KeyPair { .. }
            | Self::PassphraseNeeded { .. }
            | Self::PassphraseWrong { .. }
            | Self::KeyFileMode { .. }
            | Self::KeyFolderMode { .. }
            | Self::KeyFolderOwner { .. }
            | Self::PassphraseShort { .. }
            | Self::KeyFileOwner { .. } => Exit::Failed,
            Self::SignedFile { source, .. } => source.exit(),
            Self::Time { .. } | Self::KeyFileName { .. } => Exit::Usage,
            _ => Exit::NotTrusted,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::PassphraseNeeded { .. } => {
                "pass `--passphrase-file FILE`, or run on a terminal to be asked for it".into()
            }
            Self::KeyFileMode { path, .. } => {
                format!("chmod 600 `{}`, and consider who has seen it", shown_path(path))
            }
            Self::KeyFolderMode { path, .. } => format!("chmod go-w `{}`", shown_path(path)),
            Self::KeyFolderOwner { .. } => "keep keys in a folder of your own".into(),
            Self::PassphraseShort { .. } => {
                "who gets the file can try passphrases as fast as machines can; five words of a dictionary hold".into()
            }
            Self::UntrustedKey { .. } | Self::BadSignature { .. } => {
                "the file was changed, or comes from somebody else; get it again from the vendor".into()
            }
            Self::BeyondUs { .. } => "use the programs that came with it, or newer ones".into(),
            Self::TrustOlder { .. } => {
                "its end was exchanged for an older one; get it again from the vendor".into()
            }
            Self::Withdrawn { .. } => "ask the vendor for a current release".into(),
            Self::SignedFile { what: TRUST, .. } => {
                "it is the trust.json that came with the bundle, or that `wt-keys init --dir DIR` made in DIR"
                    .into()
            }
            Self::SignedFile { source, .. } => return source.hint(),
            Self::RootKey { path } => {
                let certified = path.with_file_name("bundle.key");
                format!("name the key that the roots certified, such as `--key {}`", shown_path(&certified))
            }
            Self::CertificateExists { .. } => "`--replace` writes it anew".into(),
            Self::SecondRole { .. } => "name another key; it is made if it is not there".into(),
            Self::NoCertificate { certificate, .. } => {
                format!("`wt-keys certify` writes `{}`", shown_path(certificate))
            }
            Self::TermTooLong { limit, .. } => format!(
                "its last day lies at most {limit} days after today; for more the roots certify a key: `wt-keys certify \
                 --longest-term DAYS`"
            ),
            Self::TooManySeats { limit, .. } => format!(
                "sign at most {limit}, or have the roots certify a key for more: `wt-keys certify --most-seats N`"
            ),
            Self::CertificateEnded { certificate } => format!(
                "who stole one of those could have made it; put its key beside it, as `{}`, or certify that key anew",
                shown_path(&certificate.with_extension("key"))
            ),
            Self::CertificateKey { .. } => "put the certificate of this key beside it".into(),
            _ => return None,
        })
    }
}
