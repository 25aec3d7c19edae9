//! Who may say what: keys and key files, signed documents (DSSE envelopes), certificates, and the trust document.
//!
//! Promises: a document's content cannot be reached before its signature was checked ([`Verified`]); the exact
//! signed bytes are parsed, once; there is one place that verifies an Ed25519 signature, and it is strict.
//! Refuses: unknown or repeated fields, a second spelling of the same envelope, weak keys, a key in two roles.

mod at_most;
pub mod capped;
pub mod certificate;
pub mod chain;
#[cfg(all(feature = "certify", feature = "console"))]
pub mod cli;
#[cfg(feature = "console")]
pub mod console;
pub mod digest;
pub mod durable;
pub mod envelope;
pub mod error;
mod folder_of;
#[cfg(feature = "certify")]
pub mod issue;
pub mod key;
#[cfg(feature = "sign")]
pub mod key_file;
pub mod nameless;
pub mod private_file;
pub mod shown;
pub mod signed_file;
#[cfg(feature = "sign")]
pub mod signer;
#[cfg(feature = "sign")]
pub mod staged_folder;
#[cfg(any(feature = "testkit", all(test, feature = "certify")))]
pub mod testkit;
pub mod time;
pub mod trust;
mod written_as_string;

pub use certificate::{Certificate, Role};
pub use chain::{Chain, Trusted};
pub use digest::Sha256Digest;
pub use envelope::{Document, Envelope, Verified};
pub use error::{Error, Result};
pub use folder_of::folder_of;
#[cfg(feature = "sign")]
pub use key::SigningKey;
pub use key::{KeyId, PublicKey};
pub use shown::{shown, shown_path};
#[cfg(feature = "sign")]
pub use signer::Signer;
pub use time::Utc;
pub use trust::{Trust, TrustDocument};
