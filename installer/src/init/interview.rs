use wt_keys::console::Failure;
use zeroize::Zeroizing;

use super::question::Question;
use super::{Document, Field, Person};
use crate::site::Secret;

/// What is typed where there is to be none.
pub const NONE: &str = "-";

/// A site file, and who can be asked about it.
pub struct Interview<'a> {
    pub document: Document,
    /// `None`: nobody is at a terminal.
    pub person: Option<&'a mut dyn Person>,
    /// What nobody said, by the flags that would say it.
    pub missing: Vec<String>,
}

impl std::fmt::Debug for Interview<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interview").field("missing", &self.missing).finish_non_exhaustive()
    }
}

impl Interview<'_> {
    /// Comes by one answer: what a flag says; else what is typed; else what the file says; else the default.
    pub fn answer(&mut self, question: &Question<'_>) -> Result<Option<String>, Failure> {
        if let Some(given) = &question.given {
            self.put(question, given).map_err(|why| wrong(&question.flag, &why))?;
            return Ok(Some(given.clone()));
        }
        let present = self.document.get(&question.field).or_else(|| question.default.clone());
        if self.person.is_some() {
            self.ask(question, present.as_deref())
        } else {
            self.keep(question, present)
        }
    }

    fn ask(&mut self, question: &Question<'_>, present: Option<&str>) -> Result<Option<String>, Failure> {
        let none = if question.may_be_none { format!(", `{NONE}` for none") } else { String::new() };
        let default = match present {
            Some(present) => format!(" [{present}]"),
            None if question.may_be_none => " [none]".to_owned(),
            None => String::new(),
        };
        let words = format!("{}{none}{default}:", question.words);
        loop {
            let typed = self.person()?.ask(&words)?;
            let answer = match (typed.as_str(), present) {
                (NONE, _) | ("", None) if question.may_be_none => None,
                ("", Some(present)) => Some(present.to_owned()),
                _ => Some(typed),
            };
            let Some(answer) = answer else {
                self.document.remove(&question.field);
                return Ok(None);
            };
            match self.put(question, &answer) {
                Ok(()) => return Ok(Some(answer)),
                Err(why) => self.person()?.tell(&format!("  no: {why}")),
            }
        }
    }

    /// Without anybody to ask.
    fn keep(&mut self, question: &Question<'_>, present: Option<String>) -> Result<Option<String>, Failure> {
        match &present {
            Some(present) => self.put(question, present).map_err(|why| wrong(&question.flag, &why))?,
            None if question.may_be_none => {}
            None => self.missing.push(question.flag.clone()),
        }
        Ok(present)
    }

    fn put(&mut self, question: &Question<'_>, answer: &str) -> Result<(), String> {
        let value = (question.check)(answer)?;
        self.document.set(&question.field, value);
        Ok(())
    }

    /// Comes by a password: from a file; else it is typed twice; else it stays what it is.
    pub fn secret(
        &mut self,
        field: &Field,
        words: &str,
        flag: &str,
        given: Option<&Zeroizing<String>>,
    ) -> Result<(), Failure> {
        let present = self.document.get(field).is_some();
        if let Some(given) = given {
            given.parse::<Secret>().map_err(|why| wrong(flag, &why))?;
            self.document.set(field, given.as_str().into());
        } else if self.person.is_some() {
            self.type_secret(field, words, present)?;
        } else if !present {
            self.missing.push(flag.to_owned());
        }
        Ok(())
    }

    fn type_secret(&mut self, field: &Field, words: &str, present: bool) -> Result<(), Failure> {
        let keep = if present { " [as it is]" } else { "" };
        loop {
            let once = self.person()?.ask_secret(&format!("{words}{keep}:"))?;
            if once.is_empty() && present {
                return Ok(());
            }
            if let Err(why) = once.parse::<Secret>() {
                self.person()?.tell(&format!("  no: {why}"));
                continue;
            }
            if *once == *self.person()?.ask_secret("the same again:")? {
                self.document.set(field, once.as_str().into());
                return Ok(());
            }
            self.person()?.tell("  no: they are not the same");
        }
    }

    /// Whether the person says yes; nobody does where there is none.
    pub fn agrees(&mut self, question: &str) -> Result<bool, Failure> {
        let Some(person) = self.person.as_deref_mut() else { return Ok(false) };
        Ok(matches!(person.ask(question)?.to_lowercase().as_str(), "y" | "yes"))
    }

    pub fn tell(&mut self, text: &str) {
        if let Some(person) = self.person.as_deref_mut() {
            person.tell(text);
        }
    }

    fn person(&mut self) -> Result<&mut dyn Person, Failure> {
        match self.person.as_deref_mut() {
            Some(person) => Ok(person),
            None => Err(Failure::usage("nobody is at a terminal", "say it with flags: `--help` names them")),
        }
    }
}

/// An answer that a flag or the file gives, and that is none.
pub fn wrong(flag: &str, why: &str) -> Failure {
    Failure::usage(
        format!("{}: {why}", flag.split(' ').next().unwrap_or(flag)),
        format!("say it right with `{flag}`"),
    )
}
