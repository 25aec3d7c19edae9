//! The platform that a release is for.

/// A word of `a-z`, `0-9` and `-`: what a product is called, safe in a path and in a unit file.
pub fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}
