//! A tiny bundle, written and read, and every way of damaging it.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use wt_keys::testkit::Vendor;
use wt_keys::{Chain, Role, Sha256Digest, Signer, Trust, TrustDocument, Utc};
use wt_manifests::bundle::body_writer::BodyWriter;
use wt_manifests::bundle::frame_writer::{Compression, FrameWriter};
use wt_manifests::bundle::head::BODY_ALIGNMENT;
use wt_manifests::bundle::{Bundle, Kept, tar};
use wt_manifests::image::{Image, ManifestType, ResolvedSource, Verbatim, blob_path};
use wt_manifests::manifest::{CHUNK_SIZE, Manifest, Mode};
use wt_manifests::site::{Quiesce, Store};
use wt_manifests::{Error, RelativePath, testkit};

struct World {
    folder: tempfile::TempDir,
    signer: Signer,
    vendor: Vendor,
}

fn now() -> Utc {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

impl World {
    fn new() -> Self {
        Self::trusting(|_| {})
    }

    fn trusting(change: impl FnOnce(&mut TrustDocument)) -> Self {
        let vendor = Vendor::insecure(1).trusting(|trust| {
            trust.issued = now();
            change(trust);
        });
        let signer = vendor.signer(2, Role::Bundle, |certificate| certificate.product = "acme".into());
        Self { folder: tempfile::tempdir().unwrap(), signer, vendor }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("acme.tar.zst")
    }

    fn open(&self) -> wt_manifests::Result<Bundle> {
        Bundle::open(&self.path(), &self.signer.trust)
    }

    /// Frames of the given files; noise, so that the body is as long as its content.
    fn write(&self, frames: &[&[(&str, u64)]], threads: u32) -> Manifest {
        self.write_with(frames, threads, |_| {}).unwrap()
    }

    fn write_with(
        &self,
        frames: &[&[(&str, u64)]],
        threads: u32,
        change: impl Fn(&mut Manifest),
    ) -> wt_manifests::Result<Manifest> {
        let mut body = BodyWriter::create(&self.path(), 1).unwrap();
        for (index, files) in frames.iter().enumerate() {
            let last = index + 1 == frames.len();
            let size: u64 = files.iter().map(|(_, size)| tar::stored_size(*size).unwrap()).sum();
            let end = if last { 1024 } else { 0 };
            let compression = Compression { level: 1, threads };
            let mut frame = FrameWriter::new(self.folder.path(), compression, size + end).unwrap();
            for (path, size) in *files {
                let path: RelativePath = path.parse().unwrap();
                frame.entry(path, *size, Mode::Data, &mut noise(*size).as_slice()).unwrap();
            }
            if last {
                frame.end_of_archive().unwrap();
            }
            body.append(frame.finish().unwrap()).unwrap();
        }
        let bundle = body.finish();
        let mut manifest = Manifest {
            created: now(),
            body: bundle.body.clone(),
            entries: bundle.entries.clone(),
            ..testkit::manifest()
        };
        change(&mut manifest);
        bundle.seal(&manifest, &self.signer, &|_| {})?.publish()?;
        Ok(manifest)
    }
}

const ALIGNMENT: usize = 64 << 10;

/// Bytes that do not compress, the same each time.
fn noise(size: u64) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32).to_le_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

fn read_all(bundle: &Bundle) -> wt_manifests::Result<Vec<(String, u64)>> {
    let mut seen = Vec::new();
    bundle.for_each_entry(
        |_| true,
        |entry, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).map_err(wt_manifests::bundle::reader::unwrapped)?;
            assert!(bytes == noise(entry.size));
            seen.push((entry.path.to_string(), entry.size));
            Ok::<_, Error>(())
        },
    )?;
    Ok(seen)
}

/// Several chunks, frames that begin and end inside chunks, empty files, whole blocks.
const FRAMES: &[&[(&str, u64)]] = &[
    &[("conf/a", 0), ("conf/b", 512), ("stack.yaml", 1000)],
    &[("blobs/sha256/one", 3 * CHUNK_SIZE + 77)],
    &[("blobs/sha256/two", 5)],
    &[("blobs/sha256/three", CHUNK_SIZE), ("SHA256SUMS", 100)],
];

