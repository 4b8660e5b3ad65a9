//! Recovery: what a crash left in the journal is filed, what it left open is closed.
//!
//! Every step can be done again: rows are filed by identifier and a settled row is never touched, and the journal is
//! deleted only when all of it is in the day files. A crash in the middle is recovered by starting over.
//!
//! An interrupted record is closed at the last instant the register bears witness to: the latest date in the journal
//! (a segment made, a record opened or settled), and never before the record's own opening. That is the longest the
//! gate is known to have lived; the time of recovery would invent an exchange of hours or days.

mod tidy;

use crate::day::Day;
use crate::dayfile::open::{Known, OpenDay, OpenError};
use crate::dayfile::{DayError, Reader, State, state_of};
use crate::error::words;
use crate::filing::FOLLOWED;
use crate::journal::frame::Frame;
use crate::journal::segment::{self, Replay, Segment};
use crate::keys::Keys;
use crate::record::{Ending, Record};
use crate::row::Row;
use crate::seal::Sealed;
use crate::{Recovery, Settings, StartError, clock, columns, crash, retention, seal};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

/// What recovery leaves the register with.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) recovery: Recovery,
    /// Above every identifier ever given.
    pub(crate) next_id: i64,
    /// The number of the last segment there is; 0 without any.
    pub(crate) last_segment: u64,
    /// What was filed settled, for whoever follows: the newest, as many as a follower may be behind.
    pub(crate) settled: VecDeque<Arc<Record>>,
    /// Seals that a crash had kept from the chain.
    pub(crate) sealed: Vec<Sealed>,
}

impl From<DayError> for StartError {
    fn from(error: DayError) -> Self {
        StartError::Unusable(error.0)
    }
}

/// Files what a crash left in the journal of a register that no gate keeps at present, so that a search sees it.
///
/// `None` when a gate holds the register: then there is nothing to do. A register that was finished, or that is not
/// there, is left untouched.
pub async fn settle_leftovers(settings: &Settings) -> Result<Option<Recovery>, StartError> {
    let folder = segment::folder(&settings.dir);
    if !folder.exists() {
        return Ok(Some(Recovery::default()));
    }
    let lock = match lock(&settings.dir) {
        Ok(lock) => lock,
        Err(StartError::Held(_)) => return Ok(None),
        Err(other) => return Err(other),
    };
    let keys = Keys::open(&settings.keys, &settings.dir)?;
    let now = clock::now();
    let recovered = recover(settings, &keys, now).await?;
    if recovered.recovery != Recovery::default() || segment_count(&folder)? > 1 {
        let number = recovered.last_segment + 1;
        Segment::create_finished(&folder, number, recovered.next_id, &keys, now).map_err(StartError::Unwritable)?;
        segment::delete_before(&folder, number).map_err(|error| StartError::io(&folder, &error))?;
    }
    drop(lock);
    Ok(Some(recovered.recovery))
}

/// Begins an empty segment behind those that were recovered, and deletes them. It doesn't say that the register was
/// finished: whoever takes it up after a crash looks at all days that are not sealed.
pub(crate) fn begin_again(
    settings: &Settings,
    recovered: &Recovered,
    keys: &Keys,
    now: i64,
) -> Result<Segment, StartError> {
    let folder = segment::folder(&settings.dir);
    let number = recovered.last_segment + 1;
    let segment = Segment::create(&folder, number, recovered.next_id, settings.durability, keys, now)
        .map_err(StartError::Unwritable)?;
    segment::delete_before(&folder, number).map_err(|error| StartError::io(&folder, &error))?;
    Ok(segment)
}

fn segment_count(folder: &Path) -> Result<usize, StartError> {
    Ok(segment::list(folder).map_err(|error| StartError::io(folder, &error))?.len())
}

