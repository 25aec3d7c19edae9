//! What stands behind a flag: `--requirepass x`, `["redis-cli", "-a", "x"]`, `mysql -px`.

use super::named;
use super::named::MARK;

/// Directives of configuration files that have no sign between name and value.
const DIRECTIVES: [&str; 2] = ["requirepass", "masterauth"];
/// What one letter means to programs that are known; with others it may be a port, or parents.
const LETTERS: [(&str, &str, Form); 12] = [
    ("redis-cli", "-a", Form::NextWord),
    ("redis-benchmark", "-a", Form::NextWord),
    ("mongo", "-p", Form::NextWord),
    ("mongosh", "-p", Form::NextWord),
    ("mongodump", "-p", Form::NextWord),
    ("mongorestore", "-p", Form::NextWord),
    ("mysql", "-p", Form::SameWord),
    ("mysqladmin", "-p", Form::SameWord),
    ("mysqldump", "-p", Form::SameWord),
    ("mariadb", "-p", Form::SameWord),
    ("sshpass", "-p", Form::Both),
    ("curl", "-u", Form::Both),
];
/// What words of a command, or of a list of them, stand between.
const BETWEEN: &str = "\"'`\\,;|&[](){}";

/// Where the value of a letter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    NextWord,
    SameWord,
    Both,
}

/// The text with such values made unreadable; counts them.
pub fn redact(text: &str, removed: &mut usize) -> String {
    let mut redacted = String::with_capacity(text.len());
    let (mut kept, mut from) = (0, 0);
    let mut program = "";
    while let Some((start, end)) = next_word(text, from) {
        if ends_command(text, from, start) {
            program = "";
        }
        from = end;
        let word = &text[start..end];
        let name = word.rsplit('/').next().unwrap_or(word);
        if LETTERS.iter().any(|(known, ..)| *known == name) {
            program = name;
        }
        let Some((value, end)) = value_of(text, start, end, program) else { continue };
        redacted.push_str(&text[kept..value]);
        redacted.push_str(MARK);
        *removed += 1;
        (kept, from) = (end, end);
    }
    redacted.push_str(&text[kept..]);
    redacted
}

fn next_word(text: &str, from: usize) -> Option<(usize, usize)> {
    let between = |c: char| c.is_whitespace() || BETWEEN.contains(c);
    let start = from + text[from..].find(|c| !between(c))?;
    let end = text[start..].find(between).map_or(text.len(), |length| start + length);
    Some((start, end))
}

/// Whether the next word, which begins at `start`, is of another command: on another line that is not one of a list, or
/// behind what the shell has between commands.
fn ends_command(text: &str, from: usize, start: usize) -> bool {
    let gap = &text[from..start];
    let Some((before, line)) = gap.rsplit_once('\n') else { return gap.contains([';', '|', '&']) };
    let is_of_list = line.trim_start().starts_with('"') || text[start..].starts_with("- ");
    !is_of_list && !before.trim_end().ends_with('\\')
}

/// Where the value of the word from `start` to `end` stands, where it has one.
fn value_of(text: &str, start: usize, end: usize, program: &str) -> Option<(usize, usize)> {
    let word = &text[start..end];
    if DIRECTIVES.iter().any(|name| word.eq_ignore_ascii_case(name)) {
        return next_value(text, end);
    }
    if !word.starts_with('-') {
        return None;
    }
    if let Some((name, value)) = word.split_once('=').filter(|(name, _)| named::is_secret(name)) {
        let value_start = start + name.len() + 1;
        return (!value.is_empty()).then(|| (value_start, end_of_word(text, value_start)));
    }
    if named::is_secret(word) {
        let has_none = word.starts_with("--no-") || word.ends_with("file");
        return next_value(text, end).filter(|_| !has_none);
    }
    let (_, flag, form) =
        LETTERS.iter().find(|(known, flag, _)| *known == program && word.starts_with(flag))?;
    match form {
        Form::NextWord | Form::Both if word == *flag => next_value(text, end),
        Form::SameWord | Form::Both if word.len() > flag.len() && !word.starts_with("--") => {
            let value_start = start + flag.len();
            Some((value_start, end_of_word(text, value_start)))
        }
        _ => None,
    }
}

