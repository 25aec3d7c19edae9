use std::io::{self, Write as _};

use super::Exit;
use crate::{Error, Result};

/// Writes to stdout. A reader that went away has what it wanted: the program ends there, without a word and well.
pub fn write_stdout(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(Exit::Done as i32),
        written => written.map_err(Error::io("write to", "stdout")),
    }
}
