//! Whether this site is licensed. The files are read at the start, when one of them changes, and once a minute, since a
//! verdict has days in it. It answers always: a missing file or a broken one is a verdict like any other.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use wt_keys::{Trust, Utc};
use wt_licensor::LicenseInputs;

use crate::settings::Settings;

/// The roots that this service believes, empty where the build named none.
const TRUST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/trust.json"));
const FRESH: Duration = Duration::from_mins(1);

/// What the page and the API show.
#[derive(Clone, Debug)]
pub struct Standing {
    pub licensed: bool,
    pub words: String,
    pub verdict: serde_json::Value,
}

#[derive(Debug)]
pub struct License {
    settings: Settings,
    trust: Option<Trust>,
    last: Mutex<Option<Checked>>,
}

#[derive(Debug)]
struct Checked {
    stamps: [Stamp; 2],
    at: Instant,
    standing: Standing,
}

/// What tells one state of a file from another without reading it; `None` where there is no file.
type Stamp = Option<(SystemTime, u64)>;

impl License {
    pub fn new(settings: Settings) -> Self {
        let trust = Trust::parse(TRUST);
        if let (Err(error), false) = (&trust, TRUST.is_empty()) {
            eprintln!("the built-in trust document cannot be used: {error}");
        }
        Self { settings, trust: trust.ok(), last: Mutex::new(None) }
    }

    pub fn standing(&self) -> Standing {
        let stamps = [stamp(&self.settings.license), stamp(&self.settings.snapshot)];
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(checked) if checked.stamps == stamps && checked.at.elapsed() < FRESH => {
                checked.standing.clone()
            }
            _ => {
                let standing = self.check();
                *last = Some(Checked { stamps, at: Instant::now(), standing: standing.clone() });
                standing
            }
        }
    }

    fn check(&self) -> Standing {
        let Some(trust) = &self.trust else {
            return unlicensed("this build knows no roots, so it believes no license");
        };
        let Some(now) = now() else { return unlicensed("the clock shows no year between 1970 and 9999") };
        let verdict = wt_licensor::check(&LicenseInputs {
            license: &self.settings.license,
            snapshot: &self.settings.snapshot,
            boot_id: &self.settings.boot_id,
            trust,
            product: &self.settings.product,
            release: Some(&self.settings.version),
            now,
        });
        Standing {
            licensed: verdict.is_licensed(),
            words: verdict.explain(),
            verdict: serde_json::to_value(&verdict).unwrap_or_default(),
        }
    }
}

fn unlicensed(words: &str) -> Standing {
    let verdict =
        serde_json::json!({ "state": "UNREADABLE", "reason": "NO_ROOTS_OR_CLOCK", "detail": words });
    Standing { licensed: false, words: words.to_owned(), verdict }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn now() -> Option<Utc> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Utc::from_unix(i64::try_from(since.as_secs()).ok()?)
}
