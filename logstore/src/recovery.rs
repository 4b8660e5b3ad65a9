//! Recovery: what a crash left in the journal is filed, what it left open is closed.
//!
//! Every step can be done again: rows are filed by identifier and a settled row is never touched, and the journal is
//! deleted only when all of it is in the day files. A crash in the middle is recovered by starting over.
//!
//! An interrupted record is closed at the last instant the register bears witness to: the latest date in the journal
//! (a segment made, a record opened or settled), and never before the record's own opening. That is the longest the
//! gate is known to have lived; the time of recovery would invent an exchange of hours or days.

use crate::day::Day;
use crate::dayfile::{DayError, DayFile};
use crate::journal::frame::Frame;
use crate::journal::segment::{self, Replay, Segment};
use crate::record::Ending;
use crate::row::Row;
use crate::{Recovery, Settings, StartError};
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// What recovery leaves the register with.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) recovery: Recovery,
    /// Above every identifier ever given.
    pub(crate) next_id: i64,
    /// The number of the last segment there is; 0 without any.
    pub(crate) last_segment: u64,
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
    let recovered = recover(settings).await?;
    if recovered.recovery != Recovery::default() || segment_count(&folder)? > 1 {
        let number = recovered.last_segment + 1;
        Segment::create_finished(&folder, number, recovered.next_id).map_err(StartError::Unwritable)?;
        segment::delete_before(&folder, number).map_err(|error| StartError::io(&folder, &error))?;
    }
    drop(lock);
    Ok(Some(recovered.recovery))
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

/// Files what the journal holds and closes what is open. The segments are left for the caller to delete.
pub(crate) async fn recover(settings: &Settings) -> Result<Recovered, StartError> {
    let folder = segment::folder(&settings.dir);
    let numbers = segment::list(&folder).map_err(|error| StartError::io(&folder, &error))?;
    let mut replaying =
        Replaying { settings, files: BTreeMap::new(), open: HashMap::new(), last_instant: 0, next_id: 1 };
    let mut recovery = Recovery::default();
    let mut finished = false;
    let mut damaged = Vec::new();
    for &number in &numbers {
        let replay = segment::replay(&folder, number).map_err(StartError::Unwritable)?;
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
    let next_id = replaying.close().await?;
    // Only now: as long as a segment bears its name, it is replayed.
    for number in damaged {
        segment::set_aside(&folder, number).map_err(|error| StartError::io(&folder, &error))?;
    }
    Ok(Recovered { recovery, next_id, last_segment: numbers.last().copied().unwrap_or(0) })
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

/// The state between two segments.
struct Replaying<'a> {
    settings: &'a Settings,
    files: BTreeMap<Day, DayFile>,
    /// Opened in the journal, not settled there so far.
    open: HashMap<i64, Row>,
    last_instant: i64,
    next_id: i64,
}

impl Replaying<'_> {
    /// Files what one segment settles; how many records that were not.
    async fn file(&mut self, replay: Replay) -> Result<u64, StartError> {
        self.witness(replay.made_at.unwrap_or(0));
        self.next_id = self.next_id.max(replay.next_id.unwrap_or(1));
        let mut settled: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
        let mut endings: Vec<(Day, i64, Ending)> = Vec::new();
        for frame in replay.scan.frames {
            match frame {
                Frame::Opened(row) => {
                    self.witness(row.opened_at);
                    self.next_id = self.next_id.max(row.id.saturating_add(1));
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
            filed += self.day(day).await?.file(rows.into_iter()).await?;
        }
        for (day, id, ending) in endings {
            if let Some(file) = self.existing_day(day).await? {
                filed += file.settle(id, &ending).await?;
            }
        }
        Ok(filed)
    }

    /// Closes what nobody settled, in the journal or in a day file; how many records.
    async fn interrupt(&mut self, finished: bool) -> Result<u64, StartError> {
        let mut left: BTreeMap<Day, Vec<Row>> = BTreeMap::new();
        for (_, row) in self.open.drain() {
            left.entry(Day::of(row.opened_at)).or_default().push(row);
        }
        let needed: Vec<Day> = left.keys().copied().collect();
        for (day, rows) in left {
            self.day(day).await?.file(rows.into_iter()).await?;
        }
        let dir = &self.settings.dir;
        let mut days = Day::all(dir).map_err(|error| StartError::io(dir, &error))?;
        if finished {
            // Nothing is open anywhere. The newest day vouches for the next identifier.
            days = days.split_off(days.len().saturating_sub(1));
        }
        let mut interrupted = 0;
        for day in days {
            match self.close_day(day, finished).await {
                Ok(closed) => interrupted += closed,
                // An old day that is broken must not keep the gate shut; one that the journal needs must.
                Err(error) if !needed.contains(&day) && !self.files.contains_key(&day) => {
                    tracing::error!(%error, "a day file cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(interrupted)
    }

    async fn close_day(&mut self, day: Day, finished: bool) -> Result<u64, StartError> {
        let at = self.last_instant;
        let file = self.day(day).await?;
        let last = file.last_id().await?;
        let closed = if finished { 0 } else { file.interrupt_open(at).await? };
        self.next_id = self.next_id.max(last.saturating_add(1));
        if let Some(file) = self.files.remove(&day) {
            file.close().await?;
        }
        Ok(closed)
    }

    async fn close(self) -> Result<i64, StartError> {
        for file in self.files.into_values() {
            file.close().await?;
        }
        Ok(self.next_id)
    }

    fn witness(&mut self, instant: i64) {
        self.last_instant = self.last_instant.max(instant);
    }

    async fn day(&mut self, day: Day) -> Result<&mut DayFile, StartError> {
        Ok(match self.files.entry(day) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(none) => {
                let Settings { dir, node, durability } = self.settings;
                none.insert(DayFile::open(dir, day, node, *durability).await?)
            }
        })
    }

    async fn existing_day(&mut self, day: Day) -> Result<Option<&mut DayFile>, StartError> {
        if self.files.contains_key(&day) || day.file(&self.settings.dir).exists() {
            return self.day(day).await.map(Some);
        }
        Ok(None)
    }
}
