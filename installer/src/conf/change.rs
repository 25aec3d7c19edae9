//! What is to become of one file, told from its three texts alone.

use similar::TextMerge;

/// What is to be done with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It says what it should.
    None,
    Write,
    /// The operator edited it and the release's text stayed the same.
    KeepEdit,
    /// The operator and the release changed different lines: this text has both changes.
    Join(String),
    /// Both changed the same lines.
    OfferBeside,
}

/// `before` is what was rendered last, `found` what is there, `wanted` what is to be rendered now. What is not UTF-8 is
/// somebody's edit, and cannot be joined with anything.
pub fn reconcile(before: Option<&str>, found: &[u8], wanted: &str) -> Change {
    match (before, str::from_utf8(found)) {
        _ if found == wanted.as_bytes() => Change::None,
        (Some(before), _) if before.as_bytes() == found => Change::Write,
        (Some(before), _) if before == wanted => Change::KeepEdit,
        (Some(before), Ok(found)) => {
            let merge = TextMerge::from_lines(before, found, wanted);
            match merge.to_string() {
                _ if merge.is_conflicted() => Change::OfferBeside,
                joined if joined == found => Change::KeepEdit,
                joined => Change::Join(joined),
            }
        }
        _ => Change::OfferBeside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_edit_is_lost_and_no_change_of_the_release_either() {
        let before = "a\nb\nc\nd\n";
        let edited = "A\nb\nc\nd\n";
        for (base, found, wanted, change) in [
            (Some(before), before, before, Change::None),
            (Some(before), before, "a\nb\nc\nD\n", Change::Write),
            (Some(before), edited, before, Change::KeepEdit),
            (Some(before), edited, "a\nb\nc\nD\n", Change::Join("A\nb\nc\nD\n".into())),
            (Some(before), edited, "1\nb\nc\nd\n", Change::OfferBeside),
            (Some(before), "A\nb\nc\nD\n", "a\nb\nc\nD\n", Change::KeepEdit),
            (Some(before), edited, edited, Change::None),
            (None, edited, before, Change::OfferBeside),
            (None, before, before, Change::None),
        ] {
            assert_eq!(reconcile(base, found.as_bytes(), wanted), change, "{found:?} {wanted:?}");
        }
        assert_eq!(reconcile(Some(before), b"\xff", "a\n"), Change::OfferBeside);
        assert_eq!(reconcile(Some(before), b"\xff", before), Change::KeepEdit);
    }

    #[test]
    fn what_was_joined_is_not_joined_again() {
        let (before, wanted) = ("a\nb\nc\nd\n", "a\nb\nc\nD\n");
        let Change::Join(joined) = reconcile(Some(before), b"A\nb\nc\nd\n", wanted) else {
            panic!("no join")
        };
        assert_eq!(reconcile(Some(before), joined.as_bytes(), wanted), Change::KeepEdit);
        assert_eq!(reconcile(Some(wanted), joined.as_bytes(), wanted), Change::KeepEdit);
    }
}
