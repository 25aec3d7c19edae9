//! The time, and the zone in which people read it.

use std::fs;
use std::path::Path;

use wt_keys::Utc;

use super::{Row, Scene, Verdict};
use crate::Result;

const TOLERANCE_DAYS: i64 = 1;

pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let installation = scene.installation;
    let last_seen = installation.journal.lines()?.iter().map(|line| line.at).max();
    let now = (installation.clock)();
    Ok(vec![clock(now, installation.manifest().created, last_seen), zone(installation.places.root())])
}

/// A clock behind the bundle is wrong; one that is ahead may be right. One behind an earlier run is wrong now, or was then.
fn clock(now: Utc, created: Utc, last_seen: Option<Utc>) -> Row {
    let is_behind = |since: Utc| since.days_until(now) < -TOLERANCE_DAYS;
    let (verdict, since, what) = match last_seen {
        _ if is_behind(created) => (Verdict::Fail, created, "when the bundle was made"),
        Some(seen) if is_behind(seen) => (Verdict::Warn, seen, "when this host was last changed"),
        _ => (Verdict::Ok, created, "when the bundle was made"),
    };
    Row::new(
        "clock",
        verdict,
        now,
        format_args!("later than {since}, {what}"),
        "set the clock (`timedatectl set-time`, or a time server); `timedatectl` shows it",
    )
}

/// Services write their logs, and people read them, in the zone of the host.
fn zone(root: &Path) -> Row {
    let found = zone_of(root);
    Row::new(
        "time zone",
        Verdict::or_warn(found.is_some()),
        found.as_deref().unwrap_or("none was set, so UTC"),
        "a zone, for logs and schedules",
        "`timedatectl set-timezone Area/City`; `timedatectl list-timezones` lists them",
    )
}

/// `Europe/Berlin`.
fn zone_of(root: &Path) -> Option<String> {
    if let Ok(target) = fs::read_link(root.join("etc/localtime")) {
        let target = target.to_str()?;
        return Some(target.split_once("zoneinfo/").map_or(target, |(_, zone)| zone).to_owned());
    }
    if root.join("etc/localtime").exists() {
        return Some("a copy at /etc/localtime".to_owned());
    }
    let named = fs::read_to_string(root.join("etc/timezone")).ok()?;
    Some(named.trim().to_owned()).filter(|zone| !zone.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_behind_what_is_known_is_wrong() {
        let made: Utc = "2026-11-23T08:00:00Z".parse().unwrap();
        let of = |days: i64, seen: Option<u32>| {
            let now = Utc::from_unix(made.unix() + days * 86_400).unwrap();
            clock(now, made, seen.map(|days| made.plus_days(days)))
        };
        for (days, seen, verdict) in [
            (0, None, Verdict::Ok),
            (-1, None, Verdict::Ok),
            (-2, None, Verdict::Fail),
            (4000, None, Verdict::Ok),
            (10, Some(9), Verdict::Ok),
            (7, Some(9), Verdict::Warn),
            (-7, Some(9), Verdict::Fail),
        ] {
            assert_eq!(of(days, seen).verdict, verdict, "{days} {seen:?}");
        }
        assert!(of(7, Some(9)).needed.ends_with("when this host was last changed"));
    }

    #[test]
    fn a_zone_is_a_link_a_copy_or_a_name() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir(&etc).unwrap();
        assert_eq!(zone(root.path()).verdict, Verdict::Warn);
        fs::write(etc.join("timezone"), "Asia/Shanghai\n").unwrap();
        assert_eq!(zone_of(root.path()).unwrap(), "Asia/Shanghai");
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Europe/Berlin", etc.join("localtime")).unwrap();
        assert_eq!(zone_of(root.path()).unwrap(), "Europe/Berlin");
    }
}
