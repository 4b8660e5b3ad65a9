//! The frames of a journal segment: what is written, and how it is read back after a crash.
//!
//! A frame is `marker (2) · kind (1) · 0 (1) · length (4) · crc32 of kind, length and payload (4) · payload`, numbers
//! in little-endian order. The marker lets a reader find the next frame behind a damaged one; the checksum says that
//! it found one.

use crate::record::{Action, Auth, Ending, Entry, Later, Outcome, Verdict};
use crate::row::Row;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

const MARKER: [u8; 2] = [0xF5, 0x0C];
const HEADER: usize = 12;
/// Longer than any record can be; a length beyond it is damage.
const LONGEST: usize = 16 << 20;

const OPENED: u8 = 1;
const SETTLED: u8 = 2;
const PADDING: u8 = 3;
/// Frames hidden together, as one write committed them: `count (4)`, then the frames and the tag.
const HIDDEN: u8 = 4;
/// Bytes of a tag.
const TAG: usize = 16;

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A record was opened.
    Opened(Box<Row>),
    /// A record was settled. `opened_at` tells its day, so that the ending alone is enough when the opening has
    /// already been filed and its segment deleted.
    Settled { id: i64, opened_at: i64, ending: Ending },
    /// Nothing: written to see whether the disk takes bytes again.
    Padding,
}

/// Writes "record `id` was opened".
pub(crate) fn opened(to: &mut Vec<u8>, id: i64, entry: &Entry) {
    frame(to, OPENED, |to| {
        to.extend_from_slice(&id.to_le_bytes());
        to.extend_from_slice(&entry.opened_at.to_le_bytes());
        to.extend_from_slice(&entry.port.to_le_bytes());
        to.push(entry.auth as u8);
        address(to, Some(entry.client_ip));
        text(to, &entry.method);
        text(to, entry.scheme);
        optional(to, entry.user.as_deref());
        optional(to, entry.host.as_deref());
        optional(to, entry.path.as_deref());
        optional(to, entry.masked);
        verdict(to, &entry.verdict);
    });
}

/// Writes "record `id` was settled".
pub(crate) fn settled(to: &mut Vec<u8>, id: i64, opened_at: i64, ending: &Ending) {
    frame(to, SETTLED, |to| {
        to.extend_from_slice(&id.to_le_bytes());
        to.extend_from_slice(&opened_at.to_le_bytes());
        to.extend_from_slice(&ending.closed_at.to_le_bytes());
        to.extend_from_slice(&ending.bytes_sent.to_le_bytes());
        to.extend_from_slice(&ending.bytes_received.to_le_bytes());
        to.push(ending.outcome as u8);
        to.push(u8::from(ending.status.is_some()));
        to.extend_from_slice(&ending.status.unwrap_or(0).to_le_bytes());
        address(to, ending.destination_ip);
        to.push(u8::from(ending.later.is_some()));
        if let Some(later) = &ending.later {
            optional(to, later.tls_name.as_deref());
            verdict(to, &later.verdict);
        }
    });
}

/// Writes `length` bytes that mean nothing.
pub(crate) fn padding(to: &mut Vec<u8>, length: usize) {
    frame(to, PADDING, |to| to.resize(to.len() + length, 0));
}

/// Hides the frames of one write together. `count` is how many were hidden before in the segment.
pub(crate) fn hidden(to: &mut Vec<u8>, count: u32, frames: &[u8], hide: impl FnOnce(&mut [u8]) -> [u8; TAG]) {
    frame(to, HIDDEN, |to| {
        to.extend_from_slice(&count.to_le_bytes());
        let from = to.len();
        to.extend_from_slice(frames);
        let tag = hide(&mut to[from..]);
        to.extend_from_slice(&tag);
    });
}

/// The length of the first whole frames that make at most `most` bytes; of the first alone, when it is longer.
pub(crate) fn whole(frames: &[u8], most: usize) -> usize {
    let mut length = 0;
    while let Some((_, payload)) = header(&frames[length..]) {
        let next = length + HEADER + payload;
        if next > most && length > 0 {
            break;
        }
        length = next.min(frames.len());
    }
    if length == 0 { frames.len() } else { length }
}

