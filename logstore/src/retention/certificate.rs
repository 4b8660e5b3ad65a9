//! What attests that something was erased.

use crate::cipher::Hash;
use serde::{Deserialize, Serialize};

/// The attestation that days were erased. Nothing about a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Certificate {
    /// Whose register it is.
    pub organisation: String,
    /// The gate.
    pub node: String,
    /// What was erased.
    pub days: Vec<ErasedDay>,
    /// What was erased of the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts: Option<ErasedActs>,
    /// Where it was erased.
    pub stores: Vec<String>,
    /// How many legal holds had records extracted before; of judicial ones nothing is said.
    pub holds: u64,
    /// Their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold_numbers: Vec<u64>,
    /// The hold whose extracts were destroyed, when that is attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<ReleasedHold>,
    /// RFC 3339, UTC.
    pub began: String,
    /// RFC 3339, UTC.
    pub ended: String,
    /// What made it happen.
    pub trigger: String,
    /// The program's version.
    pub program: String,
}

/// One day that was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedDay {
    /// The UTC day.
    pub day: String,
    /// How many records its seal counted; `None` when it was never sealed.
    pub records: Option<u64>,
    /// The root of its seal.
    pub root: Option<String>,
    /// The hash of its seal.
    pub seal: Option<String>,
    /// The term it was kept for, in days.
    pub term_days: u16,
    /// The last day it could be kept.
    pub kept_until: String,
}

/// The beginning of the audit trail, erased. What is left of it begins behind this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedActs {
    /// The number of the last entry erased.
    pub through: u64,
    /// Its hash, which the next one names.
    pub hash: String,
    /// How many acts.
    pub acts: u64,
    /// All of them were before this instant (RFC 3339, UTC).
    pub before: String,
}

/// A hold that is over, and what was destroyed of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedHold {
    /// Its number.
    pub hold: u64,
    /// Of how many days there were extracts.
    pub days: u64,
    /// How many records these had.
    pub records: u64,
}

/// What a purge has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// What is attested.
    pub certificate: Certificate,
    /// The hash of the certificate's entry.
    pub hash: Hash,
    /// Days erased more than 48 hours after their time.
    pub late: Vec<String>,
}
