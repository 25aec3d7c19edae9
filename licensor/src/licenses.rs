//! The licenses of a site, side by side: the next term may lie there before the first has ended.
//!
//! Beside `license.json` every file of its folder counts whose name begins with `license` and ends with `.json`. The best
//! of them is the site's: one in force before one that is not, then the one that was issued last, the vendor's last word.
//! What is warned of is the end of all of them that follow each other without a gap. Each is verified by itself; but what
//! a trust document of any of them revokes is revoked in all.

use std::cmp::Reverse;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wt_keys::{Chain, Document as _, Error as KeyError, Trust, Utc, capped};

use crate::check::{Bench, CLOCK_TOLERANCE_DAYS, Host, judge_under};
use crate::refusal::unreadable;
use crate::verdict::Other;
use crate::{License, Reason, State, Verdict};

/// A file that is larger is no license.
pub const LARGEST_LICENSE: u64 = 16 * 1024 * 1024;
/// More than a site has; of more, the one that was named and the newest others are looked at.
const MOST_LICENSES: usize = 32;

/// A file that may be a license: its name and what is in it.
#[derive(Debug)]
pub struct Candidate {
    pub name: String,
    pub content: Result<Vec<u8>, Box<Verdict>>,
}

/// The files that count, by name: `path` and those beside it, or those in it, if it is a folder.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let is_folder = !is_json(path) && path.is_dir();
    let folder = if is_folder { path } else { path.parent().unwrap_or(Path::new("")) };
    let entries = fs::read_dir(if folder == Path::new("") { Path::new(".") } else { folder });
    let mut files: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_license(name))
        .map(|name| folder.join(name))
        .collect();
    // named otherwise, or in a folder that cannot be listed
    if !is_folder && !files.iter().any(|file| file == path) {
        files.push(path.to_owned());
    }
    files.sort();
    if files.len() > MOST_LICENSES {
        // a file whose time nobody can say is before all others
        let changed = |file: &Path| fs::metadata(file).and_then(|found| found.modified()).ok();
        files.sort_by_cached_key(|file| (file != path, Reverse(changed(file))));
        files.truncate(MOST_LICENSES);
        files.sort();
    }
    files
}

/// Whether a file of this name counts.
pub fn is_license(name: &str) -> bool {
    name.starts_with("license") && is_json(Path::new(name))
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// Reads them; what is not there is left out.
pub fn read(path: &Path) -> Vec<Candidate> {
    files(path).iter().filter_map(|file| read_file(file)).collect()
}

/// `None` where there is no file.
pub fn read_file(file: &Path) -> Option<Candidate> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match capped::read(file, "a license", LARGEST_LICENSE) {
        Err(KeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        content => Some(Candidate { name, content: content.map_err(|error| Box::new(unreadable(&error))) }),
    }
}

/// The best of all, with the end of what follows it, and the others by name.
pub fn judge_all(candidates: &[Candidate], host: &Host<'_>, bench: &Bench<'_>) -> Verdict {
    let newest = newest_trust(candidates, bench.trust);
    let judged = |candidate: &Candidate, bench: &Bench<'_>| match &candidate.content {
        Ok(bytes) => judge_under(bytes, host, bench, &newest),
        Err(verdict) => (**verdict).clone(),
    };
    let mut verdicts: Vec<(&Candidate, Verdict)> =
        candidates.iter().map(|candidate| (candidate, judged(candidate, bench))).collect();
    verdicts.sort_by_key(|(candidate, verdict)| {
        let dates = verdict.license.as_ref().map(|terms| (terms.issued_at, terms.expires_at));
        (rank(verdict), Reverse(dates), candidate.name.clone())
    });
    let mut verdicts = verdicts.into_iter();
    let Some((_, best)) = verdicts.next() else {
        return Verdict::new(State::Missing, Reason::LicenseMissing);
    };
    let others: Vec<(&Candidate, Verdict)> = verdicts.collect();
    let begun = |candidate: &Candidate, begins: Utc| {
        judged(candidate, &Bench { now: bench.now.max(begins), ..*bench })
    };
    let following: Vec<Verdict> = others
        .iter()
        .map(|(candidate, other)| match (other.state, &other.license) {
            (State::NotYet, Some(terms)) => begun(candidate, terms.not_before),
            _ => other.clone(),
        })
        .filter(is_running)
        .collect();
    let others = others.iter().map(|(candidate, verdict)| Other {
        file: candidate.name.clone(),
        state: verdict.state,
        reason: verdict.reason,
    });
    Verdict { others: others.collect(), ..renewed(best, &following, bench) }
}

