//! The certificate and its key: against each other, the names of the site, and the date.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use wt_keys::Utc;

use super::{Row, Scene, Verdict};
use crate::certificate::{self, Facts, Pair};
use crate::site::Domain;

/// With fewer days than this it should be renewed.
const SOON_DAYS: i64 = 30;
/// In a mode, what everybody may do. A group may read: Debian has one for keys, `ssl-cert`.
const OTHERS: u32 = 0o007;

pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    let installation = scene.installation;
    match certificate::current(installation) {
        Ok(Some(pair)) => {
            let mut rows = examine(&pair, &installation.site.domains, (installation.clock)());
            let files = installation.site.certificate.iter();
            rows.extend(
                files.filter_map(|files| Some(private(&files.key, fs::metadata(&files.key).ok()?.mode()))),
            );
            rows
        }
        Ok(None) => Vec::new(),
        Err(error) => vec![unreadable(&error.to_string())],
    }
}

/// Whether a pair is good for a site.
pub fn examine(pair: &Pair, domains: &BTreeMap<String, Domain>, now: Utc) -> Vec<Row> {
    match pair.facts() {
        Ok(facts) => vec![key(pair.check_key()), names(&facts, domains), dates(&facts, now), trust(&facts)],
        Err(why) => vec![unreadable(&why)],
    }
}

fn unreadable(why: &str) -> Row {
    let hint = "correct `[certificate]` in site.toml: PEM files, the site's own certificate first";
    Row::new("certificate", Verdict::Fail, why, "a certificate and its key", hint)
}

fn key(checked: Result<(), String>) -> Row {
    let hint =
        "name the key that the certificate was asked for with; `openssl pkey -pubout` shows whose it is";
    match checked {
        Ok(()) => Row::new("certificate: key", Verdict::Ok, "its own", "the key of the certificate", hint),
        Err(why) => Row::new("certificate: key", Verdict::Fail, why, "the key of the certificate", hint),
    }
}

/// The file that the site names for the key; a copy that is root's alone is what is used.
fn private(path: &Path, mode: u32) -> Row {
    let mode = mode & 0o777;
    let path = path.display();
    Row::new(
        "certificate: key file",
        Verdict::or_warn(mode & OTHERS == 0),
        format_args!("`{path}` has mode {mode:04o}"),
        "a file that others cannot read",
        format_args!(
            "`chmod 600 {path}`; if others had a look at it, ask for a certificate with another key"
        ),
    )
}

fn names(facts: &Facts, domains: &BTreeMap<String, Domain>) -> Row {
    let mut missing: Vec<&str> =
        domains.values().filter(|domain| !facts.covers(domain)).map(Domain::as_str).collect();
    missing.dedup();
    let found = match (missing.is_empty(), facts.names.is_empty()) {
        (true, _) => facts.names.join(", "),
        (false, true) => "no name".to_owned(),
        (false, false) => format!("{}, not {}", facts.names.join(", "), missing.join(", ")),
    };
    let mut wanted: Vec<&str> = domains.values().map(Domain::as_str).collect();
    wanted.sort_unstable();
    wanted.dedup();
    Row::new(
        "certificate: names",
        Verdict::or_fail(missing.is_empty()),
        found,
        wanted.join(", "),
        "ask for a certificate with all the names of the site as subject alternative names",
    )
}

fn dates(facts: &Facts, now: Utc) -> Row {
    let days = facts.days_left(now);
    let (verdict, found) = match days {
        _ if now < facts.not_before => (Verdict::Fail, format!("not valid before {}", facts.not_before)),
        _ if now > facts.not_after => (Verdict::Fail, format!("it ended {}", facts.not_after)),
        _ => (Verdict::or_warn(days >= SOON_DAYS), format!("until {}, {days} days", facts.not_after)),
    };
    Row::new(
        "certificate: days",
        verdict,
        found,
        format_args!("valid now and for {SOON_DAYS} days"),
        "renew it, and put it in place with `wt-install certificate CERTIFICATE KEY`; check the clock, too",
    )
}

fn trust(facts: &Facts) -> Row {
    let found = if facts.weaknesses.is_empty() {
        let issuer = if facts.is_self_signed() { "itself" } else { &facts.issuer };
        format!("nothing against it; signed by {issuer}")
    } else {
        facts.weaknesses.join("; ")
    };
    Row::new(
        "certificate: trust",
        Verdict::or_warn(facts.weaknesses.is_empty()),
        found,
        "what browsers take",
        "ask for one that has not these weaknesses",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::make;

    fn domains(names: &[&str]) -> BTreeMap<String, Domain> {
        names.iter().map(|name| ((*name).to_owned(), name.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_that_others_can_read_is_a_warning() {
        for (mode, verdict) in
            [(0o100_600, Verdict::Ok), (0o640, Verdict::Ok), (0o644, Verdict::Warn), (0o602, Verdict::Warn)]
        {
            assert_eq!(private(Path::new("/a.key"), mode).verdict, verdict, "{mode:o}");
        }
        let row = private(Path::new("/a.key"), 0o100_644);
        assert!(row.found.contains("mode 0644") && row.hint.contains("`chmod 600 /a.key`"), "{row:?}");
    }

    #[test]
    fn names_and_days_are_judged() {
        let folder = tempfile::tempdir().unwrap();
        let pair = make(folder.path(), "a", "DNS:*.example.com,IP:192.0.2.10", &["-days", "100"]);
        let ends = pair.facts().unwrap().not_after;
        let verdicts = |names: &[&str], now: Utc| -> Vec<Verdict> {
            examine(&pair, &domains(names), now).iter().map(|row| row.verdict).collect()
        };
        let at = |days: i64| Utc::from_unix(ends.unix() - days * 86_400).unwrap();
        let good = &["web.example.com", "192.0.2.10"][..];
        assert_eq!(verdicts(good, at(50)), [Verdict::Ok; 4]);
        assert_eq!(verdicts(&["web.example.org"], at(50))[1], Verdict::Fail);
        assert_eq!(verdicts(good, at(29))[2], Verdict::Warn);
        assert_eq!(verdicts(good, at(-1))[2], Verdict::Fail, "ended");
        assert_eq!(verdicts(good, at(101))[2], Verdict::Fail, "not yet");
        let row = &examine(&pair, &domains(&["a.example.org"]), at(50))[1];
        assert_eq!(row.found, "*.example.com, 192.0.2.10, not a.example.org");
    }
}
