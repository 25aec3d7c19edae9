//! Why bytes are no license of the vendor's: an error of the signatures, as a verdict. The words are those that the verifier
//! for Node.js uses too, so nothing of a library's own messages is in them.

use wt_keys::Error as KeyError;

use crate::{Error, Reason, State, Verdict};

pub fn refused(error: &Error) -> Verdict {
    let (state, reason) = match error {
        Error::Keys(KeyError::BadSignature { .. }) => (State::Untrusted, Reason::SigBad),
        Error::Keys(KeyError::UntrustedKey { .. } | KeyError::Threshold { .. }) => {
            (State::Untrusted, Reason::IssuerUnknown)
        }
        Error::Keys(
            KeyError::Role { .. }
            | KeyError::Product { .. }
            | KeyError::Validity { .. }
            | KeyError::TermTooLong { .. }
            | KeyError::TooManySeats { .. }
            | KeyError::RootCertified { .. },
        ) => (State::Untrusted, Reason::IssuerScope),
        Error::Keys(KeyError::KeyRevoked { .. }) => (State::Revoked, Reason::KeyRevoked),
        _ => (State::Untrusted, Reason::Format),
    };
    let detail = match error {
        // which of the two it is depends on the reader
        Error::Keys(KeyError::Json { what, .. } | KeyError::Malformed { what }) => {
            KeyError::Malformed { what }.to_string()
        }
        error => error.to_string(),
    };
    Verdict { detail: Some(detail), ..Verdict::new(state, reason) }
}

/// A file that is there and cannot be read, without the words of the operating system.
pub fn unreadable(error: &KeyError) -> Verdict {
    let detail = match error {
        KeyError::Io { source, .. } => match source.kind() {
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => "it is not a file that can be read".to_owned(),
        },
        error => error.to_string(),
    };
    Verdict { detail: Some(detail), ..Verdict::new(State::Unreadable, Reason::LicenseUnreadable) }
}
