//! What is known of a day before its blocks are written: where each record is, where it goes, what its leaf is.

use crate::canonical;
use crate::cipher::Hash;
use crate::columns::{Block, Proof};
use crate::dayfile::sealed::{BLOCK, BlockKey};
use crate::dayfile::{Reader, State};
use crate::keys::DayKey;
use crate::row::{Malformed, Row};
use crate::tree::Tree;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// The part that records come from that are added while sealing.
pub(super) const ADDED: u32 = u32::MAX;
/// A block ends with a person's last record when it has this many.
const ENOUGH: usize = 1024;

/// Where records to be sealed come from.
pub(super) struct Source {
    pub(super) reader: Reader,
    pub(super) parts: Parts,
    /// Records of an open day that were filed again when they ended.
    pub(super) superseded: HashSet<i64>,
    /// How many there are.
    pub(super) records: usize,
}

pub(super) enum Parts {
    Batches(Vec<i64>),
    Blocks(Vec<BlockKey>),
}

impl Source {
    pub(super) async fn of(mut reader: Reader) -> Result<Source, Malformed> {
        let records;
        let (parts, superseded) = match reader.state {
            State::Sealed => {
                records = u64::try_from(reader.number("records")?)?;
                (Parts::Blocks(reader.block_keys().await?), HashSet::new())
            }
            _ => {
                let numbers = sqlx::query_scalar("SELECT number FROM batch ORDER BY number");
                let numbers = numbers.fetch_all(&mut reader.connection).await?;
                let (superseded, settled) = reader.superseded().await?;
                records = settled;
                (Parts::Batches(numbers), superseded)
            }
        };
        Ok(Source { reader, parts, superseded, records: usize::try_from(records)? })
    }

    pub(super) fn len(&self) -> usize {
        match &self.parts {
            Parts::Batches(all) => all.len(),
            Parts::Blocks(all) => all.len(),
        }
    }

    pub(super) async fn block(&mut self, part: usize) -> Result<Block, Malformed> {
        match &self.parts {
            Parts::Blocks(all) => {
                let key = *all.get(part).ok_or(Malformed::Meta("block"))?;
                self.reader.block_at(key).await
            }
            Parts::Batches(all) => {
                let number = all.get(part).ok_or(Malformed::Meta("batch"))?;
                let data: Vec<u8> = sqlx::query_scalar("SELECT data FROM batch WHERE number=?")
                    .bind(number)
                    .fetch_one(&mut self.reader.connection)
                    .await?;
                self.reader.block(data)
            }
        }
    }
}

/// Where one record is, and where it goes. 32 bytes: there is one in memory for each record of the day.
pub(super) struct Order {
    pub(super) opened_at: i64,
    pub(super) id: i64,
    pub(super) user: u32,
    pub(super) place: u32,
    pub(super) part: u32,
    pub(super) row: u32,
}

impl Order {
    pub(super) fn proof(&self, leaf: &Hash) -> Proof {
        Proof { place: self.place.into(), check: [leaf[0], leaf[1]] }
    }
}

/// All that is known of a day before its blocks are written.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) orders: Vec<Order>,
    pub(super) users: Vec<Option<Arc<str>>>,
    pub(super) known: HashMap<Option<Arc<str>>, u32>,
    pub(super) leaves: Leaves,
}

/// The leaves of a day.
pub(super) enum Leaves {
    /// They come in the order of their places, and are more than are kept in memory: whoever needs one makes it again.
    Grown(Tree),
    /// They come in another, or are few.
    Kept(Vec<Option<Hash>>),
}

impl Leaves {
    /// The leaf in a place, if it is kept.
    fn at(&self, place: u32) -> Option<Hash> {
        match self {
            Leaves::Grown(_) => None,
            Leaves::Kept(leaves) => leaves.get(place as usize).copied().flatten(),
        }
    }
}

impl Default for Leaves {
    fn default() -> Leaves {
        Leaves::Grown(Tree::default())
    }
}

impl Gathered {
    pub(super) fn user(&mut self, user: Option<&Arc<str>>) -> u32 {
        let next = self.users.len() as u32;
        *self.known.entry(user.cloned()).or_insert_with(|| {
            self.users.push(user.cloned());
            next
        })
    }

