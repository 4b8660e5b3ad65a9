//! Lines of foreign text: bounded, whatever ends them, in whichever encoding.
//!
//! LF, CRLF and CR end a line. A line that never ends is cut, and the rest of it passed over without being held. What is
//! not UTF-8 is read as Latin-1, in which older lists are written.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::{self, BufRead};

/// The longest line, in bytes.
pub(super) const LONGEST: usize = 16 << 10;

/// The lines of a text that is still being read.
pub(super) struct Lines<'t> {
    text: &'t mut dyn BufRead,
    line: Vec<u8>,
    /// The line before ended in CR: an LF right behind it belongs to it.
    after_cr: bool,
    begun: bool,
}

/// A line without its end.
pub(super) struct Read<'l> {
    pub(super) bytes: &'l [u8],
    /// It was longer than [`LONGEST`]: this is its beginning.
    pub(super) cut: bool,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t mut dyn BufRead) -> Lines<'t> {
        Lines { text, line: Vec::new(), after_cr: false, begun: false }
    }

    /// The next line; a byte order mark in front of the first is left out. An error when the text cannot be
    /// read on: what came of the line is none.
    pub(super) fn next(&mut self) -> io::Result<Option<Read<'_>>> {
        self.line.clear();
        let (mut any, mut cut) = (false, false);
        loop {
            let mut bytes = self.text.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let mut taken = 0;
            if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
                bytes = bytes.get(1..).unwrap_or_default();
                taken = 1;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            any |= end.is_some() || !part.is_empty();
            let room = LONGEST - self.line.len();
            cut |= part.len() > room;
            self.line.extend_from_slice(part.get(..room).unwrap_or(part));
            self.after_cr = end.is_some_and(|end| bytes.get(end) == Some(&b'\r'));
            taken += part.len() + usize::from(end.is_some());
            self.text.consume(taken);
            if end.is_some() {
                break;
            }
        }
        if !std::mem::replace(&mut self.begun, true) {
            if self.line.starts_with(b"\xFF\xFE") || self.line.starts_with(b"\xFE\xFF") {
                let why = "it is written in UTF-16: save it as UTF-8";
                return Err(io::Error::new(io::ErrorKind::InvalidData, why));
            }
            if self.line.starts_with(b"\xEF\xBB\xBF") {
                self.line.drain(..3);
            }
        }
        Ok(any.then_some(Read { bytes: &self.line, cut }))
    }
}

/// A line as text.
pub(super) fn decoded(line: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        // In Latin-1 a byte is the character of that number.
        Err(_) => line.iter().copied().map(char::from).collect(),
    }
}

/// A URL as text: bytes of an older encoding stay those bytes, as a browser asks for them.
pub(super) fn url(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(line) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(line.len() + 8);
    for &byte in line {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    fn lines(text: &[u8], held: usize) -> Vec<(String, bool)> {
        let mut text = BufReader::with_capacity(held, text);
        let mut lines = Lines::of(&mut text);
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("memory") {
            all.push((String::from_utf8_lossy(line.bytes).into_owned(), line.cut));
        }
        all
    }

    #[test]
    fn lines_end_in_three_ways_wherever_the_reader_pauses() {
        for held in [1, 2, 3, 7, 64] {
            let said = |text: &str| lines(text.as_bytes(), held).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
            assert_eq!(said("\u{feff}a\r\nb\rc\nd"), ["a", "b", "c", "d"], "{held}");
            assert_eq!(said("a\r\n\r\nb\n\nc\r\r"), ["a", "", "b", "", "c", ""], "{held}");
            assert_eq!(said(""), [""; 0]);
        }
    }

    #[test]
    fn a_line_that_never_ends_is_cut_and_not_held() {
        let long = [vec![b'a'; LONGEST + 1], b"\nnext\n".to_vec(), vec![b'b'; LONGEST]].concat();
        let all = lines(&long, 1000);
        assert_eq!((all.len(), all[0].0.len(), all[0].1), (3, LONGEST, true));
        assert_eq!((all[1].clone(), all[2].1), (("next".to_owned(), false), false));
        let mut endless = BufReader::new(std::io::repeat(0).take(64 << 20));
        let mut lines = Lines::of(&mut endless);
        assert!(lines.next().expect("read").is_some_and(|line| line.cut && line.bytes.len() == LONGEST));
        assert!(lines.line.capacity() < 4 * LONGEST);
    }

    #[test]
    fn older_encodings_are_read_and_two_byte_ones_refused() {
        assert_eq!(decoded(b"caf\xE9.example"), "café.example");
        assert_eq!(decoded("café".as_bytes()), "café");
        assert_eq!(url(b"a.example/caf\xE9"), "a.example/caf%E9");
        for mark in [b"\xFF\xFEa\0", b"\xFE\xFF\0a"] {
            let mut text: &[u8] = mark;
            let refused = Lines::of(&mut text).next().map(|_| ()).expect_err("refused");
            assert!(refused.to_string().contains("UTF-16"), "{refused}");
        }
    }
}
