//! A day's records with what proves them: made in the register, cut down, told, and made again from what was told.

use super::partial::Partial;
use crate::chain::Line;
use crate::cipher::{Hash, hex, unhex};
use crate::record::Record;
use crate::seal::{self, Seal};
use crate::{canonical, tree};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// A record, and where it stands in the tree that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenRecord {
    /// The record.
    pub record: Record,
    /// Its salt and its place; `None` while its day is not sealed.
    pub spot: Option<Spot>,
}

/// The salt of a record's leaf, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// 16 bytes, in hexadecimal digits.
    pub salt: String,
    /// Where the leaf is.
    #[serde(flatten)]
    pub at: At,
}

/// The place of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum At {
    /// In the tree of blocks.
    Row {
        /// The number of the block in its day, from 0.
        block: u64,
        /// The number of the record in the block, from 0.
        row: u64,
    },
    /// In the tree of places, of a day whose seal has no other.
    Place {
        /// The place, from 0.
        place: u64,
    },
}

/// Records of one day, and what proves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenDay {
    /// The UTC day, as `2026-11-23`.
    pub day: String,
    /// The line of the chain of seals that seals it, without its end; `None` while it is not sealed: then nothing proves these
    /// records yet.
    pub seal: Option<String>,
    /// Ordered by `opened_at`, then `id`; each once.
    pub records: Vec<ProvenRecord>,
    pub(super) trees: Trees,
}

/// What is known of the trees of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trees {
    Unsealed,
    /// The tree of blocks, and by number those blocks that records are of.
    Blocks(Partial, BTreeMap<u64, Partial>),
    /// The tree of places.
    Places(Partial),
}

/// The hashes that make of the leaves of some records the root in their day's seal: a line of `proofs.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayProof {
    /// The UTC day.
    pub day: String,
    /// The hash of its seal's entry; `None` of a day that is not sealed, which has no proof.
    pub seal: Option<String>,
    /// The proof over the tree of blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<BlocksProof>,
    /// The proof over the tree of places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<TreeProof>,
}

/// What of a tree proves some of its leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeProof {
    /// How many leaves the tree has.
    pub size: u64,
    /// The roots of the parts that have none of these leaves, left before right.
    pub hashes: Vec<String>,
}

/// What of the tree of blocks proves some records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlocksProof {
    /// How many blocks the day has, what stands in for erased records counted as one.
    pub size: u64,
    /// The roots of the parts that have none of these blocks.
    pub hashes: Vec<String>,
    /// The blocks that records are of, in rising order.
    pub each: Vec<BlockProof>,
}

/// What of a block proves some of its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockProof {
    /// Its number in its day.
    pub block: u64,
    /// How many records it has.
    pub size: u64,
    /// The roots of the parts that have none of these records.
    pub hashes: Vec<String>,
}

impl Trees {
    /// The same with these leaves alone known.
    pub(super) fn only(&self, at: impl Iterator<Item = At>) -> Option<Trees> {
        match self {
            Trees::Unsealed => Some(Trees::Unsealed),
            Trees::Places(tree) => {
                let mut places: Vec<u64> = Vec::new();
                for at in at {
                    let At::Place { place } = at else { return None };
                    places.push(place);
                }
                places.sort_unstable();
                Some(Trees::Places(tree.only(&places)?))
            }
            Trees::Blocks(tree, blocks) => {
                let mut rows: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
                for at in at {
                    let At::Row { block, row } = at else { return None };
                    rows.entry(block).or_default().push(row);
                }
                let mut kept = BTreeMap::new();
                for (block, mut rows) in rows {
                    rows.sort_unstable();
                    kept.insert(block, blocks.get(&block)?.only(&rows)?);
                }
                let numbers: Vec<u64> = kept.keys().copied().collect();
                Some(Trees::Blocks(tree.only(&numbers)?, kept))
            }
        }
    }

    /// The root of the day's tree, when everything fits.
    pub(super) fn root(&self) -> Option<Hash> {
        match self {
            Trees::Unsealed => None,
            Trees::Places(tree) => tree.root(),
            Trees::Blocks(tree, blocks) => {
                let fit = tree.leaves.iter().all(|(number, leaf)| {
                    let block = blocks.get(number).and_then(|block| Some((block.size, block.root()?)));
                    block.is_some_and(|(size, root)| tree::block_of(size, &root) == *leaf)
                });
                (fit && tree.leaves.len() == blocks.len()).then(|| tree.root()).flatten()
            }
        }
    }
}

fn digits(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| hex(hash)).collect()
}

fn hashes(digits: &[String]) -> Option<Vec<Hash>> {
    digits.iter().map(|digits| unhex(digits)).collect()
}

impl ProvenDay {
    /// Lets go of the records that the filter doesn't keep: they are neither in `records` nor told by the proof any more.
    pub fn retain(&mut self, mut keep: impl FnMut(&Record) -> bool) {
        self.records.retain(|found| keep(&found.record));
        let kept = self.records.iter().filter_map(|found| found.spot.as_ref()).map(|spot| spot.at);
        if let Some(trees) = self.trees.only(kept) {
            self.trees = trees;
        }
    }

