//! Records with what proves them, day by day: what is taken out of the register can be proved without it.
//!
//! A record is proved by its canonical form and its salt, which make its leaf; by the day's proof, which makes of the leaves
//! the root in the day's seal; and by the seal's signature. Nothing of that needs the day's key or another's record, and the
//! salt of one record tells nothing about its neighbours. `docs/RECORDS.md` ("Proofs") specifies it.

mod partial;

use crate::cipher::{Hash, hex, unhex};
use crate::columns::Block;
use crate::day::Day;
use crate::dayfile::{Reader, State};
use crate::keys::Keys;
use crate::record::Record;
use crate::row::Malformed;
use crate::seal::{self, Seal};
use crate::search::{rows_of, search_open, search_rows, within};
use crate::{Search, SearchError, canonical, tree};
use partial::Partial;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

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
    trees: Trees,
}

/// What is known of the trees of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trees {
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

/// Shows, day by day and oldest first, the records that any of the searches looks for, with what proves them, until the
/// visitor has seen enough. Holds one day. A day without any is not shown. `limit` and `newest_first` of a search say nothing
/// here. A day that cannot be read, or whose records cannot be proved by its seal, takes no other with it: the days that
/// could not be shown are returned.
///
/// Cancel safety: dropping it stops the visit.
pub async fn visit_proven(
    dir: &Path,
    keys: &Keys,
    searches: &[Search],
    mut visitor: impl FnMut(ProvenDay) -> ControlFlow<()>,
) -> Result<Vec<SearchError>, SearchError> {
    let mut days = Day::all(dir).map_err(|source| SearchError::Folder { dir: dir.to_path_buf(), source })?;
    days.retain(|day| searches.iter().any(|search| search.may_reach(*day)));
    let chain = seal::chain_file(dir);
    let unread =
        |file: &Path, why: &dyn std::fmt::Display| SearchError::Day { file: file.into(), why: why.to_string() };
    let seals = seal::seals(dir, &keys.public()).map_err(|error| unread(&chain, &error))?;
    let mut missed = Vec::new();
    for day in days {
        let (file, seal) = (day.file(dir), seals.get(&day.to_string()));
        let shown = async {
            let mut reader = Reader::open(&file, day, keys).await?;
            let found = look(&mut reader, searches, seal).await;
            reader.close().await?;
            found
        };
        match shown.await {
            Err(error) => missed.push(unread(&file, &error)),
            Ok(found) if found.records.is_empty() => {}
            Ok(mut found) => {
                found.records.sort_unstable_by_key(|found| (found.record.opened_at, found.record.id));
                if visitor(found).is_break() {
                    break;
                }
            }
        }
    }
    Ok(missed)
}

/// What of a day is looked for.
async fn look(reader: &mut Reader, searches: &[Search], seal: Option<&(Hash, Seal)>) -> Result<ProvenDay, Malformed> {
    let mut found = ProvenDay { day: reader.day.to_string(), seal: None, records: Vec::new(), trees: Trees::Unsealed };
    match reader.state {
        State::Empty => {}
        State::Rows | State::Open => {
            let records = match reader.state {
                State::Rows => search_rows(reader, searches).await?,
                _ => search_open(reader, searches).await?,
            };
            found.records = records.into_iter().map(|record| ProvenRecord { record, spot: None }).collect();
        }
        State::Sealed => sealed(reader, searches, seal, &mut found).await?,
    }
    Ok(found)
}

