//! What is called like a secret: `password = …`, `"apiToken": "…"`, `Authorization: …`.

use super::redact::MARK;

/// In names of values, in lower case and without what joins words.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
];
/// Of these the whole line is the value.
const LINES: [&str; 2] = ["authorization", "cookie"];
/// Values that tell nothing.
const NOTHING: [&str; 7] = ["", "null", "none", "true", "false", "undefined", MARK];

pub fn is_secret(name: &str) -> bool {
    let plain = plain(name);
    WORDS.iter().any(|word| plain.contains(word))
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// The text with such values made unreadable; counts them.
pub fn redact(text: &str, removed: &mut usize) -> String {
    let mut redacted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        redact_line(line, &mut redacted, removed);
        redacted.push_str(end);
    }
    redacted
}

fn redact_line(line: &str, redacted: &mut String, removed: &mut usize) {
    let mut rest = line;
    while let Some((name, after)) = next_name(rest) {
        redacted.push_str(&rest[..rest.len() - after.len()]);
        rest = after;
        if !is_secret(name) {
            continue;
        }
        let Some(value) = after_sign(after) else { continue };
        let (open, value) = opened(&after[value..]);
        let start = after.len() - value.len();
        let whole_line = open.is_empty() && LINES.iter().any(|word| plain(name).contains(word));
        let end = if whole_line { value.len() } else { closed(value, open) };
        if NOTHING.contains(&value[..end].trim()) || (open.is_empty() && value.starts_with(['{', '['])) {
            continue;
        }
        redacted.push_str(&after[..start]);
        redacted.push_str(MARK);
        *removed += 1;
        rest = &value[end..];
    }
    redacted.push_str(rest);
}

/// The next name in a line, and what follows it.
fn next_name(line: &str) -> Option<(&str, &str)> {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
    let start = line.find(part)?;
    let length = line[start..].find(|c| !part(c)).unwrap_or(line.len() - start);
    let (name, after) = line[start..].split_at(length);
    Some((name, after))
}

/// Where the value begins behind a name, if there is one: after quotes, spaces and a sign.
fn after_sign(text: &str) -> Option<usize> {
    let text_after = text.trim_start_matches(['"', '\'', '`', '\\', ' ', '\t', ']', ')']);
    let value = ["=>", ":=", "=", ":"].iter().find_map(|sign| text_after.strip_prefix(sign))?;
    Some(text.len() - value.trim_start_matches([' ', '\t']).len())
}

/// The quotation mark that a value begins with, also one that is escaped, and what is behind it.
fn opened(value: &str) -> (&'static str, &str) {
    for mark in ["\\\"", "\"", "'", "`"] {
        if let Some(value) = value.strip_prefix(mark) {
            return (mark, value);
        }
    }
    ("", value)
}

/// Where a value ends: at its quotation mark, or without one at the next space or sign.
fn closed(value: &str, open: &str) -> usize {
    if open.is_empty() {
        return value.find(|c: char| c.is_whitespace() || ",;&)}]\"'`".contains(c)).unwrap_or(value.len());
    }
    let mut from = 0;
    while let Some(at) = value[from..].find(open) {
        let end = from + at;
        let escapes = value[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if open.starts_with('\\') || escapes.is_multiple_of(2) {
            return end;
        }
        from = end + open.len();
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_like_a_secret_is_made_unreadable() {
        for (line, expected) in [
            ("password = \"a b\\\" c\" # d", "password = \"[removed]\" # d"),
            ("mailPassword: 'x', user: 'u'", "mailPassword: '[removed]', user: 'u'"),
            ("{\"api_key\":\"x\",\"b\":1}", "{\"api_key\":\"[removed]\",\"b\":1}"),
            (
                "said {\\\"token\\\":\\\"x\\\",\\\"b\\\":1}",
                "said {\\\"token\\\":\\\"[removed]\\\",\\\"b\\\":1}",
            ),
            ("PGPASSWORD=x psql", "PGPASSWORD=[removed] psql"),
            ("GET /a?access_token=x&b=c", "GET /a?access_token=[removed]&b=c"),
            ("Authorization: Bearer x y", "Authorization: [removed]"),
            ("\"Set-Cookie\": \"a=b; c\", d", "\"Set-Cookie\": \"[removed]\", d"),
            ("client-secret => x", "client-secret => [removed]"),
            ("auth.password=12345", "auth.password=[removed]"),
            ("password: \"open", "password: \"[removed]"),
        ] {
            let mut removed = 0;
            assert_eq!(redact(line, &mut removed), expected);
            assert_eq!(removed, 1, "{line}");
        }
    }

    #[test]
    fn the_rest_stays_and_every_line_with_it() {
        for text in [
            "",
            "\n\n",
            "user: u\npassword:\n  nested: 1\n",
            "the password is wrong\n",
            "secrets: [a, b]\nsecrets: {\"a\": 1}\n",
            "password: null, tokens=true",
            "compass: north, bypassed: 3",
        ] {
            let mut removed = 0;
            assert_eq!(redact(text, &mut removed), text);
            assert_eq!(removed, 0, "{text}");
        }
    }
}
