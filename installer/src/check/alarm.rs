//! Who is told, and when: once when something is bad, once when it is good again, and once a day meanwhile. A state
//! machine over reports; the clock is the report's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable};

use super::Report;
use super::letter::Letter;
use crate::{Error, Places, Result, record_file};

/// How often in a row something must be bad, or good again, before anybody is told.
const IN_A_ROW: u32 = 2;
const REMINDER_SECONDS: i64 = 24 * 60 * 60;

/// What is known to have been bad, and what was told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarms {
    subjects: BTreeMap<String, Alarm>,
    /// Why the last letter could not be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    /// In a row.
    bad: u32,
    good: u32,
    /// When it was last told that it is bad.
    told: Option<Utc>,
}

impl Alarms {
    /// What is damaged is forgotten: then things are told once more.
    pub fn read(places: &Places) -> Result<Self> {
        match record_file::read(&places.alarms()) {
            Err(Error::Record { .. }) => Ok(Self::default()),
            found => Ok(found?.unwrap_or_default()),
        }
    }

    pub fn write(&self, places: &Places) -> Result<()> {
        if *self == Self::default() {
            return Ok(durable::remove_file(&places.alarms())?);
        }
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings and numbers only: cannot fail
        durable::write_if_changed(&places.alarms(), &bytes, 0o600)?;
        Ok(())
    }

    /// Counts a report in. What it does not mention is good, unless the engine could not be asked.
    #[must_use]
    pub fn after(mut self, report: &Report) -> Self {
        for finding in report.bad() {
            self.subjects.entry(finding.what()).or_default();
        }
        let silent = report.bad().any(|finding| finding.check == "engine");
        for (subject, alarm) in &mut self.subjects {
            match report.findings.iter().find(|finding| finding.what() == *subject) {
                Some(finding) if finding.is_bad() => {
                    (alarm.bad, alarm.good) = (alarm.bad.saturating_add(1), 0);
                }
                None if silent => {}
                _ => (alarm.bad, alarm.good) = (0, alarm.good.saturating_add(1)),
            }
        }
        self.subjects.retain(|_, alarm| alarm.bad > 0 || alarm.told.is_some());
        self
    }

    /// What is to be told now.
    pub fn letter(&self, report: &Report) -> Option<Letter> {
        let find = |subject: &str| report.bad().find(|finding| finding.what() == subject).cloned();
        let mut letter = Letter::default();
        let mut due = false;
        for (subject, alarm) in &self.subjects {
            match (alarm.told, find(subject)) {
                (None, Some(finding)) if alarm.bad >= IN_A_ROW => letter.bad.push(finding),
                (Some(_), _) if alarm.good >= IN_A_ROW => letter.good.push(subject.clone()),
                (Some(told), Some(finding)) => {
                    due |= report.at.unix() - told.unix() >= REMINDER_SECONDS;
                    letter.still.push(finding);
                }
                _ => {}
            }
        }
        (due || !letter.bad.is_empty() || !letter.good.is_empty()).then_some(letter)
    }

    /// It will be tried again with the next report.
    #[must_use]
    pub fn not_told(self, why: &Error) -> Self {
        Self { unsent: Some(why.to_string()), ..self }
    }

    /// Once it was sent.
    #[must_use]
    pub fn told(mut self, letter: &Letter, at: Utc) -> Self {
        self.unsent = None;
        for finding in letter.bad.iter().chain(&letter.still) {
            self.subjects.entry(finding.what()).or_default().told = Some(at);
        }
        self.subjects.retain(|subject, _| !letter.good.contains(subject));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Finding, Level};
    use super::*;

    fn report(minute: i64, levels: &[(&str, Level)]) -> Report {
        let finding = |(what, level): &(&str, Level)| Finding {
            check: (*what).to_owned(),
            subject: String::new(),
            level: *level,
            found: "found".into(),
            expected: "expected".into(),
            hint: String::new(),
            number: None,
        };
        Report {
            schema: Report::SCHEMA.into(),
            product: "worktile".into(),
            version: "5.2.0".into(),
            at: Utc::from_unix(minute * 60).unwrap(),
            good: false,
            findings: levels.iter().map(finding).collect(),
            repaired: Vec::new(),
            latest: Utc::START,
        }
    }

