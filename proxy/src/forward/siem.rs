//! Records as syslog messages, for a SIEM.

use super::carry::{Destination, Numbered};
use crate::config::Server;
use crate::outbound::Outbound;
use crate::shown::Shown;
use crate::syslog::{self, Connection, Message, Severity};
use logstore::pseudonym::Pseudonyms;
use logstore::{Action, Record};

/// Letters left of a path that makes its message longer than receivers take.
const PATH: usize = 1000;

/// A receiver of syslog messages.
pub(super) struct Siem {
    server: Server,
    outbound: Outbound,
    pseudonyms: Option<Pseudonyms>,
    connection: Option<Connection>,
}

impl Siem {
    pub(super) fn new(server: Server, outbound: Outbound, pseudonyms: Option<Pseudonyms>) -> Siem {
        Siem { server, outbound, pseudonyms, connection: None }
    }
}

impl Destination for Siem {
    async fn open(&mut self) -> Result<(), String> {
        self.connection = None;
        self.connection = Some(Connection::open(&self.outbound, &self.server).await?);
        Ok(())
    }

    async fn deliver(&mut self, records: &[Numbered]) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Err("not connected".to_owned()) };
        let mut frames = Vec::new();
        for (number, record) in records {
            syslog::frame(&message(record, *number, self.pseudonyms.as_ref()), &mut frames);
        }
        connection.write(&frames).await
    }

    async fn closed(&mut self) -> String {
        match &mut self.connection {
            Some(connection) => connection.closed().await,
            None => "not connected".to_owned(),
        }
    }

    async fn finish(&mut self) -> Result<(), String> {
        match self.connection.take() {
            Some(connection) => connection.finish().await,
            None => Ok(()),
        }
    }
}

/// The record as a message. Its time is the one of its end, when it became known.
fn message(record: &Record, number: u64, pseudonyms: Option<&Pseudonyms>) -> String {
    let mut shown = Shown::new(record.clone(), pseudonyms);
    let text = |json: &str| {
        let message = Message {
            severity: if record.action == Action::Block { Severity::Notice } else { Severity::Info },
            at: record.closed_at.unwrap_or(record.opened_at),
            node: &record.node,
            kind: "record",
            sequence: Some(number),
            json,
        };
        message.text()
    };
    let whole = text(&json(&shown));
    match &mut shown.path {
        // Cut by the receiver, it would be JSON no longer.
        Some(path) if whole.len() > syslog::LONGEST => {
            *path = path.chars().take(PATH).chain(['…']).collect();
            text(&json(&shown))
        }
        _ => whole,
    }
}

/// A record as an object of JSON in ASCII, on one line.
fn json(shown: &Shown) -> String {
    // A record has no keys but texts, and no numbers that are none: it can be written.
    serde_json::to_string(shown).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::tests::record;

    #[test]
    fn a_block_is_worth_attention_and_a_long_path_is_cut() {
        let allowed = record(1);
        assert!(message(&allowed, 0, None).starts_with("<134>1 2026-11-23T"));
        let blocked = Record { action: Action::Block, path: Some("/é".repeat(5000)), ..allowed };
        let text = message(&blocked, 0, None);
        assert!(text.starts_with("<133>1 ") && text.len() <= syslog::LONGEST, "{} octets", text.len());
        let (_, json) = text.split_once("] ").expect("structured data");
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(json["path"].as_str().map(|path| path.chars().count()), Some(PATH + 1));
    }
}
