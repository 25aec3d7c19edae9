//! Secrets that say themselves what they are, wherever they stand: join tokens of a swarm, keys of age and of clouds,
//! tokens of web services, digests of passwords.

use super::named::MARK;

/// What they begin with, and how many characters of their kind must follow.
const PREFIXES: [(&str, usize); 31] = [
    ("SWMTKN-", 20),
    ("SWMKEY-", 20),
    ("AGE-SECRET-KEY-1", 20),
    ("AGE-PLUGIN-", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghs_", 30),
    ("ghr_", 30),
    ("github_pat_", 30),
    ("glpat-", 16),
    ("npm_", 30),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("hvs.", 20),
    ("dckr_pat_", 16),
    ("$2a$", 50),
    ("$2b$", 50),
    ("$2y$", 50),
    ("$5$", 40),
    ("$6$", 60),
    ("$y$", 40),
    ("$argon2", 30),
    // Base64 of `-----BEGIN `: a key or a certificate
    ("LS0tLS1CRUdJTi", 40),
];
/// Base64 of `{"`: what a JWT begins with.
const JWT: &str = "eyJ";
const JWT_PARTS: usize = 3;
const JWT_PART: usize = 8;
const BEARER: &str = "bearer ";
const BEARER_LENGTH: usize = 8;

/// The text with them made unreadable; counts them.
pub fn redact(text: &str, removed: &mut usize) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut kept = 0;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        // within a word nothing begins
        if at >= kept
            && !before.is_alphanumeric()
            && let Some((start, length)) = begins(&text[at..])
        {
            redacted.push_str(&text[kept..at + start]);
            redacted.push_str(MARK);
            *removed += 1;
            kept = at + start + length;
        }
        before = c;
    }
    redacted.push_str(&text[kept..]);
    redacted
}

/// Where a secret that `text` begins with starts, and how long it is.
fn begins(text: &str) -> Option<(usize, usize)> {
    if let Some((prefix, least)) = PREFIXES.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        let length = run(text, |c| "-_./+=$,".contains(c));
        return (length >= prefix.len() + least).then_some((0, length));
    }
    if text.starts_with(JWT) {
        let length = run(text, |c| "-_.=".contains(c));
        let parts = text[..length].split('.').take_while(|part| part.len() >= JWT_PART);
        return (parts.count() >= JWT_PARTS).then_some((0, length));
    }
    let start = BEARER.len();
    let is_bearer = text.get(..start).is_some_and(|word| word.eq_ignore_ascii_case(BEARER));
    let length = is_bearer.then(|| run(&text[start..], |c| "-_./+=~".contains(c)))?;
    (length >= BEARER_LENGTH && text[start..start + length].contains(|c: char| !c.is_ascii_lowercase()))
        .then_some((start, length))
}

/// How long the word of letters, digits and `signs` is; a full stop at its end is a sentence's.
fn run(text: &str, signs: impl Fn(char) -> bool) -> usize {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !signs(c)).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', ',']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_itself_that_it_is_a_secret_is_made_unreadable() {
        let long = "Aa0".repeat(30);
        for token in [
            format!("SWMTKN-1-{long}-{long}"),
            format!("AGE-SECRET-KEY-1{}", long.to_uppercase()),
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            format!("ghp_{long}"),
            format!("eyJhbGciOiJI.eyJzdWIiOiIx.{long}"),
            format!("$2b$12${long}"),
            format!("$6$salt${long}"),
            format!("LS0tLS1CRUdJTi{long}=="),
        ] {
            let mut removed = 0;
            for (before, behind) in
                [("", ""), ("a ", "."), ("x=\"", "\"}"), ("join:\n    ", " 192.0.2.1:2377")]
            {
                let found = redact(&format!("{before}{token}{behind}"), &mut removed);
                assert_eq!(found, format!("{before}{MARK}{behind}"));
            }
            assert_eq!(removed, 4);
        }
        let mut removed = 0;
        let found = redact("Authorization = bearer abc-123-XYZ; ok", &mut removed);
        assert_eq!((found.as_str(), removed), ("Authorization = bearer [removed]; ok", 1));
    }

    #[test]
    fn what_only_begins_like_one_stays() {
        let word = "a".repeat(60);
        for text in [
            "SWMTKN-1 is how they begin",
            "é AKIA eyJ a.b.c eyJhbGciOiJI only",
            "the bearer certificate, bearer of good news",
            &format!("x{word} $6$ costs $2b$ and ${{WT_DATA}}/a sha256:{word} _eyJ"),
        ] {
            let mut removed = 0;
            assert_eq!(redact(text, &mut removed), *text);
            assert_eq!(removed, 0, "{text}");
        }
    }
}
