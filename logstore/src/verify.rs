//! Verification: every seal, checkpoint and record is proved again from what is on the disk, and the first that doesn't
//! hold is named.
//!
//! What a third party needs to do the same is in `docs/RECORDS.md`; `tests/verify.py` does it without this program.

mod clear;

use crate::audit::{self, ACT, Act};
use crate::chain::{self, Head, Line};
use crate::cipher::{Hash, PublicKey, hex};
use crate::columns::Block;
use crate::day::Day;
use crate::dayfile::open::{CHECKPOINT, Checkpoint};
use crate::dayfile::{Reader, State};
use crate::hold::{Holds, extract};
use crate::keys::Keys;
use crate::ledger::{self, Ledger};
use crate::retention::{self, CERTIFICATE, Certificate, TERM};
use crate::row::Malformed;
use crate::seal::{self, SEAL, Seal};
use crate::tree::Tree;
use crate::{ChainError, canonical, clock, tree};
use clear::Clear;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was verified, and what doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Report {
    /// Sealed days proved.
    pub days: u64,
    /// Records of sealed days proved, those erased included.
    pub records: u64,
    /// Records proved by a checkpoint alone, their day not being sealed yet.
    pub open_records: u64,
    /// Records proved that holds keep beyond their days, but for judicial holds.
    pub held_records: u64,
    /// Checkpoints proved.
    pub checkpoints: u64,
    /// Entries of the chains proved: seals, certificates, terms, acts, ledgers.
    pub entries: u64,
    /// What doesn't hold; the first first.
    pub findings: Vec<Finding>,
    /// What is worth knowing and proves nothing, a sentence each.
    pub notes: Vec<String>,
    /// The newest checkpoint, as the folder of keys knows it, until it is met.
    #[serde(skip)]
    newest: Option<Head>,
}

/// Something that doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What: "2026-11-23, record 4711", "seals.jsonl, line 12".
    pub what: String,
    /// Why not, in one clause.
    pub why: String,
}

/// Verifies the register in `dir`, with the keys of its days, against a public key that the caller trusts.
///
/// `progress` is told of each day before it is proved. Fails only when a chain cannot be read at all.
pub async fn verify(
    dir: &Path,
    keys: &Keys,
    public: &PublicKey,
    mut progress: impl FnMut(&str),
) -> Result<Report, ChainError> {
    let mut report = Report { newest: keys.head(CHECKPOINT), ..Report::default() };
    let seals = report.chain::<Seal>(&seal::chain_file(dir), SEAL, keys, public)?;
    let certificates = report.chain::<Certificate>(&retention::certificates_file(dir), CERTIFICATE, keys, public)?;
    report.chain::<retention::Term>(&retention::terms_file(dir), TERM, keys, public)?;
    let acts = report.chain::<Act>(&audit::file(dir), ACT, keys, public)?;
    report.missing_seals(&seals, &acts);
    for ledger in Ledger::ALL {
        let file = ledger.file(dir);
        report.chain::<serde_json::Value>(&file, ledger.name(), keys, public)?;
        if let Err(why) = ledger::check_end(dir, ledger, keys) {
            report.find(format!("{}.jsonl", ledger.name()), why);
        }
        for (entry, why) in ledger::check(&chain::text(&file)?, ledger, keys, public) {
            report.find(format!("{}.jsonl, entry {entry}", ledger.name()), why);
        }
    }

    report.extracts(dir, keys, &seals);

    let erased: BTreeSet<&str> =
        certificates.iter().flat_map(|(_, certificate)| certificate.days.iter().map(|day| day.day.as_str())).collect();
    let mut in_force: BTreeMap<&str, (&Hash, &Seal)> = BTreeMap::new();
    for (hash, seal) in &seals {
        if let Some((before, _)) = in_force.insert(&seal.day, (hash, seal))
            && seal.replaces.as_deref() != Some(&hex(before))
        {
            report
                .find(format!("seal of {}", seal.day), "a day is sealed twice, and the second does not say so".into());
        }
    }
    let days = Day::all(dir).unwrap_or_default();
    let there: BTreeSet<String> = days.iter().map(Day::to_string).collect();
    for (day, _) in in_force.iter().filter(|(day, _)| !there.contains(**day) && !erased.contains(**day)) {
        report.find(
            (*day).to_owned(),
            "it is sealed, its file is gone, and no certificate says that it was erased".into(),
        );
    }
    report.lonely_keys(keys, &there, &in_force, &erased);
    for day in days {
        let name = day.to_string();
        progress(&name);
        let seal = in_force.get(name.as_str()).map(|(hash, seal)| (**hash, *seal));
        if let Err(error) = report.day(dir, day, keys, public, seal).await {
            report.find(name, error.to_string());
        }
    }
    if let Some(Head { day: Some(day), number, .. }) = report.newest.take()
        && !erased.contains(day.as_str())
    {
        report.find(
            day,
            format!("its checkpoint {number} is gone: the day was cut off, or an older copy stands in its place"),
        );
    }
    Ok(report)
}

