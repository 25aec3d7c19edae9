//! Where a passphrase cannot be found while `wt-keys` holds it.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod process;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;

use process::{NOBODY, Process, Terminal, control};

const SECRET: &str = "INSECURE-correct-horse-battery";

/// A folder of an unprivileged user, with a copy of the program, so that no other test runs one of that name.
struct World {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("wt-keys");
        fs::copy(env!("CARGO_BIN_EXE_wt-keys"), &program).unwrap();
        fs::write(folder.path().join("passphrase"), SECRET).unwrap();
        fs::set_permissions(folder.path().join("passphrase"), fs::Permissions::from_mode(0o600)).unwrap();
        if rustix::process::geteuid().is_root() {
            for path in [folder.path(), &program, &folder.path().join("passphrase")] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        Self { folder, program }
    }

    /// On a terminal, of a shell that allows core files of any size.
    fn on_terminal(&self, arguments: &str) -> Terminal {
        let line =
            format!("ulimit -c unlimited; {} {arguments}; echo \"it ended with $?\"", self.program.display());
        let command = process::unprivileged(&line);
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        let said = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
        Terminal::run(&words.join(" "), self.folder.path(), &said)
    }

    fn assert_nothing_is_left_of(&self, terminal: Terminal, dumps: bool) {
        let said = terminal.end();
        assert!(!said.contains(SECRET), "{said}");
        assert!(said.contains("it ended with 134"), "{said}"); // SIGABRT
        assert!(!dumps || !said.contains("core dumped"), "{said}");
        let left = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("core")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// It asks for a new passphrase twice; in between it holds the first answer.
#[test]
fn one_that_was_typed_is_shown_nowhere_and_gets_into_no_core_file() {
    let world = World::new();
    let dumps = control(world.folder.path());
    let mut terminal = world.on_terminal("init --dir keys");
    terminal.wait_for("New passphrase: ");
    let process = Process::of(&world.program);
    process.wait_for_silence();
    terminal.type_in(&format!("{SECRET}\n"));
    terminal.wait_for("The same again: ");
    process.assert_nowhere_shown(SECRET);
    process.assert_memory_is_private();
    process.kill("ABRT");
    world.assert_nothing_is_left_of(terminal, dumps);
}

/// It asks before it writes, and has opened the keys by then.
#[test]
fn one_from_a_file_is_shown_nowhere_and_gets_into_no_core_file() {
    let world = World::new();
    let dumps = control(world.folder.path());
    let terminal = world.on_terminal("init --dir keys --passphrase-file passphrase -v");
    terminal.wait_for("it ended with 0");
    assert!(!terminal.end().contains(SECRET));
    let lowest = "revoke --lowest acme=1.2.0 --root keys/root-1.key --passphrase-file passphrase -v";
    let terminal = world.on_terminal(lowest);
    terminal.wait_for("Write it? [y/N] ");
    let process = Process::of(&world.program);
    process.assert_nowhere_shown(SECRET);
    process.assert_memory_is_private();
    process.kill("ABRT");
    world.assert_nothing_is_left_of(terminal, dumps);
}
