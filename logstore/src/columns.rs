//! Records of a batch or block as bytes: field after field, every value of a field beside those of its neighbours.
//!
//! The form is specified in `docs/RECORDS.md` ("Blocks"). Numbers are kept as differences, texts once with the places
//! that they stand in; each field is packed for itself (RFC 1950), so that a search unpacks those it looks at alone.
//!
//! A text's bytes stand here as they stand in the canonical form (`canonical`): whoever proves a record copies them.

use crate::Auth;
use crate::canonical;
use crate::record::{Action, Outcome, Verdict};
use crate::row::{Malformed, Row};
use flate2::{Compression, Decompress, FlushDecompress, Status};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

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

/// Writes rows. `proofs` is one for each row, or empty: then the rows stand in the order of their places.
pub(crate) fn write(rows: &[&Row], proofs: &[Proof], packing: Compression) -> Vec<u8> {
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

/// The distinct values in the order of their first appearance, then, when there are several, which stands where.
fn texts(to: &mut Vec<u8>, rows: &[&Row], field: usize) {
    let mut distinct = Vec::new();
    let mut known: HashMap<Option<String>, u64> = HashMap::new();
    let mut places = Vec::with_capacity(rows.len());
    let (mut scratch, mut last) = (String::new(), None::<(Option<String>, u64)>);
    for row in rows {
        let value = text(row, field, &mut scratch);
        if let Some((before, place)) = &last
            && before.as_deref() == value
        {
            places.push(*place);
            continue;
        }
        let value = value.map(str::to_owned);
        let next = known.len() as u64;
        let place = *known.entry(value.clone()).or_insert_with(|| {
            canonical::optional(&mut distinct, value.as_deref().map(str::as_bytes));
            next
        });
        places.push(place);
        last = Some((value, place));
    }
    canonical::unsigned(to, known.len() as u64);
    to.append(&mut distinct);
    if known.len() > 1 {
        places.into_iter().for_each(|place| canonical::unsigned(to, place));
    }
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

/// Records read back. A field is unpacked when it is first asked for.
pub(crate) struct Block {
    bytes: Vec<u8>,
    rows: usize,
    columns: [Packed; COLUMNS],
    numbers: [OnceCell<Vec<i64>>; COLUMNS],
    texts: [OnceCell<Texts>; COLUMNS],
}

#[derive(Clone, Default)]
struct Packed {
    at: Range<usize>,
    /// Its length unpacked; `None` when it is not packed.
    unpacked: Option<usize>,
}

/// A field of texts.
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where each distinct value stands, its length before it: as the canonical form has it.
    distinct: Vec<Range<usize>>,
    /// Which value each row has; empty when there is but one.
    places: Vec<u32>,
    /// The values again, to be shared by records.
    shared: OnceCell<Vec<Option<Arc<str>>>>,
}

impl Block {
    /// Reads the head; fields are read when they are asked for.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Block, Malformed> {
        let mut reader = canonical::Reader::new(&bytes);
        let version = reader.byte().ok_or(Malformed::Block("its head"))?;
        if version != VERSION {
            return Err(Malformed::Version(version.into()));
        }
        let rows = reader.length(MOST_ROWS).ok_or(Malformed::Block("its head"))?;
        let mut columns: [Packed; COLUMNS] = Default::default();
        for column in &mut columns {
            let mut one = || {
                let length = reader.length(MOST_BYTES)?;
                let unpacked = match reader.byte()? {
                    0 => None,
                    1 => Some(reader.length(MOST_BYTES)?),
                    _ => return None,
                };
                let at = reader.at();
                reader.take(length)?;
                Some(Packed { at: at..at + length, unpacked })
            };
            *column = one().ok_or(Malformed::Block("the bounds of a field"))?;
        }
        let fits = reader.rest() == 0;
        let block = Block {
            rows,
            columns,
            numbers: std::array::from_fn(|_| OnceCell::new()),
            texts: std::array::from_fn(|_| OnceCell::new()),
            bytes,
        };
        if fits { Ok(block) } else { Err(Malformed::Block("its end")) }
    }

    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// A field of numbers, one for each row.
    pub(crate) fn numbers(&self, field: usize) -> Result<&[i64], Malformed> {
        once(&self.numbers[field], || self.read_numbers(field)).map(Vec::as_slice)
    }

    fn read_numbers(&self, field: usize) -> Result<Vec<i64>, Malformed> {
        let bytes = self.unpacked(field)?;
        let mut reader = canonical::Reader::new(&bytes);
        let mut numbers = Vec::with_capacity(self.rows);
        let wrong = Malformed::Block(NAMES[field]);
        let mut before = 0_i64;
        let opened: &[i64] = if field == CLOSED_AT { self.numbers(OPENED_AT)? } else { &[] };
        let ids: &[i64] = if field == PLACE { self.numbers(ID)? } else { &[] };
        for row in 0..self.rows {
            let Some(raw) = reader.unsigned() else { return Err(wrong) };
            numbers.push(match field {
                // Kept as bits: a count beyond an i64 comes back whole.
                BYTES_SENT | BYTES_RECEIVED => raw as i64,
                CLOSED_AT if raw == 0 => i64::MIN,
                CLOSED_AT => opened[row].saturating_add((raw - 1) as i64),
                _ => {
                    before = before.wrapping_add((raw >> 1) as i64 ^ -((raw & 1) as i64));
                    if field == PLACE { before.wrapping_add(ids[row]) } else { before }
                }
            });
        }
        if reader.rest() == 0 { Ok(numbers) } else { Err(wrong) }
    }

    /// A field of texts.
    pub(crate) fn texts(&self, field: usize) -> Result<&Texts, Malformed> {
        once(&self.texts[field], || self.read_texts(field))
    }

    fn read_texts(&self, field: usize) -> Result<Texts, Malformed> {
        let bytes = self.unpacked(field)?.into_owned();
        let mut reader = canonical::Reader::new(&bytes);
        let mut read = || {
            let count = reader.length(self.rows.max(1))?;
            let mut distinct = Vec::with_capacity(count);
            for _ in 0..count {
                let at = reader.at();
                let value = reader.optional()?;
                std::str::from_utf8(value.unwrap_or_default()).ok()?;
                distinct.push(at..reader.at());
            }
            let mut places = Vec::new();
            if count > 1 {
                places.reserve_exact(self.rows);
                for _ in 0..self.rows {
                    places.push(u32::try_from(reader.length(count - 1)?).ok()?);
                }
            }
            (reader.rest() == 0 && (count > 0 || self.rows == 0)).then_some((distinct, places))
        };
        let (distinct, places) = read().ok_or(Malformed::Block(NAMES[field]))?;
        Ok(Texts { bytes, distinct, places, shared: OnceCell::new() })
    }

    /// Where each record stands in its tree, and how its leaf begins; empty in a day that is not sealed.
    pub(crate) fn proofs(&self) -> Result<Vec<Proof>, Malformed> {
        if self.columns[PLACE].at.is_empty() && self.rows > 0 {
            return Ok(Vec::new());
        }
        let checks = self.unpacked(CHECK)?;
        let wrong = || Malformed::Block(NAMES[CHECK]);
        let (checks, rest) = checks.as_chunks::<2>();
        if checks.len() != self.rows || !rest.is_empty() {
            return Err(wrong());
        }
        let places = self.numbers(PLACE)?.iter().zip(checks);
        Ok(places.map(|(place, check)| Proof { place: *place as u64, check: *check }).collect())
    }

    fn unpacked(&self, field: usize) -> Result<std::borrow::Cow<'_, [u8]>, Malformed> {
        let Packed { at, unpacked } = &self.columns[field];
        let bytes = &self.bytes[at.clone()];
        let Some(length) = *unpacked else { return Ok(bytes.into()) };
        let wrong = || Malformed::Block(NAMES[field]);
        // What is packed well still is a thousandth of what it unpacks to (RFC 1951).
        if length > bytes.len().saturating_mul(1100).max(WORTH) {
            return Err(wrong());
        }
        let mut whole = vec![0; length];
        let mut unpacking = Decompress::new(true);
        match unpacking.decompress(bytes, &mut whole, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) if unpacking.total_out() == length as u64 => Ok(whole.into()),
            _ => Err(wrong()),
        }
    }

    /// Every field unpacked, to go through all records.
    pub(crate) fn whole(&self) -> Result<Whole<'_>, Malformed> {
        let number = |field| self.numbers(field);
        Ok(Whole {
            block: self,
            id: number(ID)?,
            opened_at: number(OPENED_AT)?,
            closed_at: number(CLOSED_AT)?,
            bytes_sent: number(BYTES_SENT)?,
            bytes_received: number(BYTES_RECEIVED)?,
            texts: {
                let mut texts = Vec::with_capacity(FIELDS.len());
                for field in 0..FIELDS.len() {
                    texts.push(if is_number(field) { None } else { Some(self.texts(field)?) });
                }
                texts
            },
        })
    }
}

