//! What is told of a run while it goes on.

use std::time::Duration;

/// What became of a step; in words, but for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Nothing,
    Checked(String),
    Changed(String),
    Failed(String),
}

/// Told of what became of each step, and how long it took.
pub type Observer<'a> = dyn Fn(&'static str, &Outcome, Duration) + 'a;
