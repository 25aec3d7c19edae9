//! The scripts that the product had before: one call of `wt-install` each, with what they were given and the exit code that
//! comes back. A few did what is done by itself now; they say so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use wt_keys::{durable, folder_of};

use crate::Result;
use crate::steps::folders;

/// A script in the product's folder.
#[derive(Clone, Copy, Debug)]
pub struct Wrapper {
    path: &'static str,
    does: Does,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    /// Calls the program with these words before what it was given.
    Calls(&'static str),
    Says(&'static str),
}

pub const WRAPPERS: [Wrapper; 14] = [
    Wrapper::calls("install.sh", ""),
    Wrapper::calls("start.sh", "start"),
    Wrapper::calls("stop.sh", "stop"),
    Wrapper::calls("restart.sh", "restart"),
    Wrapper::calls("remove.sh", "remove"),
    Wrapper::calls("script/service-manager.sh", "service"),
    Wrapper::calls("script/get-hardware-info.sh", "fingerprint"),
    Wrapper::calls("script/init.sh", "init"),
    Wrapper::calls("script/image-manager.sh", "images"),
    Wrapper::calls("script/run.sh", "start"),
    Wrapper::calls("script/run-init-data.sh", "init-data"),
    Wrapper::calls("script/monitor-services.sh", "check"),
    Wrapper::says(
        "script/install-docker-dpks.sh",
        "`install.sh BUNDLE` installs Docker from the packages of the bundle",
    ),
    Wrapper::says(
        "script/install-docker-apt-get.sh",
        "`install.sh BUNDLE` installs Docker from the packages of the bundle, or uses the one that is there",
    ),
];

const MODE: u32 = 0o755;

impl Wrapper {
    const fn calls(path: &'static str, words: &'static str) -> Self {
        Self { path, does: Does::Calls(words) }
    }

    const fn says(path: &'static str, what: &'static str) -> Self {
        Self { path, does: Does::Says(what) }
    }

    fn text(&self, home: &Path) -> String {
        match self.does {
            Does::Calls(words) => {
                let words = if words.is_empty() { String::new() } else { format!(" {words}") };
                format!("#!/bin/sh\nexec {}{words} \"$@\"\n", folders::program(home).display())
            }
            Does::Says(what) => format!("#!/bin/sh\necho '{what}' >&2\n"),
        }
    }
}

/// Where they are.
pub fn paths(home: &Path) -> impl Iterator<Item = PathBuf> {
    WRAPPERS.iter().map(|wrapper| home.join(wrapper.path))
}

pub fn are_there(home: &Path) -> bool {
    WRAPPERS.iter().all(|wrapper| {
        let path = home.join(wrapper.path);
        fs::read(&path).is_ok_and(|found| found == wrapper.text(home).as_bytes())
            && fs::metadata(&path).is_ok_and(|found| found.permissions().mode() & 0o7777 == MODE)
    })
}

pub fn write(home: &Path) -> Result<()> {
    for wrapper in &WRAPPERS {
        let path = home.join(wrapper.path);
        durable::create_folder(&folder_of(&path), 0o755)?;
        durable::write_if_changed(&path, wrapper.text(home).as_bytes(), MODE)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_a_script_is_given_reaches_the_program_and_its_exit_code_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let program = folders::program(home.path());
        durable::create_folder(&folder_of(&program), 0o755).unwrap();
        durable::write(&program, b"#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 7\n", 0o755).unwrap();
        write(home.path()).unwrap();
        assert!(are_there(home.path()));
        for (script, arguments, told) in [
            ("install.sh", &["a b.tar.zst", "--site", "$(x)"][..], "<a b.tar.zst><--site><$(x)>"),
            ("stop.sh", &[], "<stop>"),
            ("script/service-manager.sh", &["--action=rm -v"], "<service><--action=rm -v>"),
        ] {
            let ran = Command::new(home.path().join(script)).args(arguments).output().unwrap();
            assert_eq!(String::from_utf8(ran.stdout).unwrap(), told, "{script}");
            assert_eq!(ran.status.code(), Some(7), "{script}");
        }
        let said = Command::new(home.path().join("script/install-docker-dpks.sh")).output().unwrap();
        assert!(said.status.success() && said.stderr.starts_with(b"`install.sh BUNDLE` installs"));
    }

    #[test]
    fn one_that_was_changed_is_written_again() {
        let home = tempfile::tempdir().unwrap();
        write(home.path()).unwrap();
        fs::write(home.path().join("start.sh"), "").unwrap();
        assert!(!are_there(home.path()));
        write(home.path()).unwrap();
        fs::set_permissions(home.path().join("stop.sh"), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!are_there(home.path()));
    }
}