#[test]
fn what_was_written_is_read_back() {
    let world = World::new();
    let written = world.write(FRAMES, 2);
    let bundle = world.open().unwrap();
    assert_eq!(*bundle.manifest(), written);
    bundle.verify_body(&|_| {}).unwrap();
    let expected: Vec<_> = FRAMES.concat().iter().map(|(path, size)| ((*path).to_owned(), *size)).collect();
    assert_eq!(read_all(&bundle).unwrap(), expected);
    assert_eq!(bundle.read_entry("SHA256SUMS", 100).unwrap(), noise(100));
    assert!(matches!(bundle.read_entry("SHA256SUMS", 99), Err(Error::EntryTooLarge { .. })));
    assert!(matches!(bundle.read_entry("nothing", 99), Err(Error::NoEntry(_))));
}

#[test]
fn one_entry_touches_the_chunks_of_its_frame_and_no_other() {
    let world = World::new();
    let manifest = world.write(FRAMES, 2);
    let bundle = world.open().unwrap();
    let file = fs::OpenOptions::new().write(true).open(world.path()).unwrap();
    file.write_all_at(&[0xEE], bundle.body_offset() + 2 * CHUNK_SIZE).unwrap(); // in the frame of `one`
    assert!(bundle.read_entry("conf/b", 512).is_ok());
    assert!(bundle.read_entry("SHA256SUMS", 512).is_ok());
    assert!(matches!(read_all(&bundle), Err(Error::Chunk { index: 2, .. })));
    assert_eq!(manifest.body.chunks.len(), 5);
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let (one, four) = (World::new(), World::new());
    one.write(FRAMES, 1);
    four.write(FRAMES, 4);
    assert!(fs::read(one.path()).unwrap() == fs::read(four.path()).unwrap());
}

#[test]
fn every_flipped_bit_of_the_head_is_refused() {
    let world = World::new();
    world.write(&[&[("a", 1)]], 1);
    let good = fs::read(world.path()).unwrap();
    let body_offset = usize::try_from(world.open().unwrap().body_offset()).unwrap();
    let documents = 1 + good[..body_offset].iter().rposition(|byte| *byte != 0).unwrap();
    let file = fs::OpenOptions::new().write(true).open(world.path()).unwrap();
    let padding = [documents * 8, documents * 8 + 7, (documents + body_offset) * 4, body_offset * 8 - 1];
    for bit in (0..documents * 8).chain(padding) {
        file.write_all_at(&[good[bit / 8] ^ (1 << (bit % 8))], bit as u64 / 8).unwrap();
        let refused = world.open().expect_err("a changed head was accepted");
        let exit = wt_keys::console::Explain::exit(&refused);
        assert_eq!(exit, wt_keys::console::Exit::NotTrusted, "bit {bit}: {refused}");
        file.write_all_at(&[good[bit / 8]], bit as u64 / 8).unwrap();
    }
    assert!(world.open().is_ok());
}

#[test]
fn a_flipped_bit_in_any_chunk_is_refused_and_named() {
    let world = World::new();
    let manifest = world.write(FRAMES, 2);
    let bundle = world.open().unwrap();
    let file = fs::OpenOptions::new().write(true).read(true).open(world.path()).unwrap();
    for index in 0..manifest.body.chunks.len() {
        let at = bundle.body_offset() + index as u64 * CHUNK_SIZE + 9;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        for refused in [bundle.verify_body(&|_| {}).unwrap_err(), read_all(&bundle).unwrap_err()] {
            assert!(matches!(refused, Error::Chunk { index: found, .. } if found == index), "{refused}");
        }
        file.write_all_at(&byte, at).unwrap();
    }
    bundle.verify_body(&|_| {}).unwrap();
}

