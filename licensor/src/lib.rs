//! The license of a product: what identifies a host ([`fingerprint`]), the request for a license ([`request`]), the
//! license and how it is signed ([`license`], `issue`), and the check inside the product ([`check`]).
//!
//! Promises: the check reads files and nothing else, never fails and never panics; its answer is a [`Verdict`]. No raw
//! serial number leaves a host, only keyed and shortened tags. A value that many machines share is never a component.
//! Refuses: to match nothing with nothing, and to read from a place that others than root can write.
//! What it cannot see: a virtual machine moved with its UUID and MAC addresses, and a root user who lies about the host
//! (docs/fingerprint.md).

pub mod check;
#[cfg(feature = "issue")]
pub mod cli;
pub mod component;
#[cfg(feature = "issue")]
pub mod diff;
pub mod drift;
pub mod error;
mod explain;
pub mod fingerprint;
pub mod grade;
mod host;
pub mod id;
#[cfg(feature = "fingerprint")]
pub mod install_key;
#[cfg(feature = "issue")]
pub mod issue;
mod junk;
#[cfg(feature = "issue")]
pub mod ledger;
pub mod license;
pub mod licenses;
#[cfg(feature = "issue")]
pub mod plans;
mod refusal;
pub mod reload;
pub mod request;
pub mod score;
pub mod snapshot;
pub mod tag;
#[cfg(feature = "issue")]
pub mod term;
#[cfg(test)]
mod testkit;
pub mod verdict;

pub use check::{LicenseInputs, check};
pub use component::{Class, Component, Kind, Quality};
pub use error::{Error, Result};
pub use fingerprint::{Environment, Fingerprint, Info};
pub use grade::Grade;
pub use id::Id;
pub use license::License;
pub use request::Request;
pub use snapshot::Snapshot;
pub use tag::Tag;
pub use verdict::{Reason, State, Verdict};
