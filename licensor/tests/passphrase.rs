//! Where a passphrase cannot be found while `wt-license` signs, and afterwards.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../../keys/tests/process/mod.rs"]
mod process;
mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;

use process::{Process, Terminal};
use world::{Desk, HERE, has_strace};

const SECRET: &str = "INSECURE-correct-horse-battery";

/// A desk with encrypted keys, of an unprivileged user, with a copy of the program, so that no other test runs one of that
/// name.
fn desk() -> (Desk, PathBuf) {
    use clap::Parser as _;
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    fs::write(desk.path("passphrase"), SECRET).unwrap();
    fs::set_permissions(desk.path("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
    let (keys, passphrase) = (desk.path("keys"), desk.path("passphrase"));
    let init = ["wt-keys", "init", "-q", "--dir", keys.to_str().unwrap(), "--passphrase-file"];
    let init = init.into_iter().chain([passphrase.to_str().unwrap()]);
    WtKeys::try_parse_from(init).unwrap().run().unwrap();
    let program = desk.path("wt-license");
    fs::copy(assert_cmd::cargo::cargo_bin!("wt-license"), &program).unwrap();
    if rustix::process::geteuid().is_root() {
        let owner = format!("{0}:{0}", process::NOBODY);
        let given = Command::new("chown").arg("-R").args([&owner, "."]).current_dir(desk.path(".")).status();
        assert!(given.unwrap().success());
    }
    (desk, program)
}

/// On a terminal; it is stopped where it first syncs a file, which is when it has read the key and begins to write.
fn sign(desk: &Desk, program: &Path, more: &str) -> Terminal {
    let stop = "strace -o calls -e trace=fsync -e inject=fsync:signal=STOP:when=1";
    let sign =
        format!("{} sign hw.json --key keys/license.key --plan standard -v -y {more}", program.display());
    let line = format!("ulimit -c unlimited; {stop} {sign}");
    let command = process::unprivileged(&line);
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    Terminal::run(&words.join(" "), &desk.path("."), &desk.path("said"))
}

fn has_it(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|found| found == SECRET.as_bytes())
}

/// Lets it go on, and looks at all that is left.
fn assert_nothing_is_left(desk: &Desk, process: &Process, terminal: Terminal) {
    // not by its state: it is stopped for a moment at every call that is traced
    process::until("it is stopped", || {
        let calls = fs::read_to_string(desk.path("calls")).unwrap_or_default();
        calls.contains("stopped by SIGSTOP").then_some(())
    });
    process.assert_nowhere_shown(SECRET);
    process.assert_memory_is_private();
    process.kill("CONT");
    let said = terminal.end();
    assert!(said.contains("license written to `license.json`"), "{said}");
    let in_folder = |name| fs::read_dir(desk.path(name)).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> =
        [".", "keys"].into_iter().flat_map(in_folder).filter(|path| path.is_file()).collect();
    assert!(files.contains(&desk.path("keys/ledger.db")), "{files:?}");
    for path in files.iter().filter(|path| !path.ends_with("passphrase")) {
        assert!(!has_it(&fs::read(path).unwrap()), "{}", path.display());
    }
    assert!(has_it(&fs::read(desk.path("passphrase")).unwrap()), "it would have been found");
}

#[test]
fn one_from_a_file_is_shown_nowhere_while_it_signs_and_written_nowhere() {
    if has_strace() {
        let (desk, program) = desk();
        let terminal = sign(&desk, &program, "--passphrase-file passphrase");
        let process = Process::of(&program);
        assert_nothing_is_left(&desk, &process, terminal);
    }
}

#[test]
fn one_that_is_typed_is_shown_nowhere_while_it_signs_and_written_nowhere() {
    if has_strace() {
        let (desk, program) = desk();
        let mut terminal = sign(&desk, &program, "");
        terminal.wait_for("Passphrase of keys/license.key: ");
        let process = Process::of(&program);
        process.wait_for_silence();
        terminal.type_in(&format!("{SECRET}\n"));
        assert_nothing_is_left(&desk, &process, terminal);
    }
}

#[test]
fn no_flag_and_no_variable_takes_one_and_a_key_that_others_can_read_is_refused() {
    let (desk, _) = desk();
    let help = desk.done("sign --help").to_lowercase();
    assert!(!help.replace("--passphrase-file", "").contains("--passphrase"), "{help}");
    assert!(help.contains("wt_license_key") && !help.contains("wt_passphrase"), "{help}");
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(desk.path("license.key"), fs::Permissions::from_mode(mode)).unwrap();
        let refused = desk.ends("sign hw.json --key license.key -q", 1);
        assert!(refused.starts_with("error: `license.key` can be read by others\n"), "{refused}");
    }
}
