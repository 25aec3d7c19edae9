//! What is called like a secret: `password = …`, `"apiToken": "…"`, `Authorization: …`, `<password>…`, also where the value
//! stands on the lines below it.

/// Stands where a secret was.
pub const MARK: &str = "[removed]";
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
/// Names that end with it are names of secrets, but for those that end with another word.
const PASS: &str = "pass";
const HARMLESS: [&str; 3] = ["bypass", "compass", "trespass"];
/// Of these the whole line is the value.
const LINES: [&str; 2] = ["authorization", "cookie"];
/// What begins a value of several lines in YAML.
const BLOCKS: [&str; 6] = ["|", "|-", "|+", ">", ">-", ">+"];
/// Values that tell nothing.
const NOTHING: [&str; 7] = ["", "null", "none", "true", "false", "undefined", MARK];

pub fn is_secret(name: &str) -> bool {
    let plain = plain(name);
    let is_pass = plain.ends_with(PASS) && !HARMLESS.iter().any(|word| plain.ends_with(word));
    is_pass || WORDS.iter().any(|word| plain.contains(word))
}

pub(super) fn tells_nothing(value: &str) -> bool {
    NOTHING.contains(&value.trim())
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// The text with such values made unreadable; counts them.
pub fn redact(text: &str, removed: &mut usize) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut block = None;
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let depth = line.len() - line.trim_start_matches([' ', '\t']).len();
        match block {
            Some(outer) if depth > outer && !line.trim().is_empty() => {
                redacted.push_str(&line[..depth]);
                redacted.push_str(MARK);
            }
            Some(_) if line.trim().is_empty() => redacted.push_str(line),
            _ => {
                block = begins_block(line).then_some(depth);
                *removed += usize::from(block.is_some());
                redact_line(line, &mut redacted, removed);
            }
        }
        redacted.push_str(end);
    }
    redacted
}

/// Whether the value of a secret is what the lines below hold that stand further in.
fn begins_block(line: &str) -> bool {
    let Some((name, sign)) = line.rsplit_once(':') else { return false };
    BLOCKS.contains(&sign.trim()) && is_secret(name)
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
        let is_plain = open.is_empty();
        if tells_nothing(&value[..end])
            || (is_plain && (value.starts_with(['{', '[']) || BLOCKS.contains(&value.trim())))
        {
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

/// Where the value begins behind a name, if there is one: after quotes, spaces and a sign, or at once as in SQL and XML.
fn after_sign(text: &str) -> Option<usize> {
    if [" '", " \"", ">"].iter().any(|sign| text.starts_with(sign)) {
        return Some(1);
    }
    let text_after = text.trim_start_matches(['"', '\'', '`', '\\', ' ', '\t', ']', ')']);
    let value = ["=>", ":=", "=", ":"].iter().find_map(|sign| text_after.strip_prefix(sign))?;
    Some(text.len() - value.trim_start_matches([' ', '\t']).len())
}

/// The quotation mark that a value begins with, also one that is escaped, and what is behind it.
pub(super) fn opened(value: &str) -> (&'static str, &str) {
    for mark in ["\\\"", "\"", "'", "`"] {
        if let Some(value) = value.strip_prefix(mark) {
            return (mark, value);
        }
    }
    ("", value)
}

/// Where a value ends: at its quotation mark, or without one at the next space or sign.
pub(super) fn closed(value: &str, open: &str) -> usize {
    if open.is_empty() {
        return value.find(|c: char| c.is_whitespace() || ",;&)}]<\"'`".contains(c)).unwrap_or(value.len());
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
            ("DB_PASS=x", "DB_PASS=[removed]"),
            ("<password>x y</password>", "<password>[removed] y</password>"),
            ("ALTER USER a PASSWORD 'x y';", "ALTER USER a PASSWORD '[removed]';"),
            (
                "a:\n  token: |\n    x\n\n    y\n  b: c",
                "a:\n  token: |\n    [removed]\n\n    [removed]\n  b: c",
            ),
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
            "compass: north, bypassed: 3, bypass: x",
            "unknown field `password`, expected `token`",
            "text: |\n  a\n",
        ] {
            let mut removed = 0;
            assert_eq!(redact(text, &mut removed), text);
            assert_eq!(removed, 0, "{text}");
        }
    }
}
