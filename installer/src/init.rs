//! Asking for `site.toml`: at a terminal, or of flags. Every answer is checked when it is given, by what reads the file;
//! what a file says already is the default, and its comments stay.

mod document;
mod given;
mod interview;
mod person;
mod question;
mod questions;
mod summary;

pub use self::document::{Document, Field};
pub use self::given::Given;
pub use self::interview::Interview;
pub use self::person::{Person, Terminal};
pub use self::questions::{Known, ask_all};
pub use self::summary::Summary;
