//! The record of one exchange, from the moment it is owed to the moment it is settled.

use crate::clock;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Gives an enumeration the words it is written with, everywhere it is written.
macro_rules! words {
    ($type:ident, $what:literal: $($variant:ident = $word:literal),+ $(,)?) => {
        impl $type {
            /// Every value, in the order of the journal's numbers: append, never reorder.
            pub const ALL: &[$type] = &[$($type::$variant),+];

            /// The word it is kept and shown as.
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::record::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::record::UnknownWord> {
                match word {
                    $($word => Ok($type::$variant),)+
                    _ => Err($crate::record::UnknownWord { what: $what, word: word.into() }),
                }
            }
        }
    };
}
pub(crate) use words;

/// A word that names no value of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}")]
pub struct UnknownWord {
    /// What was expected.
    pub what: &'static str,
    /// What was found.
    pub word: Box<str>,
}

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
words!(Action, "action": Allow = "allow", Block = "block", Warn = "warn", Budget = "budget");

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
words!(Outcome, "outcome": Completed = "completed", Refused = "refused", Failed = "failed", Abandoned = "abandoned",
    Interrupted = "interrupted", Continued = "continued");

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
words!(Auth, "way of identifying": Negotiate = "negotiate", Basic = "basic", Portal = "portal", Address = "address");

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
///
/// When `masked` is set the register drops `host` and `path` by itself, before anything is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// UTC, microseconds since 1970. Its UTC day is the record's day.
    pub opened_at: i64,
    /// The account, if known.
    pub user: Option<Arc<str>>,
    /// How it is known.
    pub auth: Auth,
    /// The client's address; an IPv4 address mapped into IPv6 is kept as IPv4.
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

/// How an exchange ended, and what became known on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Never before the opening: a clock that steps back does not make a negative duration.
    pub(crate) closed_at: i64,
    pub(crate) destination_ip: Option<IpAddr>,
    pub(crate) status: Option<u16>,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) outcome: Outcome,
    pub(crate) later: Option<Box<Later>>,
}

/// A second decision on the same exchange, which takes the place of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) verdict: Verdict,
    pub(crate) tls_name: Option<Arc<str>>,
}

/// A record as it is read back: every field of the register, in the order of `fields.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Unique on its node, increasing.
    pub id: i64,
    /// The gate that wrote it.
    pub node: String,
    /// UTC, microseconds since 1970; shown as RFC 3339.
    #[serde(serialize_with = "clock::serialize", deserialize_with = "clock::deserialize")]
    pub opened_at: i64,
    /// The same; `None` while the exchange goes on.
    #[serde(serialize_with = "clock::serialize_opt", deserialize_with = "clock::deserialize_opt")]
    pub closed_at: Option<i64>,
    /// The account, if known.
    pub user: Option<String>,
    /// How it is known.
    pub auth: Auth,
    /// The client's address.
    pub client_ip: IpAddr,
    /// The method.
    pub method: String,
    /// The scheme.
    pub scheme: String,
    /// Normal form; `None` when masked.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
    /// The name in the ClientHello, when it was another than `host`.
    pub tls_name: Option<String>,
    /// Why the destination is withheld: category, person, guest.
    pub masked: Option<String>,
    /// The path, when the detail asked for it.
    pub path: Option<String>,
    /// Where the connection really went.
    pub destination_ip: Option<IpAddr>,
    /// What the client was answered.
    pub status: Option<u16>,
    /// Payload bytes client→origin; final once `closed_at` is set.
    pub bytes_sent: u64,
    /// Payload bytes origin→client; final once `closed_at` is set.
    pub bytes_received: u64,
    /// The verdict.
    pub action: Action,
    /// How it ended; `None` while the exchange goes on.
    pub outcome: Option<Outcome>,
    /// Rule id.
    pub rule: Option<String>,
    /// Article of the charter.
    pub article: Option<String>,
    /// Category id.
    pub category: Option<String>,
    /// Version and hash of the charter in force.
    pub charter: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_numbers_follow_the_order() {
        for (number, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(outcome.as_str().parse(), Ok(*outcome));
            assert_eq!(*outcome as usize, number);
            assert_eq!(serde_json::json!(outcome), outcome.as_str());
        }
        for (number, action) in Action::ALL.iter().enumerate() {
            assert_eq!((action.as_str().parse(), *action as usize), (Ok(*action), number));
        }
        for (number, auth) in Auth::ALL.iter().enumerate() {
            assert_eq!((auth.as_str().parse(), *auth as usize), (Ok(*auth), number));
        }
        assert_eq!("Allow".parse::<Action>().map_err(|e| e.to_string()), Err("`Allow` is no action".into()));
    }
}
