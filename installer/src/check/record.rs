//! Where a check leaves what it found: `check.json`, a file for Prometheus, and a line of the log. Each is replaced whole;
//! the log is put aside by its size.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use wt_keys::{capped, durable, folder_of};

use super::facts::Facts;
use super::{Level, Report, metrics};
use crate::{Error, Places, Result};

const LIMIT: u64 = 1 << 20;
/// A log that is larger is put aside; about twelve days of good checks.
const LOG_SIZE: u64 = 1 << 20;
/// How many of those are kept.
const LOGS_KEPT: usize = 4;

/// The last report; `None` where there is none that can be read.
pub fn read(places: &Places) -> Option<Report> {
    let bytes = capped::read(&places.check_report(), "the last check", LIMIT).ok()?;
    serde_json::from_slice(&bytes).ok()
}

pub fn write(places: &Places, report: &Report, facts: &Facts) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(report).unwrap_or_default(); // strings and numbers only: cannot fail
    bytes.push(b'\n');
    durable::write(&places.check_report(), &bytes, 0o644)?;
    let text = metrics::text(report, facts);
    durable::create_folder(&folder_of(&places.metrics()), 0o755)?;
    durable::write(&places.metrics(), text.as_bytes(), 0o644)?;
    if places.exporter_folder().is_dir() {
        durable::write(&places.exported_metrics(&report.product), text.as_bytes(), 0o644)?;
    }
    add_line(&places.check_log(&report.product), &line(report))
}

/// `2026-11-24T08:00:00Z bad: service web: 0 of 1 running; 12 good, 1 warning; restarted web`
fn line(report: &Report) -> String {
    let count = |level| report.findings.iter().filter(|finding| finding.level == level).count();
    let bad: Vec<String> =
        report.bad().map(|finding| format!("{}: {}", finding.what(), finding.found)).collect();
    let mut parts = Vec::new();
    if bad.is_empty() {
        parts.push("good".to_owned());
    } else {
        parts.push(format!("bad: {}", bad.join("; ")));
    }
    parts.push(format!("{} good, {} warnings", count(Level::Good), count(Level::Warn)));
    parts.extend((!report.repaired.is_empty()).then(|| report.repaired.join(", ")));
    let text = parts.join("; ").split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{} {}\n", report.at, wt_keys::console::escaped(&text))
}

fn add_line(path: &Path, line: &str) -> Result<()> {
    durable::create_folder(&folder_of(path), 0o755)?;
    put_aside(path)?;
    let mut options = OpenOptions::new();
    let mut file =
        options.append(true).create(true).mode(0o640).open(path).map_err(Error::io("open", path))?;
    file.write_all(line.as_bytes()).map_err(Error::io("write", path))
}

fn put_aside(path: &Path) -> Result<()> {
    if !fs::metadata(path).is_ok_and(|found| found.len() > LOG_SIZE) {
        return Ok(());
    }
    let name = |number: usize| path.with_added_extension(number.to_string());
    for number in (1..LOGS_KEPT).rev() {
        rename(&name(number), &name(number + 1))?;
    }
    rename(path, &name(1))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        renamed => renamed.map_err(Error::io("put aside", from)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_has_grown_is_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wt/check.log");
        let large = "x".repeat(usize::try_from(LOG_SIZE).unwrap());
        for number in 0..8 {
            add_line(&path, &format!("{number}{large}\n")).unwrap();
        }
        add_line(&path, "last\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "last\n");
        // services have their say in it
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o007, 0);
        let first = |name: &str| fs::read(folder.path().join("wt").join(name)).unwrap()[0];
        assert_eq!([first("check.log.1"), first("check.log.4")], [b'7', b'4']);
        assert_eq!(fs::read_dir(folder.path().join("wt")).unwrap().count(), 1 + LOGS_KEPT);
    }
}
