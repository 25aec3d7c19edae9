//! Tars of others: what `docker save` wrote, image layouts, layers. Here is all that they have in common; what an entry
//! means, and how many there may be, is said by who reads.
//!
//! Attacks this module is written against: names and headers of any length (the tar reader keeps what stands between two
//! files in memory, as much as there is of it), a sparse file that unfolds to exabytes (what is stored of it is skipped,
//! its holes are never read), a size that leads behind the end of all numbers, bytes that are no tar. Nothing is written.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

use crate::{Error, Result};

/// What may stand before a file in the tar: its header, long names, pax headers.
pub const LONGEST_HEADERS: u64 = 1 << 20;

/// An entry of a tar that is read.
pub type Entry<'a, R> = tar::Entry<'a, Rationed<'a, R>>;

/// Hands each entry of a stream to `visit`, to the end of the tar; what `visit` leaves of an entry is skipped.
pub fn each_entry<R: Read>(
    stream: R,
    origin: &str,
    mut visit: impl FnMut(&mut Entry<'_, R>) -> Result<()>,
) -> Result<()> {
    let ration = Cell::new(LONGEST_HEADERS);
    let mut tar = tar::Archive::new(Rationed { stream, ration: &ration });
    for entry in tar.entries().map_err(not_a_tar(origin))? {
        let mut entry = entry.map_err(not_a_tar(origin))?;
        ration.set(u64::MAX);
        visit(&mut entry)?;
        let skipped = skip(&mut entry).map_err(not_a_tar(origin))?;
        ration.set(LONGEST_HEADERS.saturating_add(skipped));
    }
    Ok(())
}

/// Hands each entry of a file to `visit`; what `visit` leaves of it is passed over and not read.
pub fn each_place<R: Read + Seek>(
    file: R,
    origin: &str,
    mut visit: impl FnMut(&mut Entry<'_, R>) -> Result<()>,
) -> Result<()> {
    let ration = Cell::new(LONGEST_HEADERS);
    let mut tar = tar::Archive::new(Rationed { stream: file, ration: &ration });
    for entry in tar.entries_with_seek().map_err(not_a_tar(origin))? {
        let mut entry = entry.map_err(not_a_tar(origin))?;
        ration.set(u64::MAX);
        visit(&mut entry)?;
        ration.set(LONGEST_HEADERS);
    }
    Ok(())
}

/// For what the tar reader refuses; a disk or a decompressor that failed below it is named as it is.
pub fn not_a_tar(origin: &str) -> impl FnOnce(io::Error) -> Error {
    move |error| match Error::from_reader(error) {
        Ok(own) => own,
        Err(error) if error.raw_os_error().is_some() => Error::io("read", origin)(error),
        Err(_) => Error::Unusable {
            origin: origin.to_owned(),
            why: "it is not a tar, is damaged, or has a name longer than 1 MiB",
        },
    }
}

/// A name as it is looked up: without `./` before it and a slash behind it.
pub fn clean(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path).trim_end_matches('/')
}

/// Reads what is left of an entry; of one with holes the tar reader skips what is stored, which is given back.
fn skip<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<u64> {
    if entry.header().entry_type() == tar::EntryType::GNUSparse {
        return Ok(entry.header().entry_size()?.saturating_add(511));
    }
    io::copy(entry, &mut io::sink())?;
    Ok(0)
}

/// A stream of which its reader takes no more than it was given.
pub struct Rationed<'a, R> {
    stream: R,
    ration: &'a Cell<u64>,
}

impl<R: Read> Read for Rationed<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.ration.get()).map_or(out.len(), |left| left.min(out.len()));
        if most == 0 && !out.is_empty() {
            return Err(io::Error::other("names and headers that are too long"));
        }
        let got = self.stream.read(&mut out[..most])?;
        self.ration.set(self.ration.get() - got as u64);
        Ok(got)
    }
}

/// What is passed over is not read.
impl<R: Seek> Seek for Rationed<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream.seek(to)
    }
}
