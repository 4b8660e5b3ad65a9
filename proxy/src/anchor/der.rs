//! DER (X.690), as much of it as a time stamp and the end of a certificate need: values read one after the other, and written.
//!
//! What is read came from the network: nothing here panics, allocates by a length that was read, or goes deeper than its
//! caller does.

/// Tags of the types met here.
pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const SHORT_TIME: u8 = 0x17;
pub(crate) const TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, explicit.
pub(crate) const ZERO: u8 = 0xa0;

/// Octets that are to be read as values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Reader<'a> {
        Reader(octets)
    }

    /// The content of the next value, which must have this tag; `None` when it has another, or is none.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (content, rest) = value(self.0, tag)?;
        self.0 = rest;
        Some(content)
    }

    /// The same, to be read in its turn.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.take(tag).map(Reader)
    }

    /// Whether everything has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// The content of the first value, and what follows it.
fn value(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = octets.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Four octets of length are more than is ever read; 0x80 is a length that BER leaves open.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // DER has one spelling of a length: the shortest.
            let length = (*length.first()? != 0)
                .then(|| length.iter().fold(0, |sum: usize, &octet| sum << 8 | usize::from(octet)))?;
            (length >= 0x80).then_some((length, rest))?
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A value: its tag, its length, and its parts one after the other.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let octets = content.len().to_be_bytes();
            let length: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
            out.push(0x80 | u8::try_from(length.len()).unwrap_or(0x7f));
            out.extend(length);
        }
    }
    out.extend(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_have_one_spelling() {
        for (octets, content) in [
            (&[4, 0][..], Some(0)),
            (&[4, 1, 9], Some(1)),
            (&[4, 0x81, 1, 9], None),
            (&[4, 0x80, 9, 0, 0], None),
            (&[4, 0x85, 0, 0, 0, 0, 1, 9], None),
            (&[4, 0x82, 0, 0x80], None),
            (&[4, 0x84, 0xff, 0xff, 0xff, 0xff], None),
            (&[4, 2, 9], None),
            (&[4], None),
            (&[], None),
        ] {
            assert_eq!(Reader::new(octets).take(OCTETS).map(<[u8]>::len), content, "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(content in prop::collection::vec(any::<u8>(), 0..70_000), after in any::<[u8; 3]>()) {
            let octets = [write(OCTETS, &[&content]).as_slice(), &after].concat();
            let mut reader = Reader::new(&octets);
            prop_assert_eq!(reader.take(INTEGER), None);
            prop_assert_eq!(reader.take(OCTETS), Some(content.as_slice()));
            prop_assert!(!reader.is_at_end());
        }
    }
}
