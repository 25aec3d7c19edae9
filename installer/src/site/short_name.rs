use std::fmt;
use std::str::FromStr;

use wt_keys::written_as_string;

use super::domain::is_host_name;

/// What a node or a company is called: like a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortName(String);

impl ShortName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ShortName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_host_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{text}` is not a short name, expected one like `acme`: letters, digits, `-` and `.`"
            ))
        }
    }
}

written_as_string!(ShortName);
