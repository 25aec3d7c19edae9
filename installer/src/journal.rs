//! The journal: what each run did and when, one line a step, on the disk before the step is acknowledged.
//!
//! Whether a step is done is asked of the host itself wherever it can tell. The journal answers only for what it
//! cannot: which hooks have run, and what was under way when the host went down.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable, folder_of};

use crate::redact::Redactor;
use crate::{Error, Places, Result};

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub at: Utc,
    pub release: String,
    pub step: String,
    pub event: Event,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    Began,
    Done,
    Failed,
}

#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    release: String,
}

impl Journal {
    pub fn open(places: &Places, release: &str) -> Self {
        Self { path: places.journal(), release: release.to_owned() }
    }

    /// Adds a line and returns once it is on the disk.
    pub fn record(&self, at: Utc, step: &str, event: Event, detail: &str) -> Result<()> {
        let line = Line {
            at,
            release: self.release.clone(),
            step: step.to_owned(),
            event,
            detail: detail.to_owned(),
        };
        let new = !self.path.exists();
        let mut file = self.open_file().map_err(Error::io("open", &self.path))?;
        let mut text = String::new();
        if !new && !self.ends_whole() {
            text.push('\n'); // a power cut left half a line: it stays alone
        }
        text.push_str(&serde_json::to_string(&line).unwrap_or_default()); // strings only: cannot fail
        text.push('\n');
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(Error::io("write", &self.path))?;
        if new {
            durable::sync_folder(&folder_of(&self.path))?;
        }
        Ok(())
    }

    fn open_file(&self) -> std::io::Result<File> {
        use std::os::unix::fs::OpenOptionsExt as _;
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)
    }

    fn ends_whole(&self) -> bool {
        std::fs::read(&self.path).is_ok_and(|bytes| bytes.is_empty() || bytes.ends_with(b"\n"))
    }

    /// All whole lines; a torn one is passed over.
    pub fn lines(&self) -> Result<Vec<Line>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("open", &self.path)(error)),
        };
        Ok(BufReader::new(file)
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect())
    }

    /// Tells whether a step was begun on this host and not completed since.
    pub fn was_left(&self, step: &str) -> Result<bool> {
        let last = self.lines()?.into_iter().rfind(|line| line.step == step);
        Ok(last.is_some_and(|line| line.event != Event::Done))
    }

    /// Tells whether a step was completed after the last time that `mark` began.
    pub fn was_done_since(&self, mark: &str, step: &str) -> Result<bool> {
        let lines = self.lines()?;
        let began = lines.iter().rposition(|line| line.step == mark && line.event == Event::Began);
        let since = &lines[began.map_or(lines.len(), |at| at + 1)..];
        Ok(since.iter().any(|line| line.step == step && line.event == Event::Done))
    }
}

/// Does `work`, and tells `record` that it began and how it ended, without secrets.
pub fn journaled<T>(
    record: impl Fn(Event, &str) -> Result<()>,
    redactor: &Redactor,
    detail: &str,
    work: impl FnOnce() -> Result<T>,
    done: impl FnOnce(&T) -> String,
) -> Result<T> {
    record(Event::Began, detail)?;
    match work() {
        Ok(value) => {
            record(Event::Done, &done(&value))?;
            Ok(value)
        }
        Err(error) => {
            // the failure itself is what the operator must see, also where the journal cannot be written
            let _ = record(Event::Failed, redactor.redact(&error.to_string()).text());
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_torn_line_spoils_no_other() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        let journal = Journal::open(&places, "v1");
        let at = Utc::from_unix(0).unwrap();
        journal.record(at, "images", Event::Done, "").unwrap();
        let whole = std::fs::read(places.journal()).unwrap();
        for cut in 1..whole.len() {
            std::fs::write(places.journal(), [&whole[..], &whole[..cut]].concat()).unwrap();
            journal.record(at, "init-data", Event::Done, "").unwrap();
            let done: Vec<String> = journal.lines().unwrap().into_iter().map(|line| line.step).collect();
            assert_eq!(done.first().map(String::as_str), Some("images"), "{cut}");
            assert_eq!(done.last().map(String::as_str), Some("init-data"), "{cut}");
        }
        let done = |step| journal.was_done_since("operation", step).unwrap();
        assert!(!done("init-data"), "nothing has begun");
        journal.record(at, "operation", Event::Began, "").unwrap();
        assert!(!done("init-data"), "it was done before");
        journal.record(at, "init-data", Event::Done, "").unwrap();
        assert!(done("init-data") && !done("stack"));
    }

    #[test]
    fn a_step_is_left_until_it_is_done() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        let journal = Journal::open(&places, "v1");
        assert!(!journal.was_left("engine").unwrap());
        for (event, left) in [(Event::Began, true), (Event::Failed, true), (Event::Done, false)] {
            journal.record(Utc::from_unix(0).unwrap(), "engine", event, "").unwrap();
            assert_eq!(journal.was_left("engine").unwrap(), left, "{event:?}");
        }
    }

    #[test]
    fn how_something_ended_is_written_down_and_a_failure_without_secrets() {
        let site: toml::Table = "[administrator]\npassword = \"correct horse\"".parse().unwrap();
        let redactor = Redactor::of_site(&site);
        let lines = RefCell::new(Vec::new());
        let record = |event, detail: &str| {
            lines.borrow_mut().push((event, detail.to_owned()));
            Ok(())
        };
        let fails = || Err(Error::LoadRefused { said: "no to correct horse".into() });
        let failed: Result<()> = journaled(record, &redactor, "a", fails, |()| String::new());
        assert!(
            failed.unwrap_err().to_string().contains("correct horse"),
            "whoever is at the terminal sees it"
        );
        assert_eq!(journaled(record, &redactor, "b", || Ok(7), ToString::to_string).unwrap(), 7);
        let [began, failed, again, done] = &lines.borrow()[..] else { panic!("{lines:?}") };
        assert_eq!((began, again), (&(Event::Began, "a".into()), &(Event::Began, "b".into())));
        assert_eq!(done, &(Event::Done, "7".into()));
        assert!(failed.0 == Event::Failed && failed.1.contains("no to "), "{failed:?}");
        assert!(!failed.1.contains("correct horse"), "{failed:?}");
    }
}