/// A verdict that is in force, with the end of those that follow it.
fn renewed(best: Verdict, following: &[Verdict], bench: &Bench<'_>) -> Verdict {
    let Some(terms) = best.license.as_ref().filter(|_| is_running(&best)) else { return best };
    let (mut end, mut notify) = (terms.expires_at, terms.notify_at);
    // each round takes the one that reaches furthest; there are no more rounds than licenses
    for _ in following {
        let next = following
            .iter()
            .filter_map(|verdict| verdict.license.as_ref())
            .filter(|next| next.not_before <= end.plus_days(CLOCK_TOLERANCE_DAYS) && next.expires_at > end)
            .max_by_key(|next| next.expires_at);
        if let Some(next) = next {
            (end, notify) = (next.expires_at, next.notify_at);
        }
    }
    if end == terms.expires_at {
        return best;
    }
    let now = best.judged_at.unwrap_or(bench.now);
    let reason = match best.reason {
        Reason::ExpiresSoon if now < notify => Reason::Ok,
        reason => reason,
    };
    Verdict { reason, renewed_until: Some(end), days_left: Some(now.days_until(end)), ..best }
}

/// In force, and not past its end.
fn is_running(verdict: &Verdict) -> bool {
    matches!(verdict.state, State::Match | State::Valid | State::Drift)
}

/// The latest of the trust documents that any of them brings, and the roots vouch for, whatever the license is worth. One
/// alone is judged by its own.
fn newest_trust(candidates: &[Candidate], pinned: &Trust) -> Trust {
    if candidates.len() < 2 {
        return pinned.clone();
    }
    let brought = candidates.iter().filter_map(|candidate| {
        let bytes = candidate.content.as_ref().ok()?;
        Some(pinned.follow(&Chain::parse(bytes, License::NAME).ok()?.trust).ok()?.0)
    });
    brought.fold(pinned.clone(), |newest, trust| {
        if trust.document().version > newest.document().version { trust } else { newest }
    })
}

/// What a site has to go by, best first: in force, then what would be if this host could be read, then the others.
fn rank(verdict: &Verdict) -> u8 {
    match (verdict.state, verdict.reason) {
        (State::Match, _) => 0,
        (State::Valid, _) => 1,
        (State::Drift, _) => 2,
        (State::Grace, _) => 3,
        (State::Unreadable, Reason::LicenseUnreadable) => 11,
        (State::Unreadable, _) => 4,
        (State::Foreign, _) => 5,
        (State::Expired, _) => 6,
        (State::NotYet, _) => 7,
        (State::WrongRelease, _) => 8,
        (State::WrongProduct, _) => 9,
        (State::Revoked, _) => 10,
        (State::Untrusted, _) => 12,
        (State::Missing, _) => 13,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn of_too_many_files_the_named_one_counts_and_the_newest_others() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, day: u64| {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400)).unwrap();
        };
        write("license.json", 1);
        for number in 10..50 {
            // the first ten are as old as each other, and older than the rest
            write(&format!("license-{number}.json"), if number < 20 { 2 } else { number });
        }
        let names = |path: &Path| -> Vec<String> {
            files(path).iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        let numbered = |numbers: std::ops::Range<u8>| numbers.map(|number| format!("license-{number}.json"));
        let beside: Vec<String> =
            numbered(10..11).chain(numbered(20..50)).chain(["license.json".into()]).collect();
        assert_eq!(names(&folder.path().join("license.json")), beside);
        let in_folder: Vec<String> = numbered(10..12).chain(numbered(20..50)).collect();
        assert_eq!(names(folder.path()), in_folder, "none of them was named");
    }
}
