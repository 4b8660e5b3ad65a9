//! Records that must go before their day (RGPD art. 17): their values are gone, their leaves stay, the day is sealed anew
//! under another key, and the old key, without which no copy of the old file opens, is destroyed.
//!
//! Only a sealed day can be. What an erasure concerns of days that are not yet waits: the gate's keeper does it once they
//! are, and says so in the ledger of statements, day by day.

use crate::audit::{self, Act};
use crate::columns;
use crate::day::Day;
use crate::dayfile::{Reader, State, state_of};
use crate::hold::extract::Keeper;
use crate::hold::{Hold, Holds, Terms};
use crate::journal::segment;
use crate::keys::Keys;
use crate::ledger::Entry;
use crate::people::People;
use crate::record::Record;
use crate::row::Malformed;
use crate::seal::{seal_again, seals};
use crate::search::search_day;
use crate::statements::{self, Concerns, Marks, Says, Statement, Statements, Unsaid};
use crate::{SealError, Search, Settings, StartError, clock, crash, import, recovery};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Who carries out what was decided.
const OWN: &str = "octroi";

/// Records cannot be erased. They are as they were.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The register cannot be taken.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The day cannot be sealed anew.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What is to be erased cannot be read, or what was erased not be said.
    #[error(transparent)]
    Statement(#[from] Unsaid),
    /// Not a day.
    #[error("`{0}` is no day: write it as 2026-11-23")]
    NoDay(String),
    /// The keeper has stopped.
    #[error("the register has stopped")]
    Stopped,
}

impl From<crate::ledger::LedgerError> for EraseError {
    fn from(error: crate::ledger::LedgerError) -> EraseError {
        EraseError::Statement(error.into())
    }
}

/// What was done of the erasures that were decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Number of the erasure, day, records.
    pub days: Vec<(u64, String, u64)>,
    /// The erasures that are done now.
    pub done: Vec<u64>,
    /// What waits for its day to be sealed, or for a hold to be over: number of the erasure, day.
    pub waiting: Vec<(u64, String)>,
}

/// Erases records of a sealed day.
///
/// `ground` stands in the seal and must name nobody; `who` answers for it in the audit trail. Needs the register for
/// itself. Returns how many of the identifiers the day held.
pub async fn erase(settings: &Settings, day: &str, ids: &[i64], ground: &str, who: &str) -> Result<u64, EraseError> {
    let day = Day::parse(day).ok_or_else(|| EraseError::NoDay(day.to_owned()))?;
    let lock = recovery::lock(&settings.dir)?;
    let keys = take(settings).await?;
    let ids = ids.iter().copied().collect();
    let count = erase_of(&settings.dir, day, &settings.node, &keys, ids, &|_| ground.to_owned(), who).await?;
    drop(lock);
    Ok(count)
}

/// Carries out the erasures that were decided, as far as their days are sealed, on a register that no gate keeps.
pub async fn erase_pending_offline(settings: &Settings) -> Result<Erased, EraseError> {
    let lock = recovery::lock(&settings.dir)?;
    let keys = take(settings).await?;
    let erased = erase_pending(&settings.dir, &settings.node, &keys, clock::now()).await?;
    drop(lock);
    Ok(erased)
}

/// Recovers what a crash left: it may be hidden under a key that goes.
async fn take(settings: &Settings) -> Result<Keys, EraseError> {
    let keys = Keys::open(&settings.keys, &settings.dir)?;
    let now = clock::now();
    let recovered = recovery::recover(settings, &keys, now).await?;
    recovery::begin_again(settings, &recovered, &keys, now)?;
    Ok(keys)
}

