//! Sealing: a day that is over is written again, clustered by person and time, and its records are proved by one signed
//! entry in the chain of seals.
//!
//! Whatever cuts it, a day is either as it was or sealed: the new file is whole and on the disk before it takes the place
//! of the old, and carries its seal, which the chain is given afterwards if a crash came between.

mod gathered;

use crate::audit::{self, Act};
use crate::chain::{self, Chain, ChainError, Line};
use crate::cipher::{Hash, PublicKey, hex};
use crate::clock::{self, ClockState};
use crate::columns::{Block, Proof};
use crate::day::Day;
use crate::dayfile::sealed::{self, BLOCK, Draft};
use crate::dayfile::{DayError, Reader, State, fold, rows, state_of};
use crate::keys::{DayKey, Keys};
use crate::row::{Malformed, Row};
use crate::{SealError, canonical, crash, tree};
use gathered::{ADDED, Gathered, Leaves, Order, Parts, Source, blocks, fetch};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The kind of a seal's entry.
pub(crate) const SEAL: &str = "seal";
/// Records held in memory while blocks are written; a day with more is gone through several times, and its leaves are made
/// again. Tests come there sooner.
const AT_ONCE: usize = if cfg!(test) { 150_000 } else { 400_000 };

/// What a seal says of its day. Nothing about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The gate.
    pub node: String,
    /// The UTC day.
    pub day: String,
    /// How many records, those erased included.
    pub records: u64,
    /// The root of the tree over their leaves, in hexadecimal digits.
    pub root: String,
    /// The root of the tree over its blocks; none where an earlier version sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<String>,
    /// The lowest identifier; 0 in an empty day.
    pub first_id: i64,
    /// The highest identifier; 0 in an empty day.
    pub last_id: i64,
    /// How many checkpoints the day had.
    pub checkpoints: u64,
    /// Which key the day is hidden under.
    pub day_key: String,
    /// When it was sealed (RFC 3339, UTC).
    pub sealed_at: String,
    /// How the clock was when it was sealed.
    pub clock: ClockState,
    /// The program's version.
    pub program: String,
    /// The hash of the seal it takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Why it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<String>,
}

/// A seal that has been made, for whoever sends it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What it says.
    pub seal: Seal,
    /// The SHA-256 of its entry, in hexadecimal digits: all that needs to leave the house.
    pub hash: String,
}

/// The chain of seals of a register.
pub(crate) fn chain_file(dir: &Path) -> PathBuf {
    dir.join("seals.jsonl")
}

/// What a line of the chain of seals says. Nothing is checked.
pub fn said(line: &str) -> Option<Seal> {
    chain::Line::of(line)?.read::<Seal>().filter(|link| link.kind == SEAL).map(|link| link.body)
}

/// The seals in force, by day: the last of each. Nothing is checked.
pub(crate) fn seals(dir: &Path, public: &PublicKey) -> Result<BTreeMap<String, (Hash, Seal)>, SealError> {
    let text = chain::text(&chain_file(dir))?;
    let all = chain::entries::<Seal>(&text, SEAL, public).into_iter();
    Ok(all.map(|(hash, link)| (link.body.day.clone(), (hash, link.body))).collect())
}

/// Seals a day that is over: `None` when it is sealed already, or when there is nothing of it.
///
/// Nobody may write the day meanwhile. Fails, and changes nothing, while a record of the day is open.
pub(crate) async fn seal_day(dir: &Path, day: Day, node: &str, keys: &Keys) -> Result<Option<Sealed>, SealError> {
    let file = day.file(dir);
    let wrong = |error: Malformed| DayError::of(&file, &error);
    match state_of(&file).await.map_err(wrong)? {
        State::Empty => return Ok(None),
        State::Rows => rows::convert(dir, day, keys).await?,
        State::Open => {}
        State::Sealed => return remember(dir, day, keys).await,
    }
    // Its log is deleted before the sealed file takes its place: nothing may be in it that is nowhere else.
    fold(&file).await?;
    let mut reader = Reader::open(&file, day, keys).await.map_err(wrong)?;
    let checkpoints = reader.open_checkpoints().await.map_err(wrong)?;
    let lines: String = checkpoints.into_iter().flat_map(|(_, line)| [line, "\n".to_owned()]).collect();
    let key = keys.day(day, &reader.key.as_ref().ok_or(Malformed::Meta("key")).map_err(wrong)?.name)?;
    let job = Job { dir, day, node, keys, key: &key, lines: &lines, erased: BTreeMap::new(), replaces: None };
    let sealed = job.run(&mut Source::of(reader).await.map_err(wrong)?, &HashSet::new(), Vec::new()).await?;
    Ok(Some(sealed))
}

