//! Which records a statement concerns.

use crate::cipher::{hex, random, sha256};
use crate::record::Record;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Which records a statement concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Concerns {
    /// These.
    Records(Vec<Place>),
    /// Those of this account, whatever the case of its letters, in this time.
    User(String, Span),
    /// Those of this address in this time, whoever used it.
    Client(IpAddr, Span),
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Its UTC day.
    pub day: String,
    /// Its identifier.
    pub id: i64,
}

/// A time: from an instant, before another (UTC µs); without an end what is still to come belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span {
    /// From this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
}

impl Span {
    pub(super) fn holds(self, at: i64) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

impl Concerns {
    /// Whether a record is concerned.
    pub fn covers(&self, record: &Record) -> bool {
        match self {
            Concerns::Records(places) => places.iter().any(|place| place.id == record.id),
            Concerns::User(user, span) => {
                record.user.as_deref().is_some_and(|name| folded(name) == folded(user)) && span.holds(record.opened_at)
            }
            Concerns::Client(client, span) => {
                client.to_canonical() == record.client_ip.to_canonical() && span.holds(record.opened_at)
            }
        }
    }
}

/// Names compare whatever their case.
pub(super) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// By what records that were erased are known should somebody bring them again: hashes under a salt of their own, which are
/// hidden with the statement and go with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    salt: String,
    of: BTreeSet<String>,
}

impl Marks {
    /// Those of records in this form.
    pub(crate) fn of(forms: &[Vec<u8>]) -> Marks {
        let mut marks = Marks { salt: hex(&random::<16>()), of: BTreeSet::new() };
        marks.of = forms.iter().map(|form| marks.mark(form)).collect();
        marks
    }

    fn mark(&self, form: &[u8]) -> String {
        hex(&sha256(&[self.salt.as_bytes(), form].concat())[..16])
    }

    /// Whether a record in this form is one of them.
    pub(crate) fn has(&self, form: &[u8]) -> bool {
        self.of.contains(&self.mark(form))
    }
}
