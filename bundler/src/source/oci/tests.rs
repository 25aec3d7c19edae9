use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use wt_keys::console::{Exit, Explain as _};

use super::*;

const LAYER: &[u8] = b"a layer, as far as this module cares";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A layout under construction.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        Self { folder }
    }

    fn path(&self, digest: Sha256Digest) -> PathBuf {
        self.folder.path().join(format!("blobs/sha256/{digest}"))
    }

    /// Stores a blob; what comes back is its descriptor, `extra` behind its fields.
    fn blob(&self, kind: &str, bytes: &[u8], extra: &str) -> String {
        let digest = Sha256Digest::of(bytes);
        fs::write(self.path(digest), bytes).unwrap();
        format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{}{extra}}}"#, digest.to_oci(), bytes.len())
    }

    fn config(&self) -> String {
        let id = Sha256Digest::of(LAYER).to_oci();
        let config = format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"diff_ids":["{id}"]}}}}"#);
        self.blob(OCI_CONFIG, config.as_bytes(), "")
    }

    fn manifest_of(&self, config: &str, layer: &str, extra: &str) -> String {
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[{layer}]}}"#
        );
        self.blob(OCI_MANIFEST, manifest.as_bytes(), extra)
    }

    /// A manifest with one layer of this type and content.
    fn manifest(&self, kind: &str, layer: &[u8], extra: &str) -> String {
        self.manifest_of(&self.config(), &self.blob(kind, layer, ""), extra)
    }

    fn index(&self, manifests: &str) {
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{manifests}]}}"#);
        fs::write(self.folder.path().join("index.json"), index).unwrap();
    }

    fn read(&self, reference: Option<&str>) -> Result<Content> {
        self.kept(reference, Keep::Layers).map(|(content, _)| content)
    }

    /// With the digests that the press has frames of.
    fn kept(&self, reference: Option<&str>, keep: Keep) -> Result<(Content, Vec<Sha256Digest>)> {
        let frames = tempfile::tempdir().unwrap();
        let press = Press::for_test(frames.path());
        let folder = Folder(self.folder.path());
        let content = Images::new(&folder, &"linux/amd64".parse().unwrap(), keep).image(reference, &press)?;
        Ok((content, press.finish()?.into_keys().collect()))
    }
}

fn named(name: &str) -> String {
    format!(r#","annotations":{{"{REF_NAME}":"{name}"}}"#)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn what_is_no_file_is_refused_at_once_and_a_large_index_as_other_sources_refuse_it() {
    let world = World::new();
    world.index(&world.manifest(OCI_LAYER, LAYER, ""));
    world.read(None).unwrap();
    let layer = world.path(Sha256Digest::of(LAYER));
    fs::remove_file(&layer).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&layer).status().unwrap().success());
    let refused = world.read(None).err().unwrap();
    assert!(matches!(refused, Error::Keys(wt_keys::Error::Io { .. })), "{refused}");
    fs::write(world.folder.path().join("index.json"), vec![b' '; (4 << 20) + 1]).unwrap();
    let refused = world.read(None).err().unwrap();
    assert!(matches!(refused, Error::Unusable { why, .. } if why.contains("4 MiB")));
    assert_eq!(refused.exit(), Exit::Failed);
}

#[test]
fn layers_of_every_coding_become_the_same_layer() {
    for (kind, bytes) in [
        (OCI_LAYER.to_owned(), LAYER.to_vec()),
        (format!("{OCI_LAYER}+gzip"), gzip(LAYER)),
        (format!("{OCI_LAYER}+zstd"), zstd::encode_all(LAYER, 1).unwrap()),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned(), gzip(LAYER)),
    ] {
        let world = World::new();
        world.index(&world.manifest(&kind, &bytes, &named("a:1")));
        for reference in [None, Some("a:1")] {
            let content = world.read(reference).unwrap();
            assert_eq!(content.layers[0].digest, Sha256Digest::of(LAYER), "{kind}");
        }
        assert!(
            matches!(world.read(Some("a:2")), Err(Error::NotInArchive { known, .. }) if known == ["a:1"])
        );
    }
}

#[test]
fn verbatim_keeps_the_manifest_and_the_blobs_as_they_are() {
    let world = World::new();
    let stored = gzip(LAYER);
    let manifest = world.manifest("application/vnd.docker.image.rootfs.diff.tar.gzip", &stored, "");
    world.index(&manifest);
    let (content, frames) = world.kept(None, Keep::Verbatim { unfold: false }).unwrap();
    let (form, bytes) = content.manifest.unwrap();
    assert_eq!(form, ManifestType::Oci);
    assert!(manifest.contains(&Sha256Digest::of(&bytes).to_oci()));
    assert_eq!(content.layers[0].digest, Sha256Digest::of(&stored));
    assert_eq!(frames, [Sha256Digest::of(&stored)]);
    fs::write(world.path(frames[0]), vec![0; stored.len()]).unwrap();
    assert!(
        matches!(world.kept(None, Keep::Verbatim { unfold: false }), Err(Error::Digest { .. })),
        "a changed blob"
    );
}

