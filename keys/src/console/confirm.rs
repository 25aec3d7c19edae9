use std::io::{self, IsTerminal as _, Write as _, stdin};

use zeroize::Zeroizing;

use super::Failure;
use crate::Error;

/// Whether somebody is there to be asked.
pub fn is_interactive() -> bool {
    stdin().is_terminal()
}

/// Whether the answer is yes; nothing and everything else is no. A usage error where nobody is there to be asked.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    Ok(is_yes(&ask(&format!("{question} [y/N]"))?))
}

/// A line from the terminal, trimmed. A usage error where nobody is there to be asked.
pub fn ask(question: &str) -> Result<String, Failure> {
    if !is_interactive() {
        return Err(Failure::usage(
            format!("nobody is at a terminal to answer `{question}`"),
            "say it with a flag: `--help` names them",
        ));
    }
    let mut answer = String::new();
    let read = write!(io::stderr(), "{question} ")
        .and_then(|()| stdin().read_line(&mut answer))
        .map_err(Error::io("ask on", "the terminal"))?;
    if read == 0 {
        return Err(Failure::usage(
            format!("nobody is there any more to answer `{question}`"),
            "nothing was changed; run this again",
        ));
    }
    Ok(answer.trim().to_owned())
}

/// As [`ask`], and what is typed is not shown.
pub fn ask_secret(question: &str) -> Result<Zeroizing<String>, Failure> {
    if !is_interactive() {
        return ask(question).map(Zeroizing::new);
    }
    let answer = rpassword::prompt_password(format!("{question} ")).map(Zeroizing::new);
    Ok(answer.map_err(Error::io("ask on", "the terminal"))?)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y", "Y", "yes", "Yes"] {
            assert!(is_yes(yes), "{yes}");
        }
        for no in ["", "n", "no", "yess", "ja", "y y"] {
            assert!(!is_yes(no), "{no}");
        }
    }
}
