//! Text from a file, a folder or another machine, as a message may show it.
//!
//! Attacks: a name that holds a line feed begins a line of its own, `hint: run this`; one of megabytes floods a terminal
//! and a log; one with control characters or turned letters shows another text than it is. A message that interpolates
//! such text interpolates [`shown`] of it.

use std::error::Error as StdError;
use std::fmt::{self, Display, Write as _};
use std::path::Path;

/// Of one value in a message.
const LIMIT: usize = 200;
/// The longest path that Linux takes.
const PATH_LIMIT: usize = 4096;

/// On one line, nothing in it that steers a terminal, and cut where it is too long.
#[derive(Clone, Copy, Debug)]
pub struct Shown<T> {
    text: T,
    limit: usize,
}

/// At most 200 characters of `text`.
pub fn shown<T: Display>(text: T) -> Shown<T> {
    Shown { text, limit: LIMIT }
}

/// The same of a path, as long as it is.
pub fn shown_path(path: &Path) -> Shown<std::path::Display<'_>> {
    Shown { text: path.display(), limit: PATH_LIMIT }
}

impl<T> Shown<T> {
    #[must_use]
    pub fn up_to(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    pub fn inner(&self) -> &T {
        &self.text
    }
}

/// For `map_err` and `#[source]`: what another library says of bytes that nobody vouches for.
impl<T: Display> From<T> for Shown<T> {
    fn from(text: T) -> Self {
        shown(text)
    }
}

impl<T: Display> Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line { out: f, left: self.limit, cut: false };
        match write!(line, "{}", self.text) {
            Err(_) if line.cut => f.write_char('…'),
            result => result,
        }
    }
}

impl<E: StdError> StdError for Shown<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.text.source()
    }
}

/// Takes what is written to it as one line, and stops where it is full.
struct Line<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    left: usize,
    cut: bool,
}

impl fmt::Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.left == 0 {
                self.cut = true;
                return Err(fmt::Error);
            }
            self.left -= 1;
            match c {
                '\n' => self.out.write_str("\\n")?,
                c if is_harmless(c) => self.out.write_char(c)?,
                c => write!(self.out, "{}", c.escape_unicode())?,
            }
        }
        Ok(())
    }
}

/// Characters that show nothing, or turn the direction of what follows.
const INVISIBLE: [std::ops::RangeInclusive<char>; 9] = [
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e007f}',
];

/// Whether a terminal shows the character and does nothing else.
pub fn is_harmless(c: char) -> bool {
    !(c.is_control() || INVISIBLE.iter().any(|range| range.contains(&c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_on_its_line() {
        assert_eq!(
            shown("a\nhint: run this\r\u{1b}[31m\u{202e}").to_string(),
            "a\\nhint: run this\\u{d}\\u{1b}[31m\\u{202e}"
        );
        assert_eq!(shown_path(Path::new("a\nb")).to_string(), "a\\nb");
        assert_eq!(shown("Müller 易").to_string(), "Müller 易");
    }

    #[test]
    fn text_of_others_is_cut_between_two_characters() {
        assert_eq!(shown("易".repeat(200)).to_string(), "易".repeat(200));
        assert_eq!(shown("易".repeat(201)).to_string(), format!("{}…", "易".repeat(200)));
        assert_eq!(shown("abc").up_to(2).to_string(), "ab…");
        assert_eq!(shown(format_args!("{}{}", "ab", "c")).up_to(3).to_string(), "abc");
    }
}
