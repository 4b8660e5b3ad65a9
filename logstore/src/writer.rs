//! Taking records: opened before the first byte, settled after the last.
use crate::record::{Entry, Outcome, Verdict};
use crate::{StartError, Unwritable};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process (`kill -9`).
    Process,
    /// Also a power cut.
    Power,
}

/// Where and how the register is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The register's folder.
    pub dir: PathBuf,
    /// Name of this gate.
    pub node: String,
    /// What a commit survives.
    pub durability: Durability,
}

/// What the start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Records settled before the crash and filed only now.
    pub filed: u64,
    /// Records left open by the crash, closed as interrupted.
    pub interrupted: u64,
}

/// Whether records can be taken.
#[derive(Debug, Clone)]
pub enum Health {
    /// They can.
    Writable,
    /// They can't, since when (UTC µs) and why.
    Unwritable {
        /// Since.
        since: i64,
        /// Why.
        why: Arc<str>,
    },
}

/// The register of this gate. Cheap to clone.
#[derive(Clone)]
pub struct Register {}

impl Register {
    /// Opens the register, recovers what a crash left, starts the writers.
    pub async fn start(_settings: Settings) -> Result<(Register, Recovery), StartError> {
        todo!()
    }
    /// Owes a record: when this returns, the record is committed.
    ///
    /// Cancel safety: dropped while waiting, the record is settled as abandoned.
    pub async fn open(&self, _entry: Entry) -> Result<OwedRecord, Unwritable> {
        todo!()
    }
    /// Whether records can be taken now.
    pub fn health(&self) -> Health {
        todo!()
    }
    /// Returns when everything taken so far can be found by a search.
    pub async fn flush(&self) -> Result<(), Unwritable> {
        todo!()
    }
    /// From now on, records dropped are settled as interrupted: the gate is shutting down.
    pub fn interrupting(&self) {
        todo!()
    }
    /// Files everything and stops. Returns how many records could not be filed (they stay in the journal).
    pub async fn finish(self) -> u64 {
        todo!()
    }
}

/// A record that is owed: it must be settled. Dropped, it is settled as what happened.
#[must_use = "a record that is dropped at once says that the client left"]
pub struct OwedRecord {}

impl OwedRecord {
    /// The record's identifier, shown on pages as the reference.
    pub fn id(&self) -> i64 {
        todo!()
    }
    /// Where the connection really went.
    pub fn went_to(&mut self, _address: IpAddr) {
        todo!()
    }
    /// What the client was answered.
    pub fn answered(&mut self, _status: u16) {
        todo!()
    }
    /// A later decision on the same exchange (the name in the ClientHello) takes the place of the first.
    pub fn decided_again(&mut self, _verdict: Verdict, _tls_name: Option<&str>) {
        todo!()
    }
    /// Adds payload bytes client→origin.
    pub fn sent(&self, _bytes: u64) {
        todo!()
    }
    /// Adds payload bytes origin→client.
    pub fn received(&self, _bytes: u64) {
        todo!()
    }
    /// Settles it.
    pub fn settle(self, _outcome: Outcome) {
        todo!()
    }
}