fn is_number(field: usize) -> bool {
    matches!(field, ID | OPENED_AT | CLOSED_AT | BYTES_SENT | BYTES_RECEIVED)
}

fn once<T>(cell: &OnceCell<T>, read: impl FnOnce() -> Result<T, Malformed>) -> Result<&T, Malformed> {
    if let Some(known) = cell.get() {
        return Ok(known);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}

impl Texts {
    /// Which of the distinct values a row has.
    pub(crate) fn place(&self, row: usize) -> usize {
        self.places.get(row).map_or(0, |place| *place as usize)
    }

    /// How many distinct values there are.
    pub(crate) fn distinct(&self) -> usize {
        self.distinct.len()
    }

    /// A distinct value.
    pub(crate) fn value(&self, place: usize) -> Option<&str> {
        let mut reader = canonical::Reader::new(self.encoded(place));
        // They were found to be UTF-8 when the field was read.
        reader.optional().flatten().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    fn encoded(&self, place: usize) -> &[u8] {
        self.distinct.get(place).map_or(&[], |range| &self.bytes[range.clone()])
    }

    fn of(&self, row: usize) -> Option<&str> {
        self.value(self.place(row))
    }

    fn shared(&self, row: usize) -> Option<Arc<str>> {
        let all =
            self.shared.get_or_init(|| (0..self.distinct()).map(|place| self.value(place).map(Arc::from)).collect());
        all.get(self.place(row)).cloned().flatten()
    }
}

/// A block with every field unpacked.
pub(crate) struct Whole<'b> {
    block: &'b Block,
    id: &'b [i64],
    opened_at: &'b [i64],
    closed_at: &'b [i64],
    bytes_sent: &'b [i64],
    bytes_received: &'b [i64],
    texts: Vec<Option<&'b Texts>>,
}

impl Whole<'_> {
    /// How many records.
    pub(crate) fn len(&self) -> usize {
        self.block.len()
    }

    /// The identifier of a record.
    pub(crate) fn id(&self, row: usize) -> i64 {
        self.id[row]
    }

    /// When a record was opened.
    pub(crate) fn opened_at(&self, row: usize) -> i64 {
        self.opened_at[row]
    }

    /// Whether a record is settled.
    pub(crate) fn is_settled(&self, row: usize) -> bool {
        self.of(OUTCOME, row).is_some()
    }

    /// Adds the canonical form of a record.
    pub(crate) fn canonical(&self, row: usize, to: &mut Vec<u8>) {
        for (field, texts) in self.texts.iter().enumerate() {
            match (field, texts) {
                (_, Some(texts)) => to.extend_from_slice(texts.encoded(texts.place(row))),
                (ID, _) => canonical::number(to, self.id[row]),
                (OPENED_AT, _) => canonical::number(to, self.opened_at[row]),
                (CLOSED_AT, _) if self.closed_at[row] == i64::MIN => canonical::optional(to, None),
                (CLOSED_AT, _) => canonical::number(to, self.closed_at[row]),
                (BYTES_SENT, _) => canonical::count(to, self.bytes_sent[row] as u64),
                (_, _) => canonical::count(to, self.bytes_received[row] as u64),
            }
        }
    }

    fn of(&self, field: usize, row: usize) -> Option<&str> {
        self.texts[field].and_then(|texts| texts.of(row))
    }

    fn required(&self, field: usize, row: usize) -> Result<&str, Malformed> {
        self.of(field, row).ok_or(Malformed::Block(NAMES[field]))
    }

    /// A record. Texts are shared by all that have the same.
    pub(crate) fn row(&self, row: usize) -> Result<Row, Malformed> {
        let text = |field: usize| self.texts[field].and_then(|texts| texts.shared(row));
        let needed = |field: usize| text(field).ok_or(Malformed::Block(NAMES[field]));
        let address = |field: usize, text: &str| text.parse().map_err(|_| Malformed::Block(NAMES[field]));
        let number = |field: usize, text: &str| text.parse::<u16>().map_err(|_| Malformed::Block(NAMES[field]));
        Ok(Row {
            id: self.id[row],
            node: needed(NODE)?,
            opened_at: self.opened_at[row],
            closed_at: Some(self.closed_at[row]).filter(|closed| *closed != i64::MIN),
            user: text(USER),
            auth: self.required(AUTH, row)?.parse::<Auth>()?,
            client_ip: address(CLIENT_IP, self.required(CLIENT_IP, row)?)?,
            method: needed(METHOD)?,
            scheme: needed(SCHEME)?,
            host: text(HOST),
            port: number(PORT, self.required(PORT, row)?)?,
            tls_name: text(TLS_NAME),
            masked: text(MASKED),
            path: text(PATH),
            destination_ip: self.of(DESTINATION_IP, row).map(|text| address(DESTINATION_IP, text)).transpose()?,
            status: self.of(STATUS, row).map(|text| number(STATUS, text)).transpose()?,
            bytes_sent: self.bytes_sent[row] as u64,
            bytes_received: self.bytes_received[row] as u64,
            outcome: self.of(OUTCOME, row).map(str::parse::<Outcome>).transpose()?,
            verdict: Verdict {
                action: self.required(ACTION, row)?.parse::<Action>()?,
                rule: text(RULE),
                article: text(ARTICLE),
                category: text(CATEGORY),
                charter: needed(CHARTER)?,
            },
        })
    }
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