#[test]
fn a_file_cut_anywhere_or_lengthened_is_refused_before_anything_is_read() {
    let world = World::new();
    world.write(&[&[("a", 70_000)]], 1);
    let good = fs::read(world.path()).unwrap();
    for length in (0..200).chain([ALIGNMENT - 1, ALIGNMENT, good.len() - 1]) {
        fs::write(world.path(), &good[..length]).unwrap();
        assert!(world.open().is_err(), "{length}");
    }
    for extra in [&[0][..], &[0; 512], &wt_manifests::bundle::head::EMPTY_FRAME, &good] {
        fs::write(world.path(), [&good, extra].concat()).unwrap();
        assert!(matches!(world.open(), Err(Error::Length { .. })));
    }
}

#[test]
fn another_vendors_roots_do_not_open_it() {
    let world = World::new();
    world.write(&[&[("a", 1)]], 1);
    let refused = Bundle::open(&world.path(), &Vendor::insecure(9).trust).unwrap_err();
    assert!(refused.to_string().contains("trust"), "{refused}");
}

#[test]
fn a_head_whose_trust_document_was_exchanged_for_an_older_one_is_refused() {
    let world = World::trusting(|trust| trust.version = 2);
    world.write(&[&[("a", 1)]], 1);
    let bundle = world.open().unwrap();
    assert_eq!(bundle.manifest().trust_version, Some(2));
    let older = World::new().signer.trust;
    let exchanged = Chain { trust: vec![older.envelope().clone()], ..bundle.chain().clone() };
    let head = wt_manifests::bundle::head::to_bytes(&exchanged.to_bytes()).unwrap();
    let file = fs::OpenOptions::new().write(true).open(world.path()).unwrap();
    file.write_all_at(&head, 0).unwrap();
    for site in [&older, &world.signer.trust] {
        let refused = Bundle::open(&world.path(), site).unwrap_err();
        assert!(matches!(refused, Error::Keys(wt_keys::Error::TrustOlder { .. })), "{refused}");
    }
}

#[test]
fn a_key_signs_only_its_product_its_time_and_its_role() {
    let world = World::new();
    let one: &[&[(&str, u64)]] = &[&[("a", 1)]];
    assert!(world.write_with(one, 1, |manifest| manifest.product = "other".into()).is_err());
    assert!(world.write_with(one, 1, |manifest| manifest.created = now().plus_days(400)).is_err());
    let signer = world.vendor.signer(2, Role::License, |certificate| certificate.product = "acme".into());
    let other = World { signer, ..World::new() };
    assert!(other.write_with(one, 1, |_| {}).is_err());
    assert!(!other.path().exists(), "nothing stands under the final name");
}

/// An image whose every blob is the first entry.
fn image(manifest: &Manifest, stored: Option<Vec<Sha256Digest>>) -> Image {
    image_of(manifest.entries[0].sha256, stored)
}

fn image_of(digest: Sha256Digest, stored: Option<Vec<Sha256Digest>>) -> Image {
    let verbatim = stored.map(|layers| Verbatim { media_type: ManifestType::Docker, layers });
    Image {
        name: "acme/a:1".parse().unwrap(),
        config: digest,
        manifest: digest,
        layers: vec![digest],
        verbatim,
        source: None,
    }
}

#[test]
fn an_image_that_is_kept_as_its_registry_had_it_names_the_blobs_that_are_there() {
    let world = World::new();
    let write = |stored: fn(&Manifest) -> Sha256Digest| {
        world.write_with(FRAMES, 1, |manifest| {
            manifest.features = vec!["verbatim".into()];
            for entry in &mut manifest.entries {
                entry.path = blob_path(entry.sha256);
            }
            manifest.images = vec![image(manifest, Some(vec![stored(manifest)]))];
        })
    };
    let manifest = write(|manifest| manifest.entries[1].sha256).unwrap();
    assert_eq!(world.open().unwrap().manifest(), &manifest);
    assert!(manifest.layers().map(|entry| entry.sha256).eq([manifest.entries[1].sha256]));
    assert!(matches!(write(|_| Sha256Digest::of(b"nowhere")), Err(Error::Manifest(_))));
}

