//! A record in a bundle: a line of `records.json`, exact, and one of `records.csv`, safe to open in a spreadsheet.

use crate::columns::{CLOSED_AT, FIELDS, OPENED_AT};
use crate::proof::{ProvenRecord, Spot};
use crate::record::Record;
use crate::{canonical, clock};
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What is said of a record besides its fields.
const LOCAL: &str = "opened_at_local";

/// A record as `records.json` has it.
#[derive(Deserialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) record: Record,
    pub(super) opened_at_local: String,
    pub(super) day: String,
    pub(super) proof: Option<Spot>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    record: &'a Record,
    opened_at_local: &'a str,
    day: &'a str,
    proof: Option<&'a Spot>,
}

/// The line of `records.json`, without what stands between lines.
pub(super) fn json(found: &ProvenRecord, day: &str, local: &str) -> serde_json::Result<Vec<u8>> {
    let line = Line { record: &found.record, opened_at_local: local, day, proof: found.spot.as_ref() };
    serde_json::to_vec(&line)
}

/// The instant it was opened at by the clock on the wall, with its offset.
pub(super) fn local(opened_at: i64, zone: &TimeZone) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    let instant = clock::timestamp(opened_at);
    PRINTER.timestamp_with_offset_to_string(&instant, zone.to_offset(instant))
}

/// The first line of `records.csv` (RFC 4180).
pub(super) fn header() -> String {
    let mut header = String::new();
    for (at, field) in FIELDS.iter().enumerate() {
        header.push_str(field);
        if at == OPENED_AT {
            header.push(',');
            header.push_str(LOCAL);
        }
        header.push_str(if at + 1 < FIELDS.len() { "," } else { "\r\n" });
    }
    header
}

/// The line of `records.csv`. What is missing is empty.
pub(super) fn csv(record: &Record, local: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(400);
    canonical::each(record, |at, text| {
        if at > 0 {
            line.push(b',');
        }
        match at {
            OPENED_AT => {
                cell(&mut line, &clock::rfc3339(record.opened_at));
                line.push(b',');
                cell(&mut line, local);
            }
            CLOSED_AT => record.closed_at.iter().for_each(|closed| cell(&mut line, &clock::rfc3339(*closed))),
            _ => text.iter().for_each(|text| cell(&mut line, text)),
        }
    });
    line.extend_from_slice(b"\r\n");
    line
}

/// A cell that no spreadsheet takes for a formula (CWE-1236).
fn cell(line: &mut Vec<u8>, text: &str) {
    let quoted = text.contains(['"', ',', '\r', '\n']);
    if quoted {
        line.push(b'"');
    }
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        line.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    if quoted {
        line.push(b'"');
    }
}