impl Report {
    fn find(&mut self, what: String, why: String) {
        self.findings.push(Finding { what, why });
    }

    /// Proves what holds keep of days that are gone, by the seals that outlive these.
    fn extracts(&mut self, dir: &Path, keys: &Keys, seals: &[(Hash, Seal)]) {
        // A ledger that cannot be read was named already.
        let Ok(holds) = Holds::read(dir, keys) else { return };
        let known: BTreeSet<String> = seals.iter().map(|(hash, _)| hex(hash)).collect();
        let checked = extract::check(dir, keys, &holds, |seal| known.contains(seal));
        self.held_records = checked.records;
        checked.broken.into_iter().for_each(|(what, why)| self.find(what, why));
    }

    /// Checks a chain and reads its entries.
    fn chain<T: for<'de> serde::Deserialize<'de>>(
        &mut self,
        file: &Path,
        kind: &str,
        keys: &Keys,
        public: &PublicKey,
    ) -> Result<Vec<(Hash, T)>, ChainError> {
        let head = keys.head(kind);
        let text = chain::text(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // The trail alone may begin behind what was erased of it.
        let trail = file.parent().filter(|_| kind == ACT);
        let erased = trail.map_or(Ok(Vec::new()), |dir| audit::erased(dir, public))?;
        match chain::check_behind(&text, kind, public, &erased) {
            Ok(entries) => {
                self.entries += entries;
                if let Err(why) = chain::check_head(&text, head.as_ref()) {
                    self.find(name.into_owned(), why);
                }
            }
            Err(broken) => {
                self.find(format!("{name}, line {}{}", broken.line, of_day(&text, broken.line)), broken.why);
            }
        }
        Ok(chain::entries(&text, kind, public).into_iter().map(|(hash, link)| (hash, link.body)).collect())
    }

    /// Seals that the audit trail speaks of and the chain has not: its end was cut off.
    fn missing_seals(&mut self, seals: &[(Hash, Seal)], acts: &[(Hash, Act)]) {
        let known: BTreeSet<String> = seals.iter().map(|(hash, _)| hex(hash)).collect();
        for (_, act) in acts.iter().filter(|(_, act)| act.act == "seal") {
            if let (Some(day), Some(hash)) = (act.scope.get("day"), act.scope.get("seal"))
                && !known.contains(hash)
            {
                self.find(
                    format!("seal of {day}"),
                    "the audit trail knows it, and the chain of seals has it no more".into(),
                );
            }
        }
    }

    /// Keys of days that are nowhere: what a day leaves that was taken away.
    fn lonely_keys(
        &mut self,
        keys: &Keys,
        there: &BTreeSet<String>,
        seals: &BTreeMap<&str, (&Hash, &Seal)>,
        erased: &BTreeSet<&str>,
    ) {
        let today = Day::of(clock::now());
        for (day, _) in keys.all().unwrap_or_default() {
            let name = day.to_string();
            let known = there.contains(&name) || seals.contains_key(name.as_str()) || erased.contains(name.as_str());
            if !known && day < today {
                self.notes.push(format!("{name} has a key and no file: it had no records, or was taken away unsealed"));
            }
        }
    }

    async fn day(
        &mut self,
        dir: &Path,
        day: Day,
        keys: &Keys,
        public: &PublicKey,
        seal: Option<(Hash, &Seal)>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader::open(&day.file(dir), day, keys).await?;
        let proved = match (reader.state, seal) {
            (State::Sealed, Some(seal)) => self.sealed(&mut reader, public, seal).await,
            (State::Sealed, None) => {
                self.find(day.to_string(), "its file is sealed, and its seal is not in the chain".into());
                Ok(())
            }
            (_, Some(_)) => {
                self.find(day.to_string(), "it was sealed, and another file stands in its place".into());
                Ok(())
            }
            (State::Open, None) => self.open(&mut reader, public).await,
            (State::Rows, None) => {
                self.notes.push(format!("{day} is a file of the first form, which nothing proves; it is sealed soon"));
                Ok(())
            }
            (State::Empty, None) => Ok(()),
        };
        reader.close().await?;
        proved
    }

    /// Proves a sealed day: its seal, then its checkpoints and records over one tree.
    async fn sealed(
        &mut self,
        reader: &mut Reader,
        public: &PublicKey,
        (hash, seal): (Hash, &Seal),
    ) -> Result<(), Malformed> {
        let day = reader.day;
        if Line::of(reader.meta("seal")?).map(|line| line.hash()) != Some(hash) {
            self.find(day.to_string(), "the seal in its file is not the one in the chain".into());
            return Ok(());
        }
        let lines = reader.checkpoints().await?;
        let mut checkpoints = self.checkpoints(day, &lines, public);
        if checkpoints.len() as u64 != seal.checkpoints {
            let counted = format!("the seal counts {}, there are {}", seal.checkpoints, checkpoints.len());
            self.find(format!("{day}, its checkpoints"), counted);
            return Ok(());
        }
        if seal.replaces.is_some() {
            // They are over leaves under a key that was destroyed: signed, and beyond proof.
            checkpoints.clear();
        }
        let mut leaves = Leaves::new(seal.records);
        let erased = reader.erased().await?;
        for (place, leaf) in &erased {
            leaves.put(*place, *leaf, None);
        }
        let mut blocks = Blocks::default();
        let users = reader.users().await?;
        let mut clear = Clear::default();
        for (key, last_user) in reader.block_spans().await? {
            let block = match reader.block_at(key).await {
                Ok(block) => block,
                Err(error) => {
                    let from = clock::rfc3339(key.1);
                    let what = format!("{day}, record {}, or one behind it in its block (opened from {from})", key.2);
                    self.find(what, error.to_string());
                    return Ok(());
                }
            };
            clear.look(&block, key, last_user, &users)?;
            let salts = &reader.key.as_ref().ok_or(Malformed::Meta("key"))?.salts;
            blocks.add(&leaves.add(&block, salts)?);
        }
        blocks.add(&erased.into_values().collect::<Vec<_>>());
        if let Some((what, why)) = leaves.broken(seal, &checkpoints) {
            self.find(format!("{day}, {what}"), why);
            return Ok(());
        }
        if let Some(why) = blocks.broken(seal, &reader.roots().await?) {
            self.find(format!("{day}, the order of its records"), why);
            return Ok(());
        }
        if let Some((what, which)) = clear.broken(reader, users.len())? {
            let why = format!("{which}, by which a search finds them, is not that of its records");
            self.find(format!("{day}{what}"), why);
            return Ok(());
        }
        self.days += 1;
        self.records += seal.records;
        self.checkpoints += checkpoints.len() as u64;
        Ok(())
    }

    /// Proves as much of an open day as its checkpoints cover.
    async fn open(&mut self, reader: &mut Reader, public: &PublicKey) -> Result<(), Malformed> {
        let day = reader.day;
        let lines: String =
            reader.open_checkpoints().await?.into_iter().flat_map(|(_, line)| [line, "\n".to_owned()]).collect();
        let checkpoints = self.checkpoints(day, &lines, public);
        let key = reader.key.as_ref().ok_or(Malformed::Meta("key"))?.salts.clone();
        let mut leaves = Leaves::new(0);
        let mut after = 0;
        while let Some((number, block)) = reader.batch_after(after).await? {
            leaves.append(&block, &key)?;
            after = number;
        }
        if let Some((what, why)) = leaves.broken_before(&checkpoints) {
            self.find(format!("{day}, {what}"), why);
            return Ok(());
        }
        self.open_records += checkpoints.last().map_or(0, |last| last.size);
        self.checkpoints += checkpoints.len() as u64;
        Ok(())
    }

    /// Checks the chain of a day's checkpoints and reads them.
    fn checkpoints(&mut self, day: Day, lines: &str, public: &PublicKey) -> Vec<Checkpoint> {
        if let Err(broken) = chain::check(lines, CHECKPOINT, public) {
            self.find(format!("{day}, checkpoint {}", broken.line), broken.why);
        }
        let all = chain::entries::<Checkpoint>(lines, CHECKPOINT, public);
        if self.newest.as_ref().is_some_and(|newest| all.iter().any(|(hash, _)| hex(hash) == newest.hash)) {
            self.newest = None;
        }
        let all = all.into_iter();
        all.map(|(_, link)| link.body).filter(|checkpoint| checkpoint.day == day.to_string()).collect()
    }
}

/// The day that a line of a chain speaks of, in brackets.
fn of_day(text: &str, line: u64) -> String {
    let line = chain::lines(text).nth(usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX));
    let link = line.and_then(Line::of).and_then(|line| line.read::<serde_json::Value>());
    let day = link.as_ref().and_then(|link| link.body["day"].as_str());
    day.map(|day| format!(" ({day})")).unwrap_or_default()
}

