//! A record on its way to a day file and back: the columns, in one place and one order.

use crate::record::{Ending, Entry, Outcome, Record, UnknownWord, Verdict};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, Row as _};
use std::net::IpAddr;
use std::sync::Arc;

/// The columns of the table `record`. `bind` and `read` follow this order.
pub(crate) const COLUMNS: [&str; 23] = [
    "id",
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
];

/// The columns that settling may change: they follow the last known state, the others the opening.
const SETTLED: [&str; 10] = [
    "closed_at",
    "tls_name",
    "destination_ip",
    "status",
    "action",
    "outcome",
    "rule",
    "article",
    "category",
    "charter",
];

/// A record as the register handles it: open while `outcome` is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: i64,
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
    pub(crate) fn opened(id: i64, entry: &Entry) -> Row {
        Row {
            id,
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
    pub(crate) fn record(&self, node: &str) -> Record {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Record {
            id: self.id,
            node: node.to_owned(),
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

    /// Adds the values of this row to a statement's arguments.
    pub(crate) fn bind(self, to: &mut SqliteArguments) -> Result<(), BoxDynError> {
        to.add(self.id)?;
        to.add(self.opened_at)?;
        to.add(self.closed_at)?;
        to.add(self.user)?;
        to.add(self.auth.shared())?;
        to.add(octets(self.client_ip))?;
        to.add(self.method)?;
        to.add(self.scheme)?;
        to.add(self.host)?;
        to.add(i64::from(self.port))?;
        to.add(self.tls_name)?;
        to.add(self.masked)?;
        to.add(self.path)?;
        to.add(self.destination_ip.map(octets))?;
        to.add(self.status.map(i64::from))?;
        to.add(count(self.bytes_sent))?;
        to.add(count(self.bytes_received))?;
        to.add(self.verdict.action.shared())?;
        to.add(self.outcome.map(Outcome::shared))?;
        to.add(self.verdict.rule)?;
        to.add(self.verdict.article)?;
        to.add(self.verdict.category)?;
        to.add(self.verdict.charter)?;
        Ok(())
    }
}

/// The statement that files `rows` records: new ones are inserted, open ones already there are settled, settled ones
/// are left as they are. Doing it twice changes nothing.
pub(crate) fn filing_sql(rows: usize) -> String {
    let values = format!("({})", vec!["?"; COLUMNS.len()].join(","));
    let settled = SETTLED.map(|column| format!("{column}=excluded.{column}")).join(",");
    format!(
        "INSERT INTO record ({}) VALUES {} ON CONFLICT (id) DO UPDATE SET {settled}, \
         bytes_sent=max(record.bytes_sent,excluded.bytes_sent), \
         bytes_received=max(record.bytes_received,excluded.bytes_received) WHERE record.outcome IS NULL",
        COLUMNS.join(","),
        vec![values; rows].join(","),
    )
}

/// An address as it is stored.
pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// SQLite integers are signed; nobody moves nine exabytes in one exchange.
pub(crate) fn count(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
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
}

/// Reads a row that was selected with [`COLUMNS`].
pub(crate) fn read(row: &SqliteRow, node: &str) -> Result<Record, Malformed> {
    Ok(Record {
        id: row.try_get(0)?,
        node: node.to_owned(),
        opened_at: row.try_get(1)?,
        closed_at: row.try_get(2)?,
        user: row.try_get(3)?,
        auth: row.try_get::<&str, _>(4)?.parse()?,
        client_ip: address(row.try_get(5)?)?,
        method: row.try_get(6)?,
        scheme: row.try_get(7)?,
        host: row.try_get(8)?,
        port: row.try_get::<i64, _>(9)?.try_into()?,
        tls_name: row.try_get(10)?,
        masked: row.try_get(11)?,
        path: row.try_get(12)?,
        destination_ip: row.try_get::<Option<&[u8]>, _>(13)?.map(address).transpose()?,
        status: row.try_get::<Option<i64>, _>(14)?.map(u16::try_from).transpose()?,
        bytes_sent: row.try_get::<i64, _>(15)?.try_into()?,
        bytes_received: row.try_get::<i64, _>(16)?.try_into()?,
        action: row.try_get::<&str, _>(17)?.parse()?,
        outcome: row.try_get::<Option<&str>, _>(18)?.map(str::parse).transpose()?,
        rule: row.try_get(19)?,
        article: row.try_get(20)?,
        category: row.try_get(21)?,
        charter: row.try_get(22)?,
    })
}

fn address(octets: &[u8]) -> Result<IpAddr, Malformed> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        Ok(v4.into())
    } else if let Ok(v6) = <[u8; 16]>::try_from(octets) {
        Ok(v6.into())
    } else {
        Err(Malformed::Address(octets.len()))
    }
}
