//! What came of the operations: how many succeeded and how long they took, how many failed and of what.

use crate::histogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// No connection to the proxy.
    Dial,
    /// The request could not be sent.
    Write,
    /// The connection broke while the answer was awaited.
    Read,
    /// The connection ended before the answer did.
    CutShort,
    /// The answer isn't HTTP/1.1 as it is written here.
    Malformed,
    /// Another status than the expected one.
    Status(u16),
    /// The body is not what the origin has.
    Body,
    /// It took longer than anybody waits.
    TimeOut,
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Dial => to.write_str("no connection"),
            Failure::Write => to.write_str("not sent"),
            Failure::Read => to.write_str("broken"),
            Failure::CutShort => to.write_str("cut short"),
            Failure::Malformed => to.write_str("malformed"),
            Failure::Status(status) => write!(to, "status {status}"),
            Failure::Body => to.write_str("wrong body"),
            Failure::TimeOut => to.write_str("time-out"),
        }
    }
}

/// Counts of one row, or of one kind of clients.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How long successes took.
    pub(crate) times: Histogram,
    /// Successes.
    pub(crate) ok: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: u64,
    /// Kept connections found closed when they were used again, and dialled anew: no failure (RFC 9112 §9.3.1).
    pub(crate) redialled: u64,
    /// Failures by kind.
    pub(crate) failures: BTreeMap<Failure, u64>,
}

impl Tally {
    /// Counts an operation that brought so many bytes, or failed.
    pub(crate) fn count(&mut self, took: Duration, came: Result<u64, Failure>) {
        match came {
            Ok(bytes) => {
                self.ok += 1;
                self.bytes += bytes;
                self.times.add(took.as_micros() as u64);
            }
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// The failures by kind, in words.
    pub(crate) fn kinds(&self) -> Value {
        self.failures.iter().map(|(failure, count)| (failure.to_string(), json!(count))).collect()
    }

    /// All of it, for who reads JSON.
    pub(crate) fn told(&self, seconds: f64) -> Value {
        json!({
            "ok": self.ok,
            "failed": self.failed(),
            "failures": self.kinds(),
            "redialled": self.redialled,
            "bytes": self.bytes,
            "seconds": seconds,
            "p50_us": self.times.quantile(0.5),
            "p99_us": self.times.quantile(0.99),
            "max_us": self.times.largest(),
        })
    }
}