/// The tree of a day's blocks, made again.
#[derive(Default)]
struct Blocks {
    roots: Vec<Hash>,
}

impl Blocks {
    /// Adds the next block, or what stands in for the records that were erased.
    fn add(&mut self, leaves: &[Hash]) {
        if !leaves.is_empty() {
            self.roots.push(tree::block(leaves));
        }
    }

    /// Why the tree is not that of the seal, if this one has it.
    fn broken(&self, seal: &Seal, kept: &[Hash]) -> Option<String> {
        let sealed = seal.blocks.as_ref()?;
        if hex(&tree::root(&self.roots)) != *sealed {
            return Some("its blocks were changed, or moved".into());
        }
        (kept != self.roots).then(|| "what is kept of it to prove single records by was changed".into())
    }
}

/// The leaves of a day, by place.
struct Leaves {
    leaves: Vec<Option<(Hash, i64)>>,
    /// The first record, by place, that doesn't hold by itself.
    first: Option<(u64, String, &'static str)>,
    form: Vec<u8>,
}

/// The identifier of what was erased.
const ERASED: i64 = i64::MIN;

impl Leaves {
    fn new(records: u64) -> Leaves {
        // A seal that lies about its number must not take the memory for it.
        let known = usize::try_from(records).unwrap_or(usize::MAX).min(1 << 24);
        Leaves { leaves: vec![None; known], first: None, form: Vec::with_capacity(512) }
    }

