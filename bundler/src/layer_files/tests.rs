use super::*;
use crate::foreign_tar::LONGEST_HEADERS;

fn tar(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        if kind.is_symlink() {
            header.set_size(0);
            tar.append_link(&mut header, path, content).unwrap();
        } else {
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

fn read(bytes: &[u8]) -> Result<LayerFiles> {
    LayerFiles::read(&mut &bytes[..], "a layer", &Budget::default())
}

#[test]
fn files_links_folders_and_whiteouts_are_told_apart() {
    use tar::EntryType as Type;
    let layer = read(&tar(&[
        ("etc/", Type::Directory, ""),
        ("./etc/passwd", Type::Regular, "root"),
        ("etc/link", Type::Symlink, "passwd"),
        ("etc/.wh.shadow", Type::Regular, ""),
        (".wh.old", Type::Regular, ""),
        ("var/.wh..wh..opq", Type::Regular, ""),
    ]))
    .unwrap();
    let kinds: Vec<_> = layer.files.iter().map(|(path, file)| (path.as_str(), file.kind)).collect();
    assert_eq!(
        kinds,
        [("etc", FileKind::Folder), ("etc/link", FileKind::Link), ("etc/passwd", FileKind::File)]
    );
    assert_eq!(layer.files["etc/passwd"].sha256, Some(Sha256Digest::of(b"root")));
    assert_eq!(layer.files["etc/link"].target.as_deref(), Some("passwd"));
    assert_eq!(layer.whiteouts, ["etc/shadow", "old"]);
    assert_eq!(layer.opaque, ["var"]);
}

#[test]
fn a_name_of_any_length_is_not_kept() {
    let mut long = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    let name = "n/".repeat(usize::try_from(LONGEST_HEADERS).unwrap());
    long.append_data(&mut header, name, &b""[..]).unwrap();
    assert!(matches!(read(&long.into_inner().unwrap()), Err(Error::Unusable { .. })));
}

#[test]
fn holes_are_not_unfolded() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_path("hole").unwrap();
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    for number in [&mut gnu.realsize, &mut gnu.sparse[0].offset] {
        number[0] = 0x80; // 2^62 bytes of nothing, and then no bytes
        number[4] = 0x40;
    }
    gnu.sparse[0].numbytes.copy_from_slice(b"00000000000\0");
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(&[0; 1024]);
    let layer = read(&bytes).unwrap();
    assert_eq!((layer.files["hole"].kind, layer.files["hole"].sha256), (FileKind::Sparse, None));
}

#[test]
fn more_files_than_memory_holds_are_refused() {
    let budget = Budget { files: Cell::new(2), names: Cell::new(MOST_NAMES) };
    let layer = tar(&[("a", tar::EntryType::Regular, ""), ("b", tar::EntryType::Regular, "")]);
    let refused = LayerFiles::read(&mut &layer[..], "a layer", &budget);
    assert!(matches!(refused, Err(Error::ArchiveTooLarge { what: "files", .. })));
}

#[test]
fn noise_is_no_tar_and_nothing_is_an_empty_one() {
    assert!(matches!(read(&[0xEE; 2000]), Err(Error::Unusable { .. })));
    assert!(read(b"").unwrap().files.is_empty());
}