/// Gives the chain the seal of a day whose file has one that the chain lacks.
async fn remember(dir: &Path, day: Day, keys: &Keys) -> Result<Option<Sealed>, SealError> {
    let file = day.file(dir);
    let wrong = |error: Malformed| DayError::of(&file, &error);
    let line = seal_line_of(&file).await.map_err(wrong)?;
    let Some(link) = Line::of(&line).and_then(|line| line.read::<Seal>()) else { return Ok(None) };
    let mut chain = Chain::open(&chain_file(dir), SEAL)?;
    chain.drop_torn(&line)?;
    // Only where it fits: anything else is for `verify` to say.
    if link.previous != hex(&chain.previous()) {
        return Ok(None);
    }
    let hash = chain.add(keys, &line)?;
    Ok(Some(Sealed { seal: link.body, hash: hex(&hash) }))
}

/// Takes up what a crash left between a sealed file and the chain: seals that the chain lacks are added to it, in the
/// order in which they were made. `suspect`: days besides those that the chain doesn't know.
pub(crate) async fn take_up(dir: &Path, suspect: &[Day], keys: &Keys) -> Result<Vec<Sealed>, SealError> {
    let mut taken_up = Vec::new();
    let days = Day::all(dir).map_err(|error| SealError::Day(crate::error::words(dir, &error)))?;
    loop {
        let known = seals(dir, &keys.public())?;
        let mut more = false;
        for day in days.iter().filter(|day| suspect.contains(day) || !known.contains_key(&day.to_string())) {
            // What cannot be read is for the sealing and for `verify` to say.
            let Ok(State::Sealed) = state_of(&day.file(dir)).await else { continue };
            let line = seal_line_of(&day.file(dir)).await.map_err(|error| DayError::of(&day.file(dir), &error))?;
            let hash = Line::of(&line).map(|line| line.hash());
            if known.get(&day.to_string()).is_some_and(|(known, _)| Some(*known) == hash) {
                continue;
            }
            if let Some(sealed) = remember(dir, *day, keys).await? {
                taken_up.push(sealed);
                more = true;
            }
        }
        if !more {
            return Ok(taken_up);
        }
    }
}

async fn seal_line_of(file: &Path) -> Result<String, Malformed> {
    crate::dayfile::meta_of(file, "seal").await
}

/// Writes a sealed day again without some of its records, with others, or both, under another key, and seals it anew.
///
/// What is erased leaves its leaf, whose salt nobody can make again once the old key is destroyed, which is done last.
pub(crate) async fn seal_again(
    dir: &Path,
    day: Day,
    node: &str,
    keys: &Keys,
    erase: &HashSet<i64>,
    add: Vec<Row>,
    ground: &str,
) -> Result<Sealed, SealError> {
    let file = day.file(dir);
    let wrong = |error: Malformed| DayError::of(&file, &error);
    let (old, _) = seals(dir, &keys.public())?.remove(&day.to_string()).ok_or(SealError::NotSealed(day.to_string()))?;
    let mut reader = Reader::open(&file, day, keys).await.map_err(wrong)?;
    let lines = reader.checkpoints().await.map_err(wrong)?;
    let erased = reader.erased().await.map_err(wrong)?;
    let key = keys.make_day(day)?;
    crash::point("another key made");
    let replaces = Some((hex(&old), ground.to_owned()));
    let job = Job { dir, day, node, keys, key: &key, lines: &lines, erased, replaces };
    let done = job.run(&mut Source::of(reader).await.map_err(wrong)?, erase, add).await;
    let kept = match &done {
        Ok(_) => Some(key.name.clone()),
        // The old file stays, and its key.
        Err(_) => None,
    };
    match (done, kept) {
        (Ok(sealed), Some(kept)) => {
            crash::point("old key not destroyed");
            keys.destroy(day, Some(&kept))?;
            Ok(sealed)
        }
        (done, _) => done,
    }
}

