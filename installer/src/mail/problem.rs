use std::{fmt, io};

use wt_keys::shown;

use crate::redact::Redactor;

/// Why a mail server is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Its name has no address.
    Unknown,
    Unreachable(String),
    Silent,
    /// It offers no TLS where TLS must be.
    InTheClear,
    /// It said more in the clear than it was asked, which would be taken for what is said under TLS.
    Injected,
    /// What it says is no answer of a mail server, or has no end.
    NoMailServer,
    /// Its certificate is not one to believe.
    Untrusted(String),
    /// It offers no way to log in that we know.
    NoLogin,
    /// It did not take the user or the password.
    Refused(String),
    /// It said no to something else.
    Said(String),
}

impl Problem {
    /// What a connection had to say.
    pub(super) fn of(error: &io::Error) -> Self {
        if let Some(why) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Untrusted(why.to_string());
        }
        match error.kind() {
            // what a socket says when its time limit is over
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Silent,
            _ => Self::Unreachable(error.to_string()),
        }
    }

    /// What the server answers; its words are of somebody else.
    pub(super) fn said(code: u16, words: &str) -> Self {
        Self::Said(format!("{code} {words}").split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The same while we log in.
    pub(super) fn into_refused(self) -> Self {
        match self {
            Self::Said(why) => Self::Refused(why),
            other => other,
        }
    }

    /// In one line that is not too long, without what the site keeps secret.
    pub(super) fn without(self, secrets: &Redactor) -> Self {
        let clean = |why: String| shown(secrets.redact(&why).text()).to_string();
        match self {
            Self::Unreachable(why) => Self::Unreachable(clean(why)),
            Self::Untrusted(why) => Self::Untrusted(clean(why)),
            Self::Refused(why) => Self::Refused(clean(why)),
            Self::Said(why) => Self::Said(clean(why)),
            other => other,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown => {
                "correct `host` in `[smtp]` of site.toml, or add the name to the site's DNS or /etc/hosts"
            }
            Self::Unreachable(_) => {
                "does the server run, and does a firewall let this host reach it? Correct `host` and `port` in `[smtp]`"
            }
            Self::Silent => {
                "a firewall may drop what this host sends; a port that speaks TLS from the first byte wants `security = \"tls\"`"
            }
            Self::InTheClear => {
                "correct `port` or `security` in `[smtp]`; `security = \"none\"` would let everybody on the way read the password"
            }
            Self::Injected => {
                "somebody on the way may answer in its place; a port that speaks TLS from the first byte, with `security = \"tls\"`, leaves nobody the chance"
            }
            Self::NoMailServer => "correct `host` and `port` in `[smtp]` of site.toml",
            Self::Untrusted(_) => {
                "name who signed its certificate with `ca` in `[smtp]`, and the server as its certificate does with `host`"
            }
            Self::NoLogin => {
                "ask the administrator of the mail server for an account that logs in with PLAIN or LOGIN"
            }
            Self::Refused(_) => "correct `user` and `password` in `[smtp]` of site.toml",
            Self::Said(_) => "ask the administrator of the mail server what it means",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("nobody knows its name"),
            Self::Unreachable(why) => write!(f, "it cannot be reached: {why}"),
            Self::Silent => f.write_str("it does not answer"),
            Self::InTheClear => f.write_str("it offers no TLS"),
            Self::Injected => f.write_str("it said more in the clear than it was asked"),
            Self::NoMailServer => f.write_str("what it says is no answer of a mail server"),
            Self::Untrusted(why) => write!(f, "its certificate is not trusted: {why}"),
            Self::NoLogin => f.write_str("it offers no log-in"),
            Self::Refused(why) => write!(f, "it refuses the log-in: {why}"),
            Self::Said(why) => write!(f, "it said {why}"),
        }
    }
}
