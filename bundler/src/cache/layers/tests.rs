use super::*;
use crate::press::Press;
use std::os::unix::fs::PermissionsExt as _;

const SETTINGS: Compression = Compression { level: 1, threads: 1 };

fn open(folder: &Path) -> LayerCache {
    LayerCache::open(folder.join("layers"), SETTINGS, 1 << 30).unwrap()
}

/// Presses these layers into the cache.
fn press(folder: &Path, cache: &LayerCache, layers: &[&[u8]]) -> Vec<Blob> {
    let phase = wt_keys::console::Progress::silent().phase("test", None);
    let press = Press::start(folder, Some(cache.clone()), SETTINGS, 1 << 30, phase);
    let blobs = layers.iter().map(|layer| press.take(&mut &layer[..], "test").unwrap()).collect();
    press.finish().unwrap();
    blobs
}

fn files(cache: &LayerCache) -> usize {
    super::super::list(cache.folder()).len()
}

#[test]
fn a_frame_that_was_kept_is_taken_and_other_settings_have_another() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let layer = press(folder.path(), &cache, &[b"one"])[0];
    let (blob, frame) = cache.take(layer.digest).unwrap();
    assert_eq!((blob, frame.entries[0].sha256), (layer, layer.digest));
    let other = Compression { level: 2, ..SETTINGS };
    let other = LayerCache::open(cache.folder().to_owned(), other, 1).unwrap();
    assert!(other.take(layer.digest).is_none());
}

#[test]
fn a_damaged_frame_is_removed_and_never_taken() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let layer = press(folder.path(), &cache, &[b"one"])[0];
    let path = cache.path(layer.digest);
    let whole = fs::read(&path).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    damaged.extend((0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    }));
    for bytes in damaged {
        fs::write(&path, bytes).unwrap();
        assert!(cache.take(layer.digest).is_none());
        assert!(!path.exists());
    }
    press(folder.path(), &cache, &[b"one"]);
    assert!(cache.take(layer.digest).is_some(), "made anew");
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let blobs = press(folder.path(), &cache, &[b"one", b"two", b"six"]);
    for (age, blob) in [1, 3, 2].into_iter().zip(&blobs) {
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 - age);
        File::open(cache.path(blob.digest)).unwrap().set_modified(long_ago).unwrap();
    }
    cache.take(blobs[1].digest).unwrap();
    let size = fs::metadata(cache.path(blobs[0].digest)).unwrap().len();
    LayerCache { most: size * 2 + size / 2, ..cache.clone() }.bound();
    assert_eq!(files(&cache), 2);
    assert!(!cache.path(blobs[2].digest).exists());
}

#[test]
fn a_folder_that_is_not_this_users_alone_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    let again = || LayerCache::open(cache.folder().to_owned(), SETTINGS, 1);
    fs::set_permissions(cache.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(again().unwrap_err().contains("not this user's alone"));
    fs::set_permissions(cache.folder(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(again().is_ok());
    if std::os::unix::fs::chown(cache.folder(), Some(65534), None).is_ok() {
        assert!(again().is_err(), "another owner's");
    }
}
