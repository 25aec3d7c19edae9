//! The scripts that the product had before: one call of `wt-install` each, with what they were given and the exit code that
//! comes back. A few did what is done by itself now; they say so.
//!
//! Whatever else has one of these names, a script of the product before or of the operator, is kept beside as
//! `NAME.before`, and has its name again when ours goes.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use wt_keys::{capped, durable, folder_of};

use crate::{Error, Result, home};

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
/// What is added to the name of a script that had the name before.
const BEFORE: &str = "before";
const MOST_BEFORE: usize = 100;
const LIMIT: u64 = 1 << 16;

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
                format!("#!/bin/sh\nexec {}{words} \"$@\"\n", home::program(home).display())
            }
            Does::Says(what) => format!("#!/bin/sh\n{}\n", said(what)),
        }
    }

    fn is_said(&self, line: &str) -> bool {
        matches!(self.does, Does::Says(what) if said(what) == line)
    }
}

pub fn are_there(home: &Path) -> bool {
    WRAPPERS.iter().all(|wrapper| {
        let path = home.join(wrapper.path);
        fs::read(&path).is_ok_and(|found| found == wrapper.text(home).as_bytes())
            && fs::metadata(&path).is_ok_and(|found| found.permissions().mode() & 0o7777 == MODE)
    })
}

fn said(what: &str) -> String {
    format!("echo '{what}' >&2")
}

/// Writes those that are not there; returns what others were called that were in their place.
pub fn write(home: &Path) -> Result<Vec<PathBuf>> {
    let mut before = Vec::new();
    for wrapper in &WRAPPERS {
        let path = home.join(wrapper.path);
        durable::create_folder(&folder_of(&path), 0o755)?;
        before.extend(keep(&path)?);
        durable::write_if_changed(&path, wrapper.text(home).as_bytes(), MODE)?;
    }
    Ok(before)
}

/// Takes them away again, and gives what was in their place its name back. What is not ours by now stays.
pub fn remove(home: &Path) -> Result<()> {
    for wrapper in &WRAPPERS {
        let path = home.join(wrapper.path);
        if is_ours(&path) {
            durable::remove_file(&path)?;
        }
        let before = path.with_added_extension(BEFORE);
        if is_there(&before) && !is_there(&path) {
            rename(&before, &path)?;
        }
    }
    Ok(())
}

/// Puts what is not ours under another name, which is returned.
fn keep(path: &Path) -> Result<Option<PathBuf>> {
    if !is_there(path) || is_ours(path) {
        return Ok(None);
    }
    let first = path.with_added_extension(BEFORE);
    let others = (2..MOST_BEFORE).map(|number| path.with_added_extension(format!("{BEFORE}-{number}")));
    let free = std::iter::once(first).chain(others).find(|name| !is_there(name));
    let free = free.ok_or_else(|| Error::io("put aside", path)(ErrorKind::AlreadyExists.into()))?;
    rename(path, &free)?;
    Ok(Some(free))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::io("rename", from))?;
    Ok(durable::sync_folder(&folder_of(to))?)
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a file is a script as this program, or an older one, has written it, for whatever folder.
fn is_ours(path: &Path) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let text = if is_file { capped::read(path, "a script", LIMIT).unwrap_or_default() } else { Vec::new() };
    let text = String::from_utf8_lossy(&text);
    let Some(line) = text.strip_prefix("#!/bin/sh\n").and_then(|rest| rest.strip_suffix('\n')) else {
        return false;
    };
    let calls = line.starts_with("exec /") && line.contains("/bin/wt-install") && line.ends_with(" \"$@\"");
    (calls && !line.contains(['\n', ';', '|', '&'])) || WRAPPERS.iter().any(|wrapper| wrapper.is_said(line))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_a_script_is_given_reaches_the_program_and_its_exit_code_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let program = home::program(home.path());
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
    fn one_that_is_not_as_it_should_be_is_written_again() {
        let home = tempfile::tempdir().unwrap();
        write(home.path()).unwrap();
        let start = home.path().join("start.sh");
        let ours = fs::read_to_string(&start).unwrap();
        fs::write(&start, ours.replace("wt-install start", "wt-install up")).unwrap();
        assert!(!are_there(home.path()));
        assert_eq!(write(home.path()).unwrap(), Vec::<PathBuf>::new(), "an older one of ours");
        assert_eq!(fs::read_to_string(&start).unwrap(), ours);
        fs::set_permissions(home.path().join("stop.sh"), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!are_there(home.path()));
    }

    #[test]
    fn what_others_had_under_a_name_is_kept_and_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let place = |name: &str| home.path().join(name);
        let theirs = "#!/bin/sh\nexec /opt/worktile/bin/wt-install start \"$@\"; notify \"$@\"\n";
        fs::write(place("start.sh"), theirs).unwrap();
        std::os::unix::fs::symlink("/usr/local/bin/stop", place("stop.sh")).unwrap();
        assert_eq!(write(home.path()).unwrap(), [place("start.sh.before"), place("stop.sh.before")]);
        assert!(are_there(home.path()));
        assert!(write(home.path()).unwrap().is_empty());
        fs::write(place("start.sh"), "edited").unwrap();
        assert_eq!(write(home.path()).unwrap(), [place("start.sh.before-2")]);
        assert_eq!(fs::read_to_string(place("start.sh.before")).unwrap(), theirs);
        fs::write(place("restart.sh"), "edited").unwrap();
        remove(home.path()).unwrap();
        assert_eq!(fs::read_to_string(place("start.sh")).unwrap(), theirs);
        assert_eq!(fs::read_link(place("stop.sh")).unwrap(), Path::new("/usr/local/bin/stop"));
        assert_eq!(fs::read_to_string(place("restart.sh")).unwrap(), "edited", "it is not ours by now");
        assert!(!is_there(&place("remove.sh")));
    }
}
