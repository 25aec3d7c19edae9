//! A restore that was begun: how far it came, on the disk before each part begins, and how it is made whole again.
//!
//! Promises: whatever was killed, no state lasts in which some data is old and some is new. What was only unpacked is
//! removed; a swap that was begun is finished, and so is one on its way back. All of that is renames, in any order, once
//! or several times.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wt_keys::{Sha256Digest, durable, folder_of};

use crate::{Error, Places, Result, record_file};

const STAGED: &str = "restoring";
const BEFORE: &str = "before-restore";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreRecord {
    /// Where the backup lies, and which one it is: the digest of its signed list.
    pub backup: PathBuf,
    pub list: Sha256Digest,
    pub stage: Stage,
    pub swaps: Vec<Swap>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Beside the data, which is untouched.
    Unpacking,
    /// Services stand still.
    Swapping,
    /// The data is the backup's; whether the product is well with it is not known yet.
    Swapped,
    /// It was not well.
    Returning,
    Returned,
    /// It is well; what was there before goes.
    Cleaning,
}

/// A folder, or a file, that another one is put in place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    pub live: PathBuf,
    /// There was something before.
    pub had: bool,
}

impl RestoreRecord {
    pub fn read(places: &Places) -> Result<Option<Self>> {
        record_file::read(&places.restore())
    }

    /// Remembers that this stage begins; on the disk when it returns.
    pub fn enter(&mut self, places: &Places, stage: Stage) -> Result<()> {
        self.stage = stage;
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings only: cannot fail
        Ok(durable::write(&places.restore(), &bytes, 0o600)?)
    }

    /// Puts what was unpacked in place of what is there.
    pub fn swap(&mut self, places: &Places) -> Result<()> {
        self.enter(places, Stage::Swapping)?;
        self.swaps.iter().try_for_each(Swap::forward)?;
        self.enter(places, Stage::Swapped)
    }

    /// And back.
    pub fn swap_back(&mut self, places: &Places) -> Result<()> {
        self.enter(places, Stage::Returning)?;
        self.swaps.iter().try_for_each(Swap::back)?;
        self.enter(places, Stage::Returned)
    }

    /// Removes what was there before.
    pub fn clean(&mut self, places: &Places) -> Result<()> {
        self.enter(places, Stage::Cleaning)?;
        self.swaps.iter().try_for_each(|swap| remove(&swap.before()))?;
        end(places)
    }

    /// Removes what was unpacked, or is back out of service.
    pub fn discard(&self, places: &Places) -> Result<()> {
        self.swaps.iter().try_for_each(|swap| remove(&swap.staged()))?;
        end(places)
    }
}

fn end(places: &Places) -> Result<()> {
    durable::remove_folder(&places.restoring())?;
    Ok(durable::remove_file(&places.restore())?)
}

/// Makes whole what a killed run left. To be called with the lock held, and before any service is started.
pub fn recover(places: &Places) -> Result<()> {
    let Some(mut record) = RestoreRecord::read(places)? else { return Ok(()) };
    match record.stage {
        Stage::Unpacking | Stage::Returned => record.discard(places),
        Stage::Swapping => record.swap(places),
        Stage::Swapped => Ok(()),
        Stage::Returning => record.swap_back(places),
        Stage::Cleaning => record.clean(places),
    }
}

impl Swap {
    pub fn new(live: PathBuf) -> Result<Self> {
        let had = is_there(&live)?;
        let swap = Self { live, had };
        for path in [swap.before(), swap.staged()] {
            if is_there(&path)? {
                return Err(Error::RestoreInTheWay { path });
            }
        }
        Ok(swap)
    }

    /// Where the new one is made: beside it.
    pub fn staged(&self) -> PathBuf {
        self.live.with_added_extension(STAGED)
    }

    pub fn before(&self) -> PathBuf {
        self.live.with_added_extension(BEFORE)
    }

    fn forward(&self) -> Result<()> {
        if is_there(&self.staged())? {
            if is_there(&self.live)? {
                rename(&self.live, &self.before())?;
            }
            rename(&self.staged(), &self.live)?;
        }
        Ok(durable::sync_folder(&folder_of(&self.live))?)
    }

    fn back(&self) -> Result<()> {
        let swapped = if self.had { is_there(&self.before())? } else { !is_there(&self.staged())? };
        if swapped {
            if is_there(&self.live)? {
                rename(&self.live, &self.staged())?;
            }
            if self.had {
                rename(&self.before(), &self.live)?;
            }
        }
        Ok(durable::sync_folder(&folder_of(&self.live))?)
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::io("rename", from))
}

pub fn is_there(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("look for", path)(error)),
    }
}

