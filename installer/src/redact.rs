//! What takes secrets out of texts. Nothing but [`Redactor::redact`] makes a [`Redacted`], and nothing else gets into an
//! archive.
//!
//! Attacks: a secret is written in another spelling (JSON, a URL, Base64), under a name that nobody thought of, over
//! several lines, in an address, behind a flag. So there are six nets: the values that the site is known to have, in every
//! spelling; private keys; what says itself that it is a secret; who logs in, in addresses; what stands behind a flag that
//! is called like a secret; and whatever else is called so.

mod flags;
mod named;
mod tokens;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

pub use self::named::MARK;
use crate::SiteFile;
use crate::site::Secret;

/// A spelling that is shorter says too little to be searched for within words.
const SHORT: usize = 5;
/// Base64 of so few characters may be anything.
const SHORT_BASE64: usize = 8;

/// Knows the secrets of a site.
pub struct Redactor {
    /// Every spelling of every secret, the longest first.
    spellings: Vec<Zeroizing<String>>,
}

/// A text without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    text: String,
    removed: usize,
}

impl Redacted {
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many places in it were made unreadable.
    pub fn removed(&self) -> usize {
        self.removed
    }
}

impl Redactor {
    /// Of the answers about a site: what is called like a secret there is one.
    pub fn of_site(site: &toml::Table) -> Self {
        let mut values = Vec::new();
        for (name, value) in site {
            collect(value, named::is_secret(name), &mut values);
        }
        Self::knowing(values)
    }

    /// The same, of answers that were read and checked.
    pub fn of(site: &SiteFile) -> Self {
        let smtp = site.smtp.as_ref().map(|smtp| &smtp.password);
        let account = site.check.account.as_ref().map(|account| &account.password);
        let all = [Some(&site.administrator.password), smtp, account];
        Self::knowing(all.into_iter().flatten().map(Secret::expose))
    }

    pub fn knowing<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut spellings: Vec<Zeroizing<String>> = values.into_iter().flat_map(spellings).collect();
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        spellings.dedup();
        Self { spellings }
    }

    pub fn redact(&self, text: &str) -> Redacted {
        let mut found = Redacted { text: text.to_owned(), removed: 0 };
        found.private_keys();
        for spelling in &self.spellings {
            found.value(spelling);
        }
        found.text = tokens::redact(&found.text, &mut found.removed);
        found.log_ins();
        found.text = flags::redact(&found.text, &mut found.removed);
        found.text = named::redact(&found.text, &mut found.removed);
        found
    }
}

fn collect<'a>(value: &'a toml::Value, secret: bool, values: &mut Vec<&'a str>) {
    match value {
        toml::Value::String(text) if secret && !text.is_empty() => values.push(text),
        toml::Value::Array(all) => all.iter().for_each(|value| collect(value, secret, values)),
        toml::Value::Table(table) => {
            for (name, value) in table {
                collect(value, secret || named::is_secret(name), values);
            }
        }
        _ => {}
    }
}

/// As a secret may be found in configuration, logs and addresses.
fn spellings(value: &str) -> Vec<Zeroizing<String>> {
    let json = in_json(value);
    let template =
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    let address = value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    });
    let form = address.replace("%20", "+");
    let mut all = vec![value.to_owned(), in_json(&json), json, template, address, form];
    for shift in 0..3 {
        for coded in [STANDARD.encode(shifted(value, shift)), URL_SAFE.encode(shifted(value, shift))] {
            all.extend(inner(&coded, shift, value.len()));
        }
    }
    all.into_iter().map(Zeroizing::new).collect()
}

fn in_json(value: &str) -> String {
    let json = serde_json::to_string(value).unwrap_or_default(); // a string: cannot fail
    json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(&json).to_owned()
}

fn shifted(value: &str, shift: usize) -> Vec<u8> {
    [&[0; 2][..shift], value.as_bytes()].concat()
}

/// The characters of a Base64 text that follow from the value alone, whatever stands before and behind it.
fn inner(coded: &str, shift: usize, length: usize) -> Option<String> {
    let first = (shift * 8).div_ceil(6);
    let last = (shift + length) * 8 / 6;
    coded.get(first..last).filter(|text| text.len() >= SHORT_BASE64).map(str::to_owned)
}

impl Redacted {
    fn value(&mut self, value: &str) {
        let text = std::mem::take(&mut self.text);
        let mut rest = text.as_str();
        while let Some(at) = rest.find(value) {
            let end = at + value.len();
            let word = |c: char| c.is_alphanumeric();
            let within = value.len() < SHORT && (rest[..at].ends_with(word) || rest[end..].starts_with(word));
            self.text.push_str(&rest[..at]);
            if within {
                self.text.push_str(value);
            } else {
                self.text.push_str(MARK);
                self.removed += 1;
            }
            rest = &rest[end..];
        }
        self.text.push_str(rest);
    }