/// Carries out what was decided, as far as it can be now. Nobody else may write sealed days meanwhile.
pub(crate) async fn erase_pending(dir: &Path, node: &str, keys: &Keys, now: i64) -> Result<Erased, EraseError> {
    let statements = Statements::read(dir, keys)?;
    let mut erased = Erased::default();
    if statements.pending().is_empty() {
        return Ok(erased);
    }
    // No hold is added meanwhile.
    let mut keeper = Keeper::begin(dir, keys, node)?;
    for entry in statements.pending() {
        let Some(concerns) = entry.what.says.concerns() else { continue };
        let before = statements.erased(entry.number);
        let mut is_done = over(concerns, entry.at) < Day::of(now);
        for day in days(dir, concerns, entry.at)? {
            let name = day.to_string();
            if before.contains_key(name.as_str()) {
                continue;
            }
            if !is_ready(dir, day).await? {
                erased.waiting.push((entry.number, name));
                is_done = false;
                continue;
            }
            // What is held may have to be shown: it goes when the hold is over (art. 17(3)).
            if is_held(dir, day, keys, concerns, keeper.holds()).await? {
                erased.waiting.push((entry.number, name));
                is_done = false;
                continue;
            }
            // What a judicial hold keeps is put aside under it, so that nothing tells that there is one. Nor does an error.
            let kept = keeper.take_out_erased(day, entry.number, concerns).await;
            kept.map_err(|_| SealError::Day(format!("{name} cannot be written anew: is there room on the disk?")))?;
            let marks = marks(dir, day, keys, concerns).await?;
            let count = erase_concerned(dir, day, node, keys, entry, concerns).await?;
            crash::point("erased and not said");
            say(dir, keys, entry, Says::Erased { of: entry.number, day: name.clone(), count, marks })?;
            erased.days.push((entry.number, name, count));
        }
        if is_done {
            say(dir, keys, entry, Says::Done { of: entry.number })?;
            erased.done.push(entry.number);
        }
    }
    Ok(erased)
}

fn say(dir: &Path, keys: &Keys, entry: &Entry<Statement>, says: Says) -> Result<(), Unsaid> {
    let records = if let Says::Erased { count, .. } = says { count } else { 0 };
    let statement = Statement { says, text: String::new(), reference: entry.what.reference.clone(), records };
    statements::add(dir, keys, OWN, &statement).map(drop)
}

/// What the records of a day that an erasure names are known by afterwards. Of a person's or an address's it is known
/// already.
async fn marks(dir: &Path, day: Day, keys: &Keys, concerns: &Concerns) -> Result<Option<Marks>, SealError> {
    if !matches!(concerns, Concerns::Records(_)) {
        return Ok(None);
    }
    let file = day.file(dir);
    let found = search_day(&file, day, keys, &Search::default()).await;
    let (records, _) = found.map_err(|error| SealError::Day(crate::error::words(&file, &error)))?;
    let records: Vec<Record> = records.into_iter().filter(|record| concerns.covers(record)).collect();
    Ok((!records.is_empty()).then(|| Marks::of(&import::contents(&import::rows(records)))))
}

/// The last day on which something of it may be filed: a clock that was set back files a record under the day after its own.
fn over(concerns: &Concerns, at: i64) -> Day {
    match concerns {
        Concerns::Records(places) => {
            places.iter().filter_map(|place| Day::parse(&place.day)).max().unwrap_or(Day::of(at))
        }
        Concerns::User(_, span) | Concerns::Client(_, span) => Day::of(span.to.unwrap_or(at) - 1).after(1),
    }
}

/// The days that are there of those concerned.
fn days(dir: &Path, concerns: &Concerns, at: i64) -> Result<Vec<Day>, SealError> {
    let mut days = Day::all(dir).map_err(|error| SealError::Day(crate::error::words(dir, &error)))?;
    match concerns {
        Concerns::Records(places) => days.retain(|day| places.iter().any(|place| place.day == day.to_string())),
        Concerns::User(_, span) | Concerns::Client(_, span) => {
            let last = over(concerns, at);
            days.retain(|day| *day <= last && span.from.is_none_or(|from| *day >= Day::of(from)));
        }
    }
    Ok(days)
}

/// Whether a hold, but for judicial ones, keeps any record of a day that an erasure concerns.
async fn is_held(
    dir: &Path,
    day: Day,
    keys: &Keys,
    concerns: &Concerns,
    (holds, people): (&Holds, &People),
) -> Result<bool, SealError> {
    let is_near = |hold: &Hold| {
        let Terms { from, to, .. } = hold.terms;
        Day::of(from) <= day && day <= Day::of(to).after(1)
    };
    if !holds.kept().filter(|hold| !hold.is_secret()).any(is_near) {
        return Ok(false);
    }
    let file = day.file(dir);
    let found = search_day(&file, day, keys, &Search::default()).await;
    let (records, _) = found.map_err(|error| SealError::Day(crate::error::words(&file, &error)))?;
    Ok(records.iter().any(|record| concerns.covers(record) && holds.restricts(record, people).is_some()))
}

