//! A tree of which some leaves are known, and of the rest as much as proves them: the Merkle multiproof.
//!
//! The tree is that of RFC 9162 section 2.1.1. Going down from its root, left before right, a part in which no leaf is
//! known is given by its root and not gone into. These roots, in that order, are the proof: whoever has the known leaves
//! and the number of all makes the root of the whole from them. One leaf alone gives the hashes of RFC 9162's inclusion
//! proof, in another order; neighbours share nearly all of theirs.

use crate::cipher::Hash;
use crate::tree;

/// Some leaves of a tree, and what proves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partial {
    /// How many leaves the tree has.
    pub(crate) size: u64,
    /// Those that are known, by their places, in rising order.
    pub(crate) leaves: Vec<(u64, Hash)>,
    /// The roots of the parts without any.
    pub(crate) hashes: Vec<Hash>,
}

/// The depth of no tree: its leaves are counted in 64 bits.
const DEEPEST: u32 = 64;

impl Partial {
    /// A tree of which everything is known.
    pub(crate) fn all(leaves: impl IntoIterator<Item = Hash>) -> Partial {
        let leaves: Vec<(u64, Hash)> = (0..).zip(leaves).collect();
        Partial { size: leaves.len() as u64, leaves, hashes: Vec::new() }
    }

    /// The root of the tree; `None` when this is no proof of any.
    pub(crate) fn root(&self) -> Option<Hash> {
        self.walk(&[], &mut Vec::new())
    }

    /// The same tree with these leaves alone known, in rising order; `None` when one of them isn't.
    pub(crate) fn only(&self, places: &[u64]) -> Option<Partial> {
        let mut hashes = Vec::new();
        self.walk(places, &mut hashes)?;
        let known = |place: &u64| self.leaves.binary_search_by_key(place, |(place, _)| *place).ok();
        let leaves: Option<Vec<_>> = places.iter().map(|place| self.leaves.get(known(place)?).copied()).collect();
        Some(Partial { size: self.size, leaves: leaves?, hashes })
    }

    /// Makes the root, and the proof of those that are kept.
    fn walk(&self, kept: &[u64], proof: &mut Vec<Hash>) -> Option<Hash> {
        let (known, kept_last) = (self.leaves.last().map(|(place, _)| *place), kept.last().copied());
        if !self.leaves.is_sorted_by(|one, next| one.0 < next.0)
            || !kept.is_sorted_by(|one, next| one < next)
            || known.max(kept_last).is_some_and(|last| last >= self.size)
        {
            return None;
        }
        if self.size == 0 {
            return self.hashes.is_empty().then(|| tree::root([]));
        }
        let mut hashes = self.hashes.iter();
        let root = part((0, self.size), &self.leaves, kept, &mut hashes, proof, DEEPEST)?;
        hashes.next().is_none().then_some(root)
    }
}

/// The root of one part, and what proves those of its leaves that are kept.
fn part(
    (from, to): (u64, u64),
    leaves: &[(u64, Hash)],
    kept: &[u64],
    hashes: &mut std::slice::Iter<'_, Hash>,
    proof: &mut Vec<Hash>,
    depth: u32,
) -> Option<Hash> {
    let begun = proof.len();
    let root = match leaves {
        [] => *hashes.next()?,
        [(_, leaf), ..] if to - from == 1 => *leaf,
        _ => {
            let half = from + (1 << (to - from - 1).ilog2());
            let (left, right) = leaves.split_at(leaves.partition_point(|(place, _)| *place < half));
            let (kept_left, kept_right) = kept.split_at(kept.partition_point(|place| *place < half));
            let depth = depth.checked_sub(1)?;
            let left = part((from, half), left, kept_left, hashes, proof, depth)?;
            tree::node(&left, &part((half, to), right, kept_right, hashes, proof, depth)?)
        }
    };
    if kept.is_empty() {
        // Nothing in it needs a proof: its root stands for all of it.
        proof.truncate(begun);
        proof.push(root);
    }
    Some(root)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test says so by failing")]
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| tree::leaf(&[&n.to_be_bytes()])).collect()
    }

    /// How many parts without a known leaf there are, by the definition.
    fn gaps(from: u64, to: u64, known: &[u64]) -> usize {
        match known.iter().filter(|place| (from..to).contains(place)).count() {
            0 => 1,
            _ if to - from == 1 => 0,
            _ => {
                let half = from + (to - from).next_power_of_two() / 2;
                gaps(from, half, known) + gaps(half, to, known)
            }
        }
    }

    fn some_of(count: u64) -> impl Strategy<Value = (u64, Vec<u64>, Vec<u64>)> {
        let places: Vec<u64> = (0..count).collect();
        proptest::sample::subsequence(places, 1..=count as usize).prop_flat_map(move |known| {
            let fewer = proptest::sample::subsequence(known.clone(), 1..=known.len());
            (Just(count), Just(known), fewer)
        })
    }

    proptest! {
        #[test]
        fn any_leaves_are_proved_and_any_of_those_again((count, known, fewer) in (1..90_u64).prop_flat_map(some_of)) {
            let whole = Partial::all(leaves(count));
            let root = tree::root(&leaves(count));
            prop_assert_eq!(whole.root(), Some(root));
            let some = whole.only(&known).unwrap();
            prop_assert_eq!(some.root(), Some(root));
            prop_assert_eq!(some.hashes.len(), gaps(0, count, &known));
            // Proved from the whole or from a proof, it is the same.
            prop_assert_eq!(some.only(&fewer), whole.only(&fewer));
            if known.len() < count as usize {
                let other = (0..count).find(|place| !known.contains(place)).unwrap();
                prop_assert_eq!(some.only(&[other]), None);
            }
        }

        #[test]
        fn nothing_else_is_proved((count, known, _) in (2..40_u64).prop_flat_map(some_of), at in any::<prop::sample::Index>(), bit in 0..256_usize) {
            let root = tree::root(&leaves(count));
            let some = Partial::all(leaves(count)).only(&known).unwrap();
            let changed = |change: &dyn Fn(&mut Partial)| {
                let mut other = some.clone();
                change(&mut other);
                other.root() != Some(root)
            };
            let flip = |hash: &mut Hash| hash[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(changed(&|other| flip(&mut other.leaves[at.index(known.len())].1)));
            if !some.hashes.is_empty() {
                let at = at.index(some.hashes.len());
                prop_assert!(changed(&|other| flip(&mut other.hashes[at])));
                prop_assert!(changed(&|other| other.hashes.truncate(at)));
            }
            prop_assert!(changed(&|other| other.hashes.push([0; 32])));
            prop_assert!(changed(&|other| other.leaves.push((count, [0; 32]))));
            prop_assert!(changed(&|other| other.leaves.push(other.leaves[0])));
        }
    }

    #[test]
    fn no_size_is_too_large_to_be_refused() {
        let lie = Partial { size: u64::MAX, leaves: vec![(u64::MAX - 1, [1; 32])], hashes: vec![[2; 32]; 9] };
        assert_eq!(lie.root(), None);
        let empty = Partial::all([]);
        assert_eq!((empty.root(), empty.only(&[])), (Some(tree::root([])), Some(empty.clone())));
    }
}
