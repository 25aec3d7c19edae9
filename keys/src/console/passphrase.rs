use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{Error, Result, capped, private_file, shown_path};

/// Characters of a new passphrase.
const SHORTEST: usize = 12;

/// Where passphrases come from: a file, or the terminal; never an argument or the environment.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PassphraseFile {
    /// Read the passphrase of the key from the first line of FILE
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseFile {
    /// The passphrase that opens `key`.
    pub fn ask(&self, key: &Path) -> Result<Zeroizing<String>> {
        match &self.passphrase_file {
            Some(file) => first_line(file),
            None => prompt(&format!("Passphrase of {}: ", shown_path(key)), key),
        }
    }

    /// A passphrase for keys that are about to be made; typed twice on a terminal.
    pub fn choose(&self, folder: &Path) -> Result<Zeroizing<String>> {
        if let Some(file) = &self.passphrase_file {
            return long_enough(first_line(file)?);
        }
        loop {
            let once = long_enough(prompt("New passphrase: ", folder)?)?;
            if *once == *prompt("The same again: ", folder)? {
                return Ok(once);
            }
        }
    }
}

/// Of keys that are made; an older one opens with what it has.
fn long_enough(passphrase: Zeroizing<String>) -> Result<Zeroizing<String>> {
    match passphrase.chars().count() {
        found @ ..SHORTEST => Err(Error::PassphraseShort { least: SHORTEST, found }),
        _ => Ok(passphrase),
    }
}

fn first_line(file: &Path) -> Result<Zeroizing<String>> {
    let opened = private_file::open(file)?;
    let bytes = Zeroizing::new(capped::read_file(&opened, file, "a passphrase file", 4096)?);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let not_text = || Error::io("read a passphrase from", file)(std::io::Error::other("empty, or not UTF-8"));
    let text = std::str::from_utf8(line).ok().filter(|text| !text.is_empty()).ok_or_else(not_text)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn prompt(question: &str, path: &Path) -> Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::PassphraseNeeded { path: path.to_owned() });
    }
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(Error::io("read a passphrase for", path))
}
