//! Sorting millions of keys in little memory: sorted runs, each coded by what it shares with the key before, merged.
//!
//! The runs of the complete UT1 take about half of its text, and only one run's worth of keys is ever held plainly.

use super::SourceId;
use super::table::{head, shared};
use crate::pace::{CODED, COMPARED, Pace};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, binary_heap::PeekMut};

/// Keys gathered before they are sorted into a run.
const RUN: usize = 1 << 17;
/// Bytes of keys gathered before they are sorted into a run.
const RUN_BYTES: usize = 8 << 20;
/// A run is kept in pieces of about this many bytes: none is moved as it grows, and each is given back once it is merged.
const PIECE: usize = 64 << 10;

/// Keys with the source that holds them, gathered in any order.
#[derive(Default)]
pub(super) struct Runs {
    /// All keys of the run being gathered, end to end.
    arena: Vec<u8>,
    items: Vec<Item>,
    done: Vec<Run>,
    count: u64,
}

/// One key of the arena. Most comparisons end in `prefix`, without a look at the arena.
struct Item {
    prefix: u128,
    start: u32,
    length: u32,
    source: SourceId,
}

/// One sorted run: for each key, the bytes shared with the one before, the bytes that follow, the source, those bytes.
/// No key stands in two pieces.
struct Run(Vec<Vec<u8>>);

impl Runs {
    /// Keys added so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a key, given in parts.
    pub(super) fn add(&mut self, key: impl Iterator<Item = u8>, source: SourceId, pace: &Pace) {
        if self.items.len() >= RUN || self.arena.len() >= RUN_BYTES {
            self.close(pace);
        }
        let start = self.arena.len();
        self.arena.extend(key);
        let length = self.arena.len() - start;
        self.items.push(Item {
            prefix: head(&self.arena[start..]),
            start: u32::try_from(start).expect("an arena is closed long before 4 GiB"),
            length: u32::try_from(length).expect("no key is longer than a URL, which is at most 1 MiB"),
            source,
        });
        self.count += 1;
    }

    /// Sorts what was gathered into a run.
    fn close(&mut self, pace: &Pace) {
        let arena = &self.arena;
        let key = |item: &Item| &arena[item.start as usize..][..item.length as usize];
        self.items.sort_unstable_by(|a, b| {
            pace.did(COMPARED);
            a.prefix.cmp(&b.prefix).then_with(|| key(a).cmp(key(b))).then(a.source.cmp(&b.source))
        });
        let (mut pieces, mut piece) = (Vec::new(), Vec::with_capacity(PIECE));
        let mut previous: &[u8] = &[];
        for item in &self.items {
            pace.did(CODED);
            let key = key(item);
            let shared = shared(previous, key);
            // Three numbers take 15 bytes at most.
            if piece.len() + 15 + key.len() - shared > PIECE {
                pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(PIECE)));
            }
            push_number(shared, &mut piece);
            push_number(key.len() - shared, &mut piece);
            push_number(usize::from(item.source.0), &mut piece);
            piece.extend_from_slice(&key[shared..]);
            previous = key;
        }
        piece.shrink_to_fit();
        pieces.push(piece);
        self.done.push(Run(pieces));
        self.items.clear();
        self.arena.clear();
    }

    /// Gives every key once, in order, with its sources in order, each once; `each` may end it early.
    pub(super) fn merge<E>(
        mut self,
        pace: &Pace,
        mut each: impl FnMut(&[u8], &[SourceId]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.close(pace);
        let Runs { arena, items, done, .. } = self;
        drop((arena, items));
        let cursors = done.into_iter().map(|run| Cursor {
            key: Vec::new(),
            source: SourceId(0),
            at: 0,
            piece: Vec::new(),
            pieces: run.0.into_iter(),
        });
        let mut heap: BinaryHeap<Reverse<Cursor>> =
            cursors.filter_map(|mut cursor| cursor.advance().then_some(Reverse(cursor))).collect();
        let (mut key, mut sources) = (Vec::new(), Vec::new());
        while let Some(mut first) = heap.peek_mut() {
            pace.did(CODED);
            if first.0.key != key || sources.is_empty() {
                if !sources.is_empty() {
                    each(&key, &sources)?;
                }
                key.clone_from(&first.0.key);
                sources.clear();
            }
            // Sources of one key come in order, across runs too.
            if sources.last() != Some(&first.0.source) {
                sources.push(first.0.source);
            }
            if !first.0.advance() {
                PeekMut::pop(first);
            }
        }
        if sources.is_empty() { Ok(()) } else { each(&key, &sources) }
    }
}

