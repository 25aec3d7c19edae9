//! The site's certificate: a chain and its key, what they are good for, and which pair is in service.
//!
//! Attacks and accidents: a key that is not the certificate's; a certificate for other names, not yet or no longer valid;
//! a power cut between two files; a new pair that no service can use. The answers: everything is checked before anything
//! is put in place; the pair that is in service is one file, and the one before it stays; what does not become healthy is
//! taken back.

mod facts;
mod pair;
mod pinned;
mod renew;
mod store;

pub use self::facts::Facts;
pub use self::pair::Pair;
pub use self::pinned::client;
pub use self::renew::renew;
pub use self::store::{Choice, current, installed, previous, put, remember, remove};

#[cfg(test)]
pub(crate) use self::pair::tests;
