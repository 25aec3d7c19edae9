use std::io::Write as _;

use tar::{Builder, EntryType, Header};

use wt_keys::console::Explain as _;

use super::*;

/// An archive under construction.
struct Tar(Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn file(mut self, path: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        self.0.append_data(&mut header, path, content).unwrap();
        self
    }

    fn link(mut self, path: &str, target: &str, kind: EntryType) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        self.0.append_link(&mut header, path, target).unwrap();
        self
    }

    fn read(self) -> Result<(Archive, Vec<Sha256Digest>)> {
        self.read_at_most(MOST)
    }

    fn read_at_most(self, most: Amount) -> Result<(Archive, Vec<Sha256Digest>)> {
        let folder = tempfile::tempdir().unwrap();
        let press = Press::for_test(folder.path());
        let bytes = self.0.into_inner().unwrap();
        let archive = Archive::read(&bytes[..], "test.tar", &press, most)?;
        let mut pressed: Vec<_> = press.finish()?.into_keys().collect();
        pressed.sort();
        assert!(most.entries != MOST.entries || pressed == in_a_file(&bytes)?.1);
        Ok((archive, pressed))
    }
}

fn layer(text: &str) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(text.len() as u64);
    tar.append_data(&mut header, "file", text.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<String> =
        layers.iter().map(|layer| format!("{:?}", Sha256Digest::of(layer).to_oci())).collect();
    let ids = ids.join(",");
    format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#)
        .into()
}

fn digests(content: &Content) -> Vec<Sha256Digest> {
    content.layers.iter().map(|layer| layer.digest).collect()
}

#[test]
fn the_format_of_docker_20_is_read_with_its_links() {
    let (base, top) = (layer("base"), layer("top"));
    let (one, two) = (config(&[&base]), config(&[&base, &top]));
    let (one_name, two_name) =
        (format!("{}.json", Sha256Digest::of(&one)), format!("{}.json", Sha256Digest::of(&two)));
    let manifest = format!(
        r#"[{{"Config":"{one_name}","RepoTags":["a:1"],"Layers":["x/layer.tar"]}},
            {{"Config":"{two_name}","RepoTags":["library/b:1","b:2"],"Layers":["y/layer.tar","z/layer.tar"]}}]"#
    );
    let (archive, pressed) = Tar::new()
        .file("x/VERSION", b"1.0")
        .file("x/json", b"{}")
        .file("x/layer.tar", &base)
        .link("y/layer.tar", "../x/layer.tar", EntryType::Symlink)
        .file("z/layer.tar", &top)
        .file(&one_name, &one)
        .file(&two_name, &two)
        .file("manifest.json", manifest.as_bytes())
        .file("repositories", b"{}")
        .read()
        .unwrap();
    let mut expected = vec![Sha256Digest::of(&base), Sha256Digest::of(&top)];
    let found = archive.image(Some(&"docker.io/library/b:2".parse().unwrap())).unwrap();
    assert_eq!(found.config, two);
    assert_eq!(digests(&found), expected);
    assert_eq!(digests(&archive.image(Some(&"a:1".parse().unwrap())).unwrap()), expected[..1]);
    expected.sort();
    assert_eq!(pressed, expected);
    let several = archive.image(None).err().unwrap();
    assert_eq!(several.to_string(), "`test.tar` holds several images and none is named");
    let hint = several.hint().unwrap();
    assert_eq!(hint, "name one behind the path, as in `PATH:a:1`; it holds: a:1, library/b:1, b:2");
    let missing = archive.image(Some(&"a:2".parse().unwrap())).err().unwrap();
    assert!(matches!(missing, Error::NotInArchive { known, .. } if known == ["a:1", "library/b:1", "b:2"]));
}

#[test]
fn the_format_of_docker_25_is_read_also_with_compressed_layers() {
    let (plain, packed) = (layer("plain"), layer("packed"));
    let config = config(&[&plain, &packed]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&packed).unwrap();
    let gzip = gzip.finish().unwrap();
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Sha256Digest::of(bytes));
    let manifest = format!(
        r#"[{{"Config":"{}","RepoTags":null,"Layers":["{}","{}"]}}]"#,
        blob(&config),
        blob(&plain),
        blob(&gzip)
    );
    let (archive, _) = Tar::new()
        .file(&blob(&plain), &plain)
        .file(&blob(&gzip), &gzip)
        .file(&blob(&config), &config)
        .file("index.json", b"{}")
        .file("./manifest.json", manifest.as_bytes())
        .file("oci-layout", b"{}")
        .read()
        .unwrap();
    let found = archive.image(None).unwrap();
    assert_eq!(digests(&found), [Sha256Digest::of(&plain), Sha256Digest::of(&packed)]);
    assert_eq!(found.config, config);
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_refused() {
    let blob = format!("blobs/sha256/{}", Sha256Digest::of(b"other"));
    assert!(matches!(Tar::new().file(&blob, &layer("x")).read(), Err(Error::Digest { .. })));
    let named = format!("{}.json", Sha256Digest::of(b"other"));
    assert!(matches!(Tar::new().file(&named, b"{}").read(), Err(Error::Digest { .. })));
}