fn frame(to: &mut Vec<u8>, kind: u8, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&MARKER);
    to.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    payload(to);
    let length = (to.len() - start - HEADER) as u32;
    to[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&to[start + 2..start + 8], &to[start + HEADER..]);
    to[start + 8..start + HEADER].copy_from_slice(&crc.to_le_bytes());
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(payload);
    crc.finalize()
}

/// What was read from the bytes of a segment.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The frames, in order, also those behind a damaged place.
    pub(crate) frames: Vec<Frame>,
    /// Bytes at the end that make no whole frame: what a crash cut.
    pub(crate) torn: u64,
    /// Places before the end that make no frame: what no crash explains.
    pub(crate) damaged: Vec<Range<usize>>,
}

/// Opens the frames of one write, given their count and their hidden bytes; `None` when they don't open.
pub(crate) type Reveal<'a> = &'a dyn Fn(u32, &[u8]) -> Option<Vec<u8>>;

/// How the frames of a segment stand there.
#[derive(Clone, Copy)]
pub(crate) enum Form<'a> {
    /// As the first form had them.
    Clear,
    /// Hidden, and nothing else is taken.
    Hidden(Reveal<'a>),
}

/// Bytes that may be looked at again and again for the next beginning, for each byte there is.
const PATIENCE: usize = 64;

/// Reads everything that can be read.
pub(crate) fn scan(bytes: &[u8], form: Form<'_>) -> Scan {
    let mut scan = Scan::default();
    let mut patience = bytes.len().saturating_mul(PATIENCE).max(1 << 20);
    let mut at = 0;
    while at < bytes.len() {
        if let Some((frames, length)) = read_all(&bytes[at..], form) {
            scan.frames.extend(frames);
            at += length;
            continue;
        }
        // The checksum is enough to know a beginning by.
        let next = (at + 1..bytes.len()).find(|&next| {
            // Made up to cost: each beginning that is none has all its bytes summed up.
            let costs = header(&bytes[next..]).map_or(0, |(_, length)| length.min(bytes.len() - next));
            patience = patience.saturating_sub(costs);
            patience > 0 && outline(&bytes[next..]).is_some()
        });
        match next {
            Some(next) => {
                scan.damaged.push(at..next);
                at = next;
            }
            None => {
                scan.torn = (bytes.len() - at) as u64;
                break;
            }
        }
    }
    scan
}

/// The frames that begin here, hidden ones opened, and their length.
fn read_all(bytes: &[u8], form: Form<'_>) -> Option<(Vec<Frame>, usize)> {
    let (kind, payload) = outline(bytes)?;
    let length = HEADER + payload.len();
    let reveal = match form {
        Form::Clear => return Some((vec![read(kind, payload)?], length)),
        Form::Hidden(reveal) if kind == HIDDEN => reveal,
        // In the clear, and by whoever could write the file.
        Form::Hidden(_) => return None,
    };
    let (count, hidden) = payload.split_first_chunk::<4>()?;
    let revealed = reveal(u32::from_le_bytes(*count), hidden)?;
    let mut rest = revealed.as_slice();
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (kind, payload) = outline(rest)?;
        frames.push(read(kind, payload)?);
        rest = &rest[HEADER + payload.len()..];
    }
    Some((frames, length))
}

/// The kind and the payload of the frame that begins here.
fn outline(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (kind, length) = header(bytes)?;
    let (head, rest) = bytes[MARKER.len()..].split_first_chunk::<6>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..length).filter(|_| length <= LONGEST)?;
    (checksum(head, payload) == u32::from_le_bytes(*crc)).then_some((kind, payload))
}

/// The kind and the length that a header gives.
fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let head = bytes.strip_prefix(&MARKER)?.first_chunk::<10>()?;
    let [kind, 0, a, b, c, d, ..] = *head else {
        return None;
    };
    Some((kind, u32::from_le_bytes([a, b, c, d]) as usize))
}

