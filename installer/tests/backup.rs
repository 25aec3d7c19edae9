//! A backup from the folder that it is made of to the folder that it becomes, and all that is refused on the way.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File, FileTimes};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::fs::inotify;
use wt_installer::backup::bounds::DEEPEST;
use wt_installer::backup::data_reader::{Look, Visitor};
use wt_installer::backup::data_writer::{DataWriter, Written};
use wt_installer::backup::encryption::{Identities, Recipient};
use wt_installer::backup::folder::{self, Backup, KEY, LIST, Unfinished};
use wt_installer::backup::list::{BackupList, FORMAT, Kind};
use wt_installer::backup::retention::{self, Found, What};
use wt_installer::backup::source::{self, Root};
use wt_installer::quiesce::Deadline;
use wt_installer::restore::unpack::Unpack;
use wt_installer::site::backup::TimeSpan;
use wt_installer::{Error, Result};
use wt_keys::console::{Exit, Explain as _, Progress};
use wt_keys::testkit::insecure_key;
use wt_keys::{Envelope, Sha256Digest, SigningKey};

const CREATED: &str = "2026-11-24T02:00:00Z";

/// Some data, and a place for backups of it.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        let db = world.path("db");
        fs::create_dir_all(db.join("inner")).unwrap();
        fs::write(db.join("a"), "hello").unwrap();
        fs::write(db.join("inner/empty"), "").unwrap();
        symlink("../a", db.join("inner/link")).unwrap();
        fs::set_permissions(db.join("a"), fs::Permissions::from_mode(0o640)).unwrap();
        world
    }

    /// With what file systems can do beside that.
    fn rich() -> Self {
        let world = Self::new();
        let db = world.path("db");
        fs::write(db.join(OsStr::from_bytes(b"\xff\n%")), noise(9 << 20)).unwrap();
        fs::hard_link(db.join("a"), db.join("inner/same")).unwrap();
        fs::create_dir(db.join("d".repeat(200))).unwrap();
        fs::write(db.join("d".repeat(200)).join("f".repeat(200)), "long").unwrap();
        let sparse = File::create(db.join("sparse")).unwrap();
        sparse.set_len(64 << 20).unwrap();
        sparse.write_all_at(b"here", 32 << 20).unwrap();
        sparse.sync_all().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(db.join("socket")).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn backups(&self) -> PathBuf {
        let folder = self.path("backups");
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn back_up(&self, recipients: &[&str]) -> Backup {
        self.back_up_as(recipients, &insecure_key(1), |_| {}).unwrap()
    }

    fn back_up_as(
        &self,
        recipients: &[&str],
        key: &SigningKey,
        change: impl FnOnce(&mut BackupList),
    ) -> Result<Backup> {
        let recipients: Vec<Recipient> = recipients.iter().map(|text| text.parse().unwrap()).collect();
        let created = CREATED.parse().unwrap();
        let version = "1.0.0".parse().unwrap();
        let name = folder::name("acme", &version, created);
        let unfinished = Unfinished::create(&self.backups(), &name, key)?;
        let phase = Progress::silent().phase("copying", None);
        let encrypted = !recipients.is_empty();
        let file = unfinished.make_data(encrypted)?;
        let mut writer = DataWriter::new(file, &unfinished.data(encrypted), &recipients, &phase)?;
        let root = "data/db".parse().unwrap();
        assert!(writer.add(&root, &self.path("db"))?);
        assert!(!writer.add(&"data/none".parse().unwrap(), &self.path("none"))?, "there is none");
        let Written { data, entries, left_out } = writer.finish()?;
        let mut list = BackupList {
            format: FORMAT,
            product: "acme".to_owned(),
            version,
            release: "v1".to_owned(),
            manifest: Sha256Digest::of(b"manifest"),
            created,
            logs: false,
            data,
            roots: vec![root],
            left_out,
            entries,
        };
        change(&mut list);
        unfinished.publish(&list, key, &phase)
    }

    /// As `age-keygen` writes it.
    fn identities(&self, pair: &Pair) -> Identities {
        let path = self.path("identity");
        let text = format!("# public key: {}\n{}\n", pair.public, pair.private);
        wt_keys::durable::write(&path, text.as_bytes(), 0o600).unwrap();
        Identities::read(&path).unwrap()
    }
}

/// A key of age.
struct Pair {
    public: String,
    private: String,
}

impl Pair {
    fn generate() -> Self {
        use age::secrecy::ExposeSecret as _;
        let identity = age::x25519::Identity::generate();
        let private = identity.to_string().expose_secret().to_owned();
        Self { public: identity.to_public().to_string(), private }
    }
}

fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

fn open(folder: &Path) -> Result<Backup> {
    Backup::open(folder, &insecure_key(1).public())
}

fn visit(backup: &Backup, identities: Option<&Identities>, visitor: &mut dyn Visitor) -> Result<()> {
    backup.data(&Progress::silent().phase("reading", None))?.visit(identities, visitor)
}

fn look(folder: &Path) -> Result<()> {
    visit(&open(folder)?, None, &mut Look)
}

fn unpack(backup: &Backup, identities: Option<&Identities>, place: &Path) -> Result<()> {
    let mut unpack = Unpack::new(vec![("data/db".parse().unwrap(), place.to_owned())])?;
    visit(backup, identities, &mut unpack)?;
    unpack.finish()
}

/// Every name with what `find` knows of it, and what is in it.
fn state(folder: &Path) -> String {
    let script = "find . -printf '%P %y %m %U %G %T@ %s %n %l\\n' | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum";
    let ran = Command::new("bash").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

#[test]
fn what_was_backed_up_comes_back_as_it_was() {
    let pair = Pair::generate();
    for recipients in [&[][..], &[pair.public.as_str()]] {
        let world = World::rich();
        let backup = world.back_up(recipients);
        assert_eq!(backup.name(), "acme-1.0.0-2026-11-24T020000Z.backup");
        let backup = open(&backup.folder).unwrap();
        let left_out: Vec<String> = backup.list.left_out.iter().map(|out| out.path.to_string()).collect();
        assert_eq!(left_out, ["data/db/socket"]);
        let identities = world.identities(&pair);
        unpack(&backup, Some(&identities), &world.path("restored")).unwrap();
        fs::remove_file(world.path("db/socket")).unwrap();
        let folder = |name: &str| fs::metadata(world.path(name)).unwrap();
        let (was, is) = (state(&world.path("db")), state(&world.path("restored")));
        let below =
            |text: &str| text.lines().filter(|line| !line.starts_with(" d")).collect::<Vec<_>>().join("\n");
        assert_eq!(below(&was), below(&is)); // the folder itself lost its socket meanwhile
        assert_eq!(folder("db").mode(), folder("restored").mode());
        let sparse = fs::metadata(world.path("restored/sparse")).unwrap();
        assert!(sparse.blocks() * 512 < 1 << 20, "holes stay holes: {}", sparse.blocks());
    }
}

#[test]
fn an_encrypted_backup_shows_its_content_to_the_right_key_only() {
    let (world, pair) = (World::new(), Pair::generate());
    let backup = world.back_up(&[&Pair::generate().public, &pair.public]);
    let bytes = fs::read(backup.folder.join("data.tar.zst.age")).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"), "any age opens it");
    backup.data(&Progress::silent().phase("reading", None)).unwrap().authenticate().unwrap();
    assert!(matches!(look(&backup.folder), Err(Error::BackupEncrypted)));
    let wrong = visit(&backup, Some(&world.identities(&Pair::generate())), &mut Look).unwrap_err();
    assert!(matches!(wrong, Error::BackupIdentity { .. }), "{wrong:?}");
    visit(&backup, Some(&world.identities(&pair)), &mut Look).unwrap();
}

#[test]
fn a_file_of_private_keys_that_others_can_read_is_refused() {
    let world = World::new();
    let (path, Pair { public, private }) = (world.path("identity"), Pair::generate());
    let torn = &private[..private.len() - 1];
    for (text, mode) in [(private.as_str(), 0o644), ("", 0o600), (&public, 0o600), (torn, 0o600)] {
        wt_keys::durable::write(&path, text.as_bytes(), mode).unwrap();
        let refused = Identities::read(&path).unwrap_err().to_string();
        assert!(!refused.contains(torn), "{refused}");
    }
}

#[test]
fn a_flipped_bit_of_any_byte_of_the_data_is_seen_before_it_is_decompressed() {
    let world = World::new();
    let backup = world.back_up(&[]);
    let path = backup.folder.join("data.tar.zst");
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        let refused = look(&backup.folder).unwrap_err();
        assert!(matches!(refused, Error::BackupDamaged { from: 0, .. }), "{at}: {refused:?}");
        assert_eq!(refused.exit(), Exit::NotTrusted);
    }
    fs::write(&path, good).unwrap();
    look(&backup.folder).unwrap();
}

#[test]
fn a_flipped_bit_of_any_byte_of_the_list_is_refused() {
    let world = World::new();
    let backup = world.back_up(&[]);
    let path = backup.folder.join(LIST);
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        assert_eq!(look(&backup.folder).unwrap_err().exit(), Exit::NotTrusted, "{at}");
    }
}

