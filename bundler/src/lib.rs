//! The vendor's side of a bundle: built from images and packages where the vendor has them, signed, shown, compared with
//! another, cut and joined, taken apart, and handed over with an installer.
//!
//! Promises: the same input gives the same bytes; every layer is stored once, and every byte of an image and of a
//! package was compared with the digest that its source gives for it; nothing stands under the output's name before
//! the bundle is complete. Refuses: an image for another platform, layers that are fetched from elsewhere, packages
//! that their archive's key does not vouch for.

pub mod build;
mod cache;
mod changes;
pub mod cli;
mod counted;
mod debian_version;
mod decompress;
mod difference;
mod documents;
pub mod error;
mod extract;
mod foreign_tar;
pub mod handover;
mod hashed;
mod image;
mod image_archive;
mod image_check;
mod image_files;
mod layer_files;
mod new_file;
mod packages;
mod place;
mod press;
mod problems;
mod release_files;
mod room;
mod selection;
#[cfg(test)]
mod small_bundle;
mod source;
mod spool;
mod stored;

pub use build::{Build, Summary};
pub use error::{Error, Result};
pub use source::{RegistryAccess, RegistryFailure};
