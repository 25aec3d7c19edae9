//! One file of a bundle on stdout, byte for byte; on a terminal only what a terminal can show.

use std::io::{self, IsTerminal as _, Read};

use wt_keys::console::{escaped, write_stdout};
use wt_manifests::bundle::Bundle;
use wt_manifests::bundle::reader::unwrapped;

use crate::selection::no_entry;
use crate::{Error, Result};

/// The longest text for a terminal.
const SHOWN: u64 = 1 << 20;

pub fn print(bundle: &Bundle, path: &str) -> Result<()> {
    let entry = bundle.manifest().entry(path).map_err(|_| no_entry(bundle.manifest(), path))?;
    if io::stdout().is_terminal() {
        let refused = || Error::NotForTerminal { path: path.to_owned() };
        if entry.size > SHOWN {
            return Err(refused());
        }
        let bytes = bundle.read_entry(path, SHOWN)?;
        return Ok(write_stdout(shown(&bytes).ok_or_else(refused)?.as_bytes())?);
    }
    bundle.for_each_entry(|other| other.path == entry.path, |_, content| copy(content))
}

fn copy(content: &mut dyn Read) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match content.read(&mut buffer).map_err(unwrapped)? {
            0 => return Ok(()),
            got => write_stdout(&buffer[..got])?,
        }
    }
}

/// Text, with tabs, and with everything visible that could steer the terminal.
fn shown(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
    Some(text.split('\t').map(escaped).collect::<Vec<_>>().join("\t"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_text_only_and_nothing_that_steers_it() {
        assert_eq!(shown(b"a\tb\n\x1b[2J").unwrap(), "a\tb\n\\u{1b}[2J");
        assert_eq!(shown(b"a\0b"), None);
        assert_eq!(shown(&[0xFF]), None);
    }
}
