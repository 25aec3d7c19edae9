//! A license that the vendor sent: checked as the product will check it, compared with what is in force, put in place.
//!
//! Attacks and accidents: a license of another machine, product or vendor, or one that was changed on its way; one that takes
//! seats, modules or days away; a next term that would take the place of the present one; a power cut between two files; a
//! product that does not come up with it. The answers: what the product would refuse goes nowhere; what makes things worse is
//! said, and asked about; a term that has not begun lies beside; a file is replaced whole, and the one before is kept; what
//! does not become healthy is taken back.

mod difference;
mod offer;
mod place;

pub use self::difference::Change;
pub use self::offer::Offer;
