use wt_manifests::image::Image;
use wt_manifests::image::blob_path;
use wt_manifests::manifest::{Body, Frame, Package, PackageSet};
use wt_manifests::testkit;

use super::*;

fn digest(text: &str) -> Sha256Digest {
    Sha256Digest::of(text.as_bytes())
}

fn image(name: &str, layers: &[&str]) -> Image {
    Image {
        name: name.parse().unwrap(),
        config: digest(&format!("{name} {layers:?}")),
        manifest: digest(&format!("{name} {layers:?} manifest")),
        layers: layers.iter().map(|layer| digest(layer)).collect(),
        verbatim: None,
        source: None,
    }
}

/// Every layer, package and file in a frame of 10 bytes that unfolds to 100.
fn manifest(images: Vec<Image>, packages: &[(&str, &str)], files: &[(&str, &str)]) -> Manifest {
    let blobs: BTreeSet<_> = images.iter().flat_map(|image| image.layers.clone()).collect();
    let packages: Vec<Package> = packages.iter().map(|(name, version)| package(name, version)).collect();
    let paths = blobs.into_iter().map(|digest| (blob_path(digest), digest));
    let paths = paths
        .chain(packages.iter().map(|package| (package.path.clone(), digest(&package.version))))
        .chain(files.iter().map(|(path, content)| (path.parse().unwrap(), digest(content))));
    let entries: Vec<Entry> = paths
        .enumerate()
        .map(|(frame, (path, sha256))| Entry { path, size: 100, mode: Mode::Data, sha256, frame })
        .collect();
    let frames = vec![Frame { length: 10, size: 1024 }; entries.len()];
    let set = PackageSet { target: "debian-12".into(), install: vec![], sources: vec![], packages };
    let body = Body { length: 0, chunks: vec![], frames };
    Manifest { body, entries, images, packages: vec![set], ..testkit::manifest() }
}

fn package(name: &str, version: &str) -> Package {
    Package {
        name: name.into(),
        version: version.into(),
        architecture: "amd64".into(),
        path: format!("packages/debian-12/{name}_{version}_amd64.deb").parse().unwrap(),
    }
}

#[test]
fn two_equal_bundles_have_no_changes_and_nothing_to_carry() {
    let one = manifest(vec![image("a:1", &["base"])], &[("runc", "1")], &[("stack.yaml", "x")]);
    let changes = Changes::between(&one, &one);
    assert!(changes.is_empty());
    assert_eq!(changes.carry.together, Load::default());
}

#[test]
fn an_image_is_followed_from_tag_to_tag_where_that_is_plain() {
    let before = manifest(vec![image("web:1", &["base", "a"]), image("db:1", &["base"])], &[], &[]);
    let after = manifest(vec![image("web:2", &["base", "b"]), image("mq:1", &["base"])], &[], &[]);
    let changes = Changes::between(&before, &after);
    let shown: Vec<_> = changes
        .images
        .iter()
        .map(|image| (image.name.to_string(), image.change, image.layers_added, image.layers_kept))
        .collect();
    assert_eq!(
        shown,
        [
            ("web:2".to_owned(), Change::Changed, 1, 1),
            ("mq:1".to_owned(), Change::Added, 1, 0),
            ("db:1".to_owned(), Change::Removed, 0, 0)
        ]
    );
    assert_eq!(changes.images[0].name_before.as_ref().unwrap().to_string(), "web:1");

    let two = manifest(vec![image("web:2", &["a"]), image("web:3", &["b"])], &[], &[]);
    assert!(Changes::between(&before, &two).images.iter().all(|image| image.name_before.is_none()));
}

#[test]
fn packages_go_up_and_down_come_and_go() {
    let before = manifest(vec![], &[("a", "1"), ("b", "2"), ("c", "1"), ("d", "1")], &[]);
    let after = manifest(vec![], &[("a", "1.1"), ("b", "2~rc"), ("d", "1"), ("e", "1")], &[]);
    let turns: Vec<_> = Changes::between(&before, &after)
        .packages
        .into_iter()
        .map(|package| (package.name, package.turn))
        .collect();
    let expected = [
        ("a".to_owned(), Turn::Upgraded),
        ("b".to_owned(), Turn::Downgraded),
        ("c".to_owned(), Turn::Removed),
        ("e".to_owned(), Turn::Added),
    ];
    assert_eq!(turns, expected);
}

#[test]
fn an_upgrade_carries_what_the_first_bundle_lacks_and_nothing_twice() {
    let before = manifest(vec![image("web:1", &["base", "a"])], &[("runc", "1")], &[("conf/a", "1")]);
    let after = manifest(
        vec![image("web:1", &["base", "b"]), image("im:1", &["base", "b"])],
        &[("runc", "2")],
        &[("conf/a", "1"), ("conf/b", "new")],
    );
    let changes = Changes::between(&before, &after);
    let load = |count| Load { count, stored: 10 * count as u64, unpacked: 100 * count as u64 };
    assert_eq!(changes.carry.layers, load(1));
    assert_eq!(changes.carry.packages, load(1));
    assert_eq!(changes.carry.files, load(1));
    assert_eq!(changes.carry.together, load(3));
    assert_eq!((changes.layers_added.len(), changes.layers_removed.len(), changes.layers_kept), (1, 1, 1));
    let files: Vec<_> = changes.files.iter().map(|file| (file.path.as_str(), file.change)).collect();
    assert_eq!(files, [("conf/b", Change::Added)]);
}