#[test]
fn a_backup_that_is_cut_or_has_grown_is_refused() {
    let world = World::rich();
    let backup = world.back_up(&[]);
    let path = backup.folder.join("data.tar.zst");
    let good = fs::read(&path).unwrap();
    for bad in [&good[..good.len() - 1], &good[..4 << 20], &[], &[&good[..], b"x"].concat()] {
        fs::write(&path, bad).unwrap();
        let refused = look(&backup.folder).unwrap_err();
        assert!(matches!(refused, Error::BackupLength { .. }), "{refused:?}");
        assert_eq!(refused.exit(), Exit::NotTrusted);
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(look(&backup.folder).unwrap_err().exit(), Exit::Failed);
    symlink("/etc/passwd", &path).unwrap();
    assert!(look(&backup.folder).is_err(), "no link is followed");
    fs::remove_file(backup.folder.join(KEY)).unwrap();
    assert!(matches!(folder::claimed_signer(&backup.folder), Err(Error::NoBackup { expected: KEY, .. })));
}

#[test]
fn a_backup_of_somebody_else_is_refused_by_its_signature() {
    let world = World::new();
    let foreign = world.back_up_as(&[], &insecure_key(2), |_| {}).unwrap();
    assert_eq!(open(&foreign.folder).unwrap_err().exit(), Exit::NotTrusted);
    assert_eq!(folder::claimed_signer(&foreign.folder).unwrap(), insecure_key(2).public());
    // the key beside it is only a claim
    fs::write(foreign.folder.join(KEY), insecure_key(1).public().to_pem()).unwrap();
    assert_eq!(open(&foreign.folder).unwrap_err().exit(), Exit::NotTrusted);
}

/// What a list says, and what is wrong with it.
type Wrong = (&'static str, fn(&mut BackupList));

#[test]
fn a_signed_list_that_says_something_else_than_the_data_is_refused() {
    let wrongs: [Wrong; 6] = [
        ("another mode", |list| list.entries[1].mode.0 = 0o4755),
        ("another owner", |list| list.entries[1].user = 1234),
        ("another content", |list| {
            let Kind::File { sha256, .. } = &mut list.entries[1].kind else { panic!() };
            *sha256 = Sha256Digest::of(b"other");
        }),
        ("a longer file", |list| {
            let Kind::File { size, .. } = &mut list.entries[1].kind else { panic!() };
            *size += 1;
        }),
        ("one thing less", |list| drop(list.entries.pop())),
        ("another name", |list| list.entries[1].path = "data/db/b".parse().unwrap()),
    ];
    for (what, change) in wrongs {
        let world = World::new();
        let refused = world.back_up_as(&[], &insecure_key(1), change).unwrap_err();
        assert!(matches!(refused, Error::BackupDiffers { .. }), "{what}: {refused:?}");
        assert_eq!(fs::read_dir(world.backups()).unwrap().count(), 0, "{what}: nothing is left of it");
    }
}

#[test]
fn nothing_is_unpacked_over_what_is_there() {
    let world = World::new();
    let backup = world.back_up(&[]);
    for what in ["file", "folder", "link"] {
        let place = world.path(what);
        match what {
            "file" => fs::write(&place, "").unwrap(),
            "folder" => fs::create_dir(&place).unwrap(),
            _ => symlink(world.path("db"), &place).unwrap(),
        }
        let before = state(&world.path("db"));
        assert!(unpack(&backup, None, &place).is_err(), "{what}");
        assert_eq!(before, state(&world.path("db")), "{what}");
    }
}

#[test]
fn a_run_that_was_killed_leaves_nothing_that_looks_like_a_backup() {
    let world = World::new();
    let name = folder::name("acme", &"1.0.0".parse().unwrap(), CREATED.parse().unwrap());
    let mine = Unfinished::create(&world.backups(), &name, &insecure_key(1)).unwrap();
    std::mem::forget(mine); // as SIGKILL would
    let theirs = Unfinished::create(&world.backups(), &name.replace("02", "03"), &insecure_key(2)).unwrap();
    assert!(retention::all(&world.backups(), "acme", &insecure_key(1).public()).unwrap().is_empty());
    retention::remove_leftovers(&world.backups(), "acme", &insecure_key(1)).unwrap();
    assert_eq!(
        fs::read_dir(world.backups()).unwrap().count(),
        1,
        "another installation's is its own business"
    );
    drop(theirs);
    assert_eq!(fs::read_dir(world.backups()).unwrap().count(), 0);
}

/// What is removed from a folder meanwhile, in this order.
fn removed_from(folder: &Path, work: impl FnOnce()) -> Vec<String> {
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watch, folder, inotify::WatchFlags::DELETE).unwrap();
    work();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut names = Vec::new();
    while let Ok(event) = events.next() {
        names.extend(event.file_name().map(|name| name.to_str().unwrap().to_owned()));
    }
    names
}

#[test]
fn a_backup_loses_its_data_first_and_last_the_key_that_says_whose_it_is() {
    let pair = Pair::generate();
    for (recipients, data) in [(&[][..], "data.tar.zst"), (&[pair.public.as_str()], "data.tar.zst.age")] {
        let world = World::new();
        let old = world.back_up(recipients).folder;
        let (made, now) = (world.backups().join("made"), "2026-12-01T00:00:00Z".parse().unwrap());
        let removed = removed_from(&old, || {
            retention::keep_newest(&made, now, "acme", &insecure_key(1), 1).unwrap();
        });
        assert_eq!(removed, [data, LIST, KEY]);
        assert_eq!(fs::read_dir(world.backups()).unwrap().count(), 0);
    }
    // so does one that was never finished
    let world = World::new();
    let unfinished = Unfinished::create(&world.backups(), "acme-1.backup", &insecure_key(1)).unwrap();
    unfinished.make_data(false).unwrap();
    let place = world.backups().join("acme-1.backup.unfinished");
    assert_eq!(removed_from(&place, || drop(unfinished)), ["data.tar.zst", KEY]);
}

#[test]
fn what_a_killed_removal_left_is_removed_and_what_may_be_somebody_elses_is_not() {
    let key = |number| insecure_key(number).public().to_pem();
    let (own, others) = (&*key(1), &*key(2));
    let data = ("data.tar.zst", "data");
    for (what, files, goes) in [
        ("nothing was removed", &[(KEY, own), (LIST, "{}"), data][..], true),
        ("without its data", &[(KEY, own), (LIST, "{}")], true),
        ("without its list", &[(KEY, own)], true),
        ("the folder alone", &[], true),
        ("the key was not written yet", &[(KEY, "")], true),
        ("the key was lost", &[(KEY, ""), (LIST, "{}"), data], true),
        ("with something else", &[(KEY, ""), data, ("notes", "")], false),
        ("nobody's", &[data], false),
        ("somebody else's", &[(KEY, others), data], false),
    ] {
        let world = World::new();
        let folder = world.backups().join("acme-1.0.0-2026-11-24T020000Z.backup.unfinished");
        fs::create_dir(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        retention::remove_leftovers(&world.backups(), "acme", &insecure_key(1)).unwrap();
        assert_eq!(!folder.exists(), goes, "{what}");
        let left = fs::read_dir(&folder).map_or(0, Iterator::count);
        assert_eq!(left, if goes { 0 } else { files.len() }, "{what}: all of it or nothing");
    }
}

#[test]
fn the_newest_backups_are_kept_and_what_is_not_ours_stays() {
    let world = World::new();
    let rename = |backup: &Backup, hour: &str| {
        let to = world.backups().join(format!("acme-1.0.0-2026-11-24T{hour}0000Z.backup"));
        fs::rename(&backup.folder, to).unwrap();
    };
    for (hour, key) in [("01", 1), ("03", 1), ("04", 2), ("05", 1), ("06", 1), ("09", 1)] {
        let created = format!("2026-11-24T{hour}:00:00Z").parse().unwrap();
        let made = world.back_up_as(&[], &insecure_key(key), |list| list.created = created).unwrap();
        rename(&made, hour);
    }
    let parent = world.backups();
    fs::write(parent.join("acme-1.0.0-2026-11-24T030000Z.backup/mine"), "").unwrap();
    fs::create_dir(parent.join("acme-1.0.0-2026-11-24T000000Z.backup")).unwrap();
    let made = parent.join("acme-1.0.0-2026-11-24T060000Z.backup");
    let now = "2026-11-24T06:30:00Z".parse().unwrap();
    let gone = retention::keep_newest(&made, now, "acme", &insecure_key(1), 2).unwrap();
    assert_eq!(gone, ["acme-1.0.0-2026-11-24T010000Z.backup"]);
    let left = fs::read_dir(&parent).unwrap().count();
    assert_eq!(
        left, 6,
        "two of ours, one of a clock ahead, one with a file of somebody's, another installation's, one that is none"
    );
}

#[test]
fn what_would_hold_services_still_for_ever_is_said_before() {
    let world = World::new();
    let root = Root { path: "data/db".parse().unwrap(), place: world.path("db"), still: true };
    let measured = source::measure(std::slice::from_ref(&root)).unwrap();
    assert_eq!((measured.tally.entries, measured.size), (5, 5));
    let hollow = File::create(world.path("db/inner/hollow")).unwrap();
    hollow.set_len(64 << 30).unwrap();
    source::measure(std::slice::from_ref(&root)).unwrap();
    hollow.set_len((64 << 30) + 1).unwrap();
    let said = source::measure(&[root]).unwrap_err().to_string();
    assert!(said.contains("db/inner/hollow`") && said.contains("64.00 GiB of holes"), "{said}");
}

#[test]
fn a_folder_that_no_backup_can_hold_is_named_before_anything_is_copied() {
    let world = World::new();
    let root = Root { path: "data/db".parse().unwrap(), place: world.path("db"), still: true };
    let refused = || source::measure(std::slice::from_ref(&root)).unwrap_err();
    let deep = (0..DEEPEST).fold(world.path("db"), |path, _| path.join("f"));
    fs::create_dir_all(&deep).unwrap();
    let said = refused().to_string();
    assert!(said.contains("db/f/f/f") && said.contains("more than 128 folders deep"), "{said}");
    fs::remove_dir_all(world.path("db/f")).unwrap();
    // a writer that comes upon it later says the same
    let (phase, path) = (Progress::silent().phase("copying", None), world.path("data"));
    let mut writer = DataWriter::new(File::create(&path).unwrap(), &path, &[], &phase).unwrap();
    fs::create_dir_all(&deep).unwrap();
    assert!(matches!(writer.add(&root.path, &root.place), Err(Error::BackupBounds { .. })));
    fs::rename(world.path("db"), world.path("real")).unwrap();
    symlink(world.path("real"), world.path("db")).unwrap();
    assert!(matches!(refused(), Error::LinkedRoot { path } if path == world.path("db")));
}

#[test]
fn a_copy_that_takes_too_long_is_given_up() {
    let world = World::new();
    let (phase, path) = (Progress::silent().phase("copying", None), world.path("data"));
    let mut writer = DataWriter::new(File::create(&path).unwrap(), &path, &[], &phase).unwrap();
    let at_most: TimeSpan = "2s".parse().unwrap();
    let root = "data/db".parse().unwrap();
    writer.until(Some(Deadline::new(Instant::now() + Duration::from_hours(1), at_most)));
    writer.add(&root, &world.path("db")).unwrap();
    writer.until(Some(Deadline::new(Instant::now().checked_sub(Duration::from_secs(3)).unwrap(), at_most)));
    let refused = writer.add(&root, &world.path("db")).unwrap_err();
    assert!(refused.to_string().contains("held still for 2s"), "{refused}");
    assert!(refused.hint().unwrap().contains("hold-at-most"));
}

#[test]
fn a_backup_is_made_in_no_folder_that_is_there_already() {
    let world = World::new();
    let name = folder::name("acme", &"1.0.0".parse().unwrap(), CREATED.parse().unwrap());
    let place = world.backups().join(format!("{name}.unfinished"));
    let theirs = world.path("theirs");
    fs::create_dir(&theirs).unwrap();
    for what in ["folder", "link"] {
        match what {
            "folder" => fs::create_dir(&place).unwrap(),
            _ => symlink(&theirs, &place).unwrap(),
        }
        assert!(Unfinished::create(&world.backups(), &name, &insecure_key(1)).is_err(), "{what}");
        assert!(place.symlink_metadata().is_ok(), "{what}: whose it is, we do not know");
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
        let _ = fs::remove_dir(&place);
    }
    // nor is one that was put in its place later written to, or published
    fs::remove_file(&place).unwrap();
    let unfinished = Unfinished::create(&world.backups(), &name, &insecure_key(1)).unwrap();
    fs::rename(&place, world.path("moved")).unwrap();
    symlink(&theirs, &place).unwrap();
    unfinished.make_data(false).unwrap();
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
    assert!(world.path("moved/data.tar.zst").exists());
}

#[test]
fn backups_of_others_are_not_read() {
    let world = World::new();
    let own = insecure_key(1).public();
    world.back_up_as(&[], &insecure_key(2), |_| {}).unwrap();
    let found = || retention::all(&world.backups(), "acme", &own).unwrap();
    let [Found { what: What::Foreign(key), path }] = &found()[..] else { panic!("{:?}", found()) };
    assert_eq!(*key, insecure_key(2).public().id());
    // whatever it says: not even whether it is a list was looked at
    fs::write(path.join(LIST), "{").unwrap();
    assert!(matches!(found()[0].what, What::Foreign(_)));
    for (name, target) in [(LIST, "/dev/zero"), (KEY, "/dev/zero"), (KEY, "/etc/hostname")] {
        fs::write(path.join(KEY), own.to_pem()).unwrap();
        fs::remove_file(path.join(name)).unwrap();
        symlink(target, path.join(name)).unwrap();
        let found = found();
        let What::Unusable(why) = &found[0].what else { panic!("{name}: {found:?}") };
        let why = format!("{why:?}");
        assert!(why.contains("not a regular file"), "{name}: {why}");
        fs::remove_file(path.join(name)).unwrap();
    }
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let gone =
        retention::keep_newest(&world.backups().join("none"), now, "acme", &insecure_key(1), 1).unwrap();
    assert!(gone.is_empty() && path.exists());
}

/// The backup of format 1 as it is written today. `WT_BLESS=1` writes it anew, as root: a change to it belongs under "Format"
/// in the CHANGELOG, and backups that customers have must still open.
#[test]
fn the_golden_backup_of_format_1_opens_and_is_listed_so_today() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backup-1");
    if std::env::var_os("WT_BLESS").is_some() {
        bless(&golden);
    }
    let world = World::new();
    let folder = world.backups();
    for name in [LIST, KEY] {
        fs::copy(golden.join(name), folder.join(name)).unwrap();
    }
    let hex = fs::read_to_string(golden.join("data.hex")).unwrap();
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    let data: Vec<u8> = digits.chunks(2).map(byte).collect();
    fs::write(folder.join("data.tar.zst"), data).unwrap();
    let backup = open(&folder).unwrap();
    visit(&backup, None, &mut Look).unwrap(); // every header is written and compared
    let again = Envelope::seal(&*backup.list, &[&insecure_key(1)]).unwrap().to_bytes();
    assert_eq!(String::from_utf8(again).unwrap() + "\n", fs::read_to_string(folder.join(LIST)).unwrap());
    let names: Vec<String> = backup.list.entries.iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(
        names,
        ["data/db", "data/db/a", "data/db/holes", "data/db/same", "data/db/to", "data/db/%FF%0A%25"]
    );
}

fn bless(golden: &Path) {
    let world = World(tempfile::tempdir().unwrap());
    let db = world.path("db");
    fs::create_dir_all(&db).unwrap();
    fs::write(db.join(OsStr::from_bytes(b"\xff\n%")), "any bytes").unwrap();
    fs::write(db.join("a"), "hello").unwrap();
    fs::hard_link(db.join("a"), db.join("same")).unwrap();
    symlink("../../a", db.join("to")).unwrap();
    File::create(db.join("holes")).unwrap().set_len(1 << 20).unwrap();
    let time = UNIX_EPOCH + Duration::new(1_795_420_800, 5);
    let ran = Command::new("touch")
        .args(["-h", "-d", "2026-11-23T08:00:00.000000005Z"])
        .arg(db.join("to"))
        .status();
    assert!(ran.unwrap().success());
    for name in fs::read_dir(&db).unwrap().map(|entry| entry.unwrap().path()).chain([db.clone()]) {
        if !name.is_symlink() {
            File::open(&name).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
        }
        std::os::unix::fs::lchown(&name, Some(10001), Some(10001)).unwrap();
    }
    let made = world.back_up(&[]);
    for name in [LIST, KEY] {
        fs::copy(made.folder.join(name), golden.join(name)).unwrap();
    }
    let data = fs::read(made.folder.join("data.tar.zst")).unwrap();
    let mut text = String::new();
    for line in data.chunks(48) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    fs::write(golden.join("data.hex"), text).unwrap();
}
