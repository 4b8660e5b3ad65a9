//! A record as `octroi log search --json` shows it.
use serde::{Deserialize, Deserializer};

/// One record; the fields of the outside surface.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the fields are described where they are defined, in docs/RECORDS.md")]
pub struct Record {
    pub id: i64,
    pub node: String,
    pub opened_at: String,
    pub closed_at: Option<String>,
    pub user: Option<String>,
    pub auth: String,
    pub client_ip: String,
    pub method: String,
    pub scheme: String,
    pub host: Option<String>,
    pub port: u16,
    pub masked: Option<String>,
    pub path: Option<String>,
    pub destination_ip: Option<String>,
    pub status: Option<u16>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub action: String,
    #[serde(deserialize_with = "open_while_null")]
    pub outcome: String,
    pub rule: Option<String>,
    pub article: Option<String>,
    pub category: Option<String>,
    pub charter: String,
}

/// The names of all fields, each of which every record states, as null when it has none.
pub const FIELDS: [&str; 23] = [
    "id",
    "node",
    "opened_at",
    "closed_at",
    "user",
    "auth",
    "client_ip",
    "method",
    "scheme",
    "host",
    "port",
    "masked",
    "path",
    "destination_ip",
    "status",
    "bytes_sent",
    "bytes_received",
    "action",
    "outcome",
    "rule",
    "article",
    "category",
    "charter",
];

/// An exchange that goes on has no outcome yet: here it reads `open`.
fn open_while_null<'de, D: Deserializer<'de>>(outcome: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(outcome)?.unwrap_or_else(|| "open".to_owned()))
}

impl Record {
    /// Host and path as asked, for a register that keeps both.
    pub fn place(&self) -> String {
        format!("{}{}", self.host.as_deref().unwrap_or(""), self.path.as_deref().unwrap_or(""))
    }
}
