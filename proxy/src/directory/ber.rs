//! BER (X.690), as far as LDAP uses it (RFC 4511 §5.1): definite lengths, tags of one byte.
//!
//! Read without recursion, copy or trust: an element is a slice of what came, and one that says it is longer than that is none.

/// `BOOLEAN`.
pub(super) const BOOLEAN: u8 = 0x01;
/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub(super) const OCTETS: u8 = 0x04;
/// `ENUMERATED`.
pub(super) const ENUMERATED: u8 = 0x0a;
/// `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// `SET`.
pub(super) const SET: u8 = 0x31;

/// An element of this tag and content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let first = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
            let length = length.get(first..).unwrap_or_default();
            out.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(content);
    out
}

/// An element that holds these, one behind the other.
pub(super) fn holding(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// A whole number that is not negative, as `INTEGER` or `ENUMERATED`.
pub(super) fn number(tag: u8, value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let mut content = bytes.get(first..).unwrap_or_default().to_vec();
    // The first bit is a sign.
    if content.first().is_some_and(|byte| byte & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(tag, &content)
}

/// How long the element that begins here is in all. `Ok(None)`: its length has not come yet. `Err`: its length is none that a
/// message of at most `most` bytes can have.
pub(super) fn length(bytes: &[u8], most: usize) -> Result<Option<usize>, Odd> {
    let Some((_, rest)) = bytes.split_first() else { return Ok(None) };
    let Some((&first, rest)) = rest.split_first() else { return Ok(None) };
    let (content, head) = match first {
        0..0x80 => (usize::from(first), 2),
        // Of indefinite length: RFC 4511 §5.1 has none.
        0x80 => return Err(Odd),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let Some(digits) = rest.get(..count) else { return Ok(None) };
            (digits.iter().fold(0_usize, |sum, &digit| (sum << 8) | usize::from(digit)), 2 + count)
        }
        _ => return Err(Odd),
    };
    let whole = head + content;
    if whole > most { Err(Odd) } else { Ok(Some(whole)) }
}

/// What came is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Odd;

/// Elements read one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    /// The next element: its tag, and its content.
    pub(super) fn next(&mut self) -> Result<(u8, &'b [u8]), Odd> {
        let whole = length(self.0, self.0.len())?.ok_or(Odd)?;
        let (element, rest) = self.0.split_at_checked(whole).ok_or(Odd)?;
        let (tag, behind) = element.split_first().ok_or(Odd)?;
        let digits = behind.first().map_or(0, |first| if *first < 0x80 { 0 } else { usize::from(first & 0x7f) });
        let content = behind.get(1 + digits..).ok_or(Odd)?;
        self.0 = rest;
        Ok((*tag, content))
    }

    /// The content of the next element, which is of this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'b [u8], Odd> {
        match self.next()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Odd),
        }
    }

    /// The next element as a number of at most four bytes.
    pub(super) fn number(&mut self, tag: u8) -> Result<u32, Odd> {
        match self.expect(tag)? {
            [] => Err(Odd),
            [first, ..] if first & 0x80 != 0 => Err(Odd),
            [0, digits @ ..] | digits if digits.len() <= 4 => {
                Ok(digits.iter().fold(0, |sum, &digit| (sum << 8) | u32::from(digit)))
            }
            _ => Err(Odd),
        }
    }

    /// Whether all was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_short_or_long() {
        for size in [0, 1, 127, 128, 255, 256, 70_000] {
            let element = element(OCTETS, &vec![7; size]);
            assert_eq!(length(&element, 1 << 20), Ok(Some(element.len())), "{size}");
            let mut reader = Reader(&element);
            assert_eq!(reader.expect(OCTETS).map(<[u8]>::len), Ok(size));
            assert!(reader.is_empty());
        }
        for whole in
            [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x80], &[0x30, 0x85, 0, 0, 0, 0, 1], &[0x30, 0xff]]
        {
            assert_eq!(length(whole, 1 << 20), Err(Odd), "{whole:x?}");
        }
        assert_eq!(length(&[0x30], 9), Ok(None));
        assert_eq!(length(&[0x30, 0x82, 1], 9), Ok(None));
    }

    #[test]
    fn numbers_have_a_sign_bit() {
        for value in [0, 1, 127, 128, 255, 256, 0x7fff_ffff, u32::MAX] {
            assert_eq!(Reader(&number(INTEGER, value)).number(INTEGER), Ok(value));
        }
        assert_eq!(Reader(&[INTEGER, 1, 0xff]).number(INTEGER), Err(Odd));
        assert_eq!(Reader(&[INTEGER, 0]).number(INTEGER), Err(Odd));
        assert_eq!(Reader(&[INTEGER, 6, 1, 0, 0, 0, 0, 0]).number(INTEGER), Err(Odd));
    }

    proptest! {
        #[test]
        fn nothing_read_is_more_than_came(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader(&bytes);
            let mut read = 0;
            while let Ok((_, content)) = reader.next() {
                read += content.len() + 2;
                prop_assert!(read <= bytes.len());
            }
        }
    }
}
