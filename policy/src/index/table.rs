//! A sorted table of keys, each with a number, in which one search finds every key that a text begins with.
//!
//! Keys stand in blocks; within a block each key is coded by what it shares with the one before. Beside the blocks lies
//! the first sixteen bytes of each block's first key, small enough to stay in the processor's cache, so that a search
//! mostly costs one look into main memory.
//!
//! Why one block is enough: let P be a key that the text begins with, and F the first key of the block where the text
//! itself would stand. Either P stands in that block, or P < F ≤ text, and then F begins with P too. So each block says
//! which keys its first key begins with, and a key is either in the block or named by it.
//!
//! ```text
//! block    how many keys the first key begins with, their lengths and numbers; then for each key
//!          the bytes shared with the one before, the bytes that follow, its number, those bytes
//! table    blocks | heads (16 each) | offsets (4 each) | number of blocks (4)
//! ```
//! Numbers inside blocks take seven bits a byte, the others are little-endian.

use super::runs::{push_number, take_number};
use super::{Section, SetId};
use std::io::{self, Write};
use std::ops::Range;

/// Keys in a block. More make the index smaller and the search in the block longer.
const BLOCK: usize = 16;

/// Writes a table; keys come in rising order.
#[derive(Default)]
pub(super) struct TableWriter {
    block: Vec<u8>,
    in_block: usize,
    heads: Vec<u8>,
    offsets: Vec<u8>,
    written: u64,
    previous: Vec<u8>,
    /// Lengths and numbers of all keys that the previous key begins with, itself included.
    open: Vec<(usize, SetId)>,
}

impl TableWriter {
    /// For as many keys, or fewer: what stands behind the blocks is not moved as it grows.
    pub(super) fn for_keys(keys: u64) -> TableWriter {
        let blocks = usize::try_from(keys).unwrap_or_default() / BLOCK + 1;
        TableWriter {
            heads: Vec::with_capacity(16 * blocks),
            offsets: Vec::with_capacity(4 * blocks),
            ..TableWriter::default()
        }
    }

    /// Adds a key that is greater than all before.
    pub(super) fn add(&mut self, key: &[u8], set: SetId, out: &mut impl Write) -> io::Result<()> {
        let shared = shared(&self.previous, key);
        while self.open.last().is_some_and(|(length, _)| *length > shared) {
            self.open.pop();
        }
        if self.in_block == BLOCK {
            self.close(out)?;
        }
        let mut given = shared;
        if self.in_block == 0 {
            self.begin(key)?;
            given = 0;
        }
        push_number(given, &mut self.block);
        push_number(key.len() - given, &mut self.block);
        push_number(set.0 as usize, &mut self.block);
        self.block.extend_from_slice(&key[given..]);
        self.in_block += 1;
        self.open.push((key.len(), set));
        self.previous.truncate(shared);
        self.previous.extend_from_slice(&key[shared..]);
        Ok(())
    }

    /// Ends the table and gives its length.
    pub(super) fn finish(mut self, out: &mut impl Write) -> io::Result<u64> {
        self.close(out)?;
        let blocks = self.offsets.len() / 4;
        out.write_all(&self.heads)?;
        out.write_all(&self.offsets)?;
        out.write_all(&u32::try_from(blocks).map_err(io::Error::other)?.to_le_bytes())?;
        Ok(self.written + (self.heads.len() + self.offsets.len() + 4) as u64)
    }

    fn begin(&mut self, key: &[u8]) -> io::Result<()> {
        self.heads.extend(head(key).to_le_bytes());
        // Four gibibytes are four hundred million entries.
        let offset =
            u32::try_from(self.written).map_err(|_| io::Error::other("the lists are too long for one index"))?;
        self.offsets.extend(offset.to_le_bytes());
        push_number(self.open.len(), &mut self.block);
        for (length, set) in &self.open {
            push_number(*length, &mut self.block);
            push_number(set.0 as usize, &mut self.block);
        }
        Ok(())
    }

    fn close(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.block)?;
        self.written += self.block.len() as u64;
        self.block.clear();
        self.in_block = 0;
        Ok(())
    }
}

/// A table in the bytes of an index.
pub(super) struct Table {
    section: Section,
    blocks: usize,
    /// Where the heads begin, which is where the blocks end.
    heads: usize,
    /// Every [`FAN`]th head, and every `FAN`th of these: copies that stay in the cache.
    middle: Vec<u128>,
    top: Vec<u128>,
}

/// Heads compared at each level of a search. They lie side by side, so that their loads overlap.
const FAN: usize = 32;

