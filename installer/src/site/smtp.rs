use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use wt_keys::written_as_string;

use super::domain::Domain;
use super::line::Line;
use super::mail_address::MailAddress;
use super::path;
use super::secret::Secret;

/// From here on a connection is TLS from its first byte (RFC 8314).
const SUBMISSIONS: u16 = 465;

/// The mail account of the site.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub host: Domain,
    #[serde(deserialize_with = "de_port")]
    pub port: u16,
    #[serde(default)]
    security: Option<Security>,
    pub user: Line,
    pub password: Secret,
    #[serde(default)]
    from: Option<MailAddress>,
    /// Who signed the server's certificate, where this host does not know them.
    #[serde(default, deserialize_with = "path::de_optional_file")]
    pub ca: Option<PathBuf>,
}

/// How the connection to a mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// It begins in the clear and must become TLS before anything is said.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Everybody on the way can read the password.
    None,
}

impl Smtp {
    /// What the site says, or what goes with the port. Never none without being told.
    pub fn security(&self) -> Security {
        self.security.unwrap_or_else(|| Security::of_port(self.port))
    }

    /// Who mails are from: what the site says, or the account itself where that is an address.
    pub fn from(&self) -> Option<MailAddress> {
        self.from.clone().or_else(|| self.user.as_str().parse().ok())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self.from() {
            Some(_) => Ok(()),
            None => Err(format!(
                "`[smtp]` has no `from`, and its user `{}` is no mail address that could stand there",
                self.user
            )),
        }
    }
}

impl Security {
    pub const ALL: [Self; 3] = [Self::StartTls, Self::Tls, Self::None];

    pub fn of_port(port: u16) -> Self {
        if port == SUBMISSIONS { Self::Tls } else { Self::StartTls }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Security {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|security| security.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not a security, expected one of {}", known.join(", ")))
    }
}

pub fn port(text: &str) -> Result<u16, String> {
    let found = text.parse().ok().filter(|port| *port != 0);
    found.ok_or_else(|| format!("`{text}` is not a port, expected a number from 1 to 65535"))
}

fn de_port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    port(&i64::deserialize(deserializer)?.to_string()).map_err(serde::de::Error::custom)
}

written_as_string!(Security);

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(more: &str) -> Smtp {
        let text =
            format!("host = \"mail.example.com\"\nuser = \"wt@example.com\"\npassword = \"p\"\n{more}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn security_goes_with_the_port_and_none_must_be_said() {
        assert_eq!(smtp("port = 465").security(), Security::Tls);
        assert_eq!(smtp("port = 587").security(), Security::StartTls);
        assert_eq!(smtp("port = 25").security(), Security::StartTls);
        assert_eq!(smtp("port = 25\nsecurity = \"none\"").security(), Security::None);
    }

    #[test]
    fn mails_are_from_an_address() {
        assert_eq!(smtp("port = 25").from().unwrap().as_str(), "wt@example.com");
        assert_eq!(smtp("port = 25\nfrom = \"a@b\"").from().unwrap().as_str(), "a@b");
        let no_address: Smtp =
            toml::from_str("host = \"m\"\nport = 25\nuser = \"wt\"\npassword = \"p\"").unwrap();
        assert!(no_address.check().unwrap_err().contains("no `from`"));
    }
}
