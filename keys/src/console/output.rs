use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::{Failure, Progress, write_stdout};
use crate::shown::is_harmless;

/// The flags that every command has.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Output {
    /// Report as JSON on stdout
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, help_heading = "Output")]
    pub verbose: bool,
}

impl Output {
    /// The result of a reporting command: `json` when asked for, else `text`.
    pub fn report(self, json: &impl Serialize, text: impl fmt::Display) {
        if self.json {
            let json = serde_json::to_string_pretty(json).unwrap_or_default(); // our own structs: cannot fail
            self.data(format_args!("{}\n", escaped_json(&json)));
        } else {
            self.data(escaped(&text.to_string()));
        }
    }

    /// Data, on stdout; where it cannot be written, the program says so and ends.
    pub fn data(self, text: impl fmt::Display) {
        if let Err(error) = write_stdout(text.to_string().as_bytes()) {
            let failure = Failure::from(error);
            let _ = writeln!(io::stderr(), "{failure}");
            std::process::exit(failure.exit() as i32);
        }
    }

    /// What was done, on stderr.
    pub fn say(self, text: impl fmt::Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{}", escaped(&text.to_string()));
        }
    }

    /// What only `-v` wants to know, on stderr.
    pub fn detail(self, text: impl fmt::Display) {
        if self.verbose {
            self.say(text);
        }
    }

    /// Bars on a terminal, plain lines elsewhere, nothing with `-q`.
    pub fn progress(self) -> Progress {
        if self.quiet {
            Progress::silent()
        } else if io::stderr().is_terminal() {
            Progress::bars()
        } else {
            Progress::lines()
        }
    }
}

/// A text of lines, with everything made visible that could steer a terminal. What comes from elsewhere into a line is
/// [`crate::shown::shown`] there, or it could begin lines of its own.
pub fn escaped(text: &str) -> String {
    let keep = |c: char| c == '\n' || is_harmless(c);
    text.chars().flat_map(|c| if keep(c) { vec![c] } else { c.escape_unicode().collect() }).collect()
}

/// The same for JSON, which stays the same JSON: outside of strings there is nothing to escape.
fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || is_harmless(c) {
            escaped.push(c);
        } else {
            escaped.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    escaped
}

/// A number of bytes for people: `587.3 MiB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&indicatif::BinaryBytes(self.0).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_without_steering_a_terminal() {
        let text = "a\u{9b}31m\u{202e}b\u{e0041}易";
        let json = escaped_json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert_eq!(json, "[\n  \"a\\u009b31m\\u202eb\\udb40\\udc41易\"\n]");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
    }

    #[test]
    fn what_could_steer_a_terminal_is_made_visible() {
        assert_eq!(escaped("a\u{1b}[31mb\r\u{202e}c\nd"), "a\\u{1b}[31mb\\u{d}\\u{202e}c\nd");
        assert_eq!(escaped("Müller 易"), "Müller 易");
    }
}
