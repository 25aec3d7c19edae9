//! Encryption of a backup's data for those whom the site names: the age format, with keys of the kind `age1…`.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use age::stream::{StreamReader, StreamWriter};
use age::x25519;
use wt_keys::{capped, private_file, written_as_string};
use zeroize::Zeroizing;

use crate::{Error, Result};

const IDENTITY_LIMIT: u64 = 1 << 16;

pub type Encrypted<W> = StreamWriter<W>;
pub type Decrypted<R> = StreamReader<R>;

/// Who may read a backup: the public half of an age key, as `age-keygen` prints it.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

/// The private halves of some keys.
pub struct Identities(Vec<x25519::Identity>);

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = text.parse().map(Self);
        // a private key in the wrong place must not be shown
        key.map_err(|_| "not the public half of an age key, which begins with `age1`".to_owned())
    }
}

written_as_string!(Recipient);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({}, secret)", self.0.len())
    }
}

impl Identities {
    /// Reads a file of `age-keygen`: keys that nobody else may read.
    pub fn read(path: &Path) -> Result<Self> {
        let file = private_file::open(path)?;
        let bytes = Zeroizing::new(capped::read_file(&file, path, "a file of age keys", IDENTITY_LIMIT)?);
        let lines = std::str::from_utf8(&bytes).unwrap_or_default().lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::parse);
        match keys.collect::<Result<Vec<x25519::Identity>, _>>() {
            Ok(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err(Error::Identities { path: path.to_owned() }),
        }
    }
}

pub fn encrypt<W: Write>(recipients: &[Recipient], to: W) -> Result<Encrypted<W>> {
    let recipients = recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
    let failed = |error| Error::io("encrypt", "the data")(error);
    let encryptor =
        age::Encryptor::with_recipients(recipients).map_err(|error| failed(io::Error::other(error)))?;
    encryptor.wrap_output(to).map_err(failed)
}

pub fn decrypt<R: Read>(identities: &Identities, from: R) -> Result<Decrypted<R>, age::DecryptError> {
    let identities = identities.0.iter().map(|identity| identity as &dyn age::Identity);
    age::Decryptor::new(from)?.decrypt(identities)
}