/// Takes the register for this process, until the file is dropped.
pub(crate) fn lock(dir: &Path) -> Result<File, StartError> {
    let path = segment::folder(dir).join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| StartError::io(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::Held(dir.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(StartError::io(&path, &error)),
    }
}

/// Files what the journal holds and closes what is open, once what else a crash cut is taken up. The segments are left for
/// the caller to delete.
pub(crate) async fn recover(settings: &Settings, keys: &Keys, now: i64) -> Result<Recovered, StartError> {
    let folder = segment::folder(&settings.dir);
    tidy::files(&settings.dir).await?;
    let taken_up = tidy::seals(&settings.dir, keys).await?;
    let numbers = segment::list(&folder).map_err(|error| StartError::io(&folder, &error))?;
    let erased = retention::erased(&settings.dir, &keys.public(), now)?;
    // By certificate alone: a clock that is years ahead must not make what was just recorded seem due.
    let attested = retention::erased(&settings.dir, &keys.public(), i64::MIN)?;
    let mut replaying = Replaying::begin(settings, keys, now, &attested)?;
    let mut recovery = Recovery::default();
    let mut finished = false;
    let mut damaged = Vec::new();
    for &number in &numbers {
        let replay = segment::replay(&folder, number, keys, &erased).map_err(StartError::Unwritable)?;
        finished = replay.finished;
        recovery.torn_bytes += replay.scan.torn;
        if !replay.scan.damaged.is_empty() {
            report_damage(&replay);
            recovery.damaged += replay.scan.damaged.len() as u64;
            damaged.push(number);
        }
        recovery.filed += replaying.file(replay).await?;
    }
    recovery.interrupted = replaying.interrupt(finished).await?;
    let settled = std::mem::take(&mut replaying.settled);
    let next_id = replaying.close().await?;
    // Only now: as long as a segment bears its name, it is replayed.
    for number in damaged {
        segment::set_aside(&folder, number).map_err(|error| StartError::io(&folder, &error))?;
    }
    if keys.accepts_clear_journal() {
        end_first_form(&settings.dir, keys).await?;
    }
    let mut sealed = Vec::new();
    if let Some(taken_up) = taken_up {
        tidy::keys(&settings.dir, keys, &taken_up.several_keys).await?;
        sealed = taken_up.sealed;
    }
    Ok(Recovered { recovery, next_id, last_segment: numbers.last().copied().unwrap_or(0), settled, sealed })
}

/// From now on no day file and no journal in the clear is taken, but for the days that are there.
async fn end_first_form(dir: &Path, keys: &Keys) -> Result<(), StartError> {
    let mut first = Vec::new();
    for day in Day::all(dir).map_err(|error| StartError::io(dir, &error))? {
        // One that cannot be read is none that will be taken.
        if matches!(state_of(&day.file(dir)).await, Ok(State::Rows)) {
            first.push(day);
        }
    }
    keys.end_first_form(&first).map_err(|error| StartError::Unwritable(error.0))
}

fn report_damage(replay: &Replay) {
    for place in &replay.scan.damaged {
        tracing::error!(
            file = %replay.path.display(),
            frames_from = place.start,
            frames_to = place.end,
            "a place in the register's journal cannot be read: the records in it are lost, those around it are kept"
        );
    }
}

/// Where a record stands.
enum Home {
    /// It is filed, with its ending.
    Settled,
    /// It is filed without one.
    Open(Day),
    /// It is not; where it goes.
    Nowhere(Day),
}

/// The state between two segments.
struct Replaying<'a> {
    settings: &'a Settings,
    keys: &'a Keys,
    node: Arc<str>,
    today: Day,
    /// Which days were purged: what the journal may still have of them is not filed again.
    erased: &'a dyn Fn(Day) -> bool,
    /// Days that are sealed, each with its lowest and highest identifier, and the identifiers of those asked for.
    sealed: BTreeMap<Day, (i64, i64)>,
    sealed_ids: BTreeMap<Day, HashSet<i64>>,
    /// Days that were asked for and are not.
    days: BTreeMap<Day, (OpenDay, Known)>,
    /// Whether every day that is not sealed was looked into.
    looked_into_all: bool,
    /// Opened in the journal, not settled there so far.
    open: HashMap<i64, Row>,
    last_instant: i64,
    next_id: i64,
    /// The newest that were filed settled.
    settled: VecDeque<Arc<Record>>,
}

