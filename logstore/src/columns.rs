//! Records of a batch or block as bytes: field after field, every value of a field beside those of its neighbours.
//!
//! The form is specified in `docs/RECORDS.md` ("Blocks"). Numbers are kept as differences, texts once with the places
//! that they stand in; each field is packed for itself (RFC 1950), so that a search unpacks those it looks at alone.
//!
//! A text's bytes stand here as they stand in the canonical form (`canonical`): whoever proves a record copies them.

mod block;
mod rows;

pub(crate) use block::{Block, Texts};

use crate::canonical;
use crate::record::Outcome;
use crate::row::Row;
use flate2::Compression;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Fields of a record, in the order of `fields.toml`, the order of the canonical form.
pub(crate) const FIELDS: [&str; 24] = [
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
];

pub(crate) const ID: usize = 0;
const NODE: usize = 1;
pub(crate) const OPENED_AT: usize = 2;
pub(crate) const CLOSED_AT: usize = 3;
pub(crate) const USER: usize = 4;
const AUTH: usize = 5;
pub(crate) const CLIENT_IP: usize = 6;
const METHOD: usize = 7;
const SCHEME: usize = 8;
pub(crate) const HOST: usize = 9;
const PORT: usize = 10;
pub(crate) const TLS_NAME: usize = 11;
const MASKED: usize = 12;
const PATH: usize = 13;
const DESTINATION_IP: usize = 14;
const STATUS: usize = 15;
const BYTES_SENT: usize = 16;
const BYTES_RECEIVED: usize = 17;
const ACTION: usize = 18;
pub(crate) const OUTCOME: usize = 19;
const RULE: usize = 20;
const ARTICLE: usize = 21;
const CATEGORY: usize = 22;
const CHARTER: usize = 23;
/// Where the record stands in the day's tree; in sealed days only.
pub(crate) const PLACE: usize = 24;
/// The first two bytes of the record's leaf; in sealed days only.
const CHECK: usize = 25;
const COLUMNS: usize = 26;

const VERSION: u8 = 1;
/// More records than any block has.
const MOST_ROWS: usize = 1 << 20;
/// More bytes than any field of a block has, unpacked.
const MOST_BYTES: usize = 1 << 30;
/// What is shorter is not worth packing.
const WORTH: usize = 64;

/// Where a sealed record stands, and how its leaf begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) place: u64,
    pub(crate) check: [u8; 2],
}

/// Writes rows. `proofs` is one for each row, or empty: then the rows stand in the order of their places. `rest` is called
/// after each field.
pub(crate) fn write(rows: &[&Row], proofs: &[Proof], packing: Compression, rest: fn()) -> Vec<u8> {
    let mut to = vec![VERSION];
    canonical::unsigned(&mut to, rows.len() as u64);
    let mut column = Vec::new();
    for field in 0..COLUMNS {
        column.clear();
        match field {
            ID => differences(&mut column, rows.iter().map(|row| row.id)),
            OPENED_AT => differences(&mut column, rows.iter().map(|row| row.opened_at)),
            CLOSED_AT => rows.iter().for_each(|row| {
                let after = row.closed_at.map_or(0, |closed| closed.saturating_sub(row.opened_at).max(0) as u64 + 1);
                canonical::unsigned(&mut column, after);
            }),
            BYTES_SENT => rows.iter().for_each(|row| canonical::unsigned(&mut column, row.bytes_sent)),
            BYTES_RECEIVED => rows.iter().for_each(|row| canonical::unsigned(&mut column, row.bytes_received)),
            // A record that is opened earlier mostly ends earlier: the difference of the two orders is small.
            PLACE => differences(
                &mut column,
                proofs.iter().zip(rows).map(|(proof, row)| (proof.place as i64).wrapping_sub(row.id)),
            ),
            CHECK => proofs.iter().for_each(|proof| column.extend_from_slice(&proof.check)),
            text => texts(&mut column, rows, text),
        }
        pack(&mut to, &column, packing);
        rest();
    }
    to
}

fn differences(to: &mut Vec<u8>, numbers: impl Iterator<Item = i64>) {
    let mut before = 0_i64;
    for number in numbers {
        let difference = number.wrapping_sub(before);
        canonical::unsigned(to, (difference << 1 ^ difference >> 63) as u64);
        before = number;
    }
}

