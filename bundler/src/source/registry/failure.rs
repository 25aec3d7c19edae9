//! What can go wrong with a registry, told apart as a user would.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use wt_keys::console::{Exit, Explain};

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the name of the registry `{host}` cannot be resolved")]
    Name { host: String },
    #[error("the registry `{host}` refused the connection")]
    Refused { host: String },
    #[error("the certificate of the registry `{host}` is from an authority that is not trusted here")]
    Authority { host: String },
    #[error("the certificate of the registry `{host}` is not good")]
    BadCertificate { host: String, source: rustls::Error },
    #[error("the registry `{host}` does not speak TLS")]
    NoTls { host: String },
    #[error("the transfer from the registry `{host}` failed")]
    Transfer { host: String, source: reqwest::Error },
    #[error("the registry gave `{what}` only in part: {have} of {size} bytes")]
    Cut { what: String, have: u64, size: u64 },
    #[error("the registry gave a part of `{what}` that was not asked for")]
    Range { what: String },
    #[error("the registry wants to know who asks for `{what}`{}", if *known { ", and does not take the credentials" } else { "" })]
    Unauthorized { what: String, known: bool, looked: Vec<PathBuf> },
    #[error("the registry does not let these credentials have `{what}`")]
    Forbidden { what: String, looked: Vec<PathBuf> },
    #[error("the registry has no `{what}`")]
    NotFound { what: String },
    #[error("the registry answered {status} for `{what}`")]
    Status { what: String, status: StatusCode, host: String, after: Option<Duration> },
    #[error("the token server `{server}` answered {status}")]
    TokenServer { server: String, status: StatusCode, after: Option<Duration> },
    #[error("the registry is gone: `{what}` did not come in {tries} tries")]
    Gone { what: String, tries: usize, source: Box<Failure> },
    #[error("the token server `{server}` gave nothing that can be a token")]
    Token { server: String },
    #[error("the registry `{host}` names a token server of which the address {why}")]
    Realm { host: String, why: &'static str },
    #[error(
        "the registry `{host}` wants its credentials to be shown to `{server}`, which is not of its domain"
    )]
    ForeignServer { host: String, server: String },
    #[error("the registry `{host}` sends on elsewhere, where it is to say who may ask")]
    Elsewhere { host: String },
    #[error("the registry `{host}` sends on to where it is not followed: to plain HTTP, or in circles")]
    Redirect { host: String },
    #[error("`{what}` is of another size\n  expected {expected} bytes\n  found    {found} bytes")]
    Size { what: String, expected: u64, found: u64 },
    #[error("cannot write a temporary file")]
    Disk { source: io::Error },
    #[error("`{what}` is larger than 4 MiB, which no manifest or configuration is")]
    TooLarge { what: String },
    #[error("the HTTP client cannot be started")]
    Client { source: reqwest::Error },
    #[error("`{}` holds no certificates that can be used\n  expected PEM", path.display())]
    Certificate { path: PathBuf },
    #[error("the credentials in `{}` cannot be used: {why}", path.display())]
    Credentials { path: PathBuf, why: &'static str },
    #[error("the transfers from registries have stopped")]
    Stopped,
}

impl Failure {
    pub fn client(source: reqwest::Error) -> Self {
        Self::Client { source: source.without_url() }
    }

    /// Without the address, which may be signed.
    pub fn transfer(source: reqwest::Error, host: &str) -> Self {
        let host = host.to_owned();
        if source.is_redirect() {
            return Self::Redirect { host };
        }
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&source);
        while let Some(error) = cause {
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Self::tls(tls, host);
            }
            let io = error.downcast_ref::<io::Error>();
            if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
                return Self::Refused { host };
            }
            if error.to_string() == "dns error" {
                return Self::Name { host };
            }
            // the source of an `io::Error` is not what is in it, but the source of that
            let inner = io.and_then(io::Error::get_ref).map(|inner| inner as &(dyn StdError + 'static));
            cause = inner.or_else(|| error.source());
        }
        Self::Transfer { host, source: source.without_url() }
    }

    fn tls(error: &rustls::Error, host: String) -> Self {
        match error {
            rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
                Self::Authority { host }
            }
            rustls::Error::InvalidMessage(_) => Self::NoTls { host },
            error => Self::BadCertificate { host, source: error.clone() },
        }
    }

    /// Whether another try may help. A registry that never answered is not there.
    pub fn passes(&self, answered: bool) -> bool {
        match self {
            Self::Transfer { .. } | Self::Cut { .. } => true,
            Self::Refused { .. } | Self::Name { .. } => answered,
            Self::Status { status, .. } | Self::TokenServer { status, .. } => Self::is_passing(*status),
            _ => false,
        }
    }

    /// Whether what a server answers may be another answer later.
    pub fn is_passing(status: StatusCode) -> bool {
        status.is_server_error()
            || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
    }

    /// `Retry-After` in seconds; one that is a date is passed over.
    pub fn after(answer: &Response) -> Option<Duration> {
        let seconds = answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// When the server wants to be asked again.
    pub fn come_again(&self) -> Option<Duration> {
        match self {
            Self::Status { after, .. } | Self::TokenServer { after, .. } => *after,
            _ => None,
        }
    }
}

impl Explain for Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Size { .. } => Exit::NotTrusted,
            _ => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => {
                "is it spelled right? /etc/hosts and the name servers of /etc/resolv.conf are asked".into()
            }
            Self::Refused { .. } => "is it running, and is this its port?".into(),
            Self::Authority { host } => {
                format!(
                    "pass its authority with `--registry-ca FILE`, or put it into /etc/docker/certs.d/{host}/ca.crt"
                )
            }
            Self::NoTls { host } => format!("if it has to be so: `--plain-http {host}`"),
            Self::Status { status: StatusCode::BAD_REQUEST, host, .. } => {
                format!("does it speak TLS? then without `--plain-http {host}`")
            }
            Self::Unauthorized { looked, .. } | Self::Forbidden { looked, .. } => credentials_hint(looked),
            Self::NotFound { .. } => "`skopeo list-tags docker://HOST/NAME` shows what it has".into(),
            Self::Gone { source, .. } => return source.hint(),
            Self::Client { .. } => {
                "a machine without any authorities has no TLS at all: apt-get install ca-certificates".into()
            }
            Self::ForeignServer { server, .. } => format!("if it has to be so: `--token-server {server}`"),
            Self::Redirect { .. } => {
                "if plain HTTP has to be, name the host that it sends to, too: `--plain-http HOST:PORT`"
                    .into()
            }
            Self::Realm { why: "has no TLS", .. } => {
                "if it has to be so, name it, too: `--plain-http HOST:PORT`".into()
            }
            _ => return None,
        })
    }
}

fn credentials_hint(looked: &[PathBuf]) -> String {
    if looked.is_empty() {
        return "there is no file of credentials; `skopeo login HOST` makes one, `--authfile FILE` names one"
            .into();
    }
    let looked: Vec<String> = looked.iter().map(|path| format!("`{}`", path.display())).collect();
    format!("credentials were looked for in {}; `--authfile FILE` names another file", looked.join(", "))
}
