//! What can go wrong on site, in words for the operator.

use std::path::PathBuf;

use wt_keys::console::{Exit, Explain};

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
    #[error("`{}` is not valid: {why}", path.display())]
    SiteFile { path: PathBuf, why: String },
    #[error("no roots to check the bundle by: none are built in, none are pinned on this host")]
    NoTrust,
    #[error("this must run as root")]
    NotRoot,
    #[error("another run of wt-install holds `{}`", path.display())]
    Locked { path: PathBuf },
    #[error("nothing is installed on this host")]
    NotInstalled,
    #[error("this host has {installed_product} {installed}\n  found    {product} {version}")]
    OtherProduct { installed_product: String, installed: String, product: String, version: String },
    #[error("the release is older than what is installed\n  expected at least {lowest}\n  found    {found}")]
    Older { lowest: String, found: String },
    #[error("the release cannot follow what is installed\n  expected {expected}\n  found    {found}")]
    CannotFollow { expected: String, found: String },
    #[error("this host does not meet what the release needs: {}", failed.join("; "))]
    Preflight { failed: Vec<String> },
    #[error("the template `{template}` cannot be rendered: {why}")]
    Template { template: String, why: String },
    #[error("`{step}` of the user journey failed: {why}")]
    Journey { step: String, why: String },
    #[error("the script `{script}` failed: {why}")]
    Hook { script: String, why: String },
    #[error("the stack asks for a secret that no site has: `{name}`\n  expected admin-password or smtp-password")]
    NoSecret { name: String },
    #[error("`systemctl {command}` failed: {why}")]
    Systemd { command: String, why: String },
    #[error("not every service is healthy")]
    Unhealthy,
    #[error("there is no bundle `{word}`")]
    NoSuchBundle { word: String, near: Option<String> },
    #[error("no service `{name}`\n  expected one of {}", known.join(", "))]
    NoService { name: String, known: Vec<String> },
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
            Self::Keys(error) => error.exit(),
            Self::Bundle(error) => error.exit(),
            Self::License(error) => error.exit(),
            Self::NoSiteFile { .. } | Self::SiteFileMode { .. } | Self::SiteFile { .. } => Exit::Usage,
            Self::NoTrust | Self::OtherProduct { .. } | Self::Older { .. } => Exit::NotTrusted,
            Self::Preflight { .. } | Self::CannotFollow { .. } => Exit::PreflightFailed,
            Self::Locked { .. } => Exit::Locked,
            Self::NoService { .. } | Self::NoSuchBundle { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Keys(error) => return error.hint(),
            Self::Bundle(error) => return error.hint(),
            Self::License(error) => return error.hint(),
            Self::NoSiteFile { .. } => {
                "write one (the vendor's documentation has an example) and name it with `--site FILE`".into()
            }
            Self::SiteFileMode { path, .. } => format!("chmod 600 `{}`", path.display()),
            Self::NoTrust => "pass the vendor's roots with `--trust FILE`".into(),
            Self::NotRoot => "run it with sudo".into(),
            Self::Locked { .. } => "wait for it to end; `wt-install status` works meanwhile".into(),
            Self::NoSuchBundle { near: Some(verb), .. } => format!("did you mean `wt-install {verb}`?"),
            Self::NoSuchBundle { near: None, .. } => "`wt-install --help` lists what it can do".into(),
            Self::Unhealthy => "`docker service ps NAME` says why; `wt-install restart NAME` starts it anew".into(),
            Self::NotInstalled => "install a release with `wt-install BUNDLE`".into(),
            Self::Older { .. } => "ask the vendor for a current release".into(),
            Self::Journey { .. } => "`docker service logs` of the service named in the request says more".into(),
            _ => return None,
        })
    }
}
