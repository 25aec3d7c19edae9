use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use wt_keys::console::{Output, now};
use wt_keys::{Utc, capped, durable};

use crate::check::facts::Holder;
use crate::{Error, Places, Result, quiesce, restore};

/// A check holds the lock while it mends something, which takes moments, and comes every minute: it is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);
/// Whoever waits for longer is told.
const UNTOLD: Duration = Duration::from_secs(1);
const SIGNATURE_LIMIT: u64 = 64;

/// Held by the one run that may change the host; the kernel lets go of it when the run ends, however it ends.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// What a run that was killed left in between is made whole first; see [`Self::take_at_once`].
    pub fn take(places: &Places) -> Result<Self> {
        let (started, mut told) = (Instant::now(), false);
        loop {
            // asked before: a check that ends in between is no run that refuses this one
            let is_checked = is_checked(places)?;
            match Self::take_at_once(places) {
                Err(Error::Locked { .. }) if started.elapsed() < PATIENCE && is_checked => {
                    if !told && started.elapsed() > UNTOLD {
                        Output::default().say("waiting for a check to mend something");
                        told = true;
                    }
                    std::thread::sleep(PAUSE);
                }
                answer => return answer,
            }
        }
    }

    /// Lets go, and leaves no file: there is nothing to lock any more.
    pub fn remove(self, places: &Places) -> Result<()> {
        durable::remove_file(&places.check_lock())?;
        durable::remove_file(&places.lock())?;
        drop(self);
        Ok(())
    }

    /// Waits for nobody. What a run that was killed left in between is made whole: data that was being swapped, services
    /// that were held still.
    pub fn take_at_once(places: &Places) -> Result<Self> {
        let path = places.lock();
        let lock = held(&path)?.map(Self).ok_or_else(|| Error::Locked { path: path.clone() })?;
        lock.sign().map_err(Error::io("write", path))?;
        restore::recover(places)?;
        let_go(places);
        Ok(lock)
    }

    /// For who wonders; it also gives the file the time of now.
    fn sign(&self) -> std::io::Result<()> {
        self.0.set_len(0)?;
        (&self.0).write_all(format!("{}\n", std::process::id()).as_bytes())
    }

    /// The run that holds it, or held it last.
    pub fn holder(places: &Places) -> Option<Holder> {
        let path = places.lock();
        let since = Utc::from_unix(path.metadata().ok()?.mtime())?;
        let written = capped::read(&path, "the lock", SIGNATURE_LIMIT).unwrap_or_default();
        let process = std::str::from_utf8(&written).ok().and_then(|text| text.trim().parse().ok());
        Some(Holder { process, since })
    }
}

/// Held by the one check that looks; it holds the other lock only while it changes something.
#[derive(Debug)]
pub struct CheckLock(#[expect(dead_code, reason = "held, not used")] File);

impl CheckLock {
    /// Another check is waited for, which takes moments. `None`: it goes on for longer.
    pub fn take(places: &Places) -> Result<Option<Self>> {
        let started = Instant::now();
        loop {
            match Self::take_at_once(places)? {
                None if started.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                answer => return Ok(answer),
            }
        }
    }

    fn take_at_once(places: &Places) -> Result<Option<Self>> {
        Ok(held(&places.check_lock())?.map(Self))
    }
}

fn is_checked(places: &Places) -> Result<bool> {
    Ok(held(&places.check_lock())?.is_none())
}

/// `None`: somebody else holds it.
fn held(path: &Path) -> Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(Error::io("open", path))?;
    match file.try_lock() {
        // an uninstall took the name away meanwhile: this one locks nobody out
        Ok(()) if !is_at(&file, path)? => held(path),
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

fn is_at(file: &File, path: &Path) -> Result<bool> {
    let identity = |found: Metadata| (found.dev(), found.ino());
    let own = file.metadata().map_err(Error::io("look at", path))?;
    Ok(path.metadata().is_ok_and(|there| identity(there) == identity(own)))
}

/// Where it cannot be done now (the engine is down, say), the next run tries again.
fn let_go(places: &Places) {
    match quiesce::recover_here(places, now) {
        Ok(false) => {}
        Ok(true) => Output::default().say("services go on that a killed run had held still"),
        Err(error) => Output::default().say(format_args!(
            "services that a killed run holds still cannot go on: {error}\n  the next run tries again"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_waited_for_and_another_run_is_not() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        let places = Places::below(root.path());
        let other = Lock::take(&places).unwrap();
        assert!(!places.state().exists(), "a run that is refused leaves nothing");
        let started = Instant::now();
        assert!(matches!(Lock::take(&places), Err(Error::Locked { .. })));
        assert!(started.elapsed() < PATIENCE / 2);
        let check = CheckLock::take(&places).unwrap();
        assert!(check.is_some() && CheckLock::take_at_once(&places).unwrap().is_none());
        let held = std::thread::spawn(move || {
            std::thread::sleep(3 * PAUSE);
            drop((other, check));
        });
        assert!(CheckLock::take(&places).unwrap().is_some());
        Lock::take(&places).unwrap();
        held.join().unwrap();
    }

    #[test]
    fn a_lock_says_who_holds_it_and_since_when() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        let places = Places::below(root.path());
        assert_eq!(Lock::holder(&places), None);
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        File::create(places.lock()).unwrap().set_modified(long_ago).unwrap();
        let _lock = Lock::take(&places).unwrap();
        let holder = Lock::holder(&places).unwrap();
        assert_eq!(holder.process, Some(std::process::id()));
        assert!(holder.since.unix() > 0);
    }

    #[test]
    fn a_lock_whose_name_is_gone_locks_nobody_out_and_nobody_takes_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("run")).unwrap();
        let places = Places::below(root.path());
        let opened = File::create(places.lock()).unwrap();
        Lock::take(&places).unwrap().remove(&places).unwrap();
        assert!(!places.lock().exists() && !is_at(&opened, &places.lock()).unwrap());
        let again = Lock::take(&places).unwrap();
        assert!(matches!(Lock::take(&places), Err(Error::Locked { .. })));
        assert!(!is_at(&opened, &places.lock()).unwrap(), "another file");
        drop(again);
    }
}
