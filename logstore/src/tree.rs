//! The Merkle tree over the records of a day (RFC 9162 section 2.1), grown leaf by leaf: every prefix has its root, so
//! that a minute's checkpoint is a root of the same tree that the day's seal is.

use crate::cipher::Hash;
use sha2::{Digest, Sha256};

/// The right edge of a tree: the roots of its whole parts, largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Tree {
    /// Leaves so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, given as its hash.
    pub(crate) fn push(&mut self, mut hash: Hash) {
        let mut size = self.size;
        while size & 1 == 1
            && let Some(left) = self.edge.pop()
        {
            hash = node(&left, &hash);
            size >>= 1;
        }
        self.edge.push(hash);
        self.size += 1;
    }

    /// The root over all leaves so far; of none, the hash of nothing.
    pub(crate) fn root(&self) -> Hash {
        let mut parts = self.edge.iter().rev();
        match parts.next() {
            None => Sha256::digest([]).into(),
            Some(last) => parts.fold(*last, |right, left| node(left, &right)),
        }
    }
}

/// The root over these leaves.
pub(crate) fn root<'a>(leaves: impl IntoIterator<Item = &'a Hash>) -> Hash {
    let mut tree = Tree::default();
    leaves.into_iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// A block as a leaf of the tree of blocks: how many records it has, and the root over their leaves.
pub(crate) fn block(leaves: &[Hash]) -> Hash {
    block_of(leaves.len() as u64, &root(leaves))
}

/// The same, of the root itself.
pub(crate) fn block_of(records: u64, root: &Hash) -> Hash {
    leaf(&[&records.to_be_bytes(), root])
}

/// The hash of a leaf's contents, in parts.
pub(crate) fn leaf(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new_with_prefix([0]);
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The hash over the roots of two parts.
pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    let mut text = [0; 65];
    text[0] = 1;
    text[1..33].copy_from_slice(left);
    text[33..].copy_from_slice(right);
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::hex;
    use proptest::prelude::*;

    /// The definition of RFC 9162 section 2.1.1, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                node(&by_definition(&many[..k]), &by_definition(&many[k..]))
            }
        }
    }

    proptest! {
        #[test]
        fn every_prefix_has_the_root_of_the_definition(count in 0_u32..70) {
            let leaves: Vec<Hash> = (0..count).map(|n| leaf(&[&n.to_be_bytes()])).collect();
            let mut tree = Tree::default();
            for size in 0..=leaves.len() {
                prop_assert_eq!(tree.root(), by_definition(&leaves[..size]));
                prop_assert_eq!(tree.size(), size as u64);
                leaves.get(size).into_iter().for_each(|next| tree.push(*next));
            }
        }
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        // The test vectors that the reference implementation of RFC 6962 publishes.
        let leaves: [&[u8]; 8] = [
            &[],
            &[0],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let mut tree = Tree::default();
        assert_eq!(hex(&tree.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        leaves.iter().for_each(|text| tree.push(leaf(&[text])));
        assert_eq!(hex(&tree.root()), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }
}