/// A folder or a file.
fn remove(path: &Path) -> Result<()> {
    if path.is_dir() { Ok(durable::remove_folder(path)?) } else { Ok(durable::remove_file(path)?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A site with old data in `a` and none in `b`, and new data unpacked beside both.
    fn site() -> (tempfile::TempDir, Places, RestoreRecord) {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        let swap = |name: &str| Swap { live: root.path().join("data").join(name), had: name == "a" };
        let swaps = vec![swap("a"), swap("b"), Swap { live: root.path().join("data/mark"), had: true }];
        let backup = "/srv/x.backup".into();
        let mut record =
            RestoreRecord { backup, list: Sha256Digest::of(b""), stage: Stage::Unpacking, swaps };
        for swap in &record.swaps[..2] {
            fs::create_dir_all(swap.staged()).unwrap();
            fs::write(swap.staged().join("x"), "new").unwrap();
        }
        fs::create_dir(&record.swaps[0].live).unwrap();
        fs::write(record.swaps[0].live.join("x"), "old").unwrap();
        fs::write(&record.swaps[2].live, "old").unwrap();
        fs::write(record.swaps[2].staged(), "new").unwrap();
        record.enter(&places, Stage::Unpacking).unwrap();
        (root, places, record)
    }

    /// What is live, and how many other things lie about.
    fn live(root: &Path) -> ([Option<String>; 3], usize) {
        let data = root.join("data");
        let there = fs::read_dir(&data).unwrap().count();
        let live = ["a/x", "b/x", "mark"].map(|name| fs::read_to_string(data.join(name)).ok());
        let others = there - live.iter().flatten().count();
        (live, others)
    }

    fn all(text: &str) -> [Option<String>; 3] {
        [(); 3].map(|()| Some(text.to_owned()))
    }

    fn old() -> [Option<String>; 3] {
        let [a, _, mark] = all("old");
        [a, None, mark]
    }

    #[test]
    fn there_and_back_and_there_for_good() {
        let (root, places, mut record) = site();
        record.swap(&places).unwrap();
        assert_eq!(live(root.path()), (all("new"), 2));
        record.swap_back(&places).unwrap();
        assert_eq!(live(root.path()), (old(), 3));
        record.swap(&places).unwrap();
        record.clean(&places).unwrap();
        assert_eq!(live(root.path()), (all("new"), 0));
        assert_eq!(RestoreRecord::read(&places).unwrap(), None);
    }

    /// Does `count` renames of a way there or back, as if killed then.
    fn killed_after(count: usize, record: &mut RestoreRecord, places: &Places, there: bool) -> bool {
        let stage = if there { Stage::Swapping } else { Stage::Returning };
        record.enter(places, stage).unwrap();
        let mut left = count;
        for swap in &record.swaps {
            let (from, to) =
                if there { (swap.staged(), swap.before()) } else { (swap.before(), swap.staged()) };
            let renames = [
                (swap.live.clone(), to, is_there(&swap.live).unwrap()),
                (from, swap.live.clone(), there || swap.had),
            ];
            for (from, to, wanted) in renames {
                if wanted {
                    if left == 0 {
                        return true;
                    }
                    left -= 1;
                    rename(&from, &to).unwrap();
                }
            }
        }
        false
    }

    #[test]
    fn a_run_that_was_killed_between_any_two_renames_is_made_whole() {
        let mut points = 0;
        for count in 0.. {
            let (root, places, mut record) = site();
            let killed = killed_after(count, &mut record, &places, true);
            recover(&places).unwrap();
            recover(&places).unwrap();
            assert_eq!(live(root.path()).0, all("new"), "{count}");
            assert_eq!(RestoreRecord::read(&places).unwrap().unwrap().stage, Stage::Swapped);
            let killed_back = killed_after(count, &mut record, &places, false);
            recover(&places).unwrap();
            assert_eq!(live(root.path()).0, old(), "{count}");
            recover(&places).unwrap();
            assert_eq!(
                (live(root.path()), RestoreRecord::read(&places).unwrap()),
                ((old(), 0), None),
                "{count}"
            );
            points += usize::from(killed) + usize::from(killed_back);
            if !killed && !killed_back {
                break;
            }
        }
        assert_eq!(points, 5 + 5);
    }

    #[test]
    fn what_was_only_unpacked_is_removed_and_what_is_in_the_way_is_refused() {
        let (root, places, record) = site();
        recover(&places).unwrap();
        assert_eq!((live(root.path()), RestoreRecord::read(&places).unwrap()), ((old(), 0), None));
        fs::write(record.swaps[0].before(), "").unwrap();
        let refused = Swap::new(record.swaps[0].live.clone()).unwrap_err();
        assert!(matches!(refused, Error::RestoreInTheWay { .. }), "{refused}");
        let theirs = Swap { live: root.path().join("data/other"), had: false };
        fs::create_dir(theirs.staged()).unwrap();
        let refused = Swap::new(theirs.live.clone()).unwrap_err();
        assert!(matches!(refused, Error::RestoreInTheWay { .. }) && theirs.staged().exists(), "{refused}");
    }
}
