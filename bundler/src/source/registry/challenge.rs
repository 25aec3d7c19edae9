//! What a registry says with a 401: how it wants to be told who asks (RFC 9110 section 11.6.1, and the token
//! specification of the distribution project).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A name and a password with every request.
    Basic,
    /// A token from the server at `realm`.
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// Of several, a token: the password is shown to one server then, and once.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<Self> = texts.flat_map(schemes).filter_map(Self::understood).collect();
        challenges.iter().find(|one| **one != Self::Basic).or(challenges.first()).cloned()
    }

    fn understood((scheme, parameters): Scheme) -> Option<Self> {
        let parameter = |wanted: &str| {
            let found = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Some(Self::Basic),
            "bearer" => Some(Self::Bearer { realm: parameter("realm")?, service: parameter("service") }),
            _ => None,
        }
    }
}

type Scheme = (String, Vec<(String, String)>);

/// Schemes and their parameters. A word behind which there is a `=` is a parameter, any other begins a scheme.
fn schemes(text: &str) -> Vec<Scheme> {
    let mut found: Vec<Scheme> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| " \t,=".contains(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            found.push((word.to_owned(), Vec::new()));
            rest = behind;
            continue;
        };
        let (value, behind) = value_of(value.trim_start());
        if let Some((_, parameters)) = found.last_mut() {
            parameters.push((word.to_owned(), value));
        }
        rest = behind;
    }
}

/// A quoted string or a word, and what stands behind it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return (value, &quoted[at + 1..]),
            c => {
                escaped = false;
                value.push(c);
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(texts: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for text in texts {
            headers.append(WWW_AUTHENTICATE, text.parse().unwrap());
        }
        Challenge::of(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(ToOwned::to_owned) }
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        assert_eq!(challenge(&[]), None);
        assert_eq!(challenge(&["Negotiate"]), None);
        assert_eq!(challenge(&["Basic realm=\"a, b\""]), Some(Challenge::Basic));
        assert_eq!(
            challenge(&[
                "Bearer realm=\"https://a.example/t\",service=\"b\",scope=\"repository:c:pull,push\""
            ]),
            Some(bearer("https://a.example/t", Some("b")))
        );
        assert_eq!(
            challenge(&["bearer service = x , realm=https://a.example"]),
            Some(bearer("https://a.example", Some("x")))
        );
        assert_eq!(challenge(&["Bearer realm=\"a\\\"b\""]), Some(bearer("a\"b", None)));
    }

    #[test]
    fn of_several_a_token_is_taken() {
        let expected = Some(bearer("https://a.example", None));
        assert_eq!(challenge(&["Basic realm=x, Bearer realm=\"https://a.example\""]), expected);
        assert_eq!(challenge(&["Basic realm=x", "Bearer realm=\"https://a.example\""]), expected);
    }

    #[test]
    fn what_cannot_be_understood_is_no_challenge_and_ends() {
        for text in ["=", "Bearer", "Bearer realm", "Bearer =x", "\"", "Bearer realm=\"x", ",,,", "a=b=c"] {
            let found = challenge(&[text]);
            assert!(found.is_none() || text == "Bearer realm=\"x", "{text}: {found:?}");
        }
    }
}
