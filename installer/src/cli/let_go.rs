use std::time::{Duration, Instant};

use wt_keys::console::{Done, now};

use super::lock::Lock;
use crate::guard::{self, Fate, GRACE};
use crate::restore::record::RestoreRecord;
use crate::{Error, Places, Result, quiesce};

/// Somebody else may take the lock first, and does the same with it.
const PATIENCE: Duration = Duration::from_mins(1);
/// Until a process that was ended is gone, unless it hangs.
const ENDING: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// What a process of ours runs that waits for another one to end
#[derive(Debug, clap::Args)]
pub struct LetGo {
    /// The process that started this one
    #[arg(long, value_name = "PROCESS")]
    of: u32,
    /// How long it may hold services still
    #[arg(long, value_name = "SECONDS")]
    at_most: u64,
}

impl LetGo {
    /// Where the other one was killed in between, or hangs, its work is made whole.
    pub fn run(self, places: &Places) -> Done {
        super::require_root()?;
        let at_most = Duration::from_secs(self.at_most);
        match guard::wait(std::io::stdin(), at_most + GRACE) {
            Fate::Well => Ok(()),
            Fate::Ended => Ok(make_whole(places)?),
            Fate::Hangs => {
                guard::end(self.of);
                self.let_go(places)?;
                Err(Error::HeldTooLong { at_most: at_most.into() }.into())
            }
        }
    }

    /// With the lock, or, where the disk that the other one waits for keeps it and the lock with it, without.
    fn let_go(&self, places: &Places) -> Result<()> {
        let ended = Instant::now();
        while quiesce::is_holding(places)? {
            match Lock::take_at_once(places) {
                Err(Error::Locked { .. }) if ended.elapsed() < PATIENCE => {}
                taken => return taken.map(drop),
            }
            if ended.elapsed() > ENDING && guard::is_there(self.of) {
                let _ = quiesce::recover_here(places, now); // tried again, until the lock's answer is the last word
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

fn make_whole(places: &Places) -> Result<()> {
    let ended = Instant::now();
    while quiesce::is_holding(places)? || RestoreRecord::read(places)?.is_some() {
        match Lock::take(places) {
            Err(Error::Locked { .. }) if ended.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            taken => return taken.map(drop),
        }
    }
    Ok(())
}