impl Table {
    /// `None` when the lengths don't fit together.
    pub(super) fn open(section: Section) -> Option<Table> {
        let bytes = section.as_ref();
        let (rest, count) = bytes.split_last_chunk()?;
        let blocks = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let heads = rest.len().checked_sub(blocks.checked_mul(20)?)?;
        let view = View { bytes, blocks, heads };
        let middle: Vec<u128> = (0..blocks).step_by(FAN).filter_map(|block| view.head(block)).collect();
        let top = middle.iter().copied().step_by(FAN).collect();
        Some(Table { blocks, heads, middle, top, section })
    }

    /// The block whose first key is the last that is not greater than the text.
    fn block_of(&self, text: &[u8]) -> Option<&[u8]> {
        let view = View { bytes: self.section.as_ref(), blocks: self.blocks, heads: self.heads };
        let wanted = head(text);
        let mut low = self.below(&view, wanted);
        if view.head(low) == Some(wanted) {
            // What the heads don't tell apart, the keys do.
            let mut high = wanted.checked_add(1).map_or(self.blocks, |next| self.below(&view, next));
            while low < high {
                let middle = low.midpoint(high);
                if view.first_key(middle)? <= text { low = middle + 1 } else { high = middle }
            }
        }
        view.block(low.checked_sub(1)?)
    }

    /// How many heads are smaller.
    fn below(&self, view: &View<'_>, wanted: u128) -> usize {
        let Some(group) = self.top.partition_point(|head| *head < wanted).checked_sub(1) else {
            return 0;
        };
        let group = FAN * group;
        let group_end = self.middle.len().min(group + FAN);
        let smaller = self.middle[group..group_end].iter().filter(|head| **head < wanted).count();
        // The first of the group is the head that the top holds, and smaller.
        let leaf = FAN * (group + smaller - 1);
        leaf + view.heads(leaf..self.blocks.min(leaf + FAN)).filter(|head| *head < wanted).count()
    }

    /// Gives length and number of every key that the text begins with, the shortest first.
    pub(super) fn prefixes(&self, text: &[u8], mut each: impl FnMut(usize, SetId)) {
        let Some(mut block) = self.block_of(text) else { return };
        let mut before = Vec::new();
        for _ in 0..take_number(&mut block) {
            before.push((take_number(&mut block), take_set(&mut block)));
        }
        // Bytes that the text and the key last read have in common.
        let mut common = 0;
        while !block.is_empty() {
            let (shared, length, set) = (take_number(&mut block), take_number(&mut block), take_set(&mut block));
            let Some((suffix, rest)) = block.split_at_checked(length) else {
                return;
            };
            block = rest;
            // Sharing more with the key before than the text does, this key lies on the same side of the text.
            if shared > common {
                continue;
            }
            // Leaving the key before where the text still followed it, this key is greater than the text.
            if shared < common {
                return;
            }
            let follows = &text[common..];
            let more = self::shared(suffix, follows);
            common += more;
            // The first key: what it begins with and the text too comes before it.
            for (length, set) in before.drain(..).filter(|(length, _)| *length <= common) {
                each(length, set);
            }
            match (suffix.get(more), follows.get(more)) {
                (None, _) => each(common, set),
                (Some(_), None) => return,
                (Some(key), Some(text)) if key > text => return,
                _ => {}
            }
        }
    }

    /// Every key, in order.
    pub(super) fn keys(&self) -> Keys<'_> {
        let view = View { bytes: self.section.as_ref(), blocks: self.blocks, heads: self.heads };
        Keys { view, next: 0, block: &[], key: Vec::new() }
    }

    /// Whether a key begins with the text and goes on behind it.
    pub(super) fn has_longer(&self, text: &[u8]) -> bool {
        let view = View { bytes: self.section.as_ref(), blocks: self.blocks, heads: self.heads };
        // Such keys follow the text: in the block where it would stand, or as the first of a later one.
        let after = |block: usize| view.first_key(block).is_some_and(|key| key <= text);
        let (mut low, mut high) = (0, self.blocks);
        while low < high {
            let middle = low.midpoint(high);
            if after(middle) { low = middle + 1 } else { high = middle }
        }
        let longer = |key: &[u8]| key.len() > text.len() && key.starts_with(text);
        if view.first_key(low).is_some_and(longer) {
            return true;
        }
        let Some(mut block) = low.checked_sub(1).and_then(|block| view.block(block)) else { return false };
        for _ in 0..2 * take_number(&mut block) {
            take_number(&mut block);
        }
        let mut key = Vec::new();
        while !block.is_empty() {
            let (shared, length, _) = (take_number(&mut block), take_number(&mut block), take_set(&mut block));
            let Some((suffix, rest)) = block.split_at_checked(length) else { return false };
            block = rest;
            key.truncate(shared);
            key.extend_from_slice(suffix);
            if longer(&key) {
                return true;
            }
        }
        false
    }
}