async fn sealed(
    reader: &mut Reader,
    searches: &[Search],
    seal: Option<&(Hash, Seal)>,
    found: &mut ProvenDay,
) -> Result<(), Malformed> {
    let mut wanted = Vec::new();
    for search in searches {
        wanted.extend(within(reader, search).await?);
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let line = reader.meta("seal")?.to_owned();
    let (_, seal) = seal
        .filter(|(hash, _)| crate::chain::Line::of(&line).is_some_and(|line| line.hash() == *hash))
        .ok_or(Malformed::Unproven)?;
    let salts = reader.key.as_ref().ok_or(Malformed::Meta("key"))?.salts.clone();
    let mut blocks = BTreeMap::new();
    for (number, (key, last_user)) in (0..).zip(reader.block_spans().await?) {
        let holds = |user: &Option<usize>| user.is_none_or(|user| (key.0..=last_user).contains(&(user as i64)));
        let concerned: Vec<Search> =
            wanted.iter().filter(|(_, user)| holds(user)).map(|(search, _)| search.clone()).collect();
        if concerned.is_empty() {
            continue;
        }
        let block = reader.block_at(key).await?;
        let rows = rows_of(&block, &concerned)?;
        if rows.is_empty() {
            continue;
        }
        let (whole, proofs) = (block.whole()?, block.proofs()?);
        let read = whole.rows()?;
        for row in rows {
            let at = match seal.blocks {
                Some(_) => At::Row { block: number, row: row as u64 },
                None => At::Place { place: proofs.get(row).ok_or(Malformed::Meta("place"))?.place },
            };
            let salt = hex(&canonical::salt(&salts, whole.id(row)));
            found.records.push(ProvenRecord { record: read.record(row)?, spot: Some(Spot { salt, at }) });
        }
        if seal.blocks.is_some() {
            blocks.insert(number, Partial::all(leaves(&block, &salts)?));
        }
    }
    if found.records.is_empty() {
        return Ok(());
    }
    let trees = match seal.blocks {
        Some(_) => Trees::Blocks(Partial::all(reader.roots().await?), blocks),
        None => Trees::Places(all_places(reader, &salts, seal.records).await?),
    };
    // Nothing is given away as proved that isn't.
    let kept = found.records.iter().filter_map(|found| found.spot.as_ref()).map(|spot| spot.at);
    (found.seal, found.trees) = (Some(line), trees.only(kept).ok_or(Malformed::Unproven)?);
    if found.trees.root().map(|root| hex(&root)) != Some(seal.blocks.clone().unwrap_or_else(|| seal.root.clone())) {
        return Err(Malformed::Unproven);
    }
    Ok(())
}

/// The leaves of a block, in its order.
fn leaves(block: &Block, salts: &crate::cipher::Keyed) -> Result<Vec<Hash>, Malformed> {
    let (whole, mut form) = (block.whole()?, Vec::with_capacity(512));
    let leaf = |row| {
        form.clear();
        whole.canonical(row, &mut form);
        canonical::leaf(salts, whole.id(row), &form)
    };
    Ok((0..whole.len()).map(leaf).collect())
}

/// The tree of places of a sealed day, for which all of its blocks are read.
async fn all_places(reader: &mut Reader, salts: &crate::cipher::Keyed, records: u64) -> Result<Partial, Malformed> {
    let mut all = reader.erased().await?;
    for key in reader.block_keys().await? {
        let block = reader.block_at(key).await?;
        all.extend(block.proofs()?.iter().map(|proof| proof.place).zip(leaves(&block, salts)?));
    }
    // Neither a hole nor a place beyond: else one of them has another number.
    if all.len() as u64 != records || all.keys().next_back().is_some_and(|last| *last >= records) {
        return Err(Malformed::Unproven);
    }
    Ok(Partial::all(all.into_values()))
}

impl Trees {
    /// The same with these leaves alone known.
    fn only(&self, at: impl Iterator<Item = At>) -> Option<Trees> {
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
    fn root(&self) -> Option<Hash> {
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
        let seal = self.seal.as_deref().and_then(crate::chain::Line::of).map(|line| hex(&line.hash()));
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
    fn prove(seal: &str, proof: &DayProof, records: Vec<ProvenRecord>) -> Result<ProvenDay, String> {
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
        let line = crate::chain::Line::of(seal).ok_or("its seal is no line of a chain")?;
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

#[cfg(test)]
#[path = "proof/tests.rs"]
pub(crate) mod tests;
