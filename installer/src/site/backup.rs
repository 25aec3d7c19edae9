//! `[backup]` in `site.toml`: where backups lie, how many, when, and who may read them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use wt_keys::written_as_string;

use crate::backup::encryption::Recipient;

/// What a site says about its backups.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BackupSettings {
    /// Left out: `/var/backups/<product>`.
    pub folder: Option<PathBuf>,
    /// How many are kept; left out: all.
    pub keep: Option<u16>,
    /// When one is made every day, by this host's clock; left out: when somebody makes one.
    pub at: Option<TimeOfDay>,
    /// How long services may be held still, at most.
    #[serde(default)]
    pub hold_at_most: TimeSpan,
    #[serde(default)]
    pub logs: bool,
    /// Left out: backups are not encrypted.
    #[serde(default)]
    pub recipients: Vec<Recipient>,
}

/// Written `02:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    pub hour: u8,
    pub minute: u8,
}

/// Written `90s`, `45m` or `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan(Duration);

impl TimeSpan {
    const LONGEST: u64 = 24 * 60 * 60;

    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for TimeSpan {
    fn from(span: Duration) -> Self {
        Self(span)
    }
}

impl Default for TimeSpan {
    /// Longer than the data of most sites takes, and no longer than a night's pause of the product should be.
    fn default() -> Self {
        Self(Duration::from_hours(1))
    }
}

impl BackupSettings {
    pub fn folder(&self, product: &str) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| Path::new("/var/backups").join(product))
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.keep == Some(0) {
            return Err("`keep` in `[backup]` is 0; expected at least 1, or none to keep all".to_owned());
        }
        match &self.folder {
            Some(folder) if !folder.is_absolute() => {
                Err(format!("`{}` in `[backup]` is not the absolute path of a folder", folder.display()))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(h, m)| Some((h.parse().ok()?, m.parse().ok()?)));
        let time = parts.map(|(hour, minute)| Self { hour, minute });
        time.filter(|time| time.hour < 24 && time.minute < 60 && time.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not a time of day like `02:30`"))
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            hours if hours.is_multiple_of(3600) => write!(f, "{}h", hours / 3600),
            minutes if minutes.is_multiple_of(60) => write!(f, "{}m", minutes / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("s", 1), ("m", 60), ("h", 3600)];
        let seconds = units.iter().find_map(|(unit, seconds): &(&str, u64)| {
            let digits = text.strip_suffix(unit)?;
            let number = u64::from_str(digits).ok().filter(|_| !digits.starts_with('+'))?;
            number.checked_mul(*seconds)
        });
        let fits = |seconds: &u64| (1..=Self::LONGEST).contains(seconds);
        let span = seconds.filter(fits).map(|seconds| Self(Duration::from_secs(seconds)));
        span.ok_or_else(|| format!("`{text}` is not a time like `90s`, `45m` or `2h`, a day at most"))
    }
}

written_as_string!(TimeOfDay);
written_as_string!(TimeSpan);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_two_digits_each() {
        assert_eq!("02:30".parse(), Ok(TimeOfDay { hour: 2, minute: 30 }));
        for wrong in ["2:30", "24:00", "02:60", "02-30", "02:3", "+2:30", ""] {
            assert!(wrong.parse::<TimeOfDay>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_span_has_a_unit() {
        for (text, seconds, written) in [("90s", 90, "90s"), ("60m", 3600, "1h"), ("24h", 86400, "24h")] {
            let span: TimeSpan = text.parse().unwrap();
            assert_eq!((span.as_duration().as_secs(), span.to_string().as_str()), (seconds, written));
        }
        for wrong in ["", "h", "0s", "25h", "90", "+1h", "1.5h", "1d", "99999999999999999999s"] {
            assert!(wrong.parse::<TimeSpan>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_plan_says_what_is_wrong_with_it() {
        let plan = |text: &str| toml::from_str::<BackupSettings>(text).map_err(|error| error.to_string());
        assert!(plan("").unwrap().recipients.is_empty());
        assert_eq!(plan("").unwrap().folder("acme"), Path::new("/var/backups/acme"));
        assert!(plan("keep = 0").unwrap().check().is_err());
        assert!(plan("folder = 'backups'").unwrap().check().is_err());
        for (wrong, said) in [
            ("at = '2:30'", "is not a time of day"),
            ("hold-at-most = '60'", "`60` is not a time like `90s`"),
            ("recipients = ['age1x']", "begins with `age1`"),
            ("kept = 1", "unknown field `kept`"),
        ] {
            assert!(plan(wrong).unwrap_err().contains(said), "{wrong}");
        }
    }
}
