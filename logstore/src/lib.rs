//! The register: what passed, written before it passes, kept by day, shown to those entitled.
//!
//! This crate speaks of records and days. A method or a status is a value it was given; it knows nothing of HTTP nor
//! of why something was refused.

pub mod error;
pub mod record;
pub mod search;
pub mod writer;

pub use error::{StartError, Unwritable};
pub use record::{Action, Auth, Entry, Outcome, Record, Verdict};
pub use writer::{Durability, Health, OwedRecord, Recovery, Register, Settings};