    /// A column for each subject, a character for each minute: `b`ad, `g`ood, `w`arning, `-` not mentioned. Returns at
    /// which minutes what was told: `+` newly bad, `=` still bad, `-` good again.
    fn told(subjects: &[(&str, &str)]) -> Vec<(usize, String)> {
        let mut alarms = Alarms::default();
        let mut told = Vec::new();
        for minute in 0..subjects[0].1.len() {
            let level = |c: u8| match c {
                b'b' => Some(Level::Bad),
                b'w' => Some(Level::Warn),
                b'g' => Some(Level::Good),
                _ => None,
            };
            let levels: Vec<(&str, Level)> = subjects
                .iter()
                .filter_map(|(name, column)| Some((*name, level(column.as_bytes()[minute])?)))
                .collect();
            let report = report(i64::try_from(minute).unwrap(), &levels);
            alarms = alarms.after(&report);
            if let Some(letter) = alarms.letter(&report) {
                let names = |sign: &str, findings: &[Finding]| {
                    findings.iter().map(|f| format!("{sign}{}", f.what())).collect::<Vec<_>>()
                };
                let good = letter.good.iter().map(|what| format!("-{what}")).collect();
                let all = [names("+", &letter.bad), names("=", &letter.still), good].concat();
                told.push((minute, all.join(" ")));
                alarms = alarms.told(&letter, report.at);
            }
        }
        told
    }

    fn lines(expected: &[(usize, &str)]) -> Vec<(usize, String)> {
        expected.iter().map(|(minute, text)| (*minute, (*text).to_owned())).collect()
    }

    #[test]
    fn once_when_bad_and_once_when_good_again() {
        assert_eq!(told(&[("web", "ggbbbbbggg")]), lines(&[(3, "+web"), (8, "-web")]));
    }

    #[test]
    fn a_passing_moment_is_told_to_nobody() {
        assert_eq!(told(&[("web", "gbgbgbwbgg")]), []);
        assert_eq!(told(&[("web", "bbgbgbgbgg")]), lines(&[(1, "+web"), (9, "-web")]));
        assert_eq!(told(&[("disk", "wwwwww")]), []);
    }

    #[test]
    fn several_are_one_letter() {
        assert_eq!(
            told(&[("im", "gbbbggg"), ("web", "gbbbggg"), ("disk", "gggbbbg")]),
            lines(&[(2, "+im +web"), (4, "+disk"), (5, "=disk -im -web")])
        );
    }

    #[test]
    fn what_lasts_is_told_once_a_day() {
        let day = 24 * 60;
        let column = "b".repeat(2 * day + 10);
        assert_eq!(
            told(&[("web", &column)]),
            lines(&[(1, "+web"), (day + 1, "=web"), (2 * day + 1, "=web")])
        );
    }

    #[test]
    fn what_cannot_be_asked_is_neither_good_nor_bad() {
        assert_eq!(
            told(&[("engine", "ggbbbbgg"), ("web", "bb----gg")]),
            lines(&[(1, "+web"), (3, "+engine"), (7, "-engine -web")])
        );
        assert_eq!(told(&[("engine", "gggggg"), ("web", "bb----")]), lines(&[(1, "+web"), (3, "-web")]));
    }

    #[test]
    fn a_letter_that_was_not_sent_is_tried_again() {
        let alarms = Alarms::default();
        let bad = |minute| report(minute, &[("web", Level::Bad)]);
        let alarms = alarms.after(&bad(0)).after(&bad(1));
        assert!(alarms.letter(&bad(1)).is_some());
        let alarms = alarms.after(&bad(2));
        let letter = alarms.letter(&bad(2)).unwrap();
        assert_eq!(letter.subject(&bad(2), "node1"), "worktile on node1: bad: web");
        assert!(alarms.told(&letter, bad(2).at).after(&bad(3)).letter(&bad(3)).is_none());
    }

    #[test]
    fn the_state_outlives_a_run_and_damage_of_it() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        let alarms = Alarms::read(&places).unwrap().after(&report(0, &[("web", Level::Bad)]));
        alarms.write(&places).unwrap();
        assert_eq!(Alarms::read(&places).unwrap(), alarms);
        std::fs::write(places.alarms(), "{").unwrap();
        assert_eq!(Alarms::read(&places).unwrap(), Alarms::default());
        Alarms::default().write(&places).unwrap();
        assert!(!places.alarms().exists());
    }
}