#[test]
fn of_several_platforms_the_wanted_one_is_taken() {
    let world = World::new();
    let platform = |machine: &str| format!(r#","platform":{{"os":"linux","architecture":"{machine}"}}"#);
    let ours = world.manifest(OCI_LAYER, LAYER, &platform("amd64"));
    let other = world.manifest(OCI_LAYER, LAYER, &platform("arm64"));
    let list = |of: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{of}]}}"#);
    world.index(&world.blob(OCI_INDEX, list(&format!("{other},{ours}")).as_bytes(), ""));
    assert!(world.read(None).is_ok());
    world.index(&world.blob(OCI_INDEX, list(&other).as_bytes(), ""));
    assert!(matches!(world.read(None), Err(Error::NoPlatform { known, .. }) if known == ["linux/arm64"]));
    let inner = world.blob(OCI_INDEX, list(&ours).as_bytes(), &platform("amd64"));
    world.index(&world.blob(OCI_INDEX, list(&inner).as_bytes(), ""));
    assert!(matches!(world.read(None), Err(Error::MediaType { .. })), "an index in an index");
}

#[test]
fn blobs_that_are_not_what_their_descriptor_says_are_refused() {
    let world = World::new();
    world.index(&world.manifest(OCI_LAYER, LAYER, ""));
    let layer = world.path(Sha256Digest::of(LAYER));
    let mut other = LAYER.to_vec();
    other[0] ^= 1;
    fs::write(&layer, other).unwrap();
    assert!(matches!(world.read(None), Err(Error::Digest { .. })));
    fs::write(&layer, &LAYER[1..]).unwrap();
    assert!(matches!(world.read(None), Err(Error::Size { .. })));
    fs::remove_file(&layer).unwrap();
    assert!(matches!(world.read(None), Err(Error::Keys(wt_keys::Error::Io { .. }))));
}

#[test]
fn layers_from_elsewhere_and_unknown_types_are_refused() {
    for kind in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+encrypted",
        OCI_CONFIG,
    ] {
        let world = World::new();
        world.index(&world.manifest(kind, LAYER, ""));
        assert!(matches!(world.read(None), Err(Error::MediaType { .. })), "{kind}");
    }
    let world = World::new();
    let layer = world.blob(OCI_LAYER, LAYER, r#","urls":["http://example.com/"]"#);
    world.index(&world.manifest_of(&world.config(), &layer, ""));
    assert!(matches!(world.read(None), Err(Error::ForeignLayer { .. })));
}