/// A place in a run, ordered by its key and source.
struct Cursor {
    key: Vec<u8>,
    source: SourceId,
    /// The next key's place in the piece.
    at: usize,
    piece: Vec<u8>,
    pieces: std::vec::IntoIter<Vec<u8>>,
}

impl Cursor {
    /// Goes to the next key; false at the end.
    fn advance(&mut self) -> bool {
        while self.at == self.piece.len() {
            let Some(next) = self.pieces.next() else { return false };
            (self.piece, self.at) = (next, 0);
        }
        let mut rest = &self.piece[self.at..];
        let shared = take_number(&mut rest);
        let length = take_number(&mut rest);
        self.source = SourceId(u16::try_from(take_number(&mut rest)).expect("it was written from a source"));
        let (bytes, rest) = rest.split_at(length);
        self.key.truncate(shared);
        self.key.extend_from_slice(bytes);
        self.at = self.piece.len() - rest.len();
        true
    }
}

impl Ord for Cursor {
    fn cmp(&self, other: &Cursor) -> Ordering {
        self.key.cmp(&other.key).then(self.source.cmp(&other.source))
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Cursor) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Cursor) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cursor {}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
pub(super) fn push_number(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`push_number`] wrote; zero at the end of the bytes.
pub(super) fn take_number(bytes: &mut &[u8]) -> usize {
    let (mut number, mut shift) = (0, 0);
    while let [byte, rest @ ..] = *bytes {
        *bytes = rest;
        number |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::convert::Infallible;

    /// Keys that share much, that are longer than the prefix, and that hold zeros.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let part = prop::sample::select(vec![&b"moc."[..], b"a", b"ab", b"\0", b"elpmaxe.elpmaxe.elpmaxe"]);
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_key_comes_once_in_order_with_all_its_sources(
            added in prop::collection::vec((key(), 0..200u16, prop::bool::weighted(0.1)), 0..200),
        ) {
            let mut expected = BTreeMap::<Vec<u8>, BTreeSet<SourceId>>::new();
            let (mut runs, pace) = (Runs::default(), Pace::default());
            for (key, source, close) in added {
                runs.add(key.iter().copied(), SourceId(source), &pace);
                expected.entry(key).or_default().insert(SourceId(source));
                if close {
                    runs.close(&pace);
                }
            }
            let mut merged = Vec::new();
            let Ok(()) = runs.merge(&pace, |key, sources| {
                merged.push((key.to_vec(), sources.to_vec()));
                Ok::<(), Infallible>(())
            });
            let expected: Vec<_> =
                expected.into_iter().map(|(key, sources)| (key, sources.into_iter().collect::<Vec<_>>())).collect();
            prop_assert_eq!(merged, expected);
        }

        #[test]
        fn numbers_come_back(numbers: Vec<u32>) {
            let mut bytes = Vec::new();
            for number in &numbers {
                push_number(*number as usize, &mut bytes);
            }
            let mut rest = &bytes[..];
            let back: Vec<u32> = numbers.iter().map(|_| take_number(&mut rest) as u32).collect();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(back, numbers);
        }
    }

    #[test]
    fn keys_of_several_pieces_come_in_order() {
        let (mut runs, pace) = (Runs::default(), Pace::default());
        let keys: Vec<String> =
            (0..40_000).map(|n| format!("{:05}-{}", n * 7919 % 40_000, "x".repeat(n % 9))).collect();
        // One that no piece has room for.
        let long = "y".repeat(2 * PIECE);
        for key in keys.iter().chain([&long]) {
            runs.add(key.bytes(), SourceId(0), &pace);
        }
        runs.close(&pace);
        assert!(runs.done.iter().all(|run| run.0.len() > 2));
        let mut merged = Vec::new();
        let Ok(()) = runs.merge(&pace, |key, _| {
            merged.push(key.to_vec());
            Ok::<(), Infallible>(())
        });
        let mut sorted: Vec<&[u8]> = keys.iter().chain([&long]).map(String::as_bytes).collect();
        sorted.sort_unstable();
        assert_eq!(merged, sorted);
    }

    #[test]
    fn a_merge_stops_at_the_first_failure() {
        let (mut runs, pace) = (Runs::default(), Pace::default());
        for key in [b"a", b"b", b"c"] {
            runs.add(key.iter().copied(), SourceId(0), &pace);
        }
        let mut seen = 0;
        let outcome = runs.merge(&pace, |key, _| {
            seen += 1;
            if key == b"b" { Err("full") } else { Ok(()) }
        });
        assert_eq!((outcome, seen), (Err("full"), 2));
    }
}
