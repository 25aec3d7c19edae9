//! The one valid header of an entry in a backup's tar, in GNU tar's old format, which every tar reads. Readers of ours
//! compare it and take everything from the signed list, which says more: times to the nanosecond, holes.

use wt_manifests::bundle::tar::{number, seal};

use super::list::{Entry, Kind};

/// The two zero blocks that end an archive.
pub use wt_manifests::bundle::tar::{END, padding};

const NAME: usize = 100;
const LONG_NAME: &[u8] = b"././@LongLink";

/// All that stands before an entry's bytes.
pub fn header(entry: &Entry) -> Vec<u8> {
    let mut path = entry.path.as_bytes().to_vec();
    let (kind, target): (u8, &[u8]) = match &entry.kind {
        Kind::File { .. } => (b'0', b""),
        Kind::Hardlink(file) => (b'1', file.as_bytes()),
        Kind::Symlink(target) => (b'2', &target.0),
        Kind::Folder => (b'5', b""),
    };
    if kind == b'5' {
        path.push(b'/');
    }
    let mut bytes = Vec::new();
    for (text, long) in [(target, b'K'), (&path[..], b'L')] {
        if text.len() > NAME {
            bytes.extend(long_name(text, long));
        }
    }
    let mut block = block(&path, kind, entry.size());
    field(&mut block[157..257], target);
    number(&mut block[100..108], entry.mode.0.into());
    number(&mut block[108..116], entry.user.into());
    number(&mut block[116..124], entry.group.into());
    number(&mut block[136..148], u64::try_from(entry.modified.seconds).unwrap_or_default());
    seal(&mut block);
    bytes.extend(block);
    bytes
}

/// An entry of its own that holds a name which fits no header.
fn long_name(text: &[u8], kind: u8) -> Vec<u8> {
    let size = text.len() as u64 + 1;
    let mut block = block(LONG_NAME, kind, size);
    for range in [100..108, 108..116, 116..124, 136..148] {
        number(&mut block[range], 0);
    }
    seal(&mut block);
    let mut bytes = block.to_vec();
    bytes.extend(text);
    bytes.resize(bytes.len() + 1 + padding(size), 0);
    bytes
}

fn block(name: &[u8], kind: u8, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    field(&mut block[..NAME], name);
    number(&mut block[124..136], size);
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar  \0");
    block
}

/// As much as fits; the rest stands in an entry of its own.
fn field(place: &mut [u8], text: &[u8]) {
    let fits = text.len().min(place.len());
    place[..fits].copy_from_slice(&text[..fits]);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::list::Target;
    use super::super::list::tests::{entry, file};
    use super::*;

    #[test]
    fn gnu_tar_reads_what_we_write() {
        let long = |name: &str| format!("data/{}/{name}", vec!["f".repeat(90); 3].join("/"));
        let content = b"hello";
        let mut entries = vec![
            entry("data", Kind::Folder),
            entry("data/a", file(content)),
            entry(&long("b"), file(content)),
            entry("data/%FF", Kind::Symlink(Target(b"../x".repeat(40)))),
            entry("data/c", Kind::Hardlink(long("b").parse().unwrap())),
            entry(&"n".repeat(100), file(b"")),
        ];
        entries[1].user = u32::MAX - 1;
        let mut tar = Vec::new();
        for entry in &entries {
            tar.extend(header(entry));
            if entry.size() > 0 {
                tar.extend(content);
                tar.resize(tar.len() + padding(entry.size()), 0);
            }
        }
        tar.extend(END);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        std::fs::write(&path, tar).unwrap();
        let said = Command::new("tar")
            .args(["--numeric-owner", "--quoting-style=escape", "--utc", "-tvf"])
            .arg(&path)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
        let said = String::from_utf8(said.stdout).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        let (long, target) = (long("b"), "../x".repeat(40));
        for (line, ends) in lines.iter().zip([
            "10001/10001 0 2026-11-23 08:00 data/".to_owned(),
            "4294967294/10001 5 2026-11-23 08:00 data/a".to_owned(),
            format!("10001/10001 5 2026-11-23 08:00 {long}"),
            format!("10001/10001 0 2026-11-23 08:00 data/\\377 -> {target}"),
            format!("10001/10001 0 2026-11-23 08:00 data/c link to {long}"),
            format!("10001/10001 0 2026-11-23 08:00 {}", "n".repeat(100)),
        ]) {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(line.ends_with(&ends), "{line}\n{ends}");
        }
        assert_eq!(lines.len(), entries.len());
    }
}
