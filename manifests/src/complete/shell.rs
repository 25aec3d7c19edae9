//! The commands of a shell script, as far as a reader needs them who asks what it calls: no expansion, no execution.

/// A command and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub line: usize,
    pub words: Vec<String>,
    /// The comment behind it.
    pub comment: String,
}

/// What may stand before the name of a program.
const BEFORE: [&str; 14] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "exec", "time", "sudo", "{", "env", "command",
];

/// All commands of `script`; here-documents are no commands.
pub fn commands(script: &str) -> Vec<Command> {
    let mut all = Vec::new();
    let mut joined = String::new();
    let mut end: Option<String> = None;
    for (at, line) in script.lines().enumerate() {
        if let Some(word) = &end {
            if line.trim() == word {
                end = None;
            }
            continue;
        }
        if let Some(begun) = line.strip_suffix('\\') {
            joined.push_str(begun);
            continue;
        }
        joined.push_str(line);
        let (parts, comment) = split(&joined);
        end = here_document(&joined);
        for words in parts.into_iter().map(named).filter(|words| !words.is_empty()) {
            all.push(Command { line: at + 1, words, comment: comment.clone() });
        }
        joined.clear();
    }
    all
}

/// The word that ends the here-document that begins in `line`.
fn here_document(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("<<").filter(|(_, rest)| !rest.starts_with('<'))?;
    let word = rest.trim_start_matches('-').trim_start().trim_start_matches(['"', '\'', '\\']);
    let word: String = word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit())).then_some(word)
}

/// Without what stands before the name of the program.
fn named(words: Vec<String>) -> Vec<String> {
    let assigns = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    words.into_iter().skip_while(|word| BEFORE.contains(&word.as_str()) || assigns(word)).collect()
}

/// The words of each command in a line, and its comment.
fn split(line: &str) -> (Vec<Vec<String>>, String) {
    let mut splitter = Splitter::default();
    let mut chars = line.chars().peekable();
    let mut comment = String::new();
    while let Some(c) = chars.next() {
        match (splitter.quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => splitter.quote = None,
            (Some('\''), c) => splitter.word.push(c),
            (_, '$') if chars.peek() == Some(&'(') => {
                chars.next();
                splitter.open();
            }
            (Some('"'), c) => splitter.word.push(c),
            (_, '\'' | '"') => splitter.quote = Some(c),
            (_, '#') if splitter.word.is_empty() => {
                comment = chars.by_ref().collect();
            }
            (_, ')') => splitter.close(),
            (_, ';' | '|' | '&' | '(' | '`') => splitter.end_command(),
            (_, c) if c.is_whitespace() => splitter.end_word(),
            (_, c) => splitter.word.push(c),
        }
    }
    splitter.end_command();
    (splitter.commands, comment.trim().to_owned())
}

#[derive(Default)]
struct Splitter {
    commands: Vec<Vec<String>>,
    command: Vec<String>,
    word: String,
    quote: Option<char>,
    /// What was begun around a `$(`.
    outer: Vec<(Vec<String>, String, Option<char>)>,
}

impl Splitter {
    fn end_word(&mut self) {
        if !self.word.is_empty() {
            self.command.push(std::mem::take(&mut self.word));
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.command.is_empty() {
            self.commands.push(std::mem::take(&mut self.command));
        }
    }

    fn open(&mut self) {
        let word = std::mem::take(&mut self.word) + "$()";
        self.outer.push((std::mem::take(&mut self.command), word, self.quote.take()));
    }

    fn close(&mut self) {
        self.end_command();
        if let Some((command, word, quote)) = self.outer.pop() {
            (self.command, self.word, self.quote) = (command, word, quote);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        commands(script)
            .iter()
            .map(|command| format!("{}: {}", command.line, command.words.join(" ")))
            .collect()
    }

    #[test]
    fn commands_are_found_where_a_shell_would_run_them() {
        assert_eq!(
            words("a b; if c | d && ! e; then f; fi"),
            ["1: a b", "1: c", "1: d", "1: e", "1: f", "1: fi"]
        );
        assert_eq!(
            words("x=$(docker pull a)\ny \"z $(docker pull 'b c')\""),
            ["1: docker pull a", "2: docker pull b c", "2: y z $()",]
        );
        assert_eq!(words("echo 'a; docker pull' \"b; c\""), ["1: echo a; docker pull b; c"]);
        assert_eq!(words("A=1 docker \\\n  run x # not this\n# nor this"), ["2: docker run x"]);
        assert_eq!(words("cat <<-'E'\ndocker pull x\nE\nb"), ["1: cat <<-E", "4: b"]);
        assert_eq!(commands("a # wt: network")[0].comment, "wt: network");
    }
}
