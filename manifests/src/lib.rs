//! What a bundle says and how its bytes lie: the signed manifest, the file format (`FORMAT.md`), and `release.toml`.
//!
//! Promises: nothing in a bundle is interpreted before it is authenticated; one parse, one meaning.
//! Refuses: every byte that is not the one the manifest implies, unknown features, paths that could leave a folder.
#![doc = include_str!("../FORMAT.md")]

pub mod bundle;
pub mod byte_size;
#[cfg(feature = "templates")]
pub mod complete;
pub mod error;
pub mod image;
pub mod image_name;
pub mod manifest;
pub mod platform;
pub mod relative_path;
pub mod release;
pub mod site;
pub mod stack;
#[cfg(feature = "templates")]
pub mod template;
#[cfg(any(feature = "testkit", test))]
pub mod testkit;

pub use error::{Error, Result};
pub use image_name::ImageName;
pub use manifest::Manifest;
pub use platform::Platform;
pub use relative_path::RelativePath;
pub use stack::Stack;
