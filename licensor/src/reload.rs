//! The check of a product that runs: done again when one of its files changes, and once a minute, since a verdict has days in
//! it. A renewal needs no restart.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use wt_keys::{Trust, Utc};

use crate::{LicenseInputs, Verdict, check, licenses};

const FRESH_SECONDS: u64 = 60;

/// What a product asks its license with. It answers always: what is missing or broken is a verdict like any other.
#[derive(Debug)]
pub struct Watched {
    pub license: PathBuf,
    pub snapshot: PathBuf,
    pub boot_id: PathBuf,
    pub trust: Trust,
    pub product: String,
    pub release: Option<String>,
    last: Option<Checked>,
}

#[derive(Debug)]
struct Checked {
    stamps: Vec<(PathBuf, Stamp)>,
    at: Utc,
    verdict: Verdict,
}

/// What tells one state of a file from another without reading it; `None` where there is no file.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Watched {
    pub fn new(inputs: &LicenseInputs<'_>) -> Self {
        Self {
            license: inputs.license.to_owned(),
            snapshot: inputs.snapshot.to_owned(),
            boot_id: inputs.boot_id.to_owned(),
            trust: inputs.trust.clone(),
            product: inputs.product.to_owned(),
            release: inputs.release.map(ToOwned::to_owned),
            last: None,
        }
    }

    pub fn verdict(&mut self, now: Utc) -> &Verdict {
        let stamps = self.stamps();
        let last = self
            .last
            .take()
            .filter(|last| last.stamps == stamps && last.at.unix().abs_diff(now.unix()) < FRESH_SECONDS);
        let checked = last.unwrap_or_else(|| Checked { stamps, at: now, verdict: self.check(now) });
        &self.last.insert(checked).verdict
    }

    fn check(&self, now: Utc) -> Verdict {
        check(&LicenseInputs {
            license: &self.license,
            snapshot: &self.snapshot,
            boot_id: &self.boot_id,
            trust: &self.trust,
            product: &self.product,
            release: self.release.as_deref(),
            now,
        })
    }

    fn stamps(&self) -> Vec<(PathBuf, Stamp)> {
        let mut files = licenses::files(&self.license);
        files.push(self.snapshot.clone());
        files.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
    }
}

/// A file that was replaced is another one, whatever its date says.
fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
}

#[cfg(test)]
#[cfg(feature = "issue")]
mod tests {
    use wt_keys::durable;

    use super::*;
    use crate::testkit::{Desk, Machine, PRODUCT, install_key, now};
    use crate::{Id, Snapshot, State, snapshot};

    #[test]
    fn a_file_that_changes_is_read_again_at_once_and_one_that_does_not_once_a_minute() {
        let (desk, machine) = (Desk::new(), Machine::metal());
        let path = |name: &str| machine.sysroot().join(name);
        let sign = |change: &dyn Fn(&mut crate::License), name: &str| {
            let mut license = Desk::license(&machine);
            change(&mut license);
            durable::write(&path(name), &desk.sign(&license), 0o644).unwrap();
        };
        let snapshot =
            Snapshot::take(machine.sysroot(), "/".as_ref(), PRODUCT, &install_key(1).public(), now())
                .unwrap();
        let mut watched = Watched::new(&LicenseInputs {
            license: &path("license.json"),
            snapshot: &path("run/host.json"),
            boot_id: &path(snapshot::BOOT_ID),
            trust: &desk.signer.trust,
            product: PRODUCT,
            release: None,
            now: now(),
        });
        assert_eq!(watched.verdict(now()).state, State::Missing);
        sign(&|_| {}, "license.json");
        assert_eq!(watched.verdict(now()).state, State::Unreadable);
        snapshot.write(&path("run/host.json")).unwrap();
        assert_eq!(watched.verdict(now()).state, State::Match);
        sign(&|license| license.license_id = Id::from_bytes([8; 16]), "license-2.json");
        assert_eq!(watched.verdict(now()).others.len(), 1);
        machine.put(snapshot::BOOT_ID, "another start");
        let later = |seconds| Utc::from_unix(now().unix() + seconds).unwrap();
        assert_eq!(watched.verdict(later(59)).state, State::Match);
        assert_eq!(watched.verdict(later(60)).state, State::Unreadable);
    }
}