#[test]
fn what_a_newer_program_wrote_is_refused_by_name() {
    let world = World::new();
    let refused = |change: fn(&mut Manifest)| world.write_with(FRAMES, 1, change).unwrap_err().to_string();
    assert!(refused(|manifest| manifest.format = 2).contains("bundle format 2"));
    assert!(refused(|manifest| manifest.features.push("delta".into())).contains("`delta`"));
    let unreadable = br#"{"format":1,"features":["verbatim","sbom"],"sboms":[]}"#;
    assert_eq!(<Manifest as wt_keys::Document>::beyond_us(unreadable).as_deref(), Some("the feature `sbom`"));
}

#[test]
fn a_manifest_that_contradicts_its_body_is_not_even_signed() {
    let world = World::new();
    let wrong: &[fn(&mut Manifest)] = &[
        |manifest| manifest.format = 2,
        |manifest| manifest.features.push("delta".into()),
        |manifest| manifest.features.push("verbatim".into()), // no image is
        |manifest| manifest.images.push(image(manifest, Some(vec![]))),
        |manifest| manifest.images.push(image(manifest, Some(vec![manifest.entries[0].sha256]))), // not a feature
        |manifest| {
            // with the end of the tar, more than a u64 holds
            manifest.body.frames.last_mut().unwrap().size = u64::MAX - 511;
            let last = manifest.entries.len() - 1;
            manifest.entries[last].size = u64::MAX - 511 - 512;
        },
        |manifest| manifest.features.push("image-source".into()),
        |manifest| manifest.trust_version = Some(2), // signing says under which
        |manifest| manifest.release = "v1\nv2".into(),
        |manifest| manifest.images = vec![image(manifest, None)], // its blobs are elsewhere
        |manifest| manifest.body.length += 1,
        |manifest| manifest.body.chunks.truncate(1),
        |manifest| manifest.body.frames[0].size += 512,
        |manifest| manifest.entries[0].size += 512,
        |manifest| manifest.entries[0].frame = 1,
        |manifest| manifest.entries[1].path = "CONF/A".parse().unwrap(),
        |manifest| manifest.entries[1].path = "conf/a/b".parse().unwrap(),
        |manifest| manifest.product = "../acme".into(),
        |manifest| manifest.site.hooks.init_data = Some("scripts/none.sh".parse().unwrap()),
    ];
    for change in wrong {
        assert!(world.write_with(FRAMES, 1, change).is_err());
    }
}

#[test]
fn what_a_builder_got_wrong_is_refused_by_the_reader() {
    let world = World::new();
    world.write_with(FRAMES, 1, |manifest| manifest.entries[1].sha256 = Sha256Digest::of(b"other")).unwrap();
    let bundle = world.open().unwrap();
    assert!(matches!(read_all(&bundle), Err(Error::Entry { .. })));
    world.write_with(FRAMES, 1, |manifest| manifest.entries[1].mode = Mode::Program).unwrap();
    assert!(matches!(read_all(&world.open().unwrap()), Err(Error::Frame { .. })));
}

