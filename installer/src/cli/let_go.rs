use std::time::{Duration, Instant};

use wt_keys::console::Done;

use super::lock::Lock;
use crate::restore::record::RestoreRecord;
use crate::{Error, Places, guard, quiesce};

/// Somebody else may take the lock first, and does the same with it.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);

/// Waits for the process that started this one to end. Where it was killed in between, its work is made whole.
pub fn run(places: &Places) -> Done {
    super::require_root()?;
    if guard::was_dismissed(std::io::stdin()) {
        return Ok(());
    }
    let ended = Instant::now();
    while quiesce::is_holding(places)? || RestoreRecord::read(places)?.is_some() {
        match Lock::take(places) {
            Err(Error::Locked { .. }) if ended.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            taken => return Ok(taken.map(drop)?),
        }
    }
    Ok(())
}