    pub(super) fn leaf(&mut self, place: u64, leaf: Hash) -> Result<(), Malformed> {
        let wrong = || Malformed::Meta("place");
        let leaves = match &mut self.leaves {
            Leaves::Grown(tree) if tree.size() == place => {
                tree.push(leaf);
                return Ok(());
            }
            Leaves::Grown(_) => return Err(wrong()),
            Leaves::Kept(leaves) => leaves,
        };
        let place = usize::try_from(place)?;
        // Nobody has a place behind all others twice over: the block lies.
        if place > leaves.len() + (1 << 24) {
            return Err(wrong());
        }
        if leaves.len() <= place {
            leaves.resize(place + 1, None);
        }
        match leaves[place].replace(leaf) {
            None => Ok(()),
            Some(_) => Err(wrong()),
        }
    }

    /// How many places are taken.
    pub(super) fn places(&self) -> u64 {
        match &self.leaves {
            Leaves::Grown(tree) => tree.size(),
            Leaves::Kept(leaves) => leaves.len() as u64,
        }
    }

    /// The tree over all leaves.
    pub(super) fn tree(&self) -> Result<Tree, Malformed> {
        match &self.leaves {
            Leaves::Grown(tree) => Ok(tree.clone()),
            Leaves::Kept(leaves) => {
                let mut tree = Tree::default();
                for leaf in leaves {
                    tree.push(leaf.ok_or(Malformed::Meta("place"))?);
                }
                Ok(tree)
            }
        }
    }

    /// Gives accounts their places in the order of their names, and records their order. Of an account whose records were
    /// all erased, the name goes too.
    pub(super) fn sort(&mut self) {
        let mut kept = vec![false; self.users.len()];
        self.orders.iter().for_each(|order| kept[order.user as usize] = true);
        let mut by_name: Vec<u32> = (0..self.users.len() as u32).filter(|user| kept[*user as usize]).collect();
        by_name.sort_by(|a, b| self.users[*a as usize].cmp(&self.users[*b as usize]));
        let mut places = vec![0; self.users.len()];
        (0..).zip(&by_name).for_each(|(place, user)| places[*user as usize] = place);
        self.orders.iter_mut().for_each(|order| order.user = places[order.user as usize]);
        self.users = by_name.iter().map(|user| self.users[*user as usize].clone()).collect();
        self.orders.sort_unstable_by_key(|order| (order.user, order.opened_at, order.id));
    }

    /// A record that stands there twice.
    pub(super) fn twice(&self) -> Option<i64> {
        let pairs = self.orders.windows(2);
        let mut twice = pairs.filter(|pair| {
            (pair[0].user, pair[0].opened_at, pair[0].id) == (pair[1].user, pair[1].opened_at, pair[1].id)
        });
        twice.next().map(|pair| pair[0].id)
    }
}

/// The records of these orders and their leaves, in their order.
pub(super) async fn fetch(
    source: &mut Source,
    add: &[Row],
    orders: &[Order],
    leaves: &Leaves,
    key: &DayKey,
) -> Result<(Vec<Row>, Vec<Hash>), Malformed> {
    let mut by_part: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, order) in orders.iter().enumerate() {
        by_part.entry(order.part).or_default().push(place);
    }
    let mut rows: Vec<Option<Row>> = Vec::new();
    rows.resize_with(orders.len(), || None);
    let mut hashes: Vec<Hash> = orders.iter().map(|order| leaves.at(order.place).unwrap_or_default()).collect();
    let mut form = Vec::with_capacity(512);
    for (part, places) in by_part {
        if part == ADDED {
            places.into_iter().for_each(|place| rows[place] = add.get(orders[place].row as usize).cloned());
            continue;
        }
        let block = source.block(part as usize).await?;
        let whole = block.whole()?;
        let read = whole.rows()?;
        for place in places {
            let row = orders[place].row as usize;
            rows[place] = Some(read.row(row)?);
            if matches!(leaves, Leaves::Grown(_)) {
                form.clear();
                whole.canonical(row, &mut form);
                hashes[place] = canonical::leaf(&key.salts, orders[place].id, &form);
            }
        }
    }
    let rows: Option<Vec<Row>> = rows.into_iter().collect();
    Ok((rows.ok_or(Malformed::Meta("place"))?, hashes))
}

/// Cuts records into blocks: where one is full, or where a person ends and it has enough.
pub(super) fn blocks(orders: &[Order]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = orders.get(from..).filter(|rest| !rest.is_empty())?;
        let most = rest.len().min(BLOCK);
        let ends = |at: &usize| rest.get(*at).is_none_or(|next| next.user != rest[*at - 1].user);
        let length = (ENOUGH..most).find(ends).unwrap_or(most);
        let at = from;
        from += length;
        Some(at..from)
    })
}
