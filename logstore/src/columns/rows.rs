//! The records of a block: every distinct value read once, then each record from its places.

use super::block::Whole;
use super::*;
use crate::Auth;
use crate::record::{Action, Outcome, Record, Verdict};
use crate::row::Malformed;
use std::net::IpAddr;

impl Whole<'_> {
    /// The same with every distinct value read, for whoever wants the records themselves.
    pub(crate) fn rows(&self) -> Result<Rows<'_>, Malformed> {
        Ok(Rows {
            auth: self.values(AUTH, |text| Ok(text.parse::<Auth>()?))?,
            client_ip: self.values(CLIENT_IP, |text| parsed(CLIENT_IP, text))?,
            port: self.values(PORT, |text| parsed(PORT, text))?,
            destination_ip: self.values(DESTINATION_IP, |text| parsed(DESTINATION_IP, text))?,
            status: self.values(STATUS, |text| parsed(STATUS, text))?,
            action: self.values(ACTION, |text| Ok(text.parse::<Action>()?))?,
            outcome: self.values(OUTCOME, |text| Ok(text.parse::<Outcome>()?))?,
            whole: self,
        })
    }

    /// Each distinct value of a field, read once.
    fn values<T>(
        &self,
        field: usize,
        read: impl Fn(&str) -> Result<T, Malformed>,
    ) -> Result<Vec<Option<T>>, Malformed> {
        let texts = self.texts[field].ok_or(Malformed::Block(NAMES[field]))?;
        (0..texts.distinct()).map(|place| texts.value(place).map(&read).transpose()).collect()
    }
}

fn parsed<T: std::str::FromStr>(field: usize, text: &str) -> Result<T, Malformed> {
    text.parse().map_err(|_| Malformed::Block(NAMES[field]))
}

/// A block whose records are read.
pub(crate) struct Rows<'b> {
    whole: &'b Whole<'b>,
    auth: Vec<Option<Auth>>,
    client_ip: Vec<Option<IpAddr>>,
    port: Vec<Option<u16>>,
    destination_ip: Vec<Option<IpAddr>>,
    status: Vec<Option<u16>>,
    action: Vec<Option<Action>>,
    outcome: Vec<Option<Outcome>>,
}

impl Rows<'_> {
    fn value<T: Copy>(&self, field: usize, values: &[Option<T>], row: usize) -> Option<T> {
        values.get(self.whole.texts[field]?.place(row)).copied().flatten()
    }

    fn needed<T: Copy>(&self, field: usize, values: &[Option<T>], row: usize) -> Result<T, Malformed> {
        self.value(field, values, row).ok_or(Malformed::Block(NAMES[field]))
    }

    /// A record, to be shown.
    pub(crate) fn record(&self, row: usize) -> Result<Record, Malformed> {
        let whole = self.whole;
        let text = |field: usize| whole.of(field, row).map(str::to_owned);
        let required = |field: usize| whole.required(field, row).map(str::to_owned);
        Ok(Record {
            id: whole.id[row],
            node: required(NODE)?,
            opened_at: whole.opened_at[row],
            closed_at: Some(whole.closed_at[row]).filter(|closed| *closed != i64::MIN),
            user: text(USER),
            auth: self.needed(AUTH, &self.auth, row)?,
            client_ip: self.needed(CLIENT_IP, &self.client_ip, row)?,
            method: required(METHOD)?,
            scheme: required(SCHEME)?,
            host: text(HOST),
            port: self.needed(PORT, &self.port, row)?,
            tls_name: text(TLS_NAME),
            masked: text(MASKED),
            path: text(PATH),
            destination_ip: self.value(DESTINATION_IP, &self.destination_ip, row),
            status: self.value(STATUS, &self.status, row),
            bytes_sent: whole.bytes_sent[row] as u64,
            bytes_received: whole.bytes_received[row] as u64,
            action: self.needed(ACTION, &self.action, row)?,
            outcome: self.value(OUTCOME, &self.outcome, row),
            rule: text(RULE),
            article: text(ARTICLE),
            category: text(CATEGORY),
            charter: required(CHARTER)?,
        })
    }

    /// A record, to be written again. Texts are shared by all that have the same.
    pub(crate) fn row(&self, row: usize) -> Result<Row, Malformed> {
        let whole = self.whole;
        let text = |field: usize| whole.texts[field].and_then(|texts| texts.shared(row));
        let required = |field: usize| text(field).ok_or(Malformed::Block(NAMES[field]));
        Ok(Row {
            id: whole.id[row],
            node: required(NODE)?,
            opened_at: whole.opened_at[row],
            closed_at: Some(whole.closed_at[row]).filter(|closed| *closed != i64::MIN),
            user: text(USER),
            auth: self.needed(AUTH, &self.auth, row)?,
            client_ip: self.needed(CLIENT_IP, &self.client_ip, row)?,
            method: required(METHOD)?,
            scheme: required(SCHEME)?,
            host: text(HOST),
            port: self.needed(PORT, &self.port, row)?,
            tls_name: text(TLS_NAME),
            masked: text(MASKED),
            path: text(PATH),
            destination_ip: self.value(DESTINATION_IP, &self.destination_ip, row),
            status: self.value(STATUS, &self.status, row),
            bytes_sent: whole.bytes_sent[row] as u64,
            bytes_received: whole.bytes_received[row] as u64,
            outcome: self.value(OUTCOME, &self.outcome, row),
            verdict: Verdict {
                action: self.needed(ACTION, &self.action, row)?,
                rule: text(RULE),
                article: text(ARTICLE),
                category: text(CATEGORY),
                charter: required(CHARTER)?,
            },
        })
    }
}