/// The next word of the same command: behind spaces, in the same list, or on the next line of one.
fn next_value(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = text[from..].trim_start_matches(['"', '\'', '`', '\\']);
    let gap = rest.trim_start_matches([' ', '\t']);
    let is_list = gap.starts_with(',');
    let value = if let Some(value) = gap.strip_prefix(',') {
        value.trim_start()
    } else if let Some(line) = gap.trim_start_matches('\r').strip_prefix('\n') {
        line.trim_start_matches([' ', '\t']).strip_prefix("- ")?.trim_start()
    } else if gap.len() < rest.len() {
        gap
    } else {
        return None;
    };
    let (open, value) = named::opened(value);
    let start = text.len() - value.len();
    let end = match open {
        "" if is_list => start + named::closed(value, open),
        "" => end_of_word(text, start),
        _ => start + named::closed(value, open),
    };
    let value = &text[start..end];
    let is_long = value.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic));
    let is_flag = is_long || (value.len() == 2 && value.starts_with('-'));
    (!is_flag && !named::tells_nothing(value)).then_some((start, end))
}

/// A shell's word ends at a space, or at the quotation mark that all of the command stands in.
fn end_of_word(text: &str, start: usize) -> usize {
    let ends = |c: char| c.is_whitespace() || "\"'`".contains(c);
    text[start..].find(ends).map_or(text.len(), |length| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_flag_is_made_unreadable() {
        for (text, expected) in [
            ("redis-server --requirepass x --port 1", "redis-server --requirepass [removed] --port 1"),
            ("mongod --keyFilePassword 'a b' -v", "mongod --keyFilePassword '[removed]' -v"),
            (
                "[\"redis-server\", \"--requirepass\", \"a b\"]",
                "[\"redis-server\", \"--requirepass\", \"[removed]\"]",
            ),
            ("[redis-server, --requirepass, x]", "[redis-server, --requirepass, [removed]]"),
            ("\"--requirepass\",\n    \"x\",\n", "\"--requirepass\",\n    \"[removed]\",\n"),
            ("  - --requirepass\n  - x;y\n  - z\n", "  - --requirepass\n  - [removed]\n  - z\n"),
            ("{\\\"a\\\":[\\\"--token\\\",\\\"x\\\"]}", "{\\\"a\\\":[\\\"--token\\\",\\\"[removed]\\\"]}"),
            (
                "docker swarm join --token x 192.0.2.1:2377",
                "docker swarm join --token [removed] 192.0.2.1:2377",
            ),
            ("tool --password=a,b;c d", "tool --password=[removed] d"),
            ("\nrequirepass x\r\nport 1", "\nrequirepass [removed]\r\nport 1"),
            (
                "sh -c \"/usr/bin/redis-cli -h db -a x ping\"",
                "sh -c \"/usr/bin/redis-cli -h db -a [removed] ping\"",
            ),
            ("mongodump -u root -p x --out y", "mongodump -u root -p [removed] --out y"),
            ("mongodump \\\n  -p x", "mongodump \\\n  -p [removed]"),
            ("mysql -uroot -px db", "mysql -uroot -p[removed] db"),
            ("curl -u me:x https://a", "curl -u [removed] https://a"),
        ] {
            let mut removed = 0;
            assert_eq!(redact(text, &mut removed), expected);
            assert_eq!(removed, 1, "{text}");
        }
    }

    #[test]
    fn flags_that_are_no_secrets_stay() {
        for text in [
            "docker run -p 80:80 redis -a",
            "mkdir -p /a; ps -p 1; mysql -p; ssh -p 22",
            "redis-cli ping; ls -a x\nls -a y",
            "tool --password --host a; tool --token -v",
            "tool --no-password a --password-file b",
            "--requirepass\nport 1",
            "a-token b --port 1 --tokens=",
        ] {
            let mut removed = 0;
            assert_eq!(redact(text, &mut removed), text);
            assert_eq!(removed, 0, "{text}");
        }
    }
}