    /// What proves the records.
    pub fn proof(&self) -> DayProof {
        let seal = self.seal.as_deref().and_then(Line::of).map(|line| hex(&line.hash()));
        let mut proof = DayProof { day: self.day.clone(), seal, blocks: None, places: None };
        match &self.trees {
            Trees::Unsealed => {}
            Trees::Places(tree) => proof.places = Some(TreeProof { size: tree.size, hashes: digits(&tree.hashes) }),
            Trees::Blocks(tree, blocks) => {
                let each = blocks.iter();
                let each = each.map(|(block, tree)| BlockProof {
                    block: *block,
                    size: tree.size,
                    hashes: digits(&tree.hashes),
                });
                let blocks = BlocksProof { size: tree.size, hashes: digits(&tree.hashes), each: each.collect() };
                proof.blocks = Some(blocks);
            }
        }
        proof
    }

    /// Makes a day again of what was taken out of the register, and proves every record of it; why it can't be.
    ///
    /// `seal` is the line that `proof` names, whose signature the caller has checked.
    #[cfg(test)]
    pub(super) fn prove(seal: &str, proof: &DayProof, records: Vec<ProvenRecord>) -> Result<ProvenDay, String> {
        let mut leaves = Leaves::default();
        records.iter().try_for_each(|found| leaves.add(found))?;
        Ok(leaves.prove(seal, proof)?.with(records))
    }

    /// The same day with these records, which it was proved with.
    pub(crate) fn with(self, records: Vec<ProvenRecord>) -> ProvenDay {
        ProvenDay { records, ..self }
    }

    /// A day that is not sealed.
    pub(crate) fn unsealed(day: String) -> ProvenDay {
        ProvenDay { day, seal: None, records: Vec::new(), trees: Trees::Unsealed }
    }
}

/// The leaves of records that were taken out of the register, by where they stood in it.
#[derive(Default)]
pub(crate) struct Leaves {
    known: BTreeMap<At, Hash>,
    ids: HashSet<i64>,
}

impl Leaves {
    /// Adds that of a record; why it can't be.
    pub(crate) fn add(&mut self, found: &ProvenRecord) -> Result<(), String> {
        let id = found.record.id;
        let spot = found.spot.as_ref().ok_or_else(|| format!("record {id} has no proof"))?;
        let leaf = leaf(&found.record, spot).ok_or_else(|| format!("record {id}: its salt is none"))?;
        match self.ids.insert(id) && self.known.insert(spot.at, leaf).is_none() {
            true => Ok(()),
            false => Err(format!("record {id} stands there twice")),
        }
    }

    /// Proves them: the day, without its records. `seal` is the line that `proof` names, whose signature the caller has
    /// checked.
    pub(crate) fn prove(self, seal: &str, proof: &DayProof) -> Result<ProvenDay, String> {
        let known = self.known;
        let line = Line::of(seal).ok_or("its seal is no line of a chain")?;
        let link = line.read::<Seal>().filter(|link| link.kind == seal::SEAL).ok_or("its seal is none")?;
        if link.body.day != proof.day || proof.seal.as_deref() != Some(&hex(&line.hash())) {
            return Err("its seal is another day's".into());
        }
        let unread = "its proof cannot be read";
        let (trees, root) = match (&proof.blocks, &proof.places, &link.body.blocks) {
            (None, Some(places), None) => {
                let leaves = known.iter().filter_map(|(at, leaf)| match at {
                    At::Place { place } => Some((*place, *leaf)),
                    At::Row { .. } => None,
                });
                let hashes = hashes(&places.hashes).ok_or(unread)?;
                let tree = Partial { size: places.size, leaves: leaves.collect(), hashes };
                if tree.size != link.body.records || tree.leaves.len() != known.len() {
                    return Err(unread.into());
                }
                (Trees::Places(tree), &link.body.root)
            }
            (Some(blocks), None, Some(root)) => {
                let mut each = BTreeMap::new();
                for block in &blocks.each {
                    let span = At::Row { block: block.block, row: 0 }..=At::Row { block: block.block, row: u64::MAX };
                    let leaves = known.range(span).filter_map(|(at, leaf)| match at {
                        At::Row { row, .. } => Some((*row, *leaf)),
                        At::Place { .. } => None,
                    });
                    let hashes = hashes(&block.hashes).ok_or(unread)?;
                    each.insert(block.block, Partial { size: block.size, leaves: leaves.collect(), hashes });
                }
                let count: usize = each.values().map(|block| block.leaves.len()).sum();
                if count != known.len() || each.len() != blocks.each.len() {
                    return Err(unread.into());
                }
                let roots =
                    each.iter().map(|(number, block)| Some((*number, tree::block_of(block.size, &block.root()?))));
                let leaves: Option<Vec<_>> = roots.collect();
                let leaves = leaves.ok_or(unread)?;
                let hashes = hashes(&blocks.hashes).ok_or(unread)?;
                (Trees::Blocks(Partial { size: blocks.size, leaves, hashes }, each), root)
            }
            _ => return Err(unread.into()),
        };
        if trees.root().map(|root| hex(&root)).as_ref() != Some(root) {
            return Err("one of its records, or its proof, is not what was sealed".into());
        }
        Ok(ProvenDay { day: proof.day.clone(), seal: Some(seal.to_owned()), records: Vec::new(), trees })
    }
}

/// The leaf of a record, of its canonical form and its salt.
fn leaf(record: &Record, spot: &Spot) -> Option<Hash> {
    let salt: [u8; canonical::SALT] = unhex(&spot.salt)?;
    let mut form = Vec::with_capacity(512);
    canonical::record(record, &mut form);
    Some(tree::leaf(&[&salt, &form]))
}
