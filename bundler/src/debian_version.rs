//! The order of Debian versions: deb-version(7).

use std::cmp::Ordering;

/// `[epoch:]upstream[-revision]`, compared part by part.
pub fn compare(a: &str, b: &str) -> Ordering {
    let ((a_epoch, a_upstream, a_revision), (b_epoch, b_upstream, b_revision)) = (parts(a), parts(b));
    by_digits(a_epoch, b_epoch)
        .then_with(|| compare_part(a_upstream, b_upstream))
        .then_with(|| compare_part(a_revision, b_revision))
}

fn parts(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch, upstream, revision)
}

/// What is no digit by letters, what is by number, in turn.
fn compare_part(mut a: &str, mut b: &str) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let (left, left_rest) = split(a, |c| !c.is_ascii_digit());
        let (right, right_rest) = split(b, |c| !c.is_ascii_digit());
        let (left_number, a_rest) = split(left_rest, |c| c.is_ascii_digit());
        let (right_number, b_rest) = split(right_rest, |c| c.is_ascii_digit());
        let order = by_letters(left, right).then_with(|| by_digits(left_number, right_number));
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
    Ordering::Equal
}

fn split(text: &str, belongs: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// `~` before the end, the end before letters, letters before everything else.
fn by_letters(a: &str, b: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => (0, 0),
        None => (1, 0),
        Some(c) if c.is_ascii_alphabetic() => (2, u32::from(c)),
        Some(c) => (3, u32::from(c)),
    };
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = weight(x).cmp(&weight(y));
        if order.is_ne() || (x.is_none() && y.is_none()) {
            return order;
        }
    }
}

/// Numbers of any length.
fn by_digits(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_that_dpkg_gives_them() {
        for (lower, higher) in [
            ("1.0", "1.1"),
            ("1.9", "1.10"),
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0a"),
            ("1.0-1", "1.0-2"),
            ("1.0-1~deb12u1", "1.0-1"),
            ("9.9", "1:0.1"),
            ("1.1.5+ds1-1+deb12u1", "1.1.5+ds1-1+deb12u2"),
            ("20.10.24+dfsg1-1+b3", "26.1.5+dfsg1-2"),
            ("1.0a", "1.0+"),
            ("1.0", "1.0-0.1"),
        ] {
            assert_eq!(compare(lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(compare(higher, lower), Ordering::Greater, "{lower} {higher}");
        }
        for (one, other) in [("1.0", "1.00"), ("0:1.0", "1.0"), ("1.0", "1.0-0")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }
}
