//! The dates of a license, by the calendar of the customer's zone: a license ends with a day, not at breakfast.
//!
//! The zones are those that the program was built with, so that every desk computes the same dates.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};
use serde::Deserialize;
use wt_keys::Utc;

use crate::{Error, Result};

/// Nobody sells for longer; it keeps sums within the calendar.
const LONGEST_YEARS: i32 = 100;

/// `1 year`, `18 months`, `90 days`; also `1y`, `18m`, `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    count: i32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Day,
    Month,
    Year,
}

impl Term {
    pub fn days(count: u32) -> Self {
        Self { count: i32::try_from(count).unwrap_or(i32::MAX).min(LONGEST_YEARS * 366), unit: Unit::Day }
    }

    /// The end of that day, in UTC.
    pub fn after(self, now: Utc) -> Utc {
        let zone = Zone::utc();
        let day = zone.day_of(now).saturating_add(self.span());
        zone.end_of(day).unwrap_or(now)
    }

    fn span(self) -> Span {
        match self.unit {
            Unit::Day => Span::new().days(self.count),
            Unit::Month => Span::new().months(self.count),
            Unit::Year => Span::new().years(self.count),
        }
    }
}

impl FromStr for Term {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::Term { found: text.chars().take(40).collect() };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let count: i32 = text[..digits].parse().map_err(|_| invalid())?;
        let (unit, most) = match text[digits..].trim() {
            "d" | "day" | "days" => (Unit::Day, LONGEST_YEARS * 366),
            "m" | "month" | "months" => (Unit::Month, LONGEST_YEARS * 12),
            "y" | "year" | "years" => (Unit::Year, LONGEST_YEARS),
            _ => return Err(invalid()),
        };
        if (1..=most).contains(&count) { Ok(Self { count, unit }) } else { Err(invalid()) }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Day => "day",
            Unit::Month => "month",
            Unit::Year => "year",
        };
        write!(f, "{} {unit}{}", self.count, if self.count == 1 { "" } else { "s" })
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the customer's days begin and end.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    pub fn day_of(&self, moment: Utc) -> Date {
        let moment = Timestamp::from_second(moment.unix()).unwrap_or(Timestamp::UNIX_EPOCH); // every `Utc` is one
        moment.to_zoned(self.0.clone()).date()
    }

    pub fn start_of(&self, day: Date) -> Result<Utc> {
        self.moment(day, [0, 0, 0])
    }

    pub fn end_of(&self, day: Date) -> Result<Utc> {
        self.moment(day, [23, 59, 59])
    }

    fn moment(&self, day: Date, [hour, minute, second]: [i8; 3]) -> Result<Utc> {
        let moment = day.at(hour, minute, second, 0).to_zoned(self.0.clone()).ok();
        let seconds = moment.and_then(|moment| Utc::from_unix(moment.timestamp().as_second()));
        seconds.ok_or_else(|| Error::Day { found: day.to_string() })
    }
}

/// As in the tz database: `Asia/Shanghai`.
impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if name.eq_ignore_ascii_case("UTC") {
            return Ok(Self::utc());
        }
        let unknown = |_| {
            let meant = TimeZoneDatabase::bundled()
                .available()
                .map(|known| (strsim::jaro_winkler(name, known.as_str()), known.to_string()))
                .max_by(|one, other| one.0.total_cmp(&other.0))
                .map_or_else(String::new, |(_, meant)| meant);
            Error::Zone { found: name.chars().take(40).collect(), meant }
        };
        TimeZoneDatabase::bundled().get(name).map(Self).map_err(unknown)
    }
}

/// `2027-11-23`
pub fn day(text: &str) -> Result<Date> {
    let invalid = || Error::Day { found: text.chars().take(40).collect() };
    let day: Date = text.parse().map_err(|_| invalid())?;
    if day.to_string() == text { Ok(day) } else { Err(invalid()) }
}

/// How long a license is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Counted from the day on which it begins, to the end of the last day.
    After(Term),
    /// Counted from another day, the last one of the license before it.
    Following(Date, Term),
    /// The last day.
    On(Date),
}

/// What the dates of a license are computed from.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub zone: Zone,
    /// The first day; `None`: at once.
    pub begins: Option<Date>,
    pub ends: Ends,
    /// The product speaks of the end so many days before it.
    pub notify_days: u32,
    /// The product works so many days after the end.
    pub grace_days: u32,
}

/// The four dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    pub not_before: Utc,
    pub notify_at: Utc,
    pub expires_at: Utc,
    pub restrict_at: Utc,
}

