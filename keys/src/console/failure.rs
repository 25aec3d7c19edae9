use std::error::Error as StdError;
use std::fmt;

use super::Exit;

/// What a crate's error knows beyond its text: the exit code, and what to do next.
pub trait Explain: StdError + Send + Sync + 'static {
    fn exit(&self) -> Exit;

    fn hint(&self) -> Option<String> {
        None
    }
}

/// An error on its way to the person at the terminal.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn StdError + Send + Sync>,
    exit: Exit,
    hint: Option<String>,
}

impl Failure {
    /// A wrong call: a missing flag, a value that is not one.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { error: message.into().into(), exit: Exit::Usage, hint: Some(hint.into()) }
    }

    #[must_use]
    pub fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { exit: error.exit(), hint: error.hint(), error: Box::new(error) }
    }
}

/// The message, its causes, and the hint, each on lines of their own.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", super::escaped(&self.error.to_string()))?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(f, "\n  because: {}", super::escaped(&error.to_string()))?;
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", super::escaped(hint))?;
        }
        Ok(())
    }
}