    /// Adds the records of a block of a sealed day: their leaves, in their order.
    fn add(&mut self, block: &Block, salts: &crate::cipher::Keyed) -> Result<Vec<Hash>, Malformed> {
        let (whole, proofs) = (block.whole()?, block.proofs()?);
        let mut leaves = Vec::with_capacity(whole.len());
        for row in 0..whole.len() {
            let proof = proofs.get(row).ok_or(Malformed::Meta("place"))?;
            let id = whole.id(row);
            self.form.clear();
            whole.canonical(row, &mut self.form);
            let leaf = canonical::leaf(salts, id, &self.form);
            self.put(proof.place, leaf, Some(id));
            leaves.push(leaf);
            if leaf[..2] != proof.check {
                self.note(proof.place, format!("record {id}"), "it was changed, or stands in another's place");
            }
        }
        Ok(leaves)
    }

    /// Adds the settled records of a batch of an open day behind the others.
    fn append(&mut self, block: &Block, salts: &crate::cipher::Keyed) -> Result<(), Malformed> {
        let whole = block.whole()?;
        for row in (0..whole.len()).filter(|row| whole.is_settled(*row)) {
            self.form.clear();
            whole.canonical(row, &mut self.form);
            self.leaves.push(Some((canonical::leaf(salts, whole.id(row), &self.form), whole.id(row))));
        }
        Ok(())
    }