#[test]
fn archives_that_mean_two_things_are_refused() {
    let manifest: &[u8] = br#"[{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}]"#;
    assert!(matches!(Tar::new().read(), Err(Error::Misses { .. })));
    assert!(matches!(Tar::new().file("manifest.json", b"null").read(), Err(Error::Unusable { .. })));
    assert!(matches!(Tar::new().file("manifest.json", b"{").read(), Err(Error::Document { .. })));
    let twice = Tar::new().file("manifest.json", manifest).file("./manifest.json", manifest);
    assert!(matches!(twice.read(), Err(Error::Unusable { .. })));
    let device = Tar::new().link("d", "x", EntryType::Fifo).file("manifest.json", manifest);
    assert!(matches!(device.read(), Err(Error::Unusable { .. })));
    let circle = Tar::new()
        .file("c", b"{}")
        .link("l", "m", EntryType::Symlink)
        .link("m", "l", EntryType::Symlink)
        .file("manifest.json", manifest);
    assert!(matches!(circle.read().unwrap().0.image(None), Err(Error::Misses { .. })));
    let outside = Tar::new()
        .file("c", b"{}")
        .link("l", "../../../etc/passwd", EntryType::Symlink)
        .file("manifest.json", manifest);
    assert!(matches!(outside.read().unwrap().0.image(None), Err(Error::Misses { .. })));
}

#[test]
fn an_archive_keeps_no_more_than_it_may() {
    let archive = |most| {
        let tar = Tar::new().file("a.json", b"{}").file("manifest.json", b"[]");
        tar.link("b", "a.json", EntryType::Symlink).read_at_most(most)
    };
    let bytes = ("a.json{}".len() + "manifest.json[]".len() + "ba.json".len()) as u64;
    assert!(archive(Amount { entries: 3, bytes }).is_ok());
    for most in [Amount { entries: 2, bytes }, Amount { entries: 3, bytes: bytes - 1 }] {
        let refused = archive(most).err().unwrap();
        assert!(
            matches!(&refused, Error::ArchiveTooLarge { origin, .. } if origin == "test.tar"),
            "{refused}"
        );
    }
}

#[test]
fn what_is_no_tar_and_names_without_end_are_refused() {
    let read = |bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        Archive::read(bytes, "test.tar", &Press::for_test(folder.path()), MOST).err().unwrap()
    };
    assert!(matches!(read(b"text"), Error::Unusable { .. }));
    assert!(matches!(read(&[b'x'; 1024]), Error::Unusable { .. }));
    let long = |length: usize| Tar::new().file(&"n/".repeat(length / 2), b"").0.into_inner().unwrap();
    assert!(matches!(read(&long(1 << 19)), Error::Misses { path, .. } if path == "manifest.json"));
    assert!(matches!(read(&long(1 << 21)), Error::Unusable { .. }));
}

/// Files that nobody asked for, `zeros` of them in a mebibyte each, in a compressed archive; a layer may have 1 MiB.
fn padded(zeros: usize) -> Result<Archive> {
    let mut tar = Tar::new().file("manifest.json", b"[]");
    for number in 0..zeros {
        tar = tar.file(&format!("{number}/VERSION"), &vec![0; 1 << 20]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.tar");
    std::fs::write(&path, zstd::encode_all(&tar.0.into_inner().unwrap()[..], 1).unwrap()).unwrap();
    Archive::open(&path, &Press::for_test_of_layers(folder.path(), 1 << 20))
}

#[test]
fn what_a_compressed_archive_unpacks_to_is_counted_though_it_is_passed_over() {
    padded(3).unwrap();
    let refused = padded(5).err().unwrap();
    assert!(matches!(refused, Error::UnpackedTooLarge { limit, .. } if limit == 4 << 20), "{refused}");
}

#[test]
fn a_fifo_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.tar");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let refused = Archive::open(&path, &Press::for_test(folder.path())).err().unwrap();
    assert!(matches!(refused, Error::Keys(wt_keys::Error::Io { .. })), "{refused}");
}

/// The same where layers can be read in place.
fn in_a_file(bytes: &[u8]) -> Result<(Archive, Vec<Sha256Digest>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.tar");
    std::fs::write(&path, bytes).unwrap();
    let press = Press::for_test(folder.path());
    let archive = Archive::open(&path, &press)?;
    let mut pressed: Vec<_> = press.finish()?.into_keys().collect();
    pressed.sort();
    Ok((archive, pressed))
}

#[test]
fn a_layer_that_stands_in_a_file_is_not_what_its_name_says_or_is_cut_off() {
    let name = format!("{BLOBS}{}", Sha256Digest::of(b"another"));
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in [(name.as_str(), &b"a layer, not json"[..]), ("manifest.json", b"[]")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    let bytes = tar.into_inner().unwrap();
    assert!(matches!(in_a_file(&bytes), Err(Error::Digest { what, .. }) if what.contains(&name)));
    assert!(matches!(in_a_file(&bytes[..520]), Err(Error::Unusable { .. })));
}
