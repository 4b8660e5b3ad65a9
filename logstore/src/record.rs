//! The record of one exchange, from the moment it is owed to the moment it is settled.
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// The verdict as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Let through.
    Allow,
    /// Turned back.
    Block,
    /// Let through after a warning.
    Warn,
    /// Let through on a budget.
    Budget,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Answered whole.
    Completed,
    /// Turned back by the gate.
    Refused,
    /// The origin, or the gate, could not answer.
    Failed,
    /// The client left before the end.
    Abandoned,
    /// Cut by a crash or a shutdown of the gate.
    Interrupted,
    /// Goes on in the next day's file.
    Continued,
}

/// How the account was established.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Kerberos.
    Negotiate,
    /// Name and password.
    Basic,
    /// The visitors' portal.
    Portal,
    /// The client's address.
    Address,
}

/// What was decided, in the words of the charter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The action.
    pub action: Action,
    /// Rule id.
    pub rule: Option<Arc<str>>,
    /// Article of the charter.
    pub article: Option<Arc<str>>,
    /// Category id.
    pub category: Option<Arc<str>>,
    /// Version and hash of the charter in force.
    pub charter: Arc<str>,
}

/// What is known when an exchange begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// UTC, microseconds since 1970.
    pub opened_at: i64,
    /// The account, if known.
    pub user: Option<Arc<str>>,
    /// How it is known.
    pub auth: Auth,
    /// The client's address.
    pub client_ip: IpAddr,
    /// The method as a text.
    pub method: Arc<str>,
    /// The scheme as a text.
    pub scheme: &'static str,
    /// Normal form; `None` when masked.
    pub host: Option<Box<str>>,
    /// The port.
    pub port: u16,
    /// `None` unless the detail asked for it.
    pub path: Option<Box<str>>,
    /// Why the destination is withheld.
    pub masked: Option<&'static str>,
    /// The decision.
    pub verdict: Verdict,
}
/// A record as it is read back: every field of the register, in the order of `fields.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Unique on its node, increasing.
    pub id: i64,
}
