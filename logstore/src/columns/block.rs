//! Records of a batch or block read back: the head at once, a field when it is first asked for.

use super::*;
use crate::row::Malformed;
use flate2::{Decompress, FlushDecompress, Status};
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

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
    /// The distinct values.
    distinct: Vec<Distinct>,
    /// Their texts, one behind the other.
    text: String,
    /// Which value each row has; empty when there is but one.
    places: Vec<u32>,
    /// The values again, to be shared by records.
    shared: OnceCell<Vec<Option<Arc<str>>>>,
}

/// One of the distinct values of a field.
struct Distinct {
    /// Where it stands with its length before it: as the canonical form has it.
    encoded: Range<usize>,
    /// Where its text is; `None` when it is missing.
    text: Option<Range<usize>>,
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
        let packed = self.unpacked(field)?;
        let mut reader = canonical::Reader::new(&packed);
        let mut bytes = Vec::new();
        let mut read = || {
            let count = reader.length(self.rows.max(1))?;
            let mut distinct = Vec::with_capacity(count);
            let mut text = String::new();
            for _ in 0..count {
                let (at, from) = (bytes.len(), text.len());
                let value = reader.optional()?;
                match value {
                    None => {}
                    Some(octets) if matches!(field, CLIENT_IP | DESTINATION_IP) => {
                        text.push_str(&address_text(octets)?)
                    }
                    Some(value) => text.push_str(std::str::from_utf8(value).ok()?),
                }
                canonical::optional(&mut bytes, value.map(|_| &text.as_bytes()[from..]));
                distinct.push(Distinct { encoded: at..bytes.len(), text: value.map(|_| from..text.len()) });
            }
            let mut places = Vec::new();
            if count > 1 {
                places.reserve_exact(self.rows);
                let mut recent: Vec<u32> = Vec::with_capacity(count);
                for _ in 0..self.rows {
                    match reader.length(recent.len())? {
                        0 if recent.len() == count => return None,
                        0 => recent.push(u32::try_from(recent.len()).ok()?),
                        1 => {}
                        back => {
                            let at = recent.len() - back;
                            to_the_end(&mut recent, at);
                        }
                    }
                    places.push(*recent.last()?);
                }
            }
            (reader.rest() == 0 && (count > 0 || self.rows == 0)).then_some((distinct, text, places))
        };
        let (distinct, text, places) = read().ok_or(Malformed::Block(NAMES[field]))?;
        Ok(Texts { bytes, distinct, text, places, shared: OnceCell::new() })
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
        self.text.get(self.distinct.get(place)?.text.clone()?)
    }

    fn encoded(&self, place: usize) -> &[u8] {
        self.distinct.get(place).map_or(&[], |value| &self.bytes[value.encoded.clone()])
    }

    fn of(&self, row: usize) -> Option<&str> {
        self.value(self.place(row))
    }

    pub(super) fn shared(&self, row: usize) -> Option<Arc<str>> {
        let all =
            self.shared.get_or_init(|| (0..self.distinct()).map(|place| self.value(place).map(Arc::from)).collect());
        all.get(self.place(row)).cloned().flatten()
    }
}

/// A block with every field unpacked.
pub(crate) struct Whole<'b> {
    block: &'b Block,
    pub(super) id: &'b [i64],
    pub(super) opened_at: &'b [i64],
    pub(super) closed_at: &'b [i64],
    pub(super) bytes_sent: &'b [i64],
    pub(super) bytes_received: &'b [i64],
    pub(super) texts: Vec<Option<&'b Texts>>,
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

    pub(super) fn of(&self, field: usize, row: usize) -> Option<&str> {
        self.texts[field].and_then(|texts| texts.of(row))
    }

    pub(super) fn required(&self, field: usize, row: usize) -> Result<&str, Malformed> {
        self.of(field, row).ok_or(Malformed::Block(NAMES[field]))
    }
}
