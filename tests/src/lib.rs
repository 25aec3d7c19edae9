//! The testkit: the programs as shipped, and site hosts. See `tests/stories.rs` for how a story reads.

pub mod lab;
pub mod mail;
pub mod program;
pub mod secrets;
pub mod site;
pub mod vendor;
pub mod watched;

use std::path::PathBuf;

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