/// One sealing.
struct Job<'a> {
    dir: &'a Path,
    day: Day,
    node: &'a str,
    keys: &'a Keys,
    key: &'a DayKey,
    lines: &'a str,
    erased: BTreeMap<u64, Hash>,
    replaces: Option<(String, String)>,
}

impl Job<'_> {
    async fn run(mut self, source: &mut Source, erase: &HashSet<i64>, add: Vec<Row>) -> Result<Sealed, SealError> {
        let file = self.day.file(self.dir);
        let wrong = |error: Malformed| DayError::of(&file, &error);
        let mut gathered = self.gather(source, erase, &add).await.map_err(wrong)?;
        gathered.sort();
        if let Some(id) = gathered.twice() {
            return Err(wrong(Malformed::Twice(id)).into());
        }
        let draft = file.with_extension("sealing");
        let written = self.write(&draft, source, &add, &gathered).await;
        if written.is_err() {
            // A disk that is full has better uses for it.
            let _ = sealed::discard(&draft);
        }
        written
    }

    /// Goes through all records: their leaves, and where they go.
    async fn gather(&mut self, source: &mut Source, erase: &HashSet<i64>, add: &[Row]) -> Result<Gathered, Malformed> {
        let mut gathered = Gathered::default();
        let mut form = Vec::with_capacity(512);
        let again = matches!(source.parts, Parts::Blocks(_));
        if again || source.records <= AT_ONCE {
            gathered.leaves = Leaves::Kept(Vec::with_capacity(source.records));
        }
        // As many as there are: growing by doubling would take twice as much.
        gathered.orders.reserve_exact(source.records + add.len());
        let old = source.reader.key.as_ref().map(|key| key.salts.clone()).ok_or(Malformed::Meta("key"))?;
        let mut next = 0;
        for part in 0..source.len() {
            let block = source.block(part).await?;
            let (whole, proofs) = (block.whole()?, block.proofs()?);
            let users = block.texts(crate::columns::USER)?;
            let names: Vec<u32> =
                (0..users.distinct()).map(|place| gathered.user(users.value(place).map(Arc::from).as_ref())).collect();
            for row in 0..whole.len() {
                let id = whole.id(row);
                if !whole.is_settled(row) {
                    if source.superseded.contains(&id) {
                        continue;
                    }
                    return Err(Malformed::Open(id));
                }
                let place = if again { proofs.get(row).ok_or(Malformed::Meta("place"))?.place } else { next };
                next += u64::from(!again);
                form.clear();
                whole.canonical(row, &mut form);
                if erase.contains(&id) {
                    self.erased.insert(place, canonical::leaf(&old, id, &form));
                    continue;
                }
                let leaf = canonical::leaf(&self.key.salts, id, &form);
                gathered.leaf(place, leaf)?;
                gathered.orders.push(Order {
                    user: names[users.place(row)],
                    opened_at: whole.opened_at(row),
                    id,
                    place: u32::try_from(place)?,
                    part: part as u32,
                    row: row as u32,
                });
            }
        }
        for (place, leaf) in &self.erased {
            gathered.leaf(*place, *leaf)?;
        }
        self.gather_added(&mut gathered, add)?;
        Ok(gathered)
    }

    fn gather_added(&self, gathered: &mut Gathered, add: &[Row]) -> Result<(), Malformed> {
        for part in (0..add.len()).collect::<Vec<_>>().chunks(BLOCK) {
            let rows: Vec<&Row> = part.iter().map(|place| &add[*place]).collect();
            let block = Block::read(crate::columns::write(&rows, &[], flate2::Compression::none(), || ()))?;
            let whole = block.whole()?;
            let mut form = Vec::new();
            for (row, added) in rows.iter().enumerate() {
                form.clear();
                whole.canonical(row, &mut form);
                let leaf = canonical::leaf(&self.key.salts, added.id, &form);
                let place = gathered.places();
                gathered.leaf(place, leaf)?;
                let user = gathered.user(added.user.as_ref());
                let (place, row) = (u32::try_from(place)?, part[row] as u32);
                let order = Order { opened_at: added.opened_at, id: added.id, user, place, part: ADDED, row };
                gathered.orders.push(order);
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        draft: &Path,
        source: &mut Source,
        add: &[Row],
        gathered: &Gathered,
    ) -> Result<Sealed, SealError> {
        let file = self.day.file(self.dir);
        let tree = gathered.tree().map_err(|error| DayError::of(&file, &error))?;
        let mut draft = Draft::begin(draft.to_path_buf(), self.day, self.key).await?;
        crash::point("draft begun");
        let (mut from, mut roots) = (0, Vec::new());
        while from < gathered.orders.len() {
            let orders = &gathered.orders[from..gathered.orders.len().min(from + AT_ONCE)];
            let fetched = fetch(source, add, orders, &gathered.leaves, self.key);
            let (rows, leaves) = fetched.await.map_err(|error| DayError::of(&file, &error))?;
            from += orders.len();
            for at in blocks(orders) {
                let (orders, leaves) = (&orders[at.clone()], &leaves[at.clone()]);
                let users = (orders[0].user, orders[orders.len() - 1].user);
                let proofs: Vec<Proof> = orders.iter().zip(leaves).map(|(order, leaf)| order.proof(leaf)).collect();
                draft.block(self.key, users, &rows[at].iter().collect::<Vec<_>>(), &proofs).await?;
                roots.push(tree::block(leaves));
            }
        }
        crash::point("draft half written");
        draft.users(self.key, &gathered.users.iter().map(Option::as_deref).collect::<Vec<_>>()).await?;
        draft.checkpoints(self.lines).await?;
        if !self.erased.is_empty() {
            draft.erased(&self.erased).await?;
            roots.push(tree::block(&self.erased.values().copied().collect::<Vec<_>>()));
        }
        draft.roots(&roots).await?;
        let ids = || gathered.orders.iter().map(|order| order.id);
        let opened = || gathered.orders.iter().map(|order| order.opened_at);
        for (name, value) in [
            ("records", tree.size() as i64),
            ("first_id", ids().min().unwrap_or(0)),
            ("last_id", ids().max().unwrap_or(0)),
            ("first_opened", opened().min().unwrap_or(0)),
            ("last_opened", opened().max().unwrap_or(0)),
        ] {
            draft.set(name, &value.to_string()).await?;
        }
        let seal = Seal {
            node: self.node.to_owned(),
            day: self.day.to_string(),
            records: tree.size(),
            root: hex(&tree.root()),
            blocks: Some(hex(&tree::root(&roots))),
            first_id: ids().min().unwrap_or(0),
            last_id: ids().max().unwrap_or(0),
            checkpoints: self.lines.lines().count() as u64,
            day_key: self.key.name.as_str().to_owned(),
            sealed_at: clock::rfc3339(clock::now()),
            clock: clock::state(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            replaces: self.replaces.as_ref().map(|(hash, _)| hash.clone()),
            ground: self.replaces.as_ref().map(|(_, ground)| ground.clone()),
        };
        // Held from here on: the seal names the one before it.
        let mut chain = Chain::open(&chain_file(self.dir), SEAL)?;
        let line = chain.next(self.keys, &seal)?;
        draft.set("seal", &line).await?;
        let draft = draft.finish().await?;
        crash::point("draft finished");
        sealed::put_in_place(&draft, &file)?;
        crash::point("day renamed");
        let hash = hex(&chain.add(self.keys, &line)?);
        crash::point("seal added");
        note(self.dir, self.keys, &seal, &hash)?;
        Ok(Sealed { seal, hash })
    }
}

/// Notes a seal in the audit trail too: a chain of seals that is cut off at its end is found out by it.
fn note(dir: &Path, keys: &Keys, seal: &Seal, hash: &str) -> Result<(), ChainError> {
    let act = Act {
        at: String::new(),
        who: "octroi".into(),
        act: "seal".into(),
        purpose: None,
        reason: seal.ground.clone(),
        scope: BTreeMap::from([("day".into(), seal.day.clone()), ("seal".into(), hash.to_owned())]),
        count: seal.records,
    };
    audit::add(dir, keys, act)
}
