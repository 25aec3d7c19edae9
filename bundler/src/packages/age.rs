//! How old an archive's indexes are. A signature says who made an index, not that there is no newer one: whoever answers
//! for the mirror could give an old one, with packages that have known holes.

use wt_keys::Utc;
use wt_manifests::release::PackageTarget;

use super::index::Source;
use crate::{Error, Result};

/// Debian's stable suites change every two months or so.
const OLD: i64 = 90;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Refuses what is from before the day that the release names. Where it names none, gives a warning for each old one.
pub fn check(target: &PackageTarget, sources: &[Source], now: Utc) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for Source { signed, valid_until } in sources {
        let date = parse(&signed.date);
        let Some(expected) = target.not_before else {
            warnings.extend(warning(target, &signed.suite, date, valid_until.as_deref(), now));
            continue;
        };
        if date.is_none_or(|date| date < expected) {
            let (target, suite) = (target.target.clone(), signed.suite.clone());
            return Err(Error::OldIndex { target, suite, expected, found: signed.date.clone() });
        }
    }
    Ok(warnings)
}

fn warning(
    target: &PackageTarget,
    suite: &str,
    date: Option<Utc>,
    valid_until: Option<&str>,
    now: Utc,
) -> Option<String> {
    let index = format!("the index `{suite}` for `{}`", target.target);
    let Some(date) = date else { return Some(format!("{index} does not say when it was made")) };
    let days = date.days_until(now);
    let expired = valid_until.and_then(parse).is_some_and(|end| end < now);
    match (expired, days > OLD) {
        (true, _) => {
            Some(format!("{index} is {days} days old and was to be used no longer than {}", valid_until?))
        }
        (_, true) => {
            Some(format!("{index} is {days} days old; `not-before` in release.toml says how old one may be"))
        }
        _ => None,
    }
}

/// `Sat, 17 May 2025 09:19:44 UTC`, as archives write it.
fn parse(date: &str) -> Option<Utc> {
    let words: Vec<&str> = date.split_whitespace().collect();
    let [_, day, month, year, time, "UTC" | "GMT" | "+0000"] = words[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    format!("{year}-{month:02}-{day:0>2}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_archives_are_read() {
        for (date, expected) in [
            ("Sat, 17 May 2025 09:19:44 UTC", "2025-05-17T09:19:44Z"),
            ("Thu, 1 Jan 2026 00:00:00 +0000", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(parse(date).unwrap().to_string(), expected);
        }
        for date in ["", "17 May 2025", "Sat, 17 Mai 2025 09:19:44 UTC", "Sat, 17 May 2025 09:19:44 CEST"] {
            assert_eq!(parse(date), None, "{date}");
        }
    }
}