    /// One that has no end goes on to the end of the text.
    fn private_keys(&mut self) {
        // the second is how PGP calls it
        for kind in ["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"] {
            self.private_keys_of(kind);
        }
    }

    fn private_keys_of(&mut self, kind: &str) {
        let text = std::mem::take(&mut self.text);
        let mut rest = text.as_str();
        while let Some((begin, body)) = key_head(rest, kind) {
            self.text.push_str(&rest[..begin]);
            self.text.push_str(MARK);
            self.removed += 1;
            rest = match rest[body..].find(kind) {
                Some(end) => &rest[body + end + kind.len()..],
                None => "",
            };
        }
        self.text.push_str(rest);
    }

    /// `scheme://user:password@host`
    fn log_ins(&mut self) {
        const SIGN: &str = "://";
        let text = std::mem::take(&mut self.text);
        let mut rest = text.as_str();
        while let Some(at) = rest.find(SIGN) {
            let (before, after) = rest.split_at(at + SIGN.len());
            self.text.push_str(before);
            let end =
                after.find(|c: char| c.is_whitespace() || "/?#\"'`<>,".contains(c)).unwrap_or(after.len());
            rest = match after[..end].rfind('@') {
                Some(host) => {
                    self.text.push_str(MARK);
                    self.removed += 1;
                    &after[host..]
                }
                None => after,
            };
        }
        self.text.push_str(rest);
    }
}

/// Where a private key begins in a text, and where what is within it does.
fn key_head(text: &str, key: &str) -> Option<(usize, usize)> {
    const BEGIN: &str = "-----BEGIN ";
    let mut from = 0;
    while let Some(at) = text[from..].find(BEGIN) {
        let begin = from + at;
        let name = begin + BEGIN.len();
        let line = text[name..].find('\n').map_or(text.len(), |end| name + end);
        if let Some(end) = text[name..line].find(key)
            && !text[name..name + end].contains("-----")
        {
            return Some((begin, name + end + key.len()));
        }
        from = name;
    }
    None
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(password: &str) -> Redactor {
        let site = format!(
            "company-domain = \"acme\"\n[administrator]\nusername = \"admin\"\npassword = {}\n",
            toml::Value::from(password)
        );
        Redactor::of_site(&site.parse().unwrap())
    }

    #[track_caller]
    fn same(password: &str, text: &str, expected: &str) {
        assert_eq!(redactor(password).redact(text).text(), expected);
    }

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let password = "a \"<b>&c'/é";
        same(password, &format!("log {password} in"), "log [removed] in");
        for spelling in [r#"a \"<b>&c'/é"#, r#"a \\\"<b>&c'/é"#, r#"a \"\u003cb\u003e\u0026c\u0027/é"#] {
            same(password, &format!("x {spelling}."), "x [removed].");
        }
        same(password, "/?p=a%20%22%3Cb%3E%26c%27%2F%C3%A9&q", "/?p=[removed]&q");
        same(password, "p=a+%22%3Cb%3E%26c%27%2F%C3%A9", "p=[removed]");
        for before in ["", "\0", "\0admin\0", "xy"] {
            for behind in ["", "z", "zz"] {
                let coded = STANDARD.encode(format!("{before}long enough password{behind}"));
                let found = redactor("long enough password").redact(&coded);
                assert_eq!(found.removed(), 1, "{coded}: {}", found.text());
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let text =
            "company-domain acme, the administrator admin, https://example.com/a?b=c admin@example.com\n";
        same("a secret", text, text);
        assert_eq!(redactor("a secret").redact(text).removed(), 0);
    }

    #[test]
    fn a_short_secret_is_no_reason_to_cut_words() {
        same("in", "login: in 'in' inside in_", "login: [removed] '[removed]' inside [removed]_");
    }

    #[test]
    fn private_keys_go_whole_and_certificates_stay() {
        let key = |kind: &str| format!("-----BEGIN {kind}-----\nMC4CAQ\nsecond\n-----END {kind}-----");
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
            same("a secret", &format!("a\n{}\nb", key(kind)), "a\n[removed]\nb");
        }
        let escaped = key("EC PRIVATE KEY").replace('\n', "\\n");
        same("a secret", &format!("x \"{escaped}\" y"), "x \"[removed]\" y");
        let certificate = key("CERTIFICATE");
        same("a secret", &certificate, &certificate);
        same(
            "a secret",
            &format!("{certificate}\n-----BEGIN PRIVATE KEY-----\nMC4"),
            &format!("{certificate}\n[removed]"),
        );
    }

    #[test]
    fn who_logs_in_is_taken_out_of_addresses() {
        same(
            "a secret",
            "mongodb://root:pw@db/x http://proxy:8080 \"https://tok@git\"",
            "mongodb://[removed]@db/x http://proxy:8080 \"https://[removed]@git\"",
        );
    }
}
