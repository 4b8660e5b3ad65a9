//! The field register: every stored field with its class, purposes, legal basis, retention and exports.
//!
//! The table is `fields.toml`; the legal documents and the exports are written from it. Tests compare it with the real
//! day file and with [`Record`](crate::Record), in both directions, so that no field is kept without being declared.

use serde::Deserialize;
use std::sync::LazyLock;

/// One stored field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name, in the day file and in every output.
    pub name: String,
    /// What kind of data it is.
    pub class: Class,
    /// What it is kept for: purpose codes.
    pub purpose: Vec<String>,
    /// Identifiers of the legal requirements it rests on, explained in `docs/RECORDS.md`.
    pub basis: Vec<String>,
    /// What bounds its life.
    pub retention: Retention,
    /// Which exports carry it.
    pub export: Vec<Export>,
    /// One sentence on what it says.
    pub says: String,
}

/// Kinds of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Who.
    Identity,
    /// When, how much, by which way.
    Traffic,
    /// Where to: may reveal what a person reads.
    Destination,
    /// What was decided and why.
    Decision,
    /// What the register needs to be a register.
    Proof,
}

/// What bounds a field's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retention {
    /// The day's: it goes when its day file goes.
    Day,
}

/// Exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Export {
    /// To the person concerned.
    Subject,
    /// To an authority.
    Requisition,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    field: Vec<Field>,
}

/// Every stored field, in the order of outputs.
pub fn fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "compiled in, and a test parses it")]
        let table: Table = toml::from_str(include_str!("../fields.toml")).expect("fields.toml");
        table.field
    });
    &FIELDS
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says so by failing")]
    use super::*;
    use crate::day::Day;
    use crate::dayfile::open::OpenDay;
    use crate::{Action, Auth, Durability, Keys, Record};
    use sqlx::Connection as _;
    use std::collections::BTreeSet;

    #[test]
    fn blocks_hold_the_declared_fields_and_no_other() {
        let declared: Vec<&str> = fields().iter().map(|field| field.name.as_str()).collect();
        assert_eq!(declared, crate::columns::FIELDS);
    }

    #[tokio::test]
    async fn a_day_file_shows_nothing_but_what_is_said_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (day, keys) = (Day::of(0), Keys::open(&dir.path().join("keys"), dir.path()).unwrap());
        let Ok(open) = OpenDay::open(dir.path(), day, Durability::Process, &keys).await else { panic!("not opened") };
        open.close().await.unwrap();
        let address = format!("sqlite:{}", day.file(dir.path()).display());
        let mut file = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name")
            .fetch_all(&mut file)
            .await
            .unwrap();
        assert_eq!(tables, ["batch", "block", "checkpoint", "meta", "part"]);
        let said: Vec<String> = sqlx::query_scalar("SELECT key FROM meta").fetch_all(&mut file).await.unwrap();
        assert_eq!(said, ["day", "key", "state"]);
    }

    #[test]
    fn a_record_shows_the_declared_fields_in_their_order() {
        let record = Record {
            id: 1,
            node: "gate".into(),
            opened_at: 0,
            closed_at: None,
            user: None,
            auth: Auth::Address,
            client_ip: [10, 0, 0, 1].into(),
            method: String::new(),
            scheme: String::new(),
            host: None,
            port: 0,
            tls_name: None,
            masked: None,
            path: None,
            destination_ip: None,
            status: None,
            bytes_sent: 0,
            bytes_received: 0,
            action: Action::Allow,
            outcome: None,
            rule: None,
            article: None,
            category: None,
            charter: String::new(),
        };
        let json = serde_json::to_string(&record).unwrap();
        let shown: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
        let declared: Vec<&str> = fields().iter().map(|field| field.name.as_str()).collect();
        assert_eq!(
            shown.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            declared.iter().copied().collect::<BTreeSet<_>>()
        );
        let places: Vec<_> = declared.iter().map(|name| json.find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{declared:?} against {json}");
    }

    #[test]
    fn every_basis_is_explained() {
        let explained = include_str!("../../docs/RECORDS.md");
        for field in fields() {
            assert!(!field.basis.is_empty() && !field.purpose.is_empty(), "{}", field.name);
            for basis in &field.basis {
                assert!(explained.contains(&format!("| {basis} |")), "{} cites {basis}", field.name);
            }
            assert!(explained.contains(&format!("| `{}` |", field.name)), "{} is not described", field.name);
        }
    }
}
