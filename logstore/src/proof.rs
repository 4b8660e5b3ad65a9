//! Records with what proves them, day by day: what is taken out of the register can be proved without it.
//!
//! A record is proved by its canonical form and its salt, which make its leaf; by the day's proof, which makes of the leaves
//! the root in the day's seal; and by the seal's signature. Nothing of that needs the day's key or another's record, and the
//! salt of one record tells nothing about its neighbours. `docs/RECORDS.md` ("Proofs") specifies it.

mod day;
mod partial;

pub(crate) use day::Leaves;
pub use day::{At, BlockProof, BlocksProof, DayProof, ProvenDay, ProvenRecord, Spot, TreeProof};

use crate::chain::Line;
use crate::cipher::{Hash, hex};
use crate::columns::Block;
use crate::day::Day;
use crate::dayfile::{Reader, State};
use crate::keys::Keys;
use crate::row::Malformed;
use crate::seal::{self, Seal};
use crate::search::{rows_of, search_open, search_rows, within};
use crate::{Search, SearchError, canonical};
use day::Trees;
use partial::Partial;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

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
    let (_, seal) =
        seal.filter(|(hash, _)| Line::of(&line).is_some_and(|line| line.hash() == *hash)).ok_or(Malformed::Unproven)?;
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

#[cfg(test)]
#[path = "proof/tests.rs"]
pub(crate) mod tests;
