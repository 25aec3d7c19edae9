use std::fmt;
use std::str::FromStr;

use wt_keys::written_as_string;

use super::domain::is_host_name;

/// Where mail goes to: `admin@example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MailAddress {
    type Err = String;

    /// What mail servers take without quoting (RFC 5321, section 4.1.2, "Dot-string").
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&c);
        let word_ok = |word: &str| !word.is_empty() && word.bytes().all(plain);
        let local_ok = |local: &str| local.len() <= 64 && local.split('.').all(word_ok);
        match text.rsplit_once('@') {
            Some((local, domain)) if local_ok(local) && is_host_name(domain) => Ok(Self(text.to_owned())),
            _ => Err(format!("`{text}` is not a mail address, expected one like `admin@example.com`")),
        }
    }
}

written_as_string!(MailAddress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_address_has_a_name_and_a_host() {
        for good in ["a@example.com", "first.last+tag@mail.example", "o'neill@x"] {
            assert!(good.parse::<MailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@example.com",
            "a@",
            "a b@example.com",
            "a..b@example.com",
            "a@b@c d",
            "a@x\r\nBcc: b@y",
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
        }
    }
}
