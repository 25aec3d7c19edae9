use std::fmt;

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub what: String,
    pub verdict: Verdict,
    pub found: String,
    pub needed: String,
    /// What to do, where it is not well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

/// In the order in which they are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// It may do harm; it stops nothing.
    Warn,
    /// Nothing is begun.
    Fail,
}

impl Row {
    pub fn new(
        what: impl fmt::Display,
        verdict: Verdict,
        found: impl fmt::Display,
        needed: impl fmt::Display,
        hint: impl fmt::Display,
    ) -> Self {
        let hint = if verdict == Verdict::Ok { String::new() } else { hint.to_string() };
        Self { what: what.to_string(), verdict, found: found.to_string(), needed: needed.to_string(), hint }
    }

    /// One line, for an error.
    pub fn sentence(&self) -> String {
        format!("{}: found {}, needed {}", self.what, self.found, self.needed)
    }
}

impl Verdict {
    pub fn or_fail(well: bool) -> Self {
        if well { Self::Ok } else { Self::Fail }
    }

    pub fn or_warn(well: bool) -> Self {
        if well { Self::Ok } else { Self::Warn }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok  ",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// Rows as a table.
#[derive(Debug)]
pub struct Table<'a>(pub &'a [&'a Row]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: fn(&Row) -> &str| self.0.iter().map(|row| column(row).chars().count()).max();
        let (what, found) = (width(|row| &row.what).unwrap_or(0), width(|row| &row.found).unwrap_or(0));
        for row in self.0 {
            let (mark, needed) = (row.verdict.mark(), &row.needed);
            writeln!(f, "{mark}  {:what$}  {:found$}  needs {needed}", row.what, row.found)?;
            if !row.hint.is_empty() {
                writeln!(f, "      hint: {}", row.hint)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_to_do_only_where_something_is_to_be_done() {
        let good = Row::new("memory", Verdict::Ok, "4 GiB", "1 GiB", "buy some");
        let bad = Row::new("port 80", Verdict::Fail, "in use", "free, for web", "stop it");
        assert_eq!(
            Table(&[&good, &bad]).to_string(),
            "ok    memory   4 GiB   needs 1 GiB\n\
             FAIL  port 80  in use  needs free, for web\n      hint: stop it\n"
        );
        assert_eq!(bad.sentence(), "port 80: found in use, needed free, for web");
        assert!(!serde_json::to_string(&good).unwrap().contains("hint"));
    }
}
