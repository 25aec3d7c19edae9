//! What can go wrong on site, in words for the operator.

mod explain;

use std::path::PathBuf;

use wt_keys::console::Size;
use wt_keys::{KeyId, Sha256Digest, shown_path};
use wt_licensor::{Id, Verdict};

use crate::engine::EngineVersion;
use crate::file_system::room_in_words;
use crate::mail;
use crate::operation::Kind;
use crate::site::backup::TimeSpan;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Keys(#[from] wt_keys::Error),
    #[error(transparent)]
    Bundle(#[from] wt_manifests::Error),
    #[error(transparent)]
    License(#[from] wt_licensor::Error),

    #[error("there is no site file `{}`", path.display())]
    NoSiteFile { path: PathBuf, source: std::io::Error },
    #[error("`{}` holds passwords and can be read by others\n  expected mode 0600\n  found    mode {mode:04o}", path.display())]
    SiteFileMode { path: PathBuf, mode: u32 },
    #[error("`{}` belongs to somebody else\n  expected user {me}\n  found    user {owner}", path.display())]
    SiteFileOwner { path: PathBuf, me: u32, owner: u32 },
    #[error("`{}` is not valid: {why}", path.display())]
    SiteFile { path: PathBuf, why: String },
    #[error("no roots to check the bundle by: none are built in, none are pinned on this host")]
    NoTrust,
    #[error("this must run as root")]
    NotRoot,
    #[error("`{}` is damaged: it is not what wt-install wrote there", path.display())]
    Record { path: PathBuf, source: serde_json::Error },
    #[error("another run of wt-install holds `{}`", path.display())]
    Locked { path: PathBuf },
    #[error("nothing is installed on this host")]
    NotInstalled,
    #[error("this host has {installed_product} {installed}\n  found    {product} {version}")]
    OtherProduct { installed_product: String, installed: String, product: String, version: String },
    #[error("the release is older than what {than}\n  expected at least {lowest}\n  found    {found}")]
    Older { than: &'static str, lowest: String, found: String },
    #[error("the release cannot follow what is installed\n  expected {expected}\n  found    {found}")]
    CannotFollow { expected: String, found: String },
    #[error("this host does not meet what the release needs: {}", failed.join("; "))]
    Preflight { failed: Vec<String> },
    #[error("`{}` cannot be used: {why}", path.display())]
    Certificate { path: PathBuf, why: String },
    #[error("the certificate does not fit this site: {}", failed.join("; "))]
    CertificateRefused { failed: Vec<String> },
    #[error("the mail server `{server}` cannot be used: {problem}")]
    Mail { server: String, problem: mail::Problem },
    #[error("there is no certificate that was in service before")]
    NoPreviousCertificate,
    #[error("the {what} could not be put into service, and what was there before is back")]
    ExchangeBack { what: &'static str, source: Box<Error> },
    #[error(
        "the {what} could not be put into service, and what was there before could not be brought back: {back}"
    )]
    ExchangeLost { what: &'static str, back: Box<Error>, source: Box<Error> },
    #[error("the license is refused: {} ({})", verdict.state, verdict.reason)]
    LicenseRefused { verdict: Box<Verdict> },
    #[error("another license of this site stays in force\n  expected {found}\n  found    {decides}, {why}")]
    LicenseOutranked { found: Id, decides: Id, why: String },
    #[error("the template `{template}` cannot be rendered: {why}")]
    Template { template: String, why: String },
    #[error("`{step}` of the user journey failed: {why}")]
    Journey { step: String, why: String },
    #[error("`{step}` of the user journey was refused: {why}")]
    LogInRefused { step: String, why: String },
    #[error("the script `{script}` of the bundle failed")]
    Hook { script: String, source: Box<Error> },
    #[error("`{}` is too large for the engine to hand out\n  expected at most {limit} bytes\n  found    {found}", path.display())]
    ConfTooLarge { path: PathBuf, limit: u64, found: u64 },
    #[error("`{}` is empty, and the engine hands out no empty file", path.display())]
    ConfEmpty { path: PathBuf },
    #[error("this host keeps no copy of that release\n  expected `{}`", folder.display())]
    NotKept { folder: PathBuf },
    #[error("this needs the bundle of {product} {version}: images and packages are not kept")]
    BundleNeeded { product: String, version: String },
    #[error("{} to {version} was begun and not finished", kind.with_article())]
    UnderWay { kind: Kind, version: String },
    #[error("there is no release to go back to")]
    NoPrevious,
    #[error("the upgrade failed, and {version} is back in service")]
    RolledBack { version: String, source: Box<Error> },
    #[error("the upgrade failed, and so did the way back to {version}: {back}")]
    RollbackFailed { version: String, back: Box<Error>, source: Box<Error> },
    #[error("not every service is healthy\n  unhealthy: {}", services.join(", "))]
    NotHealthy { stack: String, services: Vec<String> },
    #[error("of {checks} checks, {}: {}", are_bad(bad), bad.join(", "))]
    Unwell { checks: usize, bad: Vec<String>, hint: Option<String> },
    #[error("containers of services that are not to run are still there: {}", services.join(", "))]
    NotGone { stack: String, services: Vec<String> },
    #[error("there is no bundle `{word}`")]
    NoSuchBundle { word: String, near: Option<String> },
    #[error("no service `{name}`\n  expected one of {}", known.join(", "))]
    NoService { name: String, known: Vec<String> },

    // backup and restore
    #[error("`{}` is not a backup: it has no `{expected}`", path.display())]
    NoBackup { path: PathBuf, expected: &'static str },
    #[error("the backup is signed by another installation\n  expected {}\n  found    {found}", expected.map_or_else(|| "one that `--signed-by` names".to_owned(), |key| key.to_string()))]
    BackupSigner { expected: Option<KeyId>, found: KeyId },
    #[error("the list of the backup contradicts itself: it has {why}")]
    BackupInvalid { why: &'static str },
    #[error("`{}` is not as long as its list says\n  expected {expected} bytes\n  found    {found} bytes", path.display())]
    BackupLength { path: PathBuf, expected: u64, found: u64 },
    #[error("`{}` is damaged (bytes {from} to {to})\n  expected sha256:{expected}\n  found    sha256:{found}", path.display())]
    BackupDamaged { path: PathBuf, from: u64, to: u64, expected: Sha256Digest, found: Sha256Digest },
    #[error("`{}` does not hold what its list says: {why}", path.display())]
    BackupDiffers { path: PathBuf, why: String },
    #[error("the backup is encrypted")]
    BackupEncrypted,
    #[error("`{}` is encrypted for other keys than these", path.display())]
    BackupIdentity { path: PathBuf },
    #[error("`{}` is not a file of age keys: expected lines that begin with `AGE-SECRET-KEY-1`", path.display())]
    Identities { path: PathBuf },
    #[error("a backup cannot lie in `{}`: that is inside `{}`", folder.display(), inside.display())]
    BackupInside { folder: PathBuf, inside: PathBuf },
    #[error("`{}` cannot be backed up: {why}", shown_path(path))]
    BackupBounds { path: PathBuf, why: String },
    #[error("`{}` is a symbolic link\n  expected the folder itself", path.display())]
    LinkedRoot { path: PathBuf },
    #[error(
        "services were held still for {at_most}, and not all of their data was copied: they go on, and there is no backup"
    )]
    HeldTooLong { at_most: TimeSpan },
    #[error("there is not enough room at `{}`\n  expected {}\n  found    {}", folder.display(), Size(*needed), room_in_words(*free, *needed))]
    NoRoom { folder: PathBuf, needed: u64, free: u64 },
    #[error("services could not be held still: {}", services.join(", "))]
    NotStill { services: Vec<String> },
    #[error(
        "the backup is of another release\n  expected {expected}, which is installed here\n  found    {found}"
    )]
    BackupRelease { expected: String, found: String },
    #[error("the backup holds `{found}`, which the release that is installed here has no folder for")]
    BackupRoot { found: String },
    #[error("a restore of `{}` was begun and not finished", backup.display())]
    RestorePending { backup: PathBuf },
    #[error("`{}` is a mount point, which no other folder can be put in place of", path.display())]
    RestoreMount { path: PathBuf },
    #[error("`{}` is in the way, and no restore of ours put it there", path.display())]
    RestoreInTheWay { path: PathBuf },
    #[error("the restored data did not come into service, and what was there before is back")]
    RestoreUndone { source: Box<Error> },
    #[error(
        "the restored data did not come into service, and what was there before did not come back: {back}"
    )]
    RestoreStuck { backup: PathBuf, back: Box<Error>, source: Box<Error> },

    // programs that we run
    #[error("cannot run `{program}`")]
    Command { program: String, source: std::io::Error },
    #[error("`{program}` failed ({status})\n{output}")]
    CommandFailed { program: String, status: std::process::ExitStatus, output: String },
    #[error("`{program}` did not end within {limit} seconds and was ended\n{output}")]
    CommandTime { program: String, limit: u64, output: String },

    // the engine
    #[error("no engine answers at `{socket}`")]
    NoEngine { socket: &'static str, source: Box<bollard::errors::Error> },
    #[error("the engine of this host is too old\n  expected {expected} or later\n  found    {found}")]
    EngineTooOld { expected: EngineVersion, found: String },
    #[error("the engine could not {action}")]
    Engine { action: &'static str, source: Box<bollard::errors::Error> },
    #[error("the engine could not {action}")]
    Daemon { action: &'static str, source: Box<Error> },
    #[error("`{}` is not JSON", path.display())]
    EngineConfiguration { path: PathBuf, source: serde_json::Error },
    #[error("the engine's client could not {action}")]
    Client { action: &'static str, source: Box<Error> },
    #[error("the engine gave an answer that makes no sense\n  expected {expected}\n  found    `{found}`")]
    EngineAnswer { expected: &'static str, found: String },
    #[error("the engine stopped reading the images before it had them all")]
    EngineClosed,
    #[error("the engine neither took a byte of the images nor said a word for {minutes} minutes")]
    EngineSilent { minutes: u64 },
    #[error("the engine could not load the images: {said}")]
    LoadRefused { said: String },
    #[error("the engine says it has loaded the image `{name}`, and does not have it")]
    ImageMissing { name: String },
    #[error(
        "the engine's image `{name}` is not the signed one: its {what} differs\n  expected {expected}\n  found    {found}"
    )]
    ImageDiffers { name: String, what: &'static str, expected: String, found: String },
    #[error("the engine has an image `{name}` that is not ours\n  found    {id}")]
    NameTaken { name: String, id: String },
    #[error("the stack `{stack}` is not healthy{}", reasons(services))]
    StackUnhealthy { stack: String, services: Vec<(String, String)> },

    #[error("this engine cannot be made a swarm manager\n  found    {found}")]
    Swarm { found: String },
    #[error(
        "there is no network left for the services: this host reaches something by each of those that are tried"
    )]
    NoNetwork,

    #[error("Docker is used by others, and would go with its packages: {}", others.join(", "))]
    EngineShared { others: Vec<String> },
    #[error("an uninstall was begun and not finished")]
    UninstallUnderWay,

    // packages
    #[error("the bundle has no engine for this host\n  expected {}\n  found    {found}", known.join(", "))]
    NoPackages { found: String, known: Vec<String> },
    #[error("installing the engine would change packages that are not ours: {}", changes.join("; "))]
    PackageConflict { changes: Vec<String> },
    #[error("the package system of this host is in the middle of something: {}", packages.join(", "))]
    PackagesBroken { packages: Vec<String> },
    #[error("somebody else changes this host's packages: `{}` is locked", path.display())]
    PackagesBusy { path: PathBuf },
    #[error("apt would not install the engine's packages")]
    PackagesRefused { source: Box<Error> },
    #[error("apt said something that cannot be understood: `{line}`")]
    AptAnswer { line: String },
    #[error("`{}` is not a folder that belongs to root alone", path.display())]
    Staging { path: PathBuf },
}

impl Error {
    /// For `map_err` on an [`std::io::Error`].
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl Error {
    /// For `map_err` on what the engine's client library says; `action` completes "the engine could not …".
    pub(crate) fn engine(action: &'static str) -> impl FnOnce(bollard::errors::Error) -> Self {
        move |source| Self::Engine { action, source: Box::new(source) }
    }
}

/// A line for each service.
fn reasons(services: &[(String, String)]) -> String {
    services.iter().fold(String::new(), |text, (name, why)| text + "\n  " + name + ": " + why)
}

fn are_bad(bad: &[String]) -> String {
    match bad.len() {
        1 => "1 is bad".to_owned(),
        count => format!("{count} are bad"),
    }
}
