//! A record as it is shown, to people and to the programs it is sent to: by its names, or by pseudonyms.

use logstore::Record;
use logstore::pseudonym::Pseudonyms;
use serde_json::Value;
use std::fmt::Write as _;

/// The fields of a record, in the order in which they are shown.
pub(crate) const FIELDS: [&str; 25] = [
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
    "tls_name",
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
    "pseudonyms",
];

/// A record as it is shown: by its names, or by pseudonyms.
pub(crate) struct Shown {
    /// As it was filed; its `user` and `client_ip` are not to be shown.
    pub(crate) record: Record,
    /// The account, or what stands for it.
    pub(crate) user: Option<String>,
    /// The address, or what stands for it.
    pub(crate) client: String,
    pseudonyms: bool,
}

impl Shown {
    /// Shows a record; under pseudonyms, unless names are open.
    pub(crate) fn new(record: Record, pseudonyms: Option<&Pseudonyms>) -> Shown {
        let month = pseudonyms.map(|pseudonyms| pseudonyms.month(record.opened_at));
        let user = record.user.as_ref();
        let (user, client) = match &month {
            Some(month) => (user.map(|user| month.user(user)), month.address(record.client_ip)),
            None => (user.cloned(), record.client_ip.to_string()),
        };
        Shown { user, client, pseudonyms: month.is_some(), record }
    }

    /// Every field and its value, in the order of [`FIELDS`].
    pub(crate) fn fields(&self) -> Vec<(&'static str, Value)> {
        let mut record = serde_json::to_value(&self.record).unwrap_or_default();
        record["user"] = self.user.clone().into();
        record["client_ip"] = self.client.clone().into();
        record["pseudonyms"] = self.pseudonyms.into();
        FIELDS.into_iter().map(|name| (name, record[name].take())).collect()
    }

    /// The record as an object of JSON, on one line.
    pub(crate) fn json(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.fields() {
            let before = if text.is_empty() { '{' } else { ',' };
            // Writing into a String does not fail.
            let _ = write!(text, "{before}\"{name}\":{value}");
        }
        text.push('}');
        text
    }
}
