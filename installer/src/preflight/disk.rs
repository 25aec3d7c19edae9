//! Room on the file systems that will really be written to: what is signed, less what the engine has already.
//!
//! Where images go is the store's affair. The classic store unpacks the whole stream beside the layers that it then makes
//! of it; the containerd store keeps what it was sent, and what it unpacked of it, under the root of containerd, which may
//! be another disk than the engine's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wt_keys::console::Size;
use wt_manifests::Manifest;
use wt_manifests::manifest::Entry;

use super::{Row, Scene, Verdict};
use crate::engine::{Stores, layout};
use crate::file_system::{FileSystem, Usage, device, room_in_words};
use crate::steps::program_size;
use crate::{Result, packages};

/// What the logs and the engine's own files need beside new images.
const SPARE_DISK: u64 = 1 << 30;
/// The engine's packages grow to less than this many times their size when they are unpacked; only the packed size is
/// signed.
const UNPACKED: u64 = 5;
/// What a registry's compressed layers grow to, at most, but for rare ones.
const COMPRESSED: u64 = 5;
/// Nobody signed how many files there are. Distributions have one for every 16 KiB, trees of small modules one for 8; fewer
/// than one for 64 nobody has.
const BYTES_A_FILE: u64 = 8 << 10;
const BYTES_A_FILE_AT_LEAST: u64 = 64 << 10;

/// What will be written below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Room {
    /// As the operator knows it.
    shown: PathBuf,
    /// Where it is really written.
    folder: PathBuf,
    bytes: u64,
    /// Of the bytes, those that become files of layers.
    in_files: u64,
}

/// Two rows for each file system: folders that share one share its free bytes, too.
pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let rooms = rooms(scene)?;
    let systems = by_file_system(&rooms, device);
    Ok(systems.iter().flat_map(|rooms| examined(rooms, file_system(&rooms[0].folder))).collect())
}

/// One that cannot be asked has nothing to give.
fn file_system(folder: &Path) -> FileSystem {
    let nothing = Usage::default();
    FileSystem::of(folder).unwrap_or(FileSystem { bytes: nothing, inodes: Some(nothing), read_only: false })
}

fn rooms(scene: &Scene<'_>) -> Result<Vec<Room>> {
    let (installation, engine) = (scene.installation, scene.engine.as_ref());
    let (manifest, places) = (installation.manifest(), &installation.places);
    let sent = match engine {
        Some(engine) => engine.plan_images(manifest, &installation.known_images()?)?.bytes,
        None => manifest.layers().map(|layer| layer.size).sum(),
    };
    let stores = match engine {
        Some(engine) => engine.stores()?,
        None => layout(places.root(), packages::engine_version(manifest, places.root())?.as_deref()),
    };
    let mut rooms = images(&stores, sent, unpacked(manifest, sent));
    // afterwards the data itself fills what was asked for
    if installation.installed.is_none() {
        let needs = manifest.site.requirements.of(&installation.site.node().roles);
        rooms.push(Room::plain(&installation.site.data_root, needs.disk.0));
    }
    rooms.push(Room::plain(&places.state(), kept(manifest)));
    rooms.push(Room::plain(&installation.home(), program_size()?));
    if engine.is_none() {
        let bytes = packages::bytes_for_host(manifest, places.root())?;
        rooms.push(Room::plain(&places.staging(), bytes));
        rooms.push(Room::plain(&places.root().join("usr"), UNPACKED * bytes));
    }
    rooms.retain(|room| room.bytes > 0);
    Ok(rooms)
}

impl Room {
    fn plain(folder: &Path, bytes: u64) -> Self {
        Self { shown: folder.to_owned(), folder: folder.to_owned(), bytes, in_files: 0 }
    }
}

/// Where so many bytes of images go, and what is made of them.
fn images(stores: &Stores, sent: u64, unpacked: u64) -> Vec<Room> {
    if sent == 0 {
        return Vec::new();
    }
    let room = |folder: &Path, bytes, in_files| Room {
        shown: stores.root.clone(),
        folder: folder.to_owned(),
        bytes,
        in_files,
    };
    vec![room(&stores.received, sent, 0), room(&stores.layers, unpacked + SPARE_DISK, unpacked)]
}

/// What layers of so many bytes become. Of a registry's own blobs nobody has said it; they are mostly compressed.
fn unpacked(manifest: &Manifest, bytes: u64) -> u64 {
    let verbatim = manifest.images.iter().any(|image| image.verbatim.is_some());
    if verbatim { COMPRESSED * bytes } else { bytes }
}

/// What stays of a bundle when it is gone: all but images and packages.
fn kept(manifest: &Manifest) -> u64 {
    let small = |entry: &&Entry| !entry.path.starts_with("blobs") && !entry.path.starts_with("packages");
    manifest.entries.iter().filter(small).map(|entry| entry.size).sum()
}

fn by_file_system(rooms: &[Room], device: impl Fn(&Path) -> u64) -> Vec<Vec<Room>> {
    let mut found: BTreeMap<u64, Vec<Room>> = BTreeMap::new();
    for room in rooms {
        found.entry(device(&room.folder)).or_default().push(room.clone());
    }
    found.into_values().collect()
}