/// The keys of a table, one after the other.
pub(super) struct Keys<'a> {
    view: View<'a>,
    /// The block that comes after this one.
    next: usize,
    block: &'a [u8],
    key: Vec<u8>,
}

impl Keys<'_> {
    /// Goes on to the next key and gives its number; `None` at the end.
    pub(super) fn next(&mut self) -> Option<SetId> {
        if self.block.is_empty() {
            self.block = self.view.block(self.next).filter(|_| self.next < self.view.blocks)?;
            self.next += 1;
            for _ in 0..2 * take_number(&mut self.block) {
                take_number(&mut self.block);
            }
        }
        let block = &mut self.block;
        let (shared, length, set) = (take_number(block), take_number(block), take_set(block));
        let (suffix, rest) = block.split_at_checked(length)?;
        *block = rest;
        self.key.truncate(shared);
        self.key.extend_from_slice(suffix);
        Some(set)
    }

    /// The key.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

/// The bytes of a table, looked up once a search.
struct View<'a> {
    bytes: &'a [u8],
    blocks: usize,
    heads: usize,
}

impl<'a> View<'a> {
    fn head(&self, block: usize) -> Option<u128> {
        self.heads(block..block + 1).next().filter(|_| block < self.blocks)
    }

    fn heads(&self, blocks: Range<usize>) -> impl Iterator<Item = u128> {
        let bytes = self.bytes.get(self.heads + 16 * blocks.start..self.heads + 16 * blocks.end).unwrap_or_default();
        bytes.as_chunks().0.iter().map(|head| u128::from_le_bytes(*head))
    }

    fn offset(&self, block: usize) -> Option<usize> {
        if block == self.blocks {
            return Some(self.heads);
        }
        let bytes = self.bytes.get(self.heads + 16 * self.blocks + 4 * block..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    fn block(&self, block: usize) -> Option<&'a [u8]> {
        self.bytes.get(self.offset(block)?..self.offset(block + 1)?)
    }

    fn first_key(&self, block: usize) -> Option<&'a [u8]> {
        let mut block = self.block(block)?;
        for _ in 0..2 * take_number(&mut block) {
            take_number(&mut block);
        }
        let (_, length, _) = (take_number(&mut block), take_number(&mut block), take_number(&mut block));
        block.get(..length)
    }
}

/// The first sixteen bytes as a number that orders as they do; zeros for those that are missing.
pub(super) fn head(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let known = key.len().min(16);
    bytes[..known].copy_from_slice(&key[..known]);
    u128::from_be_bytes(bytes)
}

/// How many bytes both begin with.
pub(super) fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn take_set(bytes: &mut &[u8]) -> SetId {
    // No set has a number over 32 bits; one that has would be in no index.
    SetId(u32::try_from(take_number(bytes)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        let part = prop::sample::select(vec![&b"moc."[..], b"a", b"b", b"\0", b"c", b"elpmaxe.elpmaxe.elpmaxe"]);
        prop::collection::vec(part, 0..9).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_key_that_a_text_begins_with_is_found(
            keys in prop::collection::btree_map(key(), 0..300u32, 0..1000),
            texts in prop::collection::vec(key(), 1..40),
        ) {
            let mut bytes = Vec::new();
            let mut writer = TableWriter::default();
            for (key, set) in &keys {
                writer.add(key, SetId(*set), &mut bytes).expect("a vector takes every byte");
            }
            let length = writer.finish(&mut bytes).expect("a vector takes every byte");
            prop_assert_eq!(length, bytes.len() as u64);
            let range = 0..bytes.len();
            let table = Table::open(Section { data: Arc::new(bytes), range }).expect("what was written opens");
            let all: BTreeMap<&[u8], u32> = keys.iter().map(|(key, set)| (key.as_slice(), *set)).collect();
            for text in texts.iter().chain(keys.keys()) {
                let mut found = Vec::new();
                table.prefixes(text, |length, set| found.push((length, set.0)));
                let expected: Vec<_> =
                    (0..=text.len()).filter_map(|end| all.get(&text[..end]).map(|set| (end, *set))).collect();
                prop_assert_eq!(found, expected);
                let longer = all.keys().any(|key| key.len() > text.len() && key.starts_with(text));
                prop_assert_eq!(table.has_longer(text), longer);
            }
        }
    }
}
