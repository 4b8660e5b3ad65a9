//! The canonical form of a record: the bytes that are proved, whatever engine keeps it. Specified in `docs/RECORDS.md`.
//!
//! The fields in the order of `fields.toml`, each as its length plus one (LEB128) and its bytes in UTF-8; a missing one
//! is a zero. Numbers are written in decimal digits, instants as microseconds since 1970, addresses as RFC 5952 writes
//! them.

use crate::cipher::{Hash, Keyed};
use crate::record::Record;
use crate::tree;

/// Bytes of a leaf's salt.
pub(crate) const SALT: usize = 16;

/// The leaf of a record: its salt, then its canonical form. The salt comes from the day's key and the identifier, so that
/// without the key nobody can try what a leaf may stand for.
pub(crate) fn leaf(salts: &Keyed, id: i64, form: &[u8]) -> Hash {
    tree::leaf(&[&salt(salts, id), form])
}

/// The salt of a record's leaf.
pub(crate) fn salt(salts: &Keyed, id: i64) -> [u8; SALT] {
    let mut salt = [0; SALT];
    salt.copy_from_slice(&salts.of(&[&id.to_be_bytes()])[..SALT]);
    salt
}

/// Adds the canonical form of a record.
pub(crate) fn record(record: &Record, to: &mut Vec<u8>) {
    each(record, |_, text| optional(to, text.map(str::as_bytes)));
}

/// The fields of a record in their order, each with its number and its text in the canonical form.
pub(crate) fn each(record: &Record, mut field: impl FnMut(usize, Option<&str>)) {
    let mut at = 0;
    let mut next = |text: Option<&str>| {
        field(at, text);
        at += 1;
    };
    let mut digits = itoa::Buffer::new();
    next(Some(digits.format(record.id)));
    next(Some(&record.node));
    next(Some(digits.format(record.opened_at)));
    next(record.closed_at.map(|closed| digits.format(closed)));
    next(record.user.as_deref());
    next(Some(record.auth.as_str()));
    next(Some(&record.client_ip.to_string()));
    next(Some(&record.method));
    next(Some(&record.scheme));
    next(record.host.as_deref());
    next(Some(digits.format(record.port)));
    next(record.tls_name.as_deref());
    next(record.masked.as_deref());
    next(record.path.as_deref());
    next(record.destination_ip.map(|address| address.to_string()).as_deref());
    next(record.status.map(|status| digits.format(status)));
    next(Some(digits.format(record.bytes_sent)));
    next(Some(digits.format(record.bytes_received)));
    next(Some(record.action.as_str()));
    next(record.outcome.map(|outcome| outcome.as_str()));
    next(record.rule.as_deref());
    next(record.article.as_deref());
    next(record.category.as_deref());
    next(Some(&record.charter));
}

/// LEB128.
pub(crate) fn unsigned(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// A field: its length plus one and its bytes, or a zero.
pub(crate) fn optional(to: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => to.push(0),
        Some(value) => {
            unsigned(to, value.len() as u64 + 1);
            to.extend_from_slice(value);
        }
    }
}

/// A number as a field.
pub(crate) fn number(to: &mut Vec<u8>, number: i64) {
    optional(to, Some(itoa::Buffer::new().format(number).as_bytes()));
}

/// A count as a field.
pub(crate) fn count(to: &mut Vec<u8>, count: u64) {
    optional(to, Some(itoa::Buffer::new().format(count).as_bytes()));
}

/// Reads what is written above; `None` wherever it is something else.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How far it has read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How much is left.
    pub(crate) fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    /// LEB128, in as many bytes as it needs at most ten.
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A length, or a count, of at most `most`.
    pub(crate) fn length(&mut self, most: usize) -> Option<usize> {
        self.unsigned().and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= most)
    }

    /// A field.
    pub(crate) fn optional(&mut self) -> Option<Option<&'a [u8]>> {
        match self.unsigned()?.checked_sub(1) {
            None => Some(None),
            Some(length) => self.take(usize::try_from(length).ok()?).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_fields_read_back(value in any::<u64>(), bytes in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300))) {
            let mut written = Vec::new();
            unsigned(&mut written, value);
            optional(&mut written, bytes.as_deref());
            let mut reader = Reader::new(&written);
            prop_assert_eq!(reader.unsigned(), Some(value));
            prop_assert_eq!(reader.optional(), Some(bytes.as_deref()));
            prop_assert_eq!(reader.rest(), 0);
        }

        #[test]
        fn no_bytes_are_too_strange_to_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader::new(&bytes);
            while reader.optional().is_some() {}
            prop_assert!(reader.at() <= bytes.len());
        }
    }
}