#[test]
fn stock_tar_and_zstd_read_it() {
    let world = World::new();
    world.write(FRAMES, 2);
    let run = |program: &str, arguments: &[&str]| {
        let done = std::process::Command::new(program).args(arguments).arg(world.path()).output().unwrap();
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    run("zstd", &["-tq"]);
    let listed = run("tar", &["-tf"]);
    let expected: Vec<_> = FRAMES.concat().iter().map(|(path, _)| *path).collect();
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_head_that_outgrows_its_guess_moves_the_body() {
    let world = World::new();
    let names: Vec<String> = (0..2000).map(|n| format!("conf/{n}")).collect();
    let files: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    world.write(&[&files], 1);
    let bundle = world.open().unwrap();
    assert!(bundle.body_offset() > BODY_ALIGNMENT);
    assert_eq!(read_all(&bundle).unwrap().len(), 2000);
    assert_eq!(leftovers(world.folder.path()), 0);
}

fn leftovers(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count() - 1
}

/// A small bundle as format 1 writes it, kept as text: the documents of its head, and its body in hexadecimal.
struct Golden(PathBuf);

impl Golden {
    fn of(name: &str) -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name))
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    /// The bundle and its trust document, from the text.
    fn open(&self, folder: &Path) -> Bundle {
        let hexadecimal = String::from_utf8(self.read("body.hex")).unwrap();
        let digit = |at: usize| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
        let body: Vec<u8> = (0..hexadecimal.len()).step_by(2).map(digit).collect();
        let head = wt_manifests::bundle::head::to_bytes(&self.read("head.jsonl")).unwrap();
        let path = folder.join("golden.tar.zst");
        fs::write(&path, [head, body].concat()).unwrap();
        let bundle = Bundle::open(&path, &Trust::parse(&self.read("trust.json")).unwrap()).unwrap();
        bundle.verify_body(&|_| {}).unwrap();
        bundle
    }

    /// `WT_BLESS=1 cargo test` writes it anew, which is right only together with a new format.
    fn is_written_so_today(&self, world: &World) {
        let today = fs::read(world.path()).unwrap();
        let body = usize::try_from(world.open().unwrap().body_offset()).unwrap();
        let documents = String::from_utf8(today[17..body].to_vec()).unwrap();
        let hexadecimal: String =
            today[body..].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let files = [
            ("head.jsonl", documents.trim_end_matches('\0').as_bytes().to_vec()),
            ("body.hex", hexadecimal.into_bytes()),
            ("trust.json", world.signer.trust.to_bytes()),
        ];
        for (name, bytes) in files {
            if std::env::var_os("WT_BLESS").is_some() {
                fs::create_dir_all(&self.0).unwrap();
                fs::write(self.0.join(name), &bytes).unwrap();
            }
            assert!(self.read(name) == bytes, "{name} is not what format 1 says");
        }
        assert_eq!(body, ALIGNMENT);
    }
}

const SMALL: &[&[(&str, u64)]] =
    &[&[("stack.yaml", 40), ("conf/a", 0)], &[("blobs/sha256/one", 1500), ("SHA256SUMS", 77)]];

#[test]
fn the_golden_bundle_of_format_1_opens_and_is_written_so_today() {
    let (world, golden) = (World::new(), Golden::of("format-1"));
    world.write(SMALL, 2);
    golden.is_written_so_today(&world);
    let bundle = golden.open(world.folder.path());
    assert_eq!((bundle.manifest().features.len(), bundle.manifest().trust_version), (0, None));
}

/// Signed under version 2 of the trust, with an image that says where it came from.
#[test]
fn the_golden_bundle_with_features_opens_and_is_written_so_today() {
    let (world, golden) = (World::trusting(|trust| trust.version = 2), Golden::of("format-1-features"));
    let blob = Sha256Digest::of(&noise(1500));
    let path = blob_path(blob);
    let files: &[&[(&str, u64)]] = &[&[("stack.yaml", 40)], &[(path.as_str(), 1500), ("SHA256SUMS", 77)]];
    world
        .write_with(files, 2, |manifest| {
            let source = ResolvedSource::new("docker://example.com/acme/a:1", Sha256Digest::of(b"index"));
            manifest.images = vec![Image { source: Some(source.unwrap()), ..image_of(blob, None) }];
            manifest.name_features();
        })
        .unwrap();
    golden.is_written_so_today(&world);
    let bundle = golden.open(world.folder.path());
    assert_eq!(bundle.manifest().features, ["image-source", "trust-version"]);
    assert_eq!(bundle.manifest().trust_version, Some(2));
    assert_eq!(bundle.read_entry(path.as_str(), 1500).unwrap(), noise(1500));
    let older = Vendor::insecure(1).trusting(|trust| trust.issued = now()).trust;
    assert!(Bundle::open(bundle.path(), &older).is_ok(), "a site that is behind");
}