    fn put(&mut self, place: u64, leaf: Hash, id: Option<i64>) {
        let id = id.unwrap_or(ERASED);
        let slot = usize::try_from(place).ok().and_then(|place| self.leaves.get_mut(place));
        match slot {
            Some(free @ None) => *free = Some((leaf, id)),
            Some(Some(_)) => self.note(place, format!("record {id}"), "it was inserted, or stands twice"),
            None => self.note(place, format!("record {id}"), "it was inserted: the seal counts fewer records"),
        }
    }

    fn note(&mut self, place: u64, what: String, why: &'static str) {
        if self.first.as_ref().is_none_or(|(first, ..)| place < *first) {
            self.first = Some((place, what, why));
        }
    }

    /// What doesn't hold under this seal, and why.
    fn broken(&mut self, seal: &Seal, checkpoints: &[Checkpoint]) -> Option<(String, String)> {
        if let Some(hole) = self.leaves.iter().position(Option::is_none) {
            let before = self.leaves[..hole].iter().rev().flatten().map(|(_, id)| *id).find(|id| *id != ERASED);
            let behind = before.map_or("the first".to_owned(), |id| format!("the one settled after record {id}"));
            self.note(hole as u64, behind, "it was removed");
        }
        if let Some((_, what, why)) = self.first.take() {
            return Some((what, why.to_owned()));
        }
        if let Some(broken) = self.broken_before(checkpoints) {
            return Some(broken);
        }
        let mut tree = Tree::default();
        self.leaves.iter().flatten().for_each(|(leaf, _)| tree.push(*leaf));
        if tree.size() != seal.records {
            return Some(("the seal".into(), format!("it counts {} records, there are {}", seal.records, tree.size())));
        }
        if hex(&tree.root()) != seal.root {
            let from = checkpoints.last().map_or(0, |last| last.size);
            return Some((self.between(from, tree.size()), CHANGED.to_owned()));
        }
        None
    }

    /// The first checkpoint that doesn't hold, and which records it covers.
    fn broken_before(&self, checkpoints: &[Checkpoint]) -> Option<(String, String)> {
        let mut tree = Tree::default();
        let mut leaves = self.leaves.iter().flatten();
        let mut from = 0;
        for checkpoint in checkpoints {
            while tree.size() < checkpoint.size {
                let Some((leaf, _)) = leaves.next() else {
                    let counted = format!("the checkpoint of {} counts {} records", checkpoint.at, checkpoint.size);
                    return Some(("its end".into(), format!("it was cut off: {counted}, there are {}", tree.size())));
                };
                tree.push(*leaf);
            }
            if hex(&tree.root()) != checkpoint.root {
                let why = format!("{CHANGED}: the checkpoint of {} is another", checkpoint.at);
                return Some((self.between(from, checkpoint.size), why));
            }
            from = checkpoint.size;
        }
        None
    }

    /// The records settled from one place to another.
    fn between(&self, from: u64, to: u64) -> String {
        let id = |place: u64| {
            let place = usize::try_from(place).ok()?;
            self.leaves.get(place).copied().flatten().map(|(_, id)| id)
        };
        // What was erased has no number any more.
        let id = |place: u64| id(place).filter(|id| *id != ERASED);
        match (id(from), id(to.saturating_sub(1)), to.saturating_sub(from)) {
            (Some(first), _, 1) => format!("record {first}"),
            (Some(first), Some(last), count) => {
                format!("one of the {count} records settled from record {first} to record {last}")
            }
            _ => "its records".into(),
        }
    }
}

const CHANGED: &str = "it was changed, removed, inserted or moved";

#[cfg(test)]
#[path = "verify/tests.rs"]
mod tests;