impl<'a> Replaying<'a> {
    fn begin(
        settings: &'a Settings,
        keys: &'a Keys,
        now: i64,
        erased: &'a dyn Fn(Day) -> bool,
    ) -> Result<Replaying<'a>, StartError> {
        let seals =
            seal::seals(&settings.dir, &keys.public()).map_err(|error| StartError::Unusable(error.to_string()))?;
        let next_id = seals.values().map(|(_, seal)| seal.last_id).max().unwrap_or(0) + 1;
        Ok(Replaying {
            settings,
            keys,
            node: settings.node.as_str().into(),
            today: Day::of(now),
            erased,
            sealed: seals
                .into_iter()
                .filter_map(|(day, (_, seal))| Some((Day::parse(&day)?, (seal.first_id, seal.last_id))))
                .collect(),
            sealed_ids: BTreeMap::new(),
            days: BTreeMap::new(),
            looked_into_all: false,
            open: HashMap::new(),
            last_instant: 0,
            next_id,
            settled: VecDeque::new(),
        })
    }

    /// Files what one segment settles; how many records that were not.
    async fn file(&mut self, replay: Replay) -> Result<u64, StartError> {
        self.witness(replay.made_at.unwrap_or(0));
        self.next_id = self.next_id.max(replay.next_id.unwrap_or(1));
        let mut settled: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
        let mut endings: Vec<(Day, i64, Ending)> = Vec::new();
        for frame in replay.scan.frames {
            match frame {
                Frame::Opened(mut row) => {
                    self.witness(row.opened_at);
                    self.next_id = self.next_id.max(row.id.saturating_add(1));
                    row.node = self.node.clone();
                    self.open.insert(row.id, *row);
                }
                Frame::Settled { id, opened_at, ending } => {
                    self.witness(ending.closed_at);
                    let day = Day::of(opened_at);
                    match self.open.remove(&id) {
                        Some(mut row) => {
                            row.settle(&ending);
                            settled.entry(day).or_default().push(row);
                        }
                        // Its opening was filed and its segment deleted.
                        None => endings.push((day, id, ending)),
                    }
                }
                Frame::Padding => {}
            }
        }
        let mut filed = 0;
        for (day, rows) in settled {
            filed += self.file_settled(day, rows).await?;
        }
        for (day, id, ending) in endings {
            if let Home::Open(day) = self.home(id, day).await?
                && let Some(mut row) = self.days.get_mut(&day).and_then(|(_, known)| known.open.remove(&id))
            {
                row.settle(&ending);
                filed += self.file_settled(day, vec![row]).await?;
            }
        }
        Ok(filed)
    }

    /// Files settled records of a day that no day knows as settled; how many there were.
    async fn file_settled(&mut self, day: Day, rows: Vec<Row>) -> Result<u64, StartError> {
        let mut homes: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
        for row in rows {
            match self.home(row.id, day).await? {
                Home::Settled => {}
                Home::Open(day) | Home::Nowhere(day) => homes.entry(day).or_default().push(row),
            }
        }
        let mut filed = 0;
        for (day, rows) in homes {
            self.open_day(day).await?;
            let Some((file, known)) = self.days.get_mut(&day) else {
                return Err(StartError::Unusable(words(&day.file(&self.settings.dir), &"it is sealed")));
            };
            for part in rows.chunks(4096) {
                crash::point("recovery files");
                file.file(part).await?;
            }
            for row in &rows {
                known.open.remove(&row.id);
                known.settled.insert(row.id);
            }
            filed += rows.len() as u64;
            self.keep(&rows);
        }
        Ok(filed)
    }

    /// Where a record stands that was opened on this day. It stands behind its day when the clock was set back into one
    /// that was sealed.
    async fn home(&mut self, id: i64, day: Day) -> Result<Home, StartError> {
        self.existing(day).await?;
        if !self.days.contains_key(&day) && (self.erased)(day) {
            return Ok(Home::Settled);
        }
        if let Some((_, known)) = self.days.get(&day) {
            if known.settled.contains(&id) {
                return Ok(Home::Settled);
            }
            if known.open.contains_key(&id) {
                return Ok(Home::Open(day));
            }
        }
        if !std::mem::replace(&mut self.looked_into_all, true) {
            let dir = &self.settings.dir;
            for other in Day::all(dir).map_err(|error| StartError::io(dir, &error))? {
                self.existing_if_whole(other).await;
            }
        }
        for (behind, (_, known)) in &self.days {
            if known.settled.contains(&id) {
                return Ok(Home::Settled);
            }
            if known.open.contains_key(&id) {
                return Ok(Home::Open(*behind));
            }
        }
        let may_hold = |(_, (first, last)): &(&Day, &(i64, i64))| (*first..=*last).contains(&id);
        let sealed: Vec<Day> = self.sealed.range(day..).filter(may_hold).map(|(day, _)| *day).collect();
        for sealed in sealed {
            if self.ids_of(sealed).await?.contains(&id) {
                return Ok(Home::Settled);
            }
        }
        let mut open = if self.sealed.contains_key(&day) { self.today.max(day) } else { day };
        while self.sealed.contains_key(&open) {
            open = open.after(1);
        }
        Ok(Home::Nowhere(open))
    }

    /// Closes what nobody settled, in the journal or in a day file; how many records.
    async fn interrupt(&mut self, finished: bool) -> Result<u64, StartError> {
        let mut left: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
        let mut rows: Vec<Row> = self.open.drain().map(|(_, row)| row).collect();
        rows.sort_by_key(|row| row.id);
        for mut row in rows {
            row.outcome = Some(crate::Outcome::Interrupted);
            row.closed_at = Some(self.last_instant.max(row.opened_at));
            left.entry(Day::of(row.opened_at)).or_default().push(row);
        }
        for (day, rows) in &mut left {
            self.existing(*day).await?;
            // A day file that knows it open has counted since.
            for row in rows {
                let filed = self.days.values().find_map(|(_, known)| known.open.get(&row.id));
                row.bytes_sent = row.bytes_sent.max(filed.map_or(0, |filed| filed.bytes_sent));
                row.bytes_received = row.bytes_received.max(filed.map_or(0, |filed| filed.bytes_received));
            }
        }
        let needed: Vec<Day> = left.keys().copied().collect();
        let mut interrupted = 0;
        for (day, rows) in left {
            interrupted += self.file_settled(day, rows).await?;
        }
        let dir = &self.settings.dir;
        let mut days = Day::all(dir).map_err(|error| StartError::io(dir, &error))?;
        days.retain(|day| !self.sealed.contains_key(day));
        if finished {
            // Nothing is open anywhere. The newest day vouches for the next identifier.
            days = days.split_off(days.len().saturating_sub(1));
        }
        for day in days {
            match self.close_day(day, finished).await {
                Ok(closed) => interrupted += closed,
                // An old day that is broken must not keep the gate shut; one that the journal needs must.
                Err(error) if !needed.contains(&day) && !self.days.contains_key(&day) => {
                    tracing::error!(%error, "a day file cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(interrupted)
    }

    async fn close_day(&mut self, day: Day, finished: bool) -> Result<u64, StartError> {
        let at = self.last_instant;
        self.existing(day).await?;
        let Some((mut file, _)) = self.days.remove(&day) else { return Ok(0) };
        let closed = if finished { Vec::new() } else { file.interrupt_open(at).await? };
        self.next_id = self.next_id.max(file.last_id().saturating_add(1));
        file.close().await?;
        self.keep(&closed);
        Ok(closed.len() as u64)
    }

    /// Keeps what was filed for whoever will follow.
    fn keep(&mut self, rows: &[Row]) {
        self.settled.extend(rows.iter().rev().take(FOLLOWED).rev().map(|row| Arc::new(row.record())));
        self.settled.drain(..self.settled.len().saturating_sub(FOLLOWED));
    }

    async fn close(self) -> Result<i64, StartError> {
        for (file, _) in self.days.into_values() {
            file.close().await?;
        }
        Ok(self.next_id)
    }

    fn witness(&mut self, instant: i64) {
        self.last_instant = self.last_instant.max(instant);
    }

    async fn ids_of(&mut self, day: Day) -> Result<&HashSet<i64>, StartError> {
        let file = day.file(&self.settings.dir);
        match self.sealed_ids.entry(day) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            // Gone by no certificate: what the journal has is filed again.
            Entry::Vacant(none) if !file.exists() => Ok(none.insert(HashSet::new())),
            Entry::Vacant(none) => {
                let read = async {
                    let mut ids = HashSet::new();
                    let mut reader = Reader::open(&file, day, self.keys).await?;
                    for key in reader.block_keys().await? {
                        ids.extend(reader.block_at(key).await?.numbers(columns::ID)?);
                    }
                    reader.close().await?;
                    Ok::<_, crate::row::Malformed>(ids)
                };
                Ok(none.insert(read.await.map_err(|error| DayError::of(&file, &error))?))
            }
        }
    }

    async fn existing(&mut self, day: Day) -> Result<(), StartError> {
        if self.days.contains_key(&day) || self.sealed.contains_key(&day) {
            return Ok(());
        }
        if day.file(&self.settings.dir).exists() {
            self.open_day(day).await?;
        }
        Ok(())
    }

    /// The same for a day that is only looked into: one that is broken has nothing to say.
    async fn existing_if_whole(&mut self, day: Day) {
        if let Err(error) = self.existing(day).await {
            tracing::error!(%error, "a day file cannot be read");
        }
    }

    async fn open_day(&mut self, day: Day) -> Result<(), StartError> {
        if self.days.contains_key(&day) {
            return Ok(());
        }
        match OpenDay::open(&self.settings.dir, day, self.settings.durability, self.keys).await {
            Ok(mut file) => {
                let known = file.known().await?;
                self.days.insert(day, (file, known));
            }
            // Its seal is in its file, and a crash came before the chain had it.
            Err(OpenError::Sealed) => {
                let file = day.file(&self.settings.dir);
                let read = async {
                    let reader = Reader::open(&file, day, self.keys).await?;
                    let span = (reader.number("first_id")?, reader.number("last_id")?);
                    reader.close().await?;
                    Ok::<_, crate::row::Malformed>(span)
                };
                let span = read.await.map_err(|error| DayError::of(&file, &error))?;
                self.next_id = self.next_id.max(span.1.saturating_add(1));
                self.sealed.insert(day, span);
            }
            Err(OpenError::Other(error)) => return Err(error.into()),
        }
        Ok(())
    }
}
