//! The key ceremony with the real program.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const PASSPHRASE: &str = "INSECURE test passphrase";

struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        fs::write(world.path("passphrase"), PASSPHRASE).unwrap();
        world.set_mode("passphrase", 0o600);
        world
    }

    fn with_keys() -> Self {
        let world = Self::new();
        world.done("init --dir keys --no-passphrase -q");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wt-keys"));
        command.args(line.split(' ')).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    fn done(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, line: &str, exit: i32, message: &str) {
        let output = self.run(line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*said), (Some(exit), message), "{line}");
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let names = fs::read_dir(self.path(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

const MADE: [&str; 6] =
    ["bundle.cert", "bundle.key", "license.cert", "license.key", "root-1.key", "trust.json"];

#[test]
fn openssl_reads_the_keys() {
    let world = World::new();
    world.done("init --dir keys --passphrase-file passphrase -q");
    assert_eq!(world.names("keys"), MADE);
    let public = world.done("show keys/bundle.cert --pem");
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-in", "keys/bundle.key", "-passin", "file:passphrase", "-pubout"]);
    let output = openssl.current_dir(world.path(".")).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), public);
}

#[test]
fn a_killed_init_leaves_nothing_that_the_next_one_does_not_remove() {
    let world = World::new();
    let line = "init --dir keys --roots 3 --passphrase-file passphrase -q";
    for moment in (0..8).rev() {
        let _ = fs::remove_dir_all(world.path(".wt-keys"));
        let mut child = world.command(line).spawn().unwrap();
        // the first moment at which there is something to leave
        while !world.path(".wt-keys").exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(moment * 20));
        child.kill().unwrap();
        child.wait().unwrap();
        if world.path("keys").exists() {
            assert_eq!(world.names("keys").len(), 8, "all or nothing");
            fs::remove_dir_all(world.path("keys")).unwrap();
        } else {
            assert!(world.path(".wt-keys").exists(), "nothing was there to be left");
        }
    }
    assert!(world.path(".wt-keys").exists(), "the last kill came too late to leave anything");
    world.done(line);
    assert_eq!(world.names("."), ["keys", "passphrase"]);
    assert_eq!(fs::metadata(world.path("keys")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn keys_go_to_a_folder_of_their_own() {
    let world = World::with_keys();
    let hint = "hint: keys go to a folder of their own and are never overwritten; choose another `--dir`\n";
    world.refused("init --dir keys --no-passphrase", 2, &format!("error: `keys` is there already\n{hint}"));
    world.refused("init --dir . --no-passphrase", 2, &format!("error: `.` has no name of its own\n{hint}"));
    fs::create_dir(world.path("empty")).unwrap();
    world.done("init --dir empty --no-passphrase -q");
    assert_eq!(world.names("empty"), MADE);
}

#[test]
fn a_certificate_is_replaced_only_when_told_and_a_key_has_one_role() {
    let world = World::with_keys();
    let before = fs::read(world.path("keys/bundle.cert")).unwrap();
    let certify =
        |key: &str, more: &str| format!("certify keys/{key} --root keys/root-1.key -q --role {more}");
    world.refused(
        &certify("bundle.key", "bundle"),
        1,
        "error: `keys/bundle.cert` is there already\nhint: `--replace` writes it anew\n",
    );
    for more in ["license", "license --replace"] {
        world.refused(
            &certify("bundle.key", more),
            1,
            "error: `keys/bundle.cert` says that the key signs bundles; a key has one role\n\
             hint: name another key; it is made if it is not there\n",
        );
    }
    assert_eq!(fs::read(world.path("keys/bundle.cert")).unwrap(), before);
    world.done(&certify("bundle.key", "bundle --replace --product acme"));
    assert!(world.done("show keys/bundle.cert").contains("product      acme\n"));
    world.done(&certify("new.key", "license --no-passphrase"));
    assert!(world.done("show keys/new.cert").contains("for license signatures"));
    fs::write(world.path("keys/bundle.cert"), "{}\n").unwrap();
    world.refused(
        &certify("bundle.key", "bundle"),
        1,
        "error: `keys/bundle.cert` is there already\nhint: `--replace` writes it anew\n",
    );
    assert_eq!(world.names("keys").len(), MADE.len() + 2);
}

#[test]
fn a_reader_that_went_away_is_no_error_and_a_full_disk_is() {
    let world = World::with_keys();
    for line in ["show keys/trust.json", "show keys/trust.json --json", "completions bash", "man"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gone = world.command(line).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((gone.status.code(), &*gone.stderr), (Some(0), &b""[..]), "{line}");
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let full = world.command(line).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(full.stderr).unwrap();
        assert!(said.starts_with("error: cannot write to `stdout`\n  because: "), "{line}: {said}");
        assert_eq!(full.status.code(), Some(1));
    }
}

#[test]
fn secrets_that_others_can_read_or_exchange_are_not_used() {
    let world = World::new();
    let init = "init --dir keys --passphrase-file passphrase -q";
    world.set_mode("passphrase", 0o644);
    world.refused(
        init,
        1,
        "error: `passphrase` can be read by others\n  expected mode 0600\n  found    mode 0644\n\
         hint: chmod 600 `passphrase`, and consider who has seen it\n",
    );
    world.set_mode("passphrase", 0o600);
    fs::write(world.path("passphrase"), "elevenchars").unwrap();
    world.refused(
        init,
        1,
        "error: the passphrase has 11 characters\n  expected 12 or more\n\
         hint: who gets the file can try passphrases as fast as machines can; five words of a dictionary hold\n",
    );
    fs::write(world.path("passphrase"), PASSPHRASE).unwrap();
    world.done(init);
    world.set_mode("keys", 0o777);
    let folder = "error: others can exchange what is in `keys`\n  expected mode 0755 or less\n  found    mode 0777\n\
                  hint: chmod go-w `keys`\n";
    world.refused("show keys/bundle.key --passphrase-file passphrase", 1, folder);
    world.set_mode("keys", 0o700);
    world.done("show keys/bundle.key --passphrase-file passphrase");
}

const LICENSE: &str = "0123456789abcdef0123456789abcdef";

/// The ids of the roots that `trust.json` lists.
fn roots(world: &World) -> Vec<String> {
    let shown = world.done("show keys/trust.json");
    let ids = shown.lines().filter_map(|line| line.strip_prefix("root         "));
    ids.map(str::to_owned).collect()
}

#[test]
fn what_is_revoked_stands_in_the_next_trust_document_which_a_threshold_of_the_roots_has_signed() {
    let world = World::new();
    world.done("init --dir keys --roots 3 --threshold 2 --no-passphrase -q");
    let before = fs::read(world.path("keys/trust.json")).unwrap();
    let line = format!("revoke --license {LICENSE} --reason sold --root keys/root-1.key");
    world.refused(
        &line,
        3,
        "error: the trust document carries too few signatures\n  expected 2 of the roots\n  found    1\n\
         hint: repeat `--root FILE` until a threshold of the roots in force has signed, and one of the new roots\n",
    );
    assert_eq!(fs::read(world.path("keys/trust.json")).unwrap(), before);
    let line = format!("{line} --root keys/root-3.key -q");
    world.done(&format!("{line} --dry-run"));
    assert_eq!(fs::read(world.path("keys/trust.json")).unwrap(), before);
    world.done(&line);
    assert_eq!(fs::read(world.path("keys/trust-1.json")).unwrap(), before, "the one before is kept");
    let shown = world.done("show keys/trust.json");
    assert!(shown.starts_with("trust        version 2, "), "{shown}");
    assert!(shown.ends_with(&format!("revoked      license {LICENSE}: sold\n")), "{shown}");
    world.refused(
        &line,
        2,
        "error: nothing to revoke: nothing was named, or all of it is revoked already\n\
         hint: name something: `--license ID`, `--key-id ID`, `--lowest PRODUCT=VERSION`\n",
    );
    let sign = "--root keys/root-1.key --root keys/root-2.key";
    world.done(&format!("revoke --lowest acme=1.2.0 {sign} -q"));
    let again = world.run(&format!("revoke --lowest acme=1.1.0 {sign}"));
    assert_eq!(again.status.code(), Some(2), "a floor goes up only");
    let key = world.done("show keys/license.cert");
    let key = key.lines().find_map(|line| line.strip_prefix("key          ")).unwrap();
    let no_reason = world.run(&format!("revoke --key-id {key} {sign}"));
    assert_eq!(no_reason.status.code(), Some(2));
    world.done(&format!("revoke --key-id {key} --reason stolen {sign} -q"));
    let shown = world.done("show keys/trust.json");
    assert!(
        shown.contains("version 4, ") && shown.contains(": stolen\n") && shown.contains("acme 1.2.0\n"),
        "{shown}"
    );
    let root = world.run(&format!("revoke --key-id {} --reason lost {sign}", roots(&world)[0]));
    assert_eq!(root.status.code(), Some(2), "a root is retired, not revoked");
    for wrong in ["0123", &LICENSE.to_uppercase(), "*"] {
        let refused = world.run(&format!("revoke --license {wrong} --reason sold {sign}"));
        assert_eq!(refused.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn roots_change_with_the_old_and_the_new_threshold_and_certificates_with_them() {
    let world = World::new();
    world.done("init --dir keys --roots 3 --threshold 2 --no-passphrase -q");
    let first = roots(&world)[0].clone();
    let rotate = format!(
        "rotate --new keys/root-4.key --no-passphrase --retire {first} --certificate keys/license.cert --certificate \
         keys/bundle.cert -q"
    );
    let refused = world.run(&format!("{rotate} --root keys/root-2.key"));
    assert_eq!(refused.status.code(), Some(3), "one of the old roots is not enough");
    assert_eq!(roots(&world)[0], first);
    world.done(&format!("{rotate} --root keys/root-1.key --root keys/root-2.key"));
    let now = roots(&world);
    assert!(now.len() == 3 && !now.contains(&first), "{now:?}");
    for certificate in ["license", "bundle"] {
        world.done(&format!("show keys/{certificate}.cert"));
        let old = world.run(&format!("show keys/{certificate}.cert --trust keys/trust-1.json"));
        assert_eq!(old.status.code(), Some(3), "it is signed by a root that the old document does not know");
    }
    let refused = world.run("rotate --threshold 4 --root keys/root-2.key --root keys/root-4.key");
    assert_eq!(refused.status.code(), Some(3), "a threshold that three roots cannot reach");
    let stranger = world.run("rotate --threshold 1 --root keys/root-1.key --root keys/root-2.key");
    assert_eq!(stranger.status.code(), Some(3), "a root that went signs nothing");
    world.done("rotate --threshold 1 --root keys/root-2.key --root keys/root-4.key -q");
    assert!(world.done("show keys/trust.json").contains("threshold    1 of 3 roots\n"));
}

fn certificates(world: &World, folder: &str) -> [Vec<u8>; 2] {
    ["license", "bundle"].map(|name| fs::read(world.path(&format!("{folder}/{name}.cert"))).unwrap())
}

const ROTATE: &str = "rotate --new keys/root-2.key --no-passphrase --root keys/root-1.key";
const CERTIFICATES: &str = "--certificate keys/license.cert --certificate keys/bundle.cert";

#[test]
fn a_rotation_that_is_not_written_leaves_no_key_and_one_that_is_says_its_date() {
    let world = World::with_keys();
    let before = certificates(&world, "keys");
    let retire = format!("{ROTATE} --retire {} {CERTIFICATES}", roots(&world)[0]);
    let said = String::from_utf8(world.run(&format!("{retire} --dry-run")).stderr).unwrap();
    assert!(said.contains("\n  dated 20") && said.contains("Z; sites take that for past\n"), "{said}");
    assert!(said.ends_with("nothing was written\n"), "{said}");
    let too_few = world.run(&format!("{retire} --new keys/root-3.key --threshold 3"));
    assert_eq!(too_few.status.code(), Some(3), "two roots reach no threshold of three");
    assert_eq!((world.names("keys"), certificates(&world, "keys")), (MADE.map(String::from).into(), before));
    world.done(&retire);
    assert_eq!(world.names("keys").len(), MADE.len() + 2);
}

#[test]
fn a_rotation_that_was_killed_before_the_certificates_is_finished_with_them_alone() {
    let world = World::with_keys();
    let before = certificates(&world, "keys");
    world.done(&format!("{ROTATE} --retire {} {CERTIFICATES} -q", roots(&world)[0]));
    let after = certificates(&world, "keys");
    for (name, old) in ["license", "bundle"].iter().zip(&before) {
        fs::write(world.path(&format!("keys/{name}.cert")), old).unwrap();
    }
    world.done("show keys/license.cert"); // the document keeps it: nothing waits for the second run
    let trust = fs::read(world.path("keys/trust.json")).unwrap();
    let again = format!("rotate --root keys/root-2.key {CERTIFICATES}");
    world.done(&format!("{again} --dry-run"));
    assert_eq!(certificates(&world, "keys"), before);
    world.done(&again);
    assert_eq!(certificates(&world, "keys"), after);
    assert_eq!(fs::read(world.path("keys/trust.json")).unwrap(), trust);
    fs::write(world.path("keys/license.cert"), &before[0]).unwrap();
    world.done(&format!("revoke --license {LICENSE} --reason sold --root keys/root-2.key -q"));
    world.done(&again);
    assert_eq!(certificates(&world, "keys"), after, "and later documents keep it, too");
    let nothing = world.run("rotate --root keys/root-2.key");
    assert_eq!(nothing.status.code(), Some(2));
}

/// What `rotate` says on the way to its question.
fn said(world: &World, line: &str) -> String {
    let output = world.run(&format!("{line} --dry-run"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said.split("  dated ").next().unwrap().to_owned()
}

/// What `show` says of a certificate, as it stands in a list.
fn shown(world: &World, path: &str) -> String {
    let text = world.done(&format!("show {path}"));
    format!("    {}\n", text.trim_end().replace('\n', "\n    "))
}

#[test]
fn a_certificate_that_is_named_outlives_its_root_and_of_another_one_is_warned() {
    let world = World::with_keys();
    let before = certificates(&world, "keys");
    let put_back = |name: &str, old: &[u8]| fs::write(world.path(&format!("keys/{name}.cert")), old).unwrap();
    let first = roots(&world)[0].clone();
    let text = shown(&world, "keys/license.cert");
    let license = |stays: &str, signed: &str| format!("  `keys/license.cert` {stays}:\n{text}{signed}");
    let by_first = format!("    signed by    root {first}");
    let rotate = format!("{ROTATE} --certificate keys/license.cert");
    assert!(
        said(&world, &rotate).ends_with(&license("stays good, whoever signed it", &format!("{by_first}\n")))
    );
    world.done(&format!("{rotate} -q"));
    let second = roots(&world)[1].clone();
    let trust = fs::read_to_string(world.path("keys/trust.json")).unwrap();
    assert!(trust.contains("vnd.wt.trust.v2+json"));
    world.done("certify keys/other.key --role license --root keys/root-2.key --no-passphrase -q");
    let retire = format!("rotate --retire {first} --root keys/root-1.key --root keys/root-2.key");
    let warning = |name: &str, ends: &str, role: &str| {
        format!(
            "warning: `keys/{name}.cert` {ends} with this document, and every {role} that carries it; to keep it, name \
             it: `--certificate FILE`\n"
        )
    };
    // what is in the field may carry the other one as a root signed it that goes
    let warnings = warning("bundle", "ends", "bundle") + &warning("other", "may end", "license");
    let changes = format!("trust document version 3:\n  root {first} is retired\n");
    assert_eq!(said(&world, &retire), format!("{warnings}{changes}"));
    let signed = format!("{by_first}, which goes\n    signed by    root {second}\n");
    assert_eq!(
        said(&world, &format!("{retire} --certificate keys/license.cert")),
        format!("{warnings}{changes}{}", license("is kept already", &signed))
    );
    // it was named once, and its file has been signed by both roots since
    world.done(&format!("{retire} -q"));
    put_back("license", &before[0]);
    world.done("show keys/license.cert");
    assert_eq!(world.run("show keys/bundle.cert").status.code(), Some(3), "nobody named it");
    let by_nobody = license("is kept already", "    signed by    only roots that went\n");
    let alone = "rotate --root keys/root-2.key --certificate keys/license.cert";
    let heading = "the roots stay as they are; certificates are signed again:\n";
    assert_eq!(said(&world, alone), format!("{heading}{by_nobody}nothing was written\n"));
    // it is not too late
    world.done("rotate --root keys/root-2.key --certificate keys/bundle.cert -q");
    put_back("bundle", &before[1]);
    world.done("show keys/bundle.cert");
    assert_eq!(world.done("show keys/trust.json").matches("\nkept         certificate ").count(), 2);
}

#[test]
fn a_certificate_that_only_roots_have_signed_that_went_is_named_with_its_key_alone() {
    let world = World::with_keys();
    world.done(&format!("{ROTATE} --retire {} -q", roots(&world)[0]));
    let name = "rotate --root keys/root-2.key --certificate keys/bundle.cert -q --dry-run";
    world.done(name);
    let refused = "error: only roots that went have signed `keys/bundle.cert`\n\
                   hint: who stole one of those could have made it; put its key beside it, as `keys/bundle.key`, or \
                   certify that key anew\n";
    // who stole the root that went certifies a key of his own, and puts it on the stick
    let thief = "certify keys/thief.key --role bundle --root keys/root-1.key --trust keys/trust-1.json";
    world.done(&format!("{thief} --no-passphrase -q"));
    fs::rename(world.path("keys/thief.cert"), world.path("keys/bundle.cert")).unwrap();
    world.refused(name, 3, refused);
    fs::remove_file(world.path("keys/bundle.key")).unwrap();
    world.refused(name, 3, refused);
}

#[test]
fn a_document_that_is_written_elsewhere_has_its_certificates_beside_it() {
    let world = World::with_keys();
    let before = certificates(&world, "keys");
    let trust = fs::read(world.path("keys/trust.json")).unwrap();
    let retire = format!("{ROTATE} --retire {} {CERTIFICATES} -q", roots(&world)[0]);
    world.refused(
        &format!("{retire} -o keys/next.json"),
        2,
        "error: `keys/license.cert` is there already, or would be written twice\n\
         hint: certificates go beside `-o FILE`, and nothing there is written over; name a file in an empty folder\n",
    );
    assert_eq!(world.names("keys"), MADE);
    fs::create_dir(world.path("next")).unwrap();
    world.done(&format!("{retire} -o next/trust.json"));
    assert_eq!(world.names("next"), ["bundle.cert", "license.cert", "trust.json"]);
    world.done("show next/license.cert");
    assert_eq!(
        (certificates(&world, "keys"), fs::read(world.path("keys/trust.json")).unwrap()),
        (before, trust)
    );
}

#[test]
fn a_file_that_is_not_there_is_answered_with_those_that_are_shown() {
    World::new().refused(
        "show missing",
        1,
        "error: cannot open `missing`\n  because: No such file or directory (os error 2)\n\
         hint: name a file that `wt-keys` wrote: trust.json, NAME.cert or NAME.key\n",
    );
    World::new().refused(
        "rotate --root elsewhere/root-1.key",
        1,
        "error: cannot open `elsewhere/trust.json`\n  because: No such file or directory (os error 2)\n\
         hint: `--trust FILE` names the one in force, where it is not beside the root\n",
    );
}
