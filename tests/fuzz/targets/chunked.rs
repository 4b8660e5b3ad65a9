//! The chunked coding: the same payload and end in any pieces, as an independent reading has it; what is written is read.
#![no_main]

#[path = "../../../proxy/src"]
#[allow(dead_code, unused_imports, reason = "a target looks at one part of it")]
mod gate {
    pub(crate) mod wire;
}

use gate::wire;
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use wire::Malformed;
use wire::chunked::{Chunked, Step};

/// A body that has ended.
#[derive(Debug, PartialEq)]
struct Body {
    payload: Vec<u8>,
    /// How many bytes it took.
    length: usize,
    /// Its coding as it goes to the next hop.
    passed_on: Vec<u8>,
}

/// `None` when it hasn't ended.
type Read = Result<Option<Body>, Malformed>;

/// Reads a body that comes in pieces of these lengths, again and again.
fn read(bytes: &[u8], pieces: &[usize]) -> Read {
    let (mut chunked, mut at, mut seen) = (Chunked::new(), 0, 0);
    let (mut payload, mut passed_on) = (Vec::new(), Vec::new());
    let mut pieces = pieces.iter().cycle();
    loop {
        match chunked.step(&bytes[at..seen])? {
            Step::Frame(count) => {
                assert!(count > 0 && at + count <= seen, "a frame beyond what is there");
                passed_on.extend_from_slice(&bytes[at..at + count]);
                at += count;
            }
            Step::Rewrite { line, size } => {
                assert!(line > 2 && bytes[at..seen][..line].ends_with(b"\r\n"));
                let _ = write!(passed_on, "{size:x}\r\n");
                at += line;
            }
            Step::Data(range) => {
                assert!(range.start == 0 && range.end > 0 && at + range.end <= seen, "data beyond what is there");
                payload.extend_from_slice(&bytes[at..at + range.end]);
                passed_on.extend_from_slice(&bytes[at..at + range.end]);
                at += range.end;
            }
            Step::End => {
                assert_eq!(chunked.step(&bytes[at..]), Ok(Step::End), "the end is the end");
                return Ok(Some(Body { payload, length: at, passed_on }));
            }
            Step::More if seen == bytes.len() => return Ok(None),
            Step::More => seen = bytes.len().min(seen.saturating_add(pieces.next().map_or(1, |piece| 1.max(*piece)))),
        }
    }
}

/// RFC 9112 §7.1 word for word, on bytes that are all there; `None` when they are no body, or not all of one.
fn naive(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut payload, mut rest) = (Vec::new(), bytes);
    loop {
        let (line, after) = line(rest)?;
        let digits = line.split(|b| *b == b';').next()?;
        let size = i64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?.try_into().ok()?;
        rest = after;
        if size == 0 {
            break;
        }
        payload.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    loop {
        let (field, after) = line(rest)?;
        rest = after;
        if field.is_empty() {
            return Some((payload, bytes.len() - rest.len()));
        }
        field.iter().position(|b| *b == b':')?;
    }
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes, &[usize::MAX]);
    let drawn: Vec<usize> = bytes.iter().rev().take(8).map(|b| usize::from(*b)).collect();
    // Byte by byte, unless they are many.
    let least = 1 + bytes.len() / 300;
    for pieces in [&[least][..], &[least + 1, least], &[97], &drawn] {
        assert_eq!(read(bytes, pieces), whole, "left: in pieces");
    }
    if let Ok(Some(Body { payload, length, passed_on })) = whole {
        // The next hop gets the same payload, in a coding that nobody writes anew.
        let next = Body { payload: payload.clone(), length: passed_on.len(), passed_on: passed_on.clone() };
        assert_eq!(read(&passed_on, &[usize::MAX]), Ok(Some(next)));
        assert_eq!(Some((payload, length)), naive(bytes));
    }
    written_and_read(bytes, &drawn);
});

/// Any payload in any chunks, with an extension and a trailer now and then, and the next message behind it.
fn written_and_read(payload: &[u8], lengths: &[usize]) {
    let (mut body, mut rest, mut chunks) = (Vec::new(), payload, 0);
    let mut lengths = lengths.iter().cycle();
    while !rest.is_empty() {
        let length = lengths.next().copied().unwrap_or(1);
        let (chunk, after) = rest.split_at(rest.len().min(length % 300 + 1));
        chunks += 1;
        // More of them would be a way past the count of payload, which the gate closes.
        let extension = if length % 3 == 0 && chunks < 1000 { ";name=\"value\"" } else { "" };
        let _ = write!(body, "{:0width$X}{extension}\r\n", chunk.len(), width = length % 5);
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
        rest = after;
    }
    body.extend_from_slice(if payload.len().is_multiple_of(2) {
        b"0\r\n\r\n"
    } else {
        b"00;x\r\nX-Sum: 1\r\nX-End:\r\n\r\n"
    });
    let length = body.len();
    body.extend_from_slice(b"GET / HTTP/1.1\r\n");
    for pieces in [1 + body.len() / 300, 7, usize::MAX] {
        let read = read(&body, &[pieces]).map(|read| read.map(|read| (read.payload, read.length)));
        assert_eq!(read, Ok(Some((payload.to_vec(), length))));
    }
}
