//! Since when a host differs from its license. A license gives a changed machine some days; somebody must know on which
//! day they began, and a container keeps nothing. So the host, which writes the snapshot hourly, keeps it and puts it there.
//!
//! Nothing here is a secret or proves anything: who is root on the host can delete the record and has the days anew.

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wt_keys::{Error as KeyError, Trust, Utc, capped, durable};

use crate::score::{self, Likelihood};
use crate::{Component, Error, Id, License, Result};

const LARGEST_FILE: u64 = 64 * 1024;
/// More licenses than a site ever has; the oldest are forgotten.
const MOST_LICENSES: usize = 64;

/// The day on which a host was first seen to differ from a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    pub license: Id,
    pub since: Utc,
}

/// What a host remembers, by license, the longest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftRecord {
    schema: String,
    drift: Vec<Drift>,
}

impl Default for DriftRecord {
    fn default() -> Self {
        Self { schema: Self::SCHEMA.to_owned(), drift: vec![] }
    }
}

impl DriftRecord {
    const SCHEMA: &str = "wt.drift.v1";

    /// An empty one where there is none, or none that can be read: a host is not punished for a file that broke.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = match capped::read(path, "a record of drift", LARGEST_FILE) {
            Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            bytes => bytes.map_err(Error::from)?,
        };
        let record: Option<Self> = serde_json::from_slice(&bytes).ok();
        Ok(record.filter(|record| record.schema == Self::SCHEMA).unwrap_or_default())
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).unwrap_or_default(); // our own struct: cannot fail
        Ok(durable::write(path, &bytes, 0o600)?)
    }

    /// Looks at the host again: which of its licenses it differs from now. What is no license of `trust` is passed over.
    /// A machine that matches again begins anew the next time; one that has become foreign meanwhile does not. A new
    /// board may begin at the year 2000: no day counts before the vendor's dates say that it is past.
    #[must_use]
    pub fn observe(self, licenses: &[Vec<u8>], trust: &Trust, host: &[Component], now: Utc) -> Self {
        licenses.iter().fold(self, |record, bytes| match License::verify(bytes, trust) {
            Ok(trusted) => {
                let license = &trusted.document;
                let likelihood = score::best(&license.binding, host).map(|score| score.likelihood);
                let past = license.issued_at.max(trusted.trust.document().issued);
                record.seen(license.license_id, likelihood, now, past)
            }
            Err(_) => record,
        })
    }

    fn seen(mut self, license: Id, likelihood: Option<Likelihood>, now: Utc, past: Utc) -> Self {
        let now = now.max(past);
        let known = self.drift.iter().position(|drift| drift.license == license);
        match (likelihood, known) {
            (Some(Likelihood::Match), Some(at)) => {
                self.drift.remove(at);
            }
            // the clock was ahead when it was seen first
            (_, Some(at)) => self.drift[at].since = self.drift[at].since.min(now).max(past),
            (Some(Likelihood::Drift), None) => self.drift.push(Drift { license, since: now }),
            (_, None) => {}
        }
        let surplus = self.drift.len().saturating_sub(MOST_LICENSES);
        self.drift.drain(..surplus);
        self
    }

    pub fn into_drift(self) -> Vec<Drift> {
        self.drift
    }
}

#[cfg(test)]
#[cfg(feature = "issue")]
mod tests {
    use super::*;
    use crate::testkit::{Desk, Machine, PRODUCT, install_key, now};

    /// The host that a license is for, as it is, with a new board, and another one.
    fn hosts() -> [Vec<Component>; 3] {
        let changed = Machine::metal();
        changed.put_board("11b7a4d2-4f0e-11ec-8d3d-0242ac130003", "J0K1L2M3");
        changed.put("sys/class/dmi/id/product_serial", "9QX8Y7Z");
        changed.put("sys/class/dmi/id/chassis_serial", "8WX7Y6Z");
        changed.put_nic("eno1", "3c:ec:ef:99:99:01");
        changed.put_nic("eno2", "3c:ec:ef:99:99:02");
        [(Machine::metal(), 1), (changed, 1), (Machine::other_metal(), 2)].map(|(machine, key)| {
            crate::fingerprint::collect(machine.sysroot(), "/".as_ref(), PRODUCT, &install_key(key).public())
                .components
        })
    }

    #[test]
    fn the_first_day_of_a_change_is_kept_until_the_machine_matches_again() {
        let (desk, [same, changed, foreign]) = (Desk::new(), hosts());
        let license = vec![desk.sign(&Desk::license(&Machine::metal())), b"no license".to_vec()];
        let after = |record: DriftRecord, host: &[Component], day: u32| {
            record.observe(&license, &desk.signer.trust, host, now().plus_days(day))
        };
        let since = |record: &DriftRecord| record.drift.iter().map(|drift| drift.since).collect::<Vec<_>>();
        let record = after(DriftRecord::default(), &same, 0);
        assert!(since(&record).is_empty());
        let record = after(after(record, &changed, 1), &changed, 5);
        assert_eq!(since(&record), [now().plus_days(1)]);
        let record = after(record, &foreign, 6);
        assert_eq!(since(&record), [now().plus_days(1)], "foreign for a while: it is not forgotten");
        let record = after(record, &changed, 0);
        assert_eq!(since(&record), [now()], "a clock that was ahead is not held against the host");
        assert!(since(&after(record, &same, 7)).is_empty());
        let flat = "2000-01-01T00:00:00Z".parse().unwrap();
        let began = DriftRecord::default().observe(&license, &desk.signer.trust, &changed, flat);
        assert_eq!(since(&began), [now()], "a battery that is empty costs no days");
        let mut old = began.clone();
        old.drift[0].since = flat;
        assert_eq!(since(&after(old, &changed, 1)), [now()]);
        assert!(since(&after(DriftRecord::default(), &foreign, 8)).is_empty());
    }

    #[test]
    fn a_record_is_kept_in_a_file_and_a_broken_one_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drift.json");
        assert_eq!(DriftRecord::read(&path).unwrap(), DriftRecord::default());
        let record =
            DriftRecord::default().seen(Id::from_bytes([7; 16]), Some(Likelihood::Drift), now(), now());
        record.write(&path).unwrap();
        assert_eq!(DriftRecord::read(&path).unwrap(), record);
        for wrong in ["", "{}", r#"{"schema":"wt.drift.v2","drift":[]}"#] {
            std::fs::write(&path, wrong).unwrap();
            assert_eq!(DriftRecord::read(&path).unwrap(), DriftRecord::default(), "{wrong}");
        }
    }

    #[test]
    fn a_record_has_an_end() {
        let record = (0..100).fold(DriftRecord::default(), |record, n| {
            record.seen(Id::from_bytes([n; 16]), Some(Likelihood::Drift), now(), now())
        });
        let licenses: Vec<Id> = record.into_drift().iter().map(|drift| drift.license).collect();
        assert_eq!(licenses.len(), 64);
        assert_eq!(licenses[63], Id::from_bytes([99; 16]));
    }
}
