//! The order of Debian versions: deb-version(7).

use std::cmp::Ordering;

/// `EPOCH:UPSTREAM-REVISION`, of which epoch and revision may be left out.
pub fn compare(a: &str, b: &str) -> Ordering {
    let ((a_epoch, a), (b_epoch, b)) = (epoch(a), epoch(b));
    let ((a_upstream, a_revision), (b_upstream, b_revision)) = (revision(a), revision(b));
    a_epoch
        .cmp(&b_epoch)
        .then_with(|| compare_part(a_upstream.as_bytes(), b_upstream.as_bytes()))
        .then_with(|| compare_part(a_revision.as_bytes(), b_revision.as_bytes()))
}

fn epoch(version: &str) -> (u64, &str) {
    let split = version.split_once(':').and_then(|(epoch, rest)| Some((epoch.parse().ok()?, rest)));
    split.unwrap_or((0, version))
}

fn revision(version: &str) -> (&str, &str) {
    version.rsplit_once('-').unwrap_or((version, ""))
}

/// Words and numbers take turns.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let words = (split(&mut a, u8::is_ascii_digit), split(&mut b, u8::is_ascii_digit));
        let numbers = (split(&mut a, |c| !c.is_ascii_digit()), split(&mut b, |c| !c.is_ascii_digit()));
        let order = compare_words(words.0, words.1).then_with(|| compare_numbers(numbers.0, numbers.1));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Takes what comes before the first byte that `ends`.
fn split<'a>(text: &mut &'a [u8], ends: impl Fn(&u8) -> bool) -> &'a [u8] {
    let (first, rest) = text.split_at(text.iter().position(ends).unwrap_or(text.len()));
    *text = rest;
    first
}

/// `~` before the end, the end before letters, letters before the rest.
fn compare_words(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |c: Option<&u8>| match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    };
    let at = |at| weight(a.get(at)).cmp(&weight(b.get(at)));
    (0..a.len().max(b.len())).map(at).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Of any length.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let plain = |number: &[u8]| number.iter().position(|c| *c != b'0').unwrap_or(number.len());
    let (a, b) = (&a[plain(a)..], &b[plain(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let versions = [
            "1.0",
            "1.0~rc1",
            "1.0-1",
            "1.0-1~deb12u1",
            "1.0-1+b1",
            "1:0.5",
            "1.10",
            "1.9",
            "1.0a",
            "1.0+x",
            "0:1.0",
            "1.00",
            "2",
            "1.0-10",
            "1.0-9",
            "1-2-3",
            "1.0.",
            "1.0~~",
            "1.0~~a",
            "20260101",
            "9.9",
            "1:0.1",
            "1.0-0",
            "1.0-0.1",
            "1.1.5+ds1-1+deb12u1",
            "1.1.5+ds1-1+deb12u2",
            "20.10.24+dfsg1-1+b3",
            "26.1.5+dfsg1-2",
            "99999999999999999999.1",
        ];
        for a in versions {
            for b in versions {
                let relation = match compare(a, b) {
                    Ordering::Less => "lt",
                    Ordering::Equal => "eq",
                    Ordering::Greater => "gt",
                };
                let mut dpkg = Command::new("dpkg");
                let agrees = dpkg.args(["--compare-versions", a, relation, b]).status().unwrap();
                assert!(agrees.success(), "{a} {relation} {b}");
            }
        }
    }
}
