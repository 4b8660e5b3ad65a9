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

/// Reads everything that can be read.
pub(crate) fn scan(bytes: &[u8], reveal: Reveal<'_>) -> Scan {
    let mut scan = Scan::default();
    let mut at = 0;
    while at < bytes.len() {
        if let Some((frames, length)) = read_all(&bytes[at..], reveal) {
            scan.frames.extend(frames);
            at += length;
            continue;
        }
        // The checksum is enough to know a beginning by.
        match (at + 1..bytes.len()).find(|&next| outline(&bytes[next..]).is_some()) {
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
fn read_all(bytes: &[u8], reveal: Reveal<'_>) -> Option<(Vec<Frame>, usize)> {
    let (kind, payload) = outline(bytes)?;
    let length = HEADER + payload.len();
    if kind != HIDDEN {
        return Some((vec![read(kind, payload)?], length));
    }
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Nothing is hidden.
    const CLEAR: Reveal<'static> = &|_, _| None;

    fn sample() -> (Entry, Ending) {
        let verdict = Verdict {
            action: Action::Warn,
            rule: Some("r".into()),
            article: None,
            category: Some("jeux".into()),
            charter: "2026-11".into(),
        };
        let entry = Entry {
            opened_at: 7,
            user: None,
            auth: Auth::Negotiate,
            client_ip: [10, 0, 0, 1].into(),
            method: "GET".into(),
            scheme: "http",
            host: Some("a.example".into()),
            port: 80,
            path: Some("x".repeat(300).into()),
            masked: None,
            verdict: verdict.clone(),
        };
        let ending = Ending {
            closed_at: 9,
            destination_ip: Some([0xfe80, 0, 0, 0, 0, 0, 0, 1].into()),
            status: Some(0),
            bytes_sent: 1,
            bytes_received: u64::MAX,
            outcome: Outcome::Continued,
            later: Some(Box::new(Later { verdict, tls_name: Some("b.example".into()) })),
        };
        (entry, ending)
    }

    /// Three frames, where each ends, and what each says.
    fn written() -> (Vec<u8>, Vec<usize>, Vec<Frame>) {
        let (entry, ending) = sample();
        let (mut bytes, mut ends) = (Vec::new(), vec![]);
        opened(&mut bytes, 1, &entry);
        ends.push(bytes.len());
        settled(&mut bytes, 1, 7, &ending);
        ends.push(bytes.len());
        padding(&mut bytes, 20);
        ends.push(bytes.len());
        let frames = vec![
            Frame::Opened(Box::new(Row::opened(1, "".into(), &entry))),
            Frame::Settled { id: 1, opened_at: 7, ending },
            Frame::Padding,
        ];
        (bytes, ends, frames)
    }

    #[test]
    fn frames_read_back_as_they_were_written() {
        let (bytes, _, frames) = written();
        let scan = scan(&bytes, CLEAR);
        assert_eq!((scan.frames, scan.torn, scan.damaged), (frames, 0, vec![]));
    }

    #[test]
    fn a_tail_torn_anywhere_costs_the_last_frame_alone() {
        let (bytes, ends, frames) = written();
        for cut in 0..bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let good = ends[..whole].last().copied().unwrap_or(0);
            let scan = scan(&bytes[..cut], CLEAR);
            assert_eq!(scan.frames, frames[..whole]);
            assert_eq!((scan.torn, scan.damaged), ((cut - good) as u64, vec![]));
        }
    }

    #[test]
    fn frames_that_were_hidden_together_open_together_or_not_at_all() {
        let (clear, ends, frames) = written();
        let hide = |text: &mut [u8]| {
            text.iter_mut().for_each(|byte| *byte ^= 0x55);
            [7; TAG]
        };
        let reveal = |count: u32, hidden: &[u8]| {
            let (text, tag) = hidden.split_last_chunk::<TAG>()?;
            (*tag == [7; TAG] && count == 3).then(|| text.iter().map(|byte| byte ^ 0x55).collect())
        };
        assert_eq!(
            (whole(&clear, 1), whole(&clear, ends[1]), whole(&clear, usize::MAX)),
            (ends[0], ends[1], clear.len())
        );
        let mut bytes = Vec::new();
        hidden(&mut bytes, 3, &clear, hide);
        assert_eq!(scan(&bytes, &reveal).frames, frames);
        assert_eq!(scan(&bytes, CLEAR).frames, []);
        let one = bytes.len();
        opened(&mut bytes, 2, &sample().0);
        let scan = scan(&bytes, CLEAR);
        assert_eq!((scan.frames.len(), scan.damaged.first()), (1, Some(&(0..one))));
    }

    proptest! {
        #[test]
        fn a_damaged_byte_costs_its_frame_alone(at in 0_usize..1000, flip in 1_u8..) {
            let (mut bytes, ends, frames) = written();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let hit = ends.iter().position(|end| at < *end).unwrap_or(0);
            let mut left = frames;
            left.remove(hit);
            prop_assert_eq!(scan(&bytes, CLEAR).frames, left);
        }

        #[test]
        fn no_bytes_are_too_strange_to_be_scanned(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let scan = scan(&bytes, CLEAR);
            prop_assert!(scan.frames.is_empty() && scan.torn == bytes.len() as u64);
        }
    }
}
