use std::error::Error as StdError;
use std::fmt;
use std::io;

use lettre::transport::smtp::Error as SmtpError;

const SHOWN: usize = 200;

/// Why a mail server is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Its name has no address.
    Unknown,
    Unreachable(String),
    Silent,
    /// It offers no TLS where TLS must be.
    InTheClear,
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
    /// What went wrong before the log-in.
    pub(super) fn of(error: &SmtpError) -> Self {
        let causes = || std::iter::successors(error.source(), |&cause| cause.source());
        let kinds = causes().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        let mut tls = causes().filter_map(tls_error);
        if let Some(why) = tls.next() {
            return Self::Untrusted(why);
        }
        if error.status().is_some() {
            return Self::Said(short(&answer(error)));
        }
        for kind in kinds {
            // what a socket says when its time limit is over
            if matches!(kind, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
                return Self::Silent;
            }
        }
        let last = causes().last().map_or_else(|| error.to_string(), ToString::to_string);
        Self::Unreachable(short(&last))
    }

    /// What went wrong while we logged in.
    pub(super) fn of_login(error: &SmtpError) -> Self {
        match error.status() {
            Some(_) => Self::Refused(short(&answer(error))),
            None if error.is_client() => Self::NoLogin,
            None => Self::of(error),
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
            Self::Untrusted(why) => write!(f, "its certificate is not trusted: {why}"),
            Self::NoLogin => f.write_str("it offers no log-in"),
            Self::Refused(why) => write!(f, "it refuses the log-in: {why}"),
            Self::Said(why) => write!(f, "it said {why}"),
        }
    }
}

/// What the TLS library had to say, wherever it stands.
fn tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<String> {
    let inside: Option<&'a (dyn StdError + 'static)> = match cause.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|error| error as &(dyn StdError + 'static)),
        None => Some(cause),
    };
    inside?.downcast_ref::<rustls::Error>().map(ToString::to_string)
}

/// Its code and its words.
fn answer(error: &SmtpError) -> String {
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    format!("{code} {words}")
}

/// One line, and not all of a long one.
fn short(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect()
}