/// The distinct values in the order of their first appearance; then, when there are several, for each row 0 for the next of
/// them, or how recently its value was met: 1 for the one just before. People return to what they have just left, so
/// these numbers are small.
fn texts(to: &mut Vec<u8>, rows: &[&Row], field: usize) {
    let mut distinct = Vec::new();
    let mut known: HashMap<Option<String>, u32> = HashMap::new();
    // Values by how recently they were met, the last one last.
    let mut recent: Vec<u32> = Vec::new();
    let mut places = Vec::with_capacity(rows.len());
    let (mut scratch, mut last) = (String::new(), None::<Option<String>>);
    for row in rows {
        let value = text(row, field, &mut scratch);
        if last.as_ref().is_some_and(|last| last.as_deref() == value) {
            places.push(1);
            continue;
        }
        let value = value.map(str::to_owned);
        match known.get(&value) {
            Some(place) => {
                // It was met: it is among them.
                let at = recent.iter().rposition(|met| met == place).unwrap_or_default();
                places.push((recent.len() - at) as u64);
                to_the_end(&mut recent, at);
            }
            None => {
                let place = known.len() as u32;
                match address(row, field) {
                    Some(octets) => canonical::optional(&mut distinct, Some(&octets)),
                    None => canonical::optional(&mut distinct, value.as_deref().map(str::as_bytes)),
                }
                known.insert(value.clone(), place);
                recent.push(place);
                places.push(0);
            }
        }
        last = Some(value);
    }
    canonical::unsigned(to, known.len() as u64);
    to.append(&mut distinct);
    if known.len() > 1 {
        places.into_iter().for_each(|place| canonical::unsigned(to, place));
    }
}

/// Moves one behind all others.
fn to_the_end(recent: &mut [u32], at: usize) {
    let Some(moved) = recent.get(at).copied() else { return };
    recent.copy_within(at + 1.., at);
    if let Some(last) = recent.last_mut() {
        *last = moved;
    }
}

/// The octets of an address: they take the place of its text in a block.
fn address(row: &Row, field: usize) -> Option<Vec<u8>> {
    let address = match field {
        CLIENT_IP => row.client_ip,
        DESTINATION_IP => row.destination_ip?,
        _ => return None,
    };
    Some(match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    })
}

/// The address of these octets, as the canonical form has it.
fn address_text(octets: &[u8]) -> Option<String> {
    let address: IpAddr = match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok()?.into(),
        16 => <[u8; 16]>::try_from(octets).ok()?.into(),
        _ => return None,
    };
    Some(address.to_string())
}

/// The text of a field, as the canonical form has it.
fn text<'r>(row: &'r Row, field: usize, scratch: &'r mut String) -> Option<&'r str> {
    match field {
        NODE => Some(&row.node),
        USER => row.user.as_deref(),
        AUTH => Some(row.auth.as_str()),
        CLIENT_IP => Some(formed(scratch, &row.client_ip)),
        METHOD => Some(&row.method),
        SCHEME => Some(&row.scheme),
        HOST => row.host.as_deref(),
        PORT => Some(formed(scratch, &row.port)),
        TLS_NAME => row.tls_name.as_deref(),
        MASKED => row.masked.as_deref(),
        PATH => row.path.as_deref(),
        DESTINATION_IP => row.destination_ip.map(|address| formed(scratch, &address)),
        STATUS => row.status.map(|status| formed(scratch, &status)),
        ACTION => Some(row.verdict.action.as_str()),
        OUTCOME => row.outcome.map(Outcome::as_str),
        RULE => row.verdict.rule.as_deref(),
        ARTICLE => row.verdict.article.as_deref(),
        CATEGORY => row.verdict.category.as_deref(),
        CHARTER => Some(&row.verdict.charter),
        // A number, which is kept as one.
        _ => None,
    }
}

fn formed<'s>(scratch: &'s mut String, value: &dyn std::fmt::Display) -> &'s str {
    scratch.clear();
    // Writing into a String does not fail.
    let _ = write!(scratch, "{value}");
    scratch
}

/// Its length, how it is packed (0 as it is, 1 as RFC 1950 has it), its length unpacked when it is, its bytes.
fn pack(to: &mut Vec<u8>, column: &[u8], packing: Compression) {
    if column.len() >= WORTH && packing.level() > 0 {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::with_capacity(column.len() / 2), packing);
        let packed = std::io::Write::write_all(&mut packed, column).and_then(|()| packed.finish());
        if let Ok(packed) = packed
            && packed.len() + 4 < column.len()
        {
            canonical::unsigned(to, packed.len() as u64);
            to.push(1);
            canonical::unsigned(to, column.len() as u64);
            to.extend_from_slice(&packed);
            return;
        }
    }
    canonical::unsigned(to, column.len() as u64);
    to.push(0);
    to.extend_from_slice(column);
}

/// What is wrong, by field.
const NAMES: [&str; COLUMNS] = {
    let mut names = ["place"; COLUMNS];
    let mut field = 0;
    while field < FIELDS.len() {
        names[field] = FIELDS[field];
        field += 1;
    }
    names[CHECK] = "check";
    names
};

#[cfg(test)]
#[path = "columns/tests.rs"]
pub(crate) mod tests;