impl Calendar {
    pub fn dates(&self, now: Utc) -> Result<Dates> {
        let today = self.zone.day_of(now);
        let begins = self.begins.unwrap_or(today);
        if begins < today {
            return Err(Error::DayPast { found: begins.to_string(), today: today.to_string() });
        }
        let add = |day: Date, span: Span| {
            day.checked_add(span).map_err(|_| Error::Day { found: format!("{day} and {span}") })
        };
        let last = match self.ends {
            Ends::After(term) => add(begins, term.span())?,
            Ends::Following(day, term) => add(day, term.span())?,
            Ends::On(day) => day,
        };
        if last < begins {
            return Err(Error::DayPast { found: last.to_string(), today: begins.to_string() });
        }
        let not_before = self.zone.start_of(begins)?.max(now);
        let days = |count: u32| Span::new().days(i64::from(count.min(36_600)));
        Ok(Dates {
            not_before,
            notify_at: self.zone.end_of(add(last, -days(self.notify_days))?)?.max(not_before),
            expires_at: self.zone.end_of(last)?,
            restrict_at: self.zone.end_of(add(last, days(self.grace_days))?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str, ends: Ends) -> Calendar {
        let zone = zone.parse().unwrap();
        Calendar { zone, begins: None, ends, notify_days: 30, grace_days: 30 }
    }

    fn dates(calendar: &Calendar, now: &str) -> [String; 4] {
        let dates = calendar.dates(now.parse().unwrap()).unwrap();
        [dates.not_before, dates.notify_at, dates.expires_at, dates.restrict_at].map(|date| date.to_string())
    }

    #[test]
    fn a_license_ends_with_a_day_of_the_customer() {
        let year = Ends::After("1 year".parse().unwrap());
        assert_eq!(
            dates(&calendar("Asia/Shanghai", year), "2026-11-23T15:59:59Z"),
            ["2026-11-23T15:59:59Z", "2027-10-24T15:59:59Z", "2027-11-23T15:59:59Z", "2027-12-23T15:59:59Z"]
        );
        // a second later it is tomorrow there
        let [.., expires, _] = dates(&calendar("Asia/Shanghai", year), "2026-11-23T16:00:00Z");
        assert_eq!(expires, "2027-11-24T15:59:59Z");
        // clocks go forward between the end and the restriction
        let day = Ends::On(day("2027-03-20").unwrap());
        let [.., expires, restricted] = dates(&calendar("Europe/Berlin", day), "2026-11-23T08:00:00Z");
        assert_eq!([&*expires, &*restricted], ["2027-03-20T22:59:59Z", "2027-04-19T21:59:59Z"]);
    }

    #[test]
    fn months_and_years_are_those_of_the_calendar() {
        let expires = |term: &str, now: &str| {
            let [.., expires, _] = dates(&calendar("UTC", Ends::After(term.parse().unwrap())), now);
            expires
        };
        assert_eq!(expires("1y", "2028-02-29T08:00:00Z"), "2029-02-28T23:59:59Z");
        assert_eq!(expires("1 month", "2027-01-31T08:00:00Z"), "2027-02-28T23:59:59Z");
        assert_eq!(expires("365 days", "2026-11-23T08:00:00Z"), "2027-11-23T23:59:59Z");
    }

    #[test]
    fn a_license_begins_with_its_first_day_and_not_before_it_was_signed() {
        let term = Ends::After("1 day".parse().unwrap());
        let begins =
            |text: &str| Calendar { begins: Some(day(text).unwrap()), ..calendar("Asia/Shanghai", term) };
        let now = "2026-11-23T08:00:00Z";
        let [later, .., expires, _] = dates(&begins("2026-12-01"), now);
        assert_eq!([&*later, &*expires], ["2026-11-30T16:00:00Z", "2026-12-02T15:59:59Z"]);
        assert_eq!(dates(&begins("2026-11-23"), now)[0], now);
        assert!(matches!(begins("2026-11-22").dates(now.parse().unwrap()), Err(Error::DayPast { .. })));
    }

    #[test]
    fn what_is_no_term_no_zone_and_no_day_is_refused() {
        for wrong in ["", "1", "0 days", "-1 day", "1 week", "101 years", "99999999999 d", "1 yearly", "1.5y"]
        {
            assert!(wrong.parse::<Term>().is_err(), "{wrong}");
        }
        for (text, shown) in [("1y", "1 year"), ("18m", "18 months"), ("90 days", "90 days")] {
            assert_eq!(text.parse::<Term>().unwrap().to_string(), shown);
        }
        let Err(Error::Zone { meant, .. }) = "Asia/Shangai".parse::<Zone>() else { panic!("it is none") };
        assert_eq!(meant, "Asia/Shanghai");
        for wrong in ["2027-2-3", "2027-02-30", "20270203", "tomorrow", "+002027-02-03"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }
}
