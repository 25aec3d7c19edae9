//! Points in time: UTC, whole seconds, one spelling.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::{Error, written_as_string};

const LAST: i64 = 253_402_207_200; // 9999-12-30T22:00:00Z, the last second that every time zone can show
const DAY: i64 = 86_400;

/// A second between 1970 and 9999 in UTC; written as `2026-11-23T08:00:00Z`, and read in no other spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(i64);

impl Utc {
    /// `None` outside the years 1970 to 9999.
    pub fn from_unix(seconds: i64) -> Option<Self> {
        (0..=LAST).contains(&seconds).then_some(Self(seconds))
    }

    /// 1970-01-01T00:00:00Z
    pub const START: Self = Self(0);

    pub fn unix(self) -> i64 {
        self.0
    }

    /// Stays at the last second that can be written where adding would pass it.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self((self.0 + i64::from(days) * DAY).min(LAST))
    }

    /// Whole days from `self` to `later`, rounded down; negative when `later` is earlier.
    pub fn days_until(self, later: Self) -> i64 {
        (later.0 - self.0).div_euclid(DAY)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        fmt::Display::fmt(&moment, f)
    }
}

impl fmt::Debug for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Utc {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let moment = text.parse::<Timestamp>().ok().and_then(|moment| Self::from_unix(moment.as_second()));
        moment
            .filter(|moment| moment.to_string() == text)
            .ok_or_else(|| Error::Time { found: text.to_owned() })
    }
}

written_as_string!(Utc);

/// The thousandths of a second from 1970 to a time that has a fraction, or any offset, as engines write it.
pub fn millis(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_an_engine_are_read_with_any_fraction_and_offset() {
        let eight = millis("2026-11-24T08:00:00Z").unwrap();
        for (text, expected) in [
            ("2026-11-24T08:00:01.5Z", 1500),
            ("2026-11-24T08:00:00.123456789Z", 123),
            ("2026-11-24T16:00:00.07+08:00", 70),
            ("2026-11-24T03:30:00.070000001-04:30", 70),
        ] {
            assert_eq!(millis(text), Some(eight + expected), "{text}");
        }
        assert_eq!((millis("never"), millis("2026-11-24T08:00:00.xZ")), (None, None));
    }

    #[test]
    fn only_utc_with_whole_seconds_in_one_spelling_is_read() {
        let day: Utc = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(day.unix(), 1_795_420_800);
        assert_eq!(day.to_string(), "2026-11-23T08:00:00Z");
        for wrong in [
            "2026-11-23T08:00:00+00:00",
            "2026-11-23T08:00:00.5Z",
            "2026-11-23T08:00:00.0Z",
            "2026-11-23t08:00:00z",
            "2026-11-23 08:00:00Z",
            "2026-11-23T08:00Z",
            "2026-02-30T08:00:00Z",
            "2016-12-31T23:59:60Z",
            "1969-12-31T23:59:59Z",
            "10000-01-01T00:00:00Z",
            "",
        ] {
            assert!(wrong.parse::<Utc>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_are_counted_whole_and_stop_at_the_last_year() {
        let start: Utc = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(start.plus_days(1).to_string(), "2026-11-24T08:00:00Z");
        assert_eq!(start.days_until(start.plus_days(30)), 30);
        assert_eq!(start.plus_days(1).days_until(start), -1);
        assert_eq!(start.plus_days(u32::MAX).to_string(), "9999-12-30T22:00:00Z");
    }
}