fn read(kind: u8, payload: &[u8]) -> Option<Frame> {
    let mut reader = Reader(payload);
    match kind {
        OPENED => Some(Frame::Opened(Box::new(reader.opened()?))),
        SETTLED => reader.settled(),
        PADDING => Some(Frame::Padding),
        _ => None,
    }
}

// Writing: a text is its length plus one, then its bytes; a missing one is 0.

fn length(to: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}

fn text(to: &mut Vec<u8>, text: &str) {
    length(to, text.len() + 1);
    to.extend_from_slice(text.as_bytes());
}

fn optional(to: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => text(to, value),
        None => to.push(0),
    }
}

fn address(to: &mut Vec<u8>, address: Option<IpAddr>) {
    match address.map(|address| address.to_canonical()) {
        None => to.push(0),
        Some(IpAddr::V4(v4)) => {
            to.push(4);
            to.extend_from_slice(&v4.octets());
        }
        Some(IpAddr::V6(v6)) => {
            to.push(16);
            to.extend_from_slice(&v6.octets());
        }
    }
}

fn verdict(to: &mut Vec<u8>, verdict: &Verdict) {
    to.push(verdict.action as u8);
    optional(to, verdict.rule.as_deref());
    optional(to, verdict.article.as_deref());
    optional(to, verdict.category.as_deref());
    text(to, &verdict.charter);
}

/// Reads a payload; `None` wherever it is not what was written.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn opened(&mut self) -> Option<Row> {
        Some(Row {
            id: self.i64()?,
            // The journal is of one gate, which whoever reads it knows.
            node: Arc::from(""),
            opened_at: self.i64()?,
            port: u16::from_le_bytes(self.bytes()?),
            auth: self.word(Auth::ALL)?,
            client_ip: self.address()??,
            method: self.text()??,
            scheme: self.text()??,
            user: self.text()?,
            host: self.text()?,
            path: self.text()?,
            masked: self.text()?,
            verdict: self.verdict()?,
            closed_at: None,
            tls_name: None,
            destination_ip: None,
            status: None,
            bytes_sent: 0,
            bytes_received: 0,
            outcome: None,
        })
    }

    fn settled(&mut self) -> Option<Frame> {
        let id = self.i64()?;
        let opened_at = self.i64()?;
        let ending = Ending {
            closed_at: self.i64()?,
            bytes_sent: u64::from_le_bytes(self.bytes()?),
            bytes_received: u64::from_le_bytes(self.bytes()?),
            outcome: self.word(Outcome::ALL)?,
            status: {
                let [known] = self.bytes()?;
                let status = u16::from_le_bytes(self.bytes()?);
                (known != 0).then_some(status)
            },
            destination_ip: self.address()?,
            later: match self.bytes()? {
                [0] => None,
                [_] => Some(Box::new(Later { tls_name: self.text()?, verdict: self.verdict()? })),
            },
        };
        Some(Frame::Settled { id, opened_at, ending })
    }

    fn verdict(&mut self) -> Option<Verdict> {
        Some(Verdict {
            action: self.word(Action::ALL)?,
            rule: self.text()?,
            article: self.text()?,
            category: self.text()?,
            charter: self.text()??,
        })
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    fn word<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let [number] = self.bytes()?;
        all.get(usize::from(number)).copied()
    }

    fn address(&mut self) -> Option<Option<IpAddr>> {
        match self.bytes()? {
            [0] => Some(None),
            [4] => Some(Some(self.bytes::<4>()?.into())),
            [16] => Some(Some(self.bytes::<16>()?.into())),
            [_] => None,
        }
    }

    /// `Some(None)`: a text that is missing on purpose.
    fn text(&mut self) -> Option<Option<Arc<str>>> {
        let mut length = 0_usize;
        for shift in (0..32).step_by(7) {
            let [byte] = self.bytes()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let Some(length) = length.checked_sub(1) else {
            return Some(None);
        };
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(std::str::from_utf8(text).ok()?.into()))
    }
}

#[cfg(test)]
#[path = "frame/tests.rs"]
mod tests;
