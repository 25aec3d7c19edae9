use wt_keys::console::{Failure, Output, ask, ask_secret};
use zeroize::Zeroizing;

/// Who is asked.
pub trait Person {
    fn ask(&mut self, question: &str) -> Result<String, Failure>;

    /// What is typed is not shown.
    fn ask_secret(&mut self, question: &str) -> Result<Zeroizing<String>, Failure>;

    fn tell(&mut self, text: &str);
}

/// Whoever sits at the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Terminal(pub Output);

impl Person for Terminal {
    fn ask(&mut self, question: &str) -> Result<String, Failure> {
        ask(question)
    }

    fn ask_secret(&mut self, question: &str) -> Result<Zeroizing<String>, Failure> {
        ask_secret(question)
    }

    fn tell(&mut self, text: &str) {
        self.0.say(text);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers in order, and remembers all that was said.
    #[derive(Debug, Default)]
    pub struct Script {
        pub answers: VecDeque<String>,
        pub said: String,
    }

    impl Script {
        pub fn of(answers: &[&str]) -> Self {
            Self { answers: answers.iter().map(|answer| (*answer).to_owned()).collect(), said: String::new() }
        }

        fn say(&mut self, line: &str) {
            self.said.push_str(line);
            self.said.push('\n');
        }
    }

    impl Person for Script {
        fn ask(&mut self, question: &str) -> Result<String, Failure> {
            let answer = self.answers.pop_front().ok_or_else(|| Failure::usage(question, "more answers"))?;
            self.say(&format!("{question} {answer}"));
            Ok(answer)
        }

        fn ask_secret(&mut self, question: &str) -> Result<Zeroizing<String>, Failure> {
            let answer = self.answers.pop_front().ok_or_else(|| Failure::usage(question, "more answers"))?;
            self.say(question);
            Ok(Zeroizing::new(answer))
        }

        fn tell(&mut self, text: &str) {
            self.say(text);
        }
    }
}
