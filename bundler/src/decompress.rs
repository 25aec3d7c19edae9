//! Layers and archives as people have them: plain, gzip or zstd, told apart by their first bytes.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::Error;

const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Plain,
    Gzip,
    Zstd,
}

impl Coding {
    /// Looks at the first bytes; gives back a reader that still has them.
    pub fn detect<R: Read>(mut reader: R) -> io::Result<(Self, impl Read)> {
        let mut first = Vec::with_capacity(ZSTD.len());
        reader.by_ref().take(ZSTD.len() as u64).read_to_end(&mut first)?;
        let coding = match &first[..] {
            [a, b, ..] if [*a, *b] == GZIP => Self::Gzip,
            bytes if bytes == ZSTD => Self::Zstd,
            _ => Self::Plain,
        };
        Ok((coding, Cursor::new(first).chain(reader)))
    }

    pub fn decoder<'a>(self, reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Plain => Box::new(reader),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(reader)),
            Self::Zstd => Box::new(zstd::Decoder::new(reader)?),
        })
    }
}

/// The file again, if it is one that can be read at any place and is not compressed.
pub fn in_place(file: &File) -> io::Result<Option<File>> {
    if !file.metadata()?.is_file() {
        return Ok(None); // a pipe
    }
    let mut first = [0; ZSTD.len()];
    let got = file.read_at(&mut first, 0)?;
    let (coding, _) = Coding::detect(&first[..got])?;
    if coding == Coding::Plain { file.try_clone().map(Some) } else { Ok(None) }
}

/// The content of `reader`, whichever way it is compressed.
pub fn decompressed<'a>(reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let (coding, reader) = Coding::detect(reader)?;
    coding.decoder(reader)
}

/// An archive that is several times as large as the largest layer holds more than one image needs.
const LAYERS: u64 = 4;

/// The content of a compressed archive of images, as long as it is not absurdly larger than the `largest` layer.
pub fn decompressed_archive<'a>(
    reader: impl Read + 'a,
    path: &Path,
    largest: u64,
) -> io::Result<Limited<Box<dyn Read + 'a>>> {
    let limit = largest.saturating_mul(LAYERS);
    Ok(Limited { inner: decompressed(reader)?, path: path.to_owned(), limit, left: limit })
}

/// A reader that fails where there is more than it may give.
pub struct Limited<R> {
    inner: R,
    path: PathBuf,
    limit: u64,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        let origin = || self.path.display().to_string();
        self.left = self.left.checked_sub(got as u64).ok_or_else(|| {
            io::Error::other(Error::UnpackedTooLarge { origin: origin(), limit: self.limit })
        })?;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn each_coding_is_known_by_its_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"hello").unwrap();
        for (bytes, coding) in [
            (b"hello".to_vec(), Coding::Plain),
            (gzip.finish().unwrap(), Coding::Gzip),
            (zstd::encode_all(&b"hello"[..], 1).unwrap(), Coding::Zstd),
        ] {
            assert_eq!(Coding::detect(&bytes[..]).unwrap().0, coding);
            let mut content = String::new();
            decompressed(&bytes[..]).unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(content, "hello");
        }
        assert_eq!(Coding::detect(&b""[..]).unwrap().0, Coding::Plain);
    }
}
