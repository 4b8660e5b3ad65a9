//! A record on its way to a day file and back.

use crate::cipher::Closed;
use crate::keys::KeyError;
use crate::record::{Ending, Entry, Outcome, Record, UnknownWord, Verdict};
use std::net::IpAddr;
use std::sync::Arc;

/// A record as the register handles it: open while `outcome` is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) node: Arc<str>,
    pub(crate) opened_at: i64,
    pub(crate) closed_at: Option<i64>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) auth: crate::Auth,
    pub(crate) client_ip: IpAddr,
    pub(crate) method: Arc<str>,
    pub(crate) scheme: Arc<str>,
    pub(crate) host: Option<Arc<str>>,
    pub(crate) port: u16,
    pub(crate) tls_name: Option<Arc<str>>,
    pub(crate) masked: Option<Arc<str>>,
    pub(crate) path: Option<Arc<str>>,
    pub(crate) destination_ip: Option<IpAddr>,
    pub(crate) status: Option<u16>,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) verdict: Verdict,
}

impl Row {
    /// A record that has just been opened.
    pub(crate) fn opened(id: i64, node: Arc<str>, entry: &Entry) -> Row {
        Row {
            id,
            node,
            opened_at: entry.opened_at,
            closed_at: None,
            user: entry.user.clone(),
            auth: entry.auth,
            client_ip: entry.client_ip.to_canonical(),
            method: entry.method.clone(),
            scheme: entry.scheme.into(),
            host: entry.host.as_deref().map(Arc::from),
            port: entry.port,
            tls_name: None,
            masked: entry.masked.map(Arc::from),
            path: entry.path.as_deref().map(Arc::from),
            destination_ip: None,
            status: None,
            bytes_sent: 0,
            bytes_received: 0,
            outcome: None,
            verdict: entry.verdict.clone(),
        }
    }

    /// Puts in how it ended.
    pub(crate) fn settle(&mut self, ending: &Ending) {
        self.closed_at = Some(ending.closed_at);
        self.destination_ip = ending.destination_ip;
        self.status = ending.status;
        self.bytes_sent = ending.bytes_sent;
        self.bytes_received = ending.bytes_received;
        self.outcome = Some(ending.outcome);
        if let Some(later) = &ending.later {
            self.verdict = later.verdict.clone();
            self.tls_name = later.tls_name.clone();
        }
    }

    /// The record as it is shown.
    pub(crate) fn record(&self) -> Record {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Record {
            id: self.id,
            node: self.node.to_string(),
            opened_at: self.opened_at,
            closed_at: self.closed_at,
            user: text(&self.user),
            auth: self.auth,
            client_ip: self.client_ip,
            method: self.method.to_string(),
            scheme: self.scheme.to_string(),
            host: text(&self.host),
            port: self.port,
            tls_name: text(&self.tls_name),
            masked: text(&self.masked),
            path: text(&self.path),
            destination_ip: self.destination_ip,
            status: self.status,
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            action: self.verdict.action,
            outcome: self.outcome,
            rule: text(&self.verdict.rule),
            article: text(&self.verdict.article),
            category: text(&self.verdict.category),
            charter: self.verdict.charter.to_string(),
        }
    }
}

impl From<Record> for Row {
    fn from(record: Record) -> Row {
        let text = |text: Option<String>| text.map(Arc::from);
        Row {
            id: record.id,
            node: record.node.into(),
            opened_at: record.opened_at,
            closed_at: record.closed_at,
            user: text(record.user),
            auth: record.auth,
            client_ip: record.client_ip.to_canonical(),
            method: record.method.into(),
            scheme: record.scheme.into(),
            host: text(record.host),
            port: record.port,
            tls_name: text(record.tls_name),
            masked: text(record.masked),
            path: text(record.path),
            destination_ip: record.destination_ip.map(|address| address.to_canonical()),
            status: record.status,
            bytes_sent: record.bytes_sent,
            bytes_received: record.bytes_received,
            outcome: record.outcome,
            verdict: Verdict {
                action: record.action,
                rule: text(record.rule),
                article: text(record.article),
                category: text(record.category),
                charter: record.charter.into(),
            },
        }
    }
}

/// What a day file holds that no gate writes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Word(#[from] UnknownWord),
    #[error("a number out of range")]
    Range(#[from] std::num::TryFromIntError),
    #[error("{}", crate::dayfile::foreign(*.0))]
    Version(i64),
    #[error("an address of {0} bytes")]
    Address(usize),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("a day file in the clear stands where the register had none: somebody else put it there")]
    FirstForm,
    #[error("its schema holds what no gate puts into one (a trigger, a view, another table): somebody else did")]
    Schema,
    #[error("a block whose field `{0}` cannot be read")]
    Block(&'static str),
    #[error("record {0} stands there twice")]
    Twice(i64),
    #[error("record {0} is still open")]
    Open(i64),
    #[error("what proves its records is not what was sealed: `octroi log verify` says what was changed")]
    Unproven,
    #[error("`{0}` is not there, or is not what it should be")]
    Meta(&'static str),
}