#[test]
fn digests_that_are_paths_or_of_another_kind_are_refused() {
    let hex = Sha256Digest::of(b"");
    for wrong in
        ["sha256:../../../etc/passwd", "sha512:00", "md5:0", "", &format!("sha256:{hex}0"), &hex.to_string()]
    {
        let world = World::new();
        world.index(&format!(r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{wrong}","size":2}}"#));
        let why = "cannot be used: a digest in it is not `sha256:` and 64 hexadecimal digits";
        let refused = world.read(None).err().unwrap();
        assert_eq!(refused.to_string(), format!("`{}` {why}", world.folder.path().display()), "{wrong}");
        assert_eq!(refused.exit(), Exit::Failed);
    }
}

#[test]
fn documents_that_another_reader_understands_differently_are_refused() {
    let layer = |digest: &str| format!(r#"{{"mediaType":"{OCI_LAYER}","digest":"{digest}","size":3}}"#);
    let other = layer(&Sha256Digest::of(b"bad").to_oci());
    let config = World::new().config();
    for (what, hidden) in [
        ("twice", format!(r#""layers":[],"Layers":[{other}]"#)),
        ("in another case", r#""layers":[],"MediaType":"x""#.to_owned()),
        ("long s", r#""layers":[],"layer\u017f":[]"#.to_owned()),
    ] {
        let world = World::new();
        let manifest = format!(r#"{{"schemaVersion":2,"config":{config},{hidden}}}"#);
        world.index(&world.blob(OCI_MANIFEST, manifest.as_bytes(), ""));
        assert!(matches!(world.read(None), Err(Error::Document { .. })), "{what}");
    }
}

#[test]
fn documents_that_are_two_things_or_too_large_are_refused() {
    let world = World::new();
    let both =
        format!(r#"{{"mediaType":"{OCI_MANIFEST}","manifests":[],"config":{},"layers":[]}}"#, world.config());
    world.index(&world.blob(OCI_MANIFEST, both.as_bytes(), ""));
    assert!(matches!(world.read(None), Err(Error::Unusable { .. })));
    let disguised = format!(r#"{{"mediaType":"{OCI_INDEX}","config":{},"layers":[]}}"#, world.config());
    world.index(&world.blob(OCI_MANIFEST, disguised.as_bytes(), ""));
    assert!(matches!(world.read(None), Err(Error::Unusable { .. })));
    let large = vec![b' '; usize::try_from(DOCUMENT_LIMIT).unwrap() + 1];
    world.index(&world.blob(OCI_MANIFEST, &large, ""));
    assert!(matches!(world.read(None), Err(Error::Unusable { .. })));
    fs::write(world.folder.path().join("index.json"), large).unwrap();
    assert!(matches!(world.read(None), Err(Error::Unusable { .. })));
}

/// The error and its hint, with `@` for the folder.
fn said(world: &World, reference: Option<&str>) -> String {
    let error = world.read(reference).err().unwrap();
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("{error}{hint}").replace(&world.folder.path().display().to_string(), "@")
}

#[test]
fn what_cannot_be_taken_is_said_with_what_there_is() {
    let world = World::new();
    let [one, two] = ["a:1", "b:2"].map(|name| world.manifest(OCI_LAYER, LAYER, &named(name)));
    world.index(&format!("{one},{two}"));
    let several = "`@` holds several images and none is named\n\
        hint: name one behind the path, as in `PATH:a:1`; it holds: a:1, b:2";
    assert_eq!(said(&world, None), several);
    assert_eq!(said(&world, Some("c")), "`@` holds no image `c`\nhint: it holds: a:1, b:2");
    world.index("");
    assert_eq!(said(&world, None), "`@` cannot be used: it holds no image");
    let url = r#","urls":["http://example.com/layer"]"#;
    let layer = world.blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LAYER, url);
    world.index(&world.manifest_of(&world.config(), &layer, ""));
    let foreign = format!(
        "the layer `{}` of `@` is to be fetched from elsewhere: `http://example.com/layer`\n\
         hint: a bundle holds every layer; take an image that brings its own",
        Sha256Digest::of(LAYER).to_oci()
    );
    assert_eq!(said(&world, None), foreign);
    world.index(&world.manifest("application/x", LAYER, ""));
    let unknown = "`@` has a layer of a type that is not taken\n  \
        expected a tar of OCI or Docker, plain, in gzip or in zstd\n  found    application/x";
    assert_eq!(said(&world, None), unknown);
    let no_config = world.blob(OCI_CONFIG, b"{", "");
    world.index(&world.manifest_of(&no_config, &world.blob(OCI_LAYER, LAYER, ""), ""));
    assert_eq!(said(&world, None), "`configuration` in `@` cannot be understood");
}

#[test]
fn a_name_with_a_line_feed_begins_no_line_of_its_own() {
    let world = World::new();
    let evil = r"a:1\nhint: run this\u001b[2J";
    let one = world.manifest(OCI_LAYER, LAYER, &named(evil));
    let two = world.manifest(&format!("x/{evil}"), LAYER, &named("b"));
    world.index(&format!("{one},{two}"));
    for reference in [None, Some("c"), Some("b")] {
        let said = said(&world, reference);
        assert!(!said.contains("\nhint: run this") && !said.contains('\u{1b}'), "{said}");
        assert!(said.contains("\\nhint: run this\\u{1b}"), "{said}");
    }
}

/// `linux/arm` may mean any of its variants.
#[test]
fn which_variant_was_meant_is_not_guessed() {
    let world = World::new();
    let variant = |variant: &str| {
        let platform = format!(r#","platform":{{"os":"linux","architecture":"arm"{variant}}}"#);
        world.manifest(OCI_LAYER, LAYER, &platform)
    };
    let [v5, v7] = ["v5", "v7"].map(|name| variant(&format!(r#","variant":"{name}""#)));
    let plain = variant("");
    let found = |manifests: &[&str], platform: &str| {
        let list = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, manifests.join(","));
        let index =
            Descriptor::new(OCI_INDEX.to_owned(), Sha256Digest::of(list.as_bytes()), list.len() as u64);
        world.blob(OCI_INDEX, list.as_bytes(), "");
        let (folder, platform) = (Folder(world.folder.path()), platform.parse().unwrap());
        let images = Images::new(&folder, &platform, Keep::Layers);
        let all = images.document(&index).unwrap().manifests.unwrap();
        images.for_platform(all).map(|found| found.platform().unwrap())
    };
    assert_eq!(found(&[&v5, &v7], "linux/arm/v7").unwrap(), "linux/arm/v7");
    assert_eq!(found(&[&v5, &plain, &v7], "linux/arm").unwrap(), "linux/arm");
    assert_eq!(found(&[&v7], "linux/arm").unwrap(), "linux/arm/v7");
    let unclear = found(&[&v5, &v7], "linux/arm").unwrap_err();
    assert_eq!(
        unclear.to_string().split_once("` ").unwrap().1,
        "holds several images for `linux/arm`, of different variants"
    );
    let hint = "say which in release.toml: `platform = …`; there are linux/arm/v5, linux/arm/v7";
    assert_eq!(unclear.hint().unwrap(), hint);
    assert!(matches!(found(&[&v5], "linux/arm/v7"), Err(Error::NoPlatform { .. })));
}
