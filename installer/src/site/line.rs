use std::fmt;
use std::str::FromStr;

use wt_keys::written_as_string;

const LONGEST: usize = 200;

/// A name of somebody or something: one line of text with something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            _ if text.trim().is_empty() => Err("it is empty".to_owned()),
            _ if text.trim() != text => Err(format!("`{text}` begins or ends with a space")),
            _ if text.chars().any(char::is_control) => Err("it is more than one line of text".to_owned()),
            _ if text.chars().count() > LONGEST => Err(format!("it is longer than {LONGEST} characters")),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

written_as_string!(Line);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_and_says_something() {
        assert!("Site Administrator 易".parse::<Line>().is_ok());
        for bad in ["", " ", " a", "a\nb", "a\u{1b}[31m", &"a".repeat(201)] {
            assert!(bad.parse::<Line>().is_err(), "{bad:?}");
        }
    }
}