fn examined(rooms: &[Room], found: FileSystem) -> Vec<Row> {
    let mut folders: Vec<String> = rooms.iter().map(|room| room.shown.display().to_string()).collect();
    folders.dedup();
    let what = format!("disk {}", folders[0]);
    let sum = |of: fn(&Room) -> u64| rooms.iter().map(of).fold(0_u64, u64::saturating_add);
    let mut rows = vec![space(&what, found.bytes.free, sum(|room| room.bytes), &folders[1..])];
    if found.read_only {
        let hint = "mount it for writing (`mount -o remount,rw`); where the kernel made it read-only, `dmesg` says why";
        rows.insert(
            0,
            Row::new(
                format_args!("{what}: writing"),
                Verdict::Fail,
                "read-only",
                "a file system that can be written to",
                hint,
            ),
        );
    }
    rows.extend(files(&what, found.inodes.map(|inodes| inodes.free), sum(|room| room.in_files)));
    rows
}

/// `others` share the file system.
fn space(what: &str, free: u64, needed: u64, others: &[String]) -> Row {
    let hint = "make room, or put a folder on a larger disk";
    let shared = if others.is_empty() { String::new() } else { format!(", with {}", others.join(", ")) };
    Row::new(
        what,
        Verdict::or_fail(free >= needed),
        room_in_words(free, needed),
        format_args!("{}{shared}", Size(needed)),
        hint,
    )
}

/// Nothing where no layers come, or where the file system has no number of files.
fn files(what: &str, free: Option<u64>, in_files: u64) -> Option<Row> {
    let free = free.filter(|_| in_files > 0)?;
    let (needed, at_least) = (in_files / BYTES_A_FILE, in_files / BYTES_A_FILE_AT_LEAST);
    let verdict = if free < at_least { Verdict::Fail } else { Verdict::or_warn(free >= needed) };
    Some(Row::new(
        format_args!("{what}: files"),
        verdict,
        format_args!("{free} more"),
        format_args!("about {needed}, one for every {} of layers", Size(BYTES_A_FILE)),
        "remove small files, or make a file system with more inodes (`df --inodes` shows them)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(folder: &str, bytes: u64) -> Room {
        Room::plain(Path::new(folder), bytes)
    }

    fn ten_bytes(read_only: bool) -> FileSystem {
        FileSystem { bytes: Usage { used: 0, free: 10 }, inodes: None, read_only }
    }

    #[test]
    fn folders_on_one_file_system_share_its_free_bytes() {
        let rooms = [room("/data", u64::MAX), room("/srv/x", 3), room("/var/lib/docker", 2)];
        let device = |path: &Path| u64::from(path.starts_with("/srv"));
        let [shared, alone] = &by_file_system(&rooms, device)[..] else { panic!("two file systems") };
        assert_eq!((shared.len(), alone.len()), (2, 1));
        let [row] = &examined(shared, ten_bytes(false))[..] else { panic!("no row about files") };
        assert_eq!((row.what.as_str(), row.verdict), ("disk /data", Verdict::Fail));
        assert!(row.needed.ends_with(" EiB, with /var/lib/docker"), "{}", row.needed);
    }

    #[test]
    fn what_cannot_be_written_to_has_no_room() {
        let [row, space] = &examined(&[room("/data", 3)], ten_bytes(true))[..] else { panic!("two rows") };
        assert_eq!((row.what.as_str(), row.found.as_str()), ("disk /data: writing", "read-only"));
        assert_eq!((row.verdict, space.verdict), (Verdict::Fail, Verdict::Ok));
    }

    #[test]
    fn one_byte_too_few_is_too_few_and_is_said() {
        let row = space("disk /data", (4 << 30) - 1, 4 << 30, &[]);
        assert_eq!((row.verdict, row.found.as_str()), (Verdict::Fail, "4.00 GiB free, 1 bytes too few"));
        assert_eq!(space("disk /data", 4 << 30, 4 << 30, &[]).verdict, Verdict::Ok);
    }

    #[test]
    fn each_store_needs_what_it_is_sent_and_what_it_makes_of_it_where_that_goes() {
        let stores = |received: &str, layers: &str| Stores {
            root: "/r".into(),
            received: received.into(),
            layers: layers.into(),
        };
        let classic = images(&stores("/r/tmp", "/r/overlay2"), 100, 200);
        let of = |room: &Room| (room.folder.display().to_string(), room.bytes);
        let expected = [("/r/tmp".to_owned(), 100), ("/r/overlay2".to_owned(), 200 + SPARE_DISK)];
        assert_eq!(classic.iter().map(of).collect::<Vec<_>>(), expected);
        let containerd = images(&stores("/c/content", "/c/snapshots"), 100, 200);
        let expected = [("/c/content".to_owned(), 100), ("/c/snapshots".to_owned(), 200 + SPARE_DISK)];
        assert_eq!(containerd.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(classic[1].in_files, 200);
        assert!(images(&stores("/r/tmp", "/r/overlay2"), 0, 0).is_empty(), "nothing to load");
    }

    #[test]
    fn files_are_estimated_and_only_what_is_sure_fails() {
        let of = |free| files("disk", Some(free), 64 << 20).map(|row| row.verdict);
        assert_eq!(of(8192), Some(Verdict::Ok));
        assert_eq!(of(8191), Some(Verdict::Warn));
        assert_eq!(of(1023), Some(Verdict::Fail));
        assert!(files("disk", None, 64 << 20).is_none() && files("disk", Some(0), 0).is_none());
    }
}
