//! The bundle file: FORMAT.md, section by section.
//!
//! Attacks this module is written against: a changed, cut or lengthened file; a head that claims sizes to exhaust
//! memory; frames that decompress to more than was signed; a tar that two readers understand differently; a file that
//! changes while it is read. The answers: caps before allocations; a chunk is hashed in memory and that same memory is
//! what the decompressor gets ([`chunk::Authenticated`]); sizes are compared with the signed ones at every step; tar
//! headers are not parsed but compared with the only ones that the manifest allows ([`tar`]).

#[cfg(feature = "write")]
pub mod assemble;
#[cfg(feature = "write")]
pub mod body_writer;
pub mod chunk;
pub mod cut;
pub mod found;
pub mod frame;
#[cfg(feature = "write")]
pub mod frame_writer;
pub mod head;
pub mod kept;
mod lookalike;
pub mod reader;
#[cfg(feature = "write")]
pub mod sealing;
#[cfg(feature = "write")]
pub mod split;
pub mod tar;
#[cfg(feature = "write")]
pub mod unsigned;
pub mod volume_problem;
pub mod volumes;

pub use kept::Kept;
pub use reader::{Bundle, Incomplete};
