//! A record as it is shown: by its names, or by pseudonyms.

use jiff::Timestamp;
use logstore::ledger::Entry;
use logstore::pseudonym::Pseudonyms;
use logstore::statements::{Statement, Statements};
use logstore::{Action, Auth, Outcome, Record};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The fields of a record, in the order in which they are shown.
pub(crate) const FIELDS: [&str; 26] = [
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
    "statements",
];

/// A record as it is shown; written as JSON it has the fields of [`FIELDS`], in that order.
///
/// The register's own [`Record`] holds names: of what is shown under pseudonyms, only this leaves the process. The fields
/// are the record's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) id: i64,
    pub(crate) node: String,
    #[serde(with = "instant")]
    pub(crate) opened_at: i64,
    #[serde(with = "instant::optional")]
    pub(crate) closed_at: Option<i64>,
    /// The account, or its pseudonym.
    pub(crate) user: Option<String>,
    pub(crate) auth: Auth,
    /// The address, or its pseudonym.
    pub(crate) client_ip: String,
    pub(crate) method: String,
    pub(crate) scheme: String,
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
    pub(crate) tls_name: Option<String>,
    pub(crate) masked: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) destination_ip: Option<IpAddr>,
    pub(crate) status: Option<u16>,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) action: Action,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) rule: Option<String>,
    pub(crate) article: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) charter: String,
    /// Whether account and address are pseudonyms.
    pub(crate) pseudonyms: bool,
    /// What was said of it since.
    #[serde(default)]
    pub(crate) statements: Vec<Stated>,
}

/// A statement beside a record. Under pseudonyms its kind alone: the rest may name somebody, or join two months.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stated {
    /// `rectification`, `restriction`, `lifted`, `objection`, `decided`.
    pub(crate) kind: String,
    /// Its number.
    pub(crate) number: Option<u64>,
    #[serde(with = "instant::optional")]
    pub(crate) at: Option<i64>,
    /// Who wrote it.
    pub(crate) who: Option<String>,
    /// The request it answers.
    pub(crate) reference: Option<String>,
    /// What it says.
    pub(crate) text: Option<String>,
}

impl Stated {
    fn of(entry: &Entry<Statement>, is_open: bool) -> Stated {
        let Entry { number, at, who, what } = entry;
        let named = |text: &String| is_open.then(|| text.clone());
        Stated {
            kind: what.says.kind().to_owned(),
            number: is_open.then_some(*number),
            at: is_open.then_some(*at),
            who: named(who),
            reference: named(&what.reference),
            text: named(&what.text),
        }
    }
}

impl Shown {
    /// Shows a record; under pseudonyms, unless names are open.
    pub(crate) fn new(record: Record, pseudonyms: Option<&Pseudonyms>) -> Shown {
        let month = pseudonyms.map(|pseudonyms| pseudonyms.month(record.opened_at));
        let (user, client_ip) = match &month {
            Some(month) => (record.user.map(|user| month.user(&user)), month.address(record.client_ip)),
            None => (record.user, record.client_ip.to_string()),
        };
        Shown {
            id: record.id,
            node: record.node,
            opened_at: record.opened_at,
            closed_at: record.closed_at,
            user,
            auth: record.auth,
            client_ip,
            method: record.method,
            scheme: record.scheme,
            host: record.host,
            port: record.port,
            tls_name: record.tls_name,
            masked: record.masked,
            path: record.path,
            destination_ip: record.destination_ip,
            status: record.status,
            bytes_sent: record.bytes_sent,
            bytes_received: record.bytes_received,
            action: record.action,
            outcome: record.outcome,
            rule: record.rule,
            article: record.article,
            category: record.category,
            charter: record.charter,
            pseudonyms: month.is_some(),
            statements: Vec::new(),
        }
    }

    /// The same, with what was said of it.
    pub(crate) fn stated(record: Record, pseudonyms: Option<&Pseudonyms>, statements: &Statements) -> Shown {
        let of = statements.of(&record).into_iter().map(|entry| Stated::of(entry, pseudonyms.is_none()));
        let statements = of.collect();
        Shown { statements, ..Shown::new(record, pseudonyms) }
    }
}

/// An instant in microseconds of UTC, written as the register writes it: `2026-11-23T18:45:00.123456Z`.
mod instant {
    use super::Timestamp;
    use jiff::fmt::temporal::DateTimePrinter;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(micros: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        let nearest = if *micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let at = Timestamp::from_microsecond(*micros).unwrap_or(nearest);
        serializer.serialize_str(&PRINTER.timestamp_to_string(&at))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<Timestamp>().map(|at| at.as_microsecond()).map_err(D::Error::custom)
    }

    pub(super) mod optional {
        use super::{Deserialize, Deserializer, Error, Serializer, Timestamp};

        pub(in super::super) fn serialize<S: Serializer>(micros: &Option<i64>, out: S) -> Result<S::Ok, S::Error> {
            match micros {
                Some(micros) => super::serialize(micros, out),
                None => out.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
            let text = Option::<String>::deserialize(from)?;
            text.map(|text| text.parse::<Timestamp>().map(|at| at.as_microsecond()))
                .transpose()
                .map_err(D::Error::custom)
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::Value;

    /// A tunnel of p.dupont's.
    pub(crate) fn tunnel() -> Record {
        Record {
            id: 7,
            node: "gate1".to_owned(),
            opened_at: 1_795_459_500_123_456,
            closed_at: Some(1_795_459_501_623_456),
            user: Some("p.dupont".to_owned()),
            auth: Auth::Basic,
            client_ip: "10.0.0.12".parse().expect("an address"),
            method: "CONNECT".to_owned(),
            scheme: "https".to_owned(),
            host: Some("a.test".to_owned()),
            port: 443,
            tls_name: None,
            masked: None,
            path: None,
            destination_ip: Some("192.0.2.7".parse().expect("an address")),
            status: Some(200),
            bytes_sent: 10,
            bytes_received: 20,
            action: Action::Allow,
            outcome: Some(Outcome::Completed),
            rule: None,
            article: None,
            category: None,
            charter: "1@abc".to_owned(),
        }
    }

    #[test]
    fn what_is_shown_is_every_field_of_the_register_in_order() {
        let shown = Shown::new(tunnel(), None);
        let text = serde_json::to_string(&shown).expect("written");
        let Value::Object(mut stored) = serde_json::to_value(tunnel()).expect("written") else { unreachable!() };
        stored.insert("pseudonyms".to_owned(), false.into());
        stored.insert("statements".to_owned(), Value::Array(Vec::new()));
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), Value::Object(stored));
        let places: Vec<usize> =
            FIELDS.iter().map(|name| text.find(&format!("\"{name}\":")).expect("a field")).collect();
        assert!(places.is_sorted(), "{text}");
        assert_eq!(serde_json::from_str::<Shown>(&text).expect("read back"), shown);
    }

    #[test]
    fn pseudonyms_take_the_place_of_names() {
        let dir = tempfile::tempdir().expect("a folder");
        let pseudonyms = Pseudonyms::open(&dir.path().join("keys/pseudonyms")).expect("made");
        let text = serde_json::to_string(&Shown::new(tunnel(), Some(&pseudonyms))).expect("written");
        assert!(!text.contains("dupont") && !text.contains("10.0.0.12"), "{text}");
        assert!(text.contains("\"p-") && text.contains("\"a-") && text.contains("\"pseudonyms\":true"), "{text}");
    }
}
