use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use wt_keys::written_as_string;

/// A host name, or an address where a site has no names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address that it is, where it is no name.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.parse::<IpAddr>().is_ok() || is_host_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a host name, expected one like `im.example.com`"))
        }
    }
}

/// Letters, digits and hyphens in labels with dots between them. What looks like an address and is none is no name either.
pub fn is_host_name(text: &str) -> bool {
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    let last_is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
    text.len() <= 253 && text.split('.').all(label_ok) && !last_is_number
}

written_as_string!(Domain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_host_name_or_an_address() {
        for good in
            ["web", "im.example.com", "192.0.2.10", "2001:db8::1", "1.example", "xn--bcher-kva.example"]
        {
            assert!(good.parse::<Domain>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a_b.example",
            "-a.example",
            "a..b",
            "a.example.",
            "192.0.2",
            "192.0.2.256",
            "a b",
            "bücher.example",
        ] {
            assert!(bad.parse::<Domain>().is_err(), "{bad}");
        }
        assert!(!is_host_name(&format!("{}.example", "a".repeat(64))));
    }
}
