//! Whether a file is a static executable for a platform, by its ELF header. It is looked at, never run.
//!
//! Attacks: tables that claim to be huge or elsewhere. What is read is capped, and read where the file has it or not at all.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use wt_manifests::Platform;

const HEADER: usize = 64;
const SEGMENT: usize = 56;
const MOST_SEGMENTS: usize = 64;
const DYNAMIC_LIMIT: u64 = 64 << 10;

const INTERPRETER: u32 = 3;
const DYNAMIC: u32 = 2;
const NEEDED: u64 = 1;
const FLAGS_1: u64 = 0x6fff_fffb;
const FLAG_PIE: u64 = 0x0800_0000;

/// What is wrong with `file` as a static executable for `platform`; `None` where nothing is.
pub fn fault(file: &File, platform: &Platform) -> Option<&'static str> {
    let Some(machine) = machine(platform) else {
        return Some("a platform whose executables are not known here");
    };
    check(file, machine).err()
}

/// The ELF number of a platform's processor.
fn machine(platform: &Platform) -> Option<u16> {
    match (platform.os(), platform.machine()) {
        ("linux", "amd64") => Some(62),
        ("linux", "arm64") => Some(183),
        _ => None,
    }
}

fn check(file: &File, machine: u16) -> Result<(), &'static str> {
    let mut header = [0; HEADER];
    let elf = file.read_exact_at(&mut header, 0).is_ok() && header[..4] == *b"\x7fELF";
    match () {
        () if !elf => return Err("no ELF file"),
        () if header[4..6] != [2, 1] => return Err("an ELF file that is not 64-bit little-endian"),
        () if half(&header, 18) != machine => return Err("an ELF file for another processor"),
        () if !matches!(header[7], 0 | 3) => return Err("an ELF file for another system"),
        () => {}
    }
    let segments = segments(file, &header)?;
    if segments.iter().any(|segment| segment.kind == INTERPRETER) {
        return Err("a dynamically linked executable");
    }
    let dynamic = segments.iter().find(|segment| segment.kind == DYNAMIC);
    match (half(&header, 16), dynamic) {
        (2, None) => Ok(()),
        (2 | 3, Some(dynamic)) => check_dynamic(file, dynamic),
        _ => Err("an ELF file that is not executable"),
    }
}

struct Segment {
    kind: u32,
    offset: u64,
    length: u64,
}

fn segments(file: &File, header: &[u8]) -> Result<Vec<Segment>, &'static str> {
    const BROKEN: &str = "an ELF file whose segments cannot be read";
    let (offset, size, count) =
        (word(header, 32), usize::from(half(header, 54)), usize::from(half(header, 56)));
    if size != SEGMENT || count == 0 || count > MOST_SEGMENTS {
        return Err(BROKEN);
    }
    let mut table = vec![0; SEGMENT * count];
    file.read_exact_at(&mut table, offset).map_err(|_| BROKEN)?;
    let segment = |row: &[u8]| Segment {
        kind: u32::from(half(row, 0)) | u32::from(half(row, 2)) << 16,
        offset: word(row, 8),
        length: word(row, 32),
    };
    Ok(table.chunks_exact(SEGMENT).map(segment).collect())
}

/// A static executable that may be loaded anywhere has a dynamic section too, which asks for no library and says that
/// it is of an executable.
fn check_dynamic(file: &File, dynamic: &Segment) -> Result<(), &'static str> {
    const BROKEN: &str = "an ELF file whose dynamic section cannot be read";
    if dynamic.length > DYNAMIC_LIMIT {
        return Err(BROKEN);
    }
    let mut table = vec![0; usize::try_from(dynamic.length).map_err(|_| BROKEN)?];
    file.read_exact_at(&mut table, dynamic.offset).map_err(|_| BROKEN)?;
    let rows = || table.chunks_exact(16).map(|row| (word(row, 0), word(row, 8)));
    if rows().any(|(tag, _)| tag == NEEDED) {
        return Err("a file that needs shared libraries");
    }
    if rows().any(|(tag, value)| tag == FLAGS_1 && value & FLAG_PIE != 0) {
        Ok(())
    } else {
        Err("a shared library")
    }
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u64 {
    (0..4).rev().fold(0, |word, part| word << 16 | u64::from(half(bytes, at + 2 * part)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn judged(bytes: &[u8]) -> Option<&'static str> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        fault(&file, &"linux/amd64".parse().unwrap())
    }

    /// A static executable of one empty segment.
    fn elf() -> Vec<u8> {
        let mut bytes = vec![0; HEADER + SEGMENT];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (at, value) in [(16, 2), (18, 62), (32, 64), (54, 56), (56, 1)] {
            bytes[at] = value;
        }
        bytes[HEADER] = 1;
        bytes
    }

    #[test]
    fn the_program_that_runs_this_is_a_static_executable() {
        let own = File::open(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(fault(&own, &"linux/amd64".parse().unwrap()), None);
        assert_eq!(fault(&own, &"linux/arm64".parse().unwrap()), Some("an ELF file for another processor"));
        assert!(fault(&own, &"plan9/amd64".parse().unwrap()).unwrap().starts_with("a platform"));
    }

    #[test]
    fn anything_else_is_named() {
        assert_eq!(judged(&elf()), None);
        for (at, value, what) in [
            (0, 0, "no ELF file"),
            (4, 1, "an ELF file that is not 64-bit little-endian"),
            (7, 9, "an ELF file for another system"),
            (16, 1, "an ELF file that is not executable"),
            (18, 183, "an ELF file for another processor"),
            (33, 1, "an ELF file whose segments cannot be read"),
            (39, 255, "an ELF file whose segments cannot be read"),
            (57, 255, "an ELF file whose segments cannot be read"),
            (HEADER, 3, "a dynamically linked executable"),
            (HEADER, 2, "a shared library"),
        ] {
            let mut bytes = elf();
            bytes[at] = value;
            assert_eq!(judged(&bytes), Some(what), "byte {at}");
        }
        let mut huge = elf();
        huge[HEADER] = 2;
        huge[HEADER + 39] = 255;
        assert_eq!(judged(&huge), Some("an ELF file whose dynamic section cannot be read"));
        for length in 0..elf().len() {
            assert!(judged(&elf()[..length]).is_some(), "{length}");
        }
    }
}