/// Whether a day can be written again: it is sealed, and nothing in the journal is hidden under its key.
async fn is_ready(dir: &Path, day: Day) -> Result<bool, SealError> {
    let file = day.file(dir);
    let state = state_of(&file).await.map_err(|error| SealError::Day(crate::error::words(&file, &error)))?;
    let folder = segment::folder(dir);
    let wrong = |error: std::io::Error| SealError::Day(crate::error::words(&folder, &error));
    let is_free = segment::last_day(&folder).map_err(wrong)? != Some(day)
        && segment::made_on(&folder, |made| made == day).map_err(wrong)?.is_empty();
    Ok(state == State::Sealed && is_free)
}

/// Erases what an erasure concerns of a day. How many records went, also when a crash kept that from being said.
async fn erase_concerned(
    dir: &Path,
    day: Day,
    node: &str,
    keys: &Keys,
    entry: &Entry<Statement>,
    concerns: &Concerns,
) -> Result<u64, SealError> {
    let file = day.file(dir);
    let query = match concerns {
        Concerns::Client(client, _) => Search { client: Some((*client).into()), ..Search::default() },
        Concerns::User(user, _) => Search { user: Some(user.clone()), any_case: true, ..Search::default() },
        Concerns::Records(_) => Search::default(),
    };
    let found = search_day(&file, day, keys, &query).await;
    let (records, _) = found.map_err(|error| SealError::Day(crate::error::words(&file, &error)))?;
    let ids: HashSet<i64> = records.iter().filter(|record| concerns.covers(record)).map(|record| record.id).collect();
    let ground = match &entry.what.says {
        Says::Erasure { ground, .. } => ground.as_str(),
        _ => "",
    };
    let lead = format!("erasure {}, {ground}: ", entry.number);
    if ids.is_empty() {
        let seal = seals(dir, &keys.public())?.remove(&day.to_string()).and_then(|(_, seal)| seal.ground);
        let said = seal.as_deref().and_then(|said| said.strip_prefix(&lead)?.strip_suffix(" records")?.parse().ok());
        return Ok(said.unwrap_or(0));
    }
    erase_of(dir, day, node, keys, ids, &|count| format!("{lead}{count} records"), &entry.who).await
}

/// Erases those of these records that the day holds.
async fn erase_of(
    dir: &Path,
    day: Day,
    node: &str,
    keys: &Keys,
    ids: HashSet<i64>,
    ground: &(dyn Fn(u64) -> String + Sync),
    who: &str,
) -> Result<u64, SealError> {
    let file = day.file(dir);
    let wrong = |error: Malformed| SealError::Day(crate::error::words(&file, &error));
    let mut reader = Reader::open(&file, day, keys).await.map_err(wrong)?;
    if reader.state != State::Sealed {
        return Err(SealError::NotSealed(day.to_string()));
    }
    let mut held = HashSet::new();
    for key in reader.block_keys().await.map_err(wrong)? {
        let block = reader.block_at(key).await.map_err(wrong)?;
        held.extend(block.numbers(columns::ID).map_err(wrong)?.iter().filter(|id| ids.contains(id)));
    }
    reader.close().await.map_err(wrong)?;
    if held.is_empty() {
        return Ok(0);
    }
    let count = held.len() as u64;
    let ground = ground(count);
    let sealed = seal_again(dir, day, node, keys, &held, Vec::new(), &ground).await?;
    let act = Act {
        at: String::new(),
        who: who.to_owned(),
        act: "erase".into(),
        purpose: None,
        reason: Some(ground),
        scope: BTreeMap::from([("day".into(), day.to_string()), ("seal".into(), sealed.hash)]),
        count,
    };
    audit::add(dir, keys, act).map_err(SealError::from)?;
    Ok(count)
}

#[cfg(test)]
#[path = "erasure/tests.rs"]
mod tests;
