//! Whether this site is licensed, and for what: [`Watched`] as any product would use it. It answers always: a missing file or
//! a broken one is a verdict like any other.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use wt_keys::{Trust, Utc};
use wt_licensor::reload::Watched;
use wt_licensor::{LicenseInputs, Reason, State, Verdict};

use crate::settings::Settings;

/// The roots that this service believes, empty where the build named none.
const TRUST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/trust.json"));
/// What a license can switch on; each has a page of its name.
pub const MODULES: [&str; 7] = ["messages", "projects", "calendar", "drive", "briefs", "approvals", "goals"];

/// What the page and the API show.
#[derive(Clone, Debug)]
pub struct Standing {
    pub licensed: bool,
    /// What everybody who works here should know; `None` where all is well.
    pub banner: Option<String>,
    pub days_left: Option<i64>,
    /// The modules that are switched on.
    pub modules: Vec<&'static str>,
    pub words: String,
    /// For anybody who asks: neither who bought it, nor what is known of the host.
    pub verdict: serde_json::Value,
}

#[derive(Debug)]
pub struct License {
    watched: Option<Mutex<Watched>>,
}

impl License {
    pub fn new(settings: &Settings) -> Self {
        let trust = Trust::parse(TRUST);
        if let (Err(error), false) = (&trust, TRUST.is_empty()) {
            eprintln!("the built-in trust document cannot be used: {error}");
        }
        let watched = |trust: &Trust| {
            Watched::new(&LicenseInputs {
                license: &settings.license,
                snapshot: &settings.snapshot,
                boot_id: &settings.boot_id,
                trust,
                product: &settings.product,
                release: Some(&settings.version),
                now: Utc::START,
            })
        };
        Self { watched: trust.ok().as_ref().map(watched).map(Mutex::new) }
    }

    pub fn standing(&self) -> Standing {
        let Some(watched) = &self.watched else {
            return unlicensed("this build knows no roots, so it believes no license");
        };
        let Some(now) = now() else { return unlicensed("the clock shows no year between 1970 and 9999") };
        Standing::of(watched.lock().unwrap_or_else(PoisonError::into_inner).verdict(now))
    }
}

impl Standing {
    fn of(verdict: &Verdict) -> Self {
        let words = verdict.explain();
        let is_well = verdict.state == State::Match && verdict.reason == Reason::Ok && !verdict.clock_behind;
        Self {
            licensed: verdict.is_licensed(),
            banner: (!is_well).then(|| words.lines().next().unwrap_or_default().to_owned()),
            days_left: verdict.days_left,
            modules: MODULES.into_iter().filter(|module| verdict.has_module(module)).collect(),
            words,
            verdict: serde_json::json!({
                "state": verdict.state, "reason": verdict.reason, "days_left": verdict.days_left,
            }),
        }
    }

    /// Why a module cannot be used; `None` where it can.
    pub fn refuses(&self, module: &str) -> Option<String> {
        match &self.banner {
            _ if self.modules.contains(&module) => None,
            Some(banner) if !self.licensed => Some(banner.clone()),
            _ => Some(format!("the license of this site does not have the module `{module}`")),
        }
    }
}

fn unlicensed(words: &str) -> Standing {
    let verdict = serde_json::json!({ "state": "UNREADABLE", "reason": "NO_ROOTS_OR_CLOCK" });
    Standing {
        licensed: false,
        banner: Some(words.to_owned()),
        days_left: None,
        modules: vec![],
        words: words.to_owned(),
        verdict,
    }
}

fn now() -> Option<Utc> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Utc::from_unix(i64::try_from(since.as_secs()).ok()?)
}
