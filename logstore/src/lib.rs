//! The register: what passed, written before it passes, kept by day, shown to those entitled.
//!
//! This crate speaks of records and days. A method or a status is a value it was given; it knows nothing of HTTP nor
//! of why something was refused.
//!
//! A record's way: [`Register::open`] owes it (the `journal` commits it, then the caller may let the first byte go),
//! [`OwedRecord::settle`] says how it ended, `filing` puts it in its day file, [`search()`] finds it there. What a
//! crash left in the journal is filed at the next start by `recovery`. Read `writer` first.

pub mod alike;
pub mod approvals;
pub mod audit;
pub mod bundle;
mod canonical;
mod chain;
mod cipher;
mod clock;
mod columns;
pub mod condition;
mod crash;
mod day;
mod dayfile;
pub mod deadline;
mod erasure;
pub mod error;
pub mod exceptions;
#[cfg(test)]
mod faults;
pub mod fields;
mod filing;
pub mod hold;
pub mod import;
mod journal;
mod keeper;
pub mod keys;
pub mod ledger;
mod owed;
mod pace;
pub mod people;
pub mod proof;
pub mod pseudonym;
pub mod record;
mod recovery;
pub mod requests;
pub mod requisitions;
pub mod retention;
mod row;
pub mod seal;
pub mod search;
pub mod statements;
pub mod stats;
mod tree;
pub mod verify;
pub mod writer;

pub use alike::{Alike, Counter, Field, count, count_without};
pub use chain::ChainError;
pub use cipher::PublicKey;
pub use clock::ClockState;
pub use condition::{ChainState, Condition, condition};
pub use erasure::{EraseError, Erased, erase, erase_pending_offline};
pub use error::{SealError, SearchError, StartError, Unwritable};
pub use filing::{COMMIT_BOUNDS, CommitTimes};
pub use import::{Imported, Importer};
pub use keeper::purge_offline;
pub use keys::{KeyError, Keys};
pub use ledger::{Ledger, LedgerError, OpenLedger};
pub use owed::OwedRecord;
pub use proof::{DayProof, ProvenDay, ProvenRecord, visit_proven};
pub use record::{Action, Auth, Entry, Outcome, Record, Verdict};
pub use recovery::settle_leftovers;
pub use retention::{PurgeError, Purged, announce};
pub use seal::{Seal, Sealed};
pub use search::{HostFilter, Search, search, visit};
pub use stats::{Statistics, statistics};
pub use verify::{Finding, Report, verify};
pub use writer::{Backlog, Durability, Health, Recovery, Register, Settings};