/// All that the feature `lifecycle` adds to `site`.
const LIFECYCLE: &str = r#"{
    "modules": [], "ports": [], "data": [], "conf": [], "domains": [], "license": null,
    "hooks": { "init-data": null, "before-install": "scripts/a", "after-install": "scripts/a", "before-upgrade": "scripts/a",
        "after-upgrade": "scripts/a", "before-backup": "scripts/a", "after-backup": "scripts/a" },
    "requirements": { "cpus": 1, "memory": "1 GiB", "disk": "1 GiB", "ssd": true,
        "roles": { "db": { "cpus": 2, "memory": "1 GiB", "disk": "1 GiB", "ssd": true } } },
    "journey": [{ "name": "a", "method": "GET", "port": 80, "path": "/", "host": null, "body": null, "status": 200,
        "contains": null, "tls_port": 443 }],
    "logs": [{ "path": "a/logs", "owner": "1:1", "mode": "0750" }],
    "stores": [{ "service": "a", "quiesce": "pause" }, { "service": "b", "quiesce": "stop" }]
}"#;

#[test]
fn the_golden_bundle_with_a_life_cycle_opens_and_is_written_so_today() {
    let (world, golden) = (World::new(), Golden::of("format-1-lifecycle"));
    let files: &[&[(&str, u64)]] = &[&[("stack.yaml", 40), ("scripts/a", 9)], &[("SHA256SUMS", 77)]];
    world
        .write_with(files, 2, |manifest| {
            manifest.site = serde_json::from_str(LIFECYCLE).unwrap();
            manifest.name_features();
        })
        .unwrap();
    golden.is_written_so_today(&world);
    let bundle = golden.open(world.folder.path());
    assert_eq!(bundle.manifest().features, ["lifecycle"]);
    assert_eq!(bundle.manifest().site.stores.len(), 2);
}

#[test]
fn what_a_site_keeps_of_a_bundle_is_read_as_the_bundle_was() {
    let world = World::new();
    world.write(FRAMES, 1);
    let (bundle, folder) = (world.open().unwrap(), world.folder.path().join("kept"));
    fs::create_dir(world.folder.path().join("kept.unfinished")).unwrap(); // of a run that was killed
    let kept = Kept::keep(&bundle, &folder).unwrap();
    assert!(!world.folder.path().join("kept.unfinished").exists());
    assert_eq!(kept.manifest(), bundle.manifest());
    assert_eq!(kept.read_entry("stack.yaml", 1000).unwrap(), noise(1000));
    assert!(matches!(kept.read_entry("stack.yaml", 999), Err(Error::EntryTooLarge { .. })));
    assert!(kept.read_entry("blobs/sha256/one", u64::MAX).is_err(), "images are the engine's to keep");
    assert!(!folder.join("files/blobs").exists());
    for (file, at) in [("chain", 100), ("trust.json", 100), ("files/stack.yaml", 0)] {
        let path = folder.join(file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        let read = Kept::open(&folder).and_then(|kept| kept.read_entry("stack.yaml", 1000));
        assert!(read.is_err(), "{file}");
        fs::write(&path, good).unwrap();
    }
    assert!(Kept::open(&folder).unwrap().read_entry("conf/b", 512).is_ok());
}

#[test]
fn a_feature_is_named_where_it_is_used_and_nowhere_else() {
    let store = || Store { service: "a".into(), quiesce: Quiesce::Stop };
    let written = |features: &[&str], stores: Vec<Store>| {
        let world = World::new();
        let change = |manifest: &mut Manifest| {
            manifest.features = features.iter().map(|&feature| feature.to_owned()).collect();
            manifest.site.stores.clone_from(&stores);
        };
        world.write_with(FRAMES, 1, change).map(drop).and_then(|()| world.open().map(drop))
    };
    assert!(written(&["lifecycle"], vec![store()]).is_ok());
    assert!(written(&[], vec![store()]).is_err());
    assert!(written(&["lifecycle"], vec![]).is_err());
}
