use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;

use wt_keys::console::{Output, now};
use wt_keys::durable;

use crate::{Error, Places, Result, quiesce, restore};

/// Held by the one run that may change the host; the kernel lets go of it when the run ends, however it ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Lock {
    /// What a run that was killed left in between is made whole first: data that was being swapped, services that were held
    /// still.
    pub fn take(places: &Places) -> Result<Self> {
        durable::create_folder(&places.state(), 0o700)?;
        let path = places.lock();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {
                restore::recover(places)?;
                let_go(places);
                Ok(Self(file))
            }
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path }),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
        }
    }
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
