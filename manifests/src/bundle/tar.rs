//! The canonical tar: for an entry there is exactly one valid header, so readers compare instead of parsing.
//! FORMAT.md section 5.

use crate::manifest::Entry;
use crate::{Error, RelativePath, Result};

pub const BLOCK: u64 = 512;
/// The two zero blocks that end an archive.
pub const END: [u8; 1024] = [0; 1024];
/// 2000-01-01T00:00:00Z, for every file of every bundle.
const MODIFIED: u64 = 946_684_800;

/// What an entry takes in the tar: its header, its bytes, and zeros up to a whole block.
pub fn stored_size(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(BLOCK)?.checked_add(BLOCK)
}

/// The same for a file that is about to be written as `path`.
pub fn size_of(path: &RelativePath, size: u64) -> Result<u64> {
    stored_size(size).ok_or_else(|| Error::EntrySize { path: path.to_string(), found: size })
}

/// How many zeros follow the bytes of an entry.
pub fn padding(size: u64) -> usize {
    usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or_default() // below 512
}

/// The header of an entry (POSIX ustar).
pub fn header(entry: &Entry) -> [u8; 512] {
    let mut header = [0; 512];
    let (folder, name) = entry.path.split();
    header[..name.len()].copy_from_slice(name.as_bytes());
    octal(&mut header[100..108], u64::from(entry.mode.bits()));
    octal(&mut header[108..116], 0); // user
    octal(&mut header[116..124], 0); // group
    number(&mut header[124..136], entry.size);
    octal(&mut header[136..148], MODIFIED);
    header[156] = b'0'; // a regular file
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[345..345 + folder.len()].copy_from_slice(folder.as_bytes());
    seal(&mut header);
    header
}

/// Writes the checksum of a header whose other fields are all there.
pub fn seal(header: &mut [u8; 512]) {
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut header[148..155], sum);
}

/// Octal where the field has the digits for it; else a big-endian binary number, as GNU tar, bsdtar, Go and Python read it.
/// A field of less than twelve bytes holds 32 bits at most.
pub fn number(field: &mut [u8], value: u64) {
    if value >> (3 * (field.len() - 1)) == 0 {
        return octal(field, value);
    }
    field[0] = 0x80;
    let bytes = value.to_be_bytes();
    let (from, to) =
        (bytes.len().saturating_sub(field.len() - 1), field.len().saturating_sub(bytes.len()).max(1));
    field[to..].copy_from_slice(&bytes[from..]);
}

/// Digits up to the last byte of the field, which is NUL.
fn octal(field: &mut [u8], mut value: u64) {
    let digits = field.len() - 1;
    for digit in field[..digits].iter_mut().rev() {
        *digit = b'0' + (value % 8) as u8;
        value /= 8;
    }
    field[digits] = 0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Mode;
    use wt_keys::Sha256Digest;

    fn entry(path: &str, size: u64) -> Entry {
        Entry {
            path: path.parse().unwrap(),
            size,
            mode: Mode::Program,
            sha256: Sha256Digest::of(b""),
            frame: 0,
        }
    }

    #[test]
    fn the_checksum_of_a_header_is_right() {
        let header = header(&entry(&format!("{}/b", "a".repeat(140)), 7));
        let mut blank = header;
        blank[148..156].fill(b' ');
        let sum: u64 = blank.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(std::str::from_utf8(&header[148..154]).unwrap(), format!("{sum:06o}"));
        assert_eq!(&header[154..156], b"\0 ");
    }

    #[test]
    fn a_size_is_octal_below_8_gib_and_binary_from_there() {
        assert_eq!(&header(&entry("a", (8 << 30) - 1))[124..136], b"77777777777\0");
        assert_eq!(header(&entry("a", 8 << 30))[124..136], [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn a_short_field_holds_32_bits() {
        let mut field = [0; 8];
        number(&mut field, 0o7_777_777);
        assert_eq!(&field, b"7777777\0");
        number(&mut field, 0o10_000_000);
        assert_eq!(field, [0x80, 0, 0, 0, 0, 0x20, 0, 0]);
        number(&mut field, u64::from(u32::MAX));
        assert_eq!(field, [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn sizes_that_would_overflow_are_refused() {
        assert_eq!(stored_size(0), Some(512));
        assert_eq!(stored_size(513), Some(1536));
        assert_eq!(stored_size(u64::MAX - 100), None);
    }
}
