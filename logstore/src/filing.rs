//! Filing: what the journal has committed is put into the day files, in batches, by a thread of its own.
//!
//! A record that is settled when it is filed is written once. One that is still open after [`Tuning::young`] is filed
//! open, so that a search sees it, and again when it ends. Once everything that a journal segment holds is filed, open or
//! settled, the segment is deleted: from then on the day file knows the record, and recovery finds what is open there.
//!
//! This thread is also the register's clock: each minute it signs how far the day has come; at midnight it has the records
//! that are open turned into the new day; and when nothing can come any more it gives the old day away to be sealed.

mod desk;

pub use desk::{COMMIT_BOUNDS, CommitTimes};
pub(crate) use desk::{Desk, FOLLOWED, Finish, Flush};

use crate::day::Day;
use crate::dayfile::open::{OpenDay, OpenError};
use crate::dayfile::{DayError, restore};
use crate::journal::Journal;
use crate::journal::segment::{self, Segment};
use crate::keeper::{Keeper, Task};
use crate::keys::Keys;
use crate::owed::Live;
use crate::writer::Tuning;
use crate::{Durability, Unwritable, clock, crash, pace};
use desk::{Handed, Stopping};
use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Rows of a transaction.
const TRANSACTION: usize = 1024;
/// How long a day file that nothing is filed in stays open.
const IDLE: Duration = Duration::from_secs(60);
const MINUTE: i64 = 60_000_000;
/// How long before midnight the key of the day that comes is made.
const AHEAD: i64 = 30 * MINUTE;

/// The filing thread.
pub(crate) struct Clerk {
    pub(crate) desk: Arc<Desk>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) keeper: Keeper,
    pub(crate) keys: Arc<Keys>,
    pub(crate) dir: PathBuf,
    pub(crate) node: Arc<str>,
    pub(crate) durability: Durability,
    pub(crate) tuning: Tuning,
    /// The register's lock: this thread is the last to touch its files.
    pub(crate) lock: File,
    pub(crate) runtime: Runtime,
    pub(crate) shelf: Shelf,
    pub(crate) watch: Watch,
}

/// What is due by the clock.
pub(crate) struct Watch {
    /// The day that is written.
    today: Day,
    /// The minute last checkpointed.
    minute: i64,
    steps: clock::Steps,
    /// Days given away to be sealed.
    given: Day,
    tomorrow_has_a_key: bool,
}

impl Watch {
    /// Begins to watch. Days up to `given` are sealed, or being sealed.
    pub(crate) fn begin(now: i64, given: Option<Day>) -> Watch {
        Watch {
            today: Day::of(now),
            minute: now.div_euclid(MINUTE),
            steps: clock::Steps::begin(),
            given: given.unwrap_or(Day::of(i64::MIN)),
            tomorrow_has_a_key: false,
        }
    }
}

/// What filing has in hand.
#[derive(Default)]
pub(crate) struct Shelf {
    files: BTreeMap<Day, (OpenDay, Instant)>,
    /// Records not yet filed whose opening is recent, by the write that committed them.
    young: VecDeque<(Instant, u64, Vec<Arc<Live>>)>,
    /// What is to be written now.
    due: Vec<Due>,
    /// The records that are open, by day.
    open: BTreeMap<Day, HashMap<i64, Arc<Live>>>,
    /// The segment of the last write handed over.
    current: u64,
    /// Segments before this one are deleted.
    deleted_before: u64,
}

struct Due {
    day: Day,
    live: Arc<Live>,
    settled: bool,
}

impl Due {
    fn new(live: Arc<Live>, settled: bool) -> Due {
        Due { day: live.day(), live, settled }
    }
}

/// Why part of what is due is not filed.
enum Unfiled {
    /// Its day is sealed.
    Sealed,
    Failed(DayError),
}

impl Clerk {
    /// Files until the journal is closed.
    pub(crate) fn run(mut self) {
        let _stopping = Stopping(self.desk.clone());
        let mut tick = Instant::now();
        // Days that were over before the start: nothing of them is on its way, so both looks that giving them away takes can
        // be had at once.
        self.look_at_the_clock();
        self.look_at_the_clock();
        loop {
            let retry = (!self.shelf.due.is_empty()).then(|| Instant::now() + self.tuning.retry);
            let grown = self.shelf.young.front().map(|(at, ..)| *at + self.tuning.young);
            let minute = Instant::now() + until_the_minute(self.tuning.clock.now());
            let due = [retry, grown, Some(minute)].into_iter().flatten().min();
            let handed = self.desk.take(tick.min(minute), due);
            let everything = !handed.flushes.is_empty() || handed.finish.is_some();
            self.shelf.receive(handed.handed, everything, self.tuning.young);
            let filed = self.file();
            self.desk.report(&filed);
            self.delete_segments();
            for flush in handed.flushes {
                flush.answer(filed.clone().map_err(|why| Unwritable { why }));
            }
            if let Some((segment, next_id, finish)) = handed.finish {
                return self.finish(segment, next_id, finish);
            }
            self.look_at_the_clock();
            tick = Instant::now() + if filed.is_ok() { self.tuning.tick } else { self.tuning.retry };
        }
    }

    /// Writes what is due, day by day. A day that fails keeps its records and holds up no other.
    fn file(&mut self) -> Result<(), Arc<str>> {
        let mut failure = None;
        let mut left = Vec::new();
        let due = self.shelf.sort_due();
        for day in due.chunk_by(|a, b| a.day == b.day) {
            for part in day.chunks(TRANSACTION) {
                let day = part[0].day;
                // Without it, the file is written by nobody's leave while it is sealed.
                let filed = if day <= self.watch.given {
                    Err(Unfiled::Sealed)
                } else if let Err(error) = self.keep_in_place(day) {
                    // It stays open: it is the only copy.
                    failure = Some(error);
                    left.extend(part.iter().map(|due| Due::new(due.live.clone(), due.settled)));
                    continue;
                } else {
                    self.runtime.block_on(self.shelf.file_part(&self.desk, &self.node, part, || {
                        OpenDay::open(&self.dir, day, self.durability, &self.keys)
                    }))
                };
                let again = |due: &Due| Due::new(due.live.clone(), due.settled);
                match filed {
                    Ok(()) => {}
                    Err(Unfiled::Sealed) => {
                        // The clock was set back into a day that is sealed: the next open one takes the record.
                        self.desk.close_through(day);
                        let next = self.desk.first_open_day().max(Day::of(self.tuning.clock.now()));
                        part.iter().for_each(|due| due.live.move_to(next));
                        left.extend(part.iter().map(again));
                    }
                    Err(Unfiled::Failed(error)) => {
                        self.shelf.files.remove(&day);
                        failure = Some(error);
                        left.extend(part.iter().map(again));
                    }
                }
            }
        }
        self.shelf.due = left;
        let mut filed = due;
        while !filed.is_empty() {
            filed.truncate(filed.len().saturating_sub(pace::ROWS));
            pace::rest();
        }
        self.close_idle();
        match failure {
            None if self.shelf.due.is_empty() => Ok(()),
            None => self.file(),
            Some(error) => Err(error.0.into()),
        }
    }

    fn look_at_the_clock(&mut self) {
        let now = self.tuning.clock.now();
        if let Some(step) = self.watch.steps.look() {
            tracing::warn!(step_us = step, "the clock was set");
            self.keeper.give(Task::ClockStepped { step });
        }
        let minute = now.div_euclid(MINUTE);
        if minute != self.watch.minute {
            self.watch.minute = minute;
            self.checkpoint();
            self.keeper.give(Task::Look);
        }
        let today = Day::of(now);
        if today != self.watch.today {
            self.watch.today = today;
            self.watch.tomorrow_has_a_key = false;
            self.journal.turn_over();
        }
        // Not only at midnight: what was on its way then arrives a moment later.
        let open = self.shelf.open_before(today);
        if !open.is_empty() {
            self.journal.turn(open.into_iter(), today);
            crash::point("turned");
        }
        if !self.watch.tomorrow_has_a_key && Day::of(now + AHEAD) > today {
            // Made beforehand, so that nobody waits for it at midnight. If it fails, midnight tries again.
            let made = self.keys.day_or_new(today.after(1));
            self.watch.tomorrow_has_a_key = made.is_ok();
        }
        self.give_days_away(now);
    }

    /// Gives days that are over to be sealed: a while after their end, so that a clock set back finds them still open, and
    /// when no record of them is open.
    fn give_days_away(&mut self, now: i64) {
        let over = Day::of(now.saturating_sub(i64::try_from(self.tuning.seal_after.as_micros()).unwrap_or(i64::MAX)));
        let mut last = over.after(-1);
        let busy = self.shelf.open.iter().filter(|(_, open)| !open.is_empty()).map(|(day, _)| *day);
        let due = self.shelf.due.iter().map(|due| due.day);
        let young = self.shelf.young.iter().flat_map(|(.., opened)| opened.iter().map(|live| live.day()));
        if let Some(busy) = busy.chain(due).chain(young).min() {
            last = last.min(busy.after(-1));
        }
        if last <= self.watch.given {
            return;
        }
        // Only days that there are: a clock that is years ahead may be set right, and the days to come must be open then.
        let days = Day::all(&self.dir).unwrap_or_default();
        let Some(last) = days.into_iter().rfind(|day| (self.watch.given.after(1)..=last).contains(day)) else { return };
        // What comes from now on is filed behind; what is on its way comes before the next tick.
        if self.desk.first_open_day() <= last {
            self.desk.close_through(last);
            return;
        }
        for day in self.shelf.files.range(..=last).map(|(day, _)| *day).collect::<Vec<_>>() {
            if let Err(error) = self.keep_in_place(day) {
                tracing::error!(%error, "a day file that lost its name cannot be put back; it is tried again");
                return;
            }
        }
        for (_, (file, _)) in self.shelf.files.extract_if(..=last, |_, _| true) {
            if let Err(error) = self.runtime.block_on(close_whole(file, &self.keys)) {
                tracing::warn!(%error, "a day file did not close cleanly");
            }
        }
        self.watch.given = last;
        self.keeper.give(Task::SealThrough { day: last });
    }

    fn checkpoint(&mut self) {
        for day in self.shelf.files.keys().copied().collect::<Vec<_>>() {
            let kept = self.keep_in_place(day);
            let Some((file, _)) = self.shelf.files.get_mut(&day) else { continue };
            let checked = kept.and_then(|()| self.runtime.block_on(file.checkpoint(&self.keys)));
            if let Err(error) = checked {
                tracing::warn!(%error, "a checkpoint cannot be written; the next one covers it");
            }
        }
    }

    /// Sees to it that the file of a day that is open still stands under its name, and puts it back if it doesn't.
    fn keep_in_place(&mut self, day: Day) -> Result<(), DayError> {
        let Some((file, _)) = self.shelf.files.get_mut(&day) else {
            // Saved before, and not put back then.
            let name = day.file(&self.dir);
            return restore::finish(&self.dir, day).map_err(|error| DayError::of(&name, &error));
        };
        if file.is_in_place() {
            return Ok(());
        }
        let name = day.file(&self.dir);
        if !self.keys.has(day, file.key_name()) {
            // Purged with its key: that is how it should be.
            self.shelf.files.remove(&day);
            return Ok(());
        }
        tracing::error!(file = %name.display(), "a day file was deleted or replaced while it is written");
        self.runtime.block_on(file.save(&self.dir))?;
        if let Some((file, _)) = self.shelf.files.remove(&day) {
            self.runtime.block_on(file.let_go());
        }
        restore::put_back(&self.dir, day).map_err(|error| DayError::of(&name, &error))?;
        tracing::info!(file = %name.display(), "it was put back with all its records");
        // Open again at once: what is not open cannot be saved another time. If it can't be, the next filing says so.
        let opened = self.runtime.block_on(OpenDay::open(&self.dir, day, self.durability, &self.keys));
        if let Ok(file) = opened {
            self.shelf.files.insert(day, (file, Instant::now()));
        }
        self.keeper.give(Task::DayLost { day });
        Ok(())
    }

    fn close_idle(&mut self) {
        let (now, today) = (Instant::now(), self.watch.today);
        let idle = |day: &Day, used: &Instant| *day != today && now.duration_since(*used) > IDLE;
        let in_place = |file: &OpenDay| file.is_in_place();
        for (_, (file, _)) in self.shelf.files.extract_if(.., |day, (file, used)| idle(day, used) && in_place(file)) {
            if let Err(error) = self.runtime.block_on(close_whole(file, &self.keys)) {
                tracing::warn!(%error, "a day file did not close cleanly");
            }
        }
    }

    fn delete_segments(&mut self) {
        if !self.shelf.due.is_empty() {
            return;
        }
        let needed = self.shelf.young.front().map_or(self.shelf.current, |(_, segment, _)| *segment);
        if needed > self.shelf.deleted_before {
            crash::point("before segments are deleted");
            match segment::delete_before(&segment::folder(&self.dir), needed) {
                Ok(()) => self.shelf.deleted_before = needed,
                Err(error) => {
                    tracing::warn!(%error, "a journal segment that is filed cannot be deleted")
                }
            }
        }
    }

    /// Closes what is still open, leaves a journal that says so, and answers.
    fn finish(mut self, last: u64, next_id: i64, finish: Finish) {
        let unfiled = match self.close_days() {
            Ok(()) => self.shelf.due.len() as u64,
            Err(error) => {
                tracing::error!(%error, "the register could not be finished; the next start will recover it");
                (self.shelf.due.len() as u64).max(1)
            }
        };
        if unfiled == 0 {
            let folder = segment::folder(&self.dir);
            let left = Segment::create_finished(&folder, last + 1, next_id, &self.keys, self.tuning.clock.now())
                .and_then(|()| segment::delete_before(&folder, last + 1).map_err(|error| error.to_string()));
            if let Err(error) = left {
                tracing::warn!(%error, "the journal could not be emptied; the next start will do it");
            }
        }
        // The keeper ends before the lock goes: nobody else may find a day half sealed.
        self.keeper.finish();
        drop(self.lock);
        finish.answer(unfiled);
    }

    fn close_days(&mut self) -> Result<(), DayError> {
        for day in self.shelf.files.keys().copied().collect::<Vec<_>>() {
            self.keep_in_place(day)?;
        }
        let shelf = &mut self.shelf;
        let (desk, dir, durability, keys) = (&self.desk, &self.dir, self.durability, &self.keys);
        let now = self.tuning.clock.now();
        self.runtime.block_on(async {
            // Records whose owner is stuck somewhere and will never settle them.
            for (day, open) in std::mem::take(&mut shelf.open) {
                if open.is_empty() {
                    continue;
                }
                let (mut file, _) = match shelf.files.remove(&day) {
                    Some(open) => open,
                    None => match OpenDay::open(dir, day, durability, keys).await {
                        Ok(file) => (file, Instant::now()),
                        Err(OpenError::Other(error)) => return Err(error),
                        Err(OpenError::Sealed) => continue,
                    },
                };
                desk.publish(&file.interrupt_open(now).await?);
                close_whole(file, keys).await?;
            }
            for (file, _) in std::mem::take(&mut shelf.files).into_values() {
                close_whole(file, keys).await?;
            }
            Ok(())
        })
    }
}

/// Signs what is not yet signed, and closes.
async fn close_whole(mut file: OpenDay, keys: &Keys) -> Result<(), DayError> {
    let signed = file.checkpoint(keys).await;
    file.close().await?;
    signed
}

fn until_the_minute(now: i64) -> Duration {
    Duration::from_micros((MINUTE - now.rem_euclid(MINUTE)) as u64)
}

impl Shelf {
    /// Sorts what was handed over into due and young.
    fn receive(&mut self, handed: Vec<Handed>, everything: bool, young: Duration) {
        let now = Instant::now();
        for Handed { segment, opened, settled } in handed {
            self.current = segment;
            if !opened.is_empty() {
                self.young.push_back((now, segment, opened));
            }
            self.due.extend(settled.into_iter().map(|live| Due::new(live, true)));
        }
        let mut grown = 0;
        while let Some((_, _, opened)) =
            self.young.pop_front_if(|(at, ..)| everything || now.duration_since(*at) >= young)
        {
            grown += opened.len();
            if grown > pace::ROWS {
                grown = 0;
                pace::rest();
            }
            // Also those that have ended since, if their ending has not come here: the segment goes with this.
            self.due.extend(opened.into_iter().filter(|live| !live.is_filed()).map(|live| Due::new(live, false)));
        }
    }

    /// Takes what is due in the order of the day files, each record once, its ending preferred.
    fn sort_due(&mut self) -> Vec<Due> {
        let mut due = std::mem::take(&mut self.due);
        due.sort_by_key(|due| (due.live.id, !due.settled));
        due.dedup_by_key(|due| due.live.id);
        due.sort_by_key(|due| due.day);
        due
    }

    /// The records that are open and belong to days before this one, filed or not.
    fn open_before(&self, day: Day) -> Vec<Arc<Live>> {
        let filed = self.open.range(..day).flat_map(|(_, open)| open.values());
        let young = self.young.iter().flat_map(|(.., opened)| opened);
        let mut open: Vec<_> =
            filed.chain(young).filter(|live| live.day() < day && live.ending().is_none()).cloned().collect();
        open.sort_by_key(|live| live.id);
        open.dedup_by_key(|live| live.id);
        open
    }

    async fn file_part<F: Future<Output = Result<OpenDay, OpenError>>>(
        &mut self,
        desk: &Desk,
        node: &Arc<str>,
        part: &[Due],
        open: impl FnOnce() -> F,
    ) -> Result<(), Unfiled> {
        let day = part[0].day;
        let file = match self.files.entry(day) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(none) => match open().await {
                Ok(file) => none.insert((file, Instant::now())),
                Err(OpenError::Sealed) => return Err(Unfiled::Sealed),
                Err(OpenError::Other(error)) => return Err(Unfiled::Failed(error)),
            },
        };
        let rows: Vec<_> = part.iter().map(|due| due.live.row(node.clone(), due.settled)).collect();
        pace::rest();
        file.0.file(&rows).await.map_err(Unfiled::Failed)?;
        file.1 = Instant::now();
        let mut new = 0;
        for due in part {
            let again = due.live.note_filed();
            new += usize::from(!again);
            match (again, due.settled) {
                (false, false) => {
                    self.open.entry(day).or_default().insert(due.live.id, due.live.clone());
                }
                (true, true) => self.no_longer_open(day, due.live.id),
                _ => {}
            }
        }
        desk.backlog.fetch_sub(new, Ordering::Relaxed);
        desk.publish(&rows);
        Ok(())
    }

    fn no_longer_open(&mut self, day: Day, id: i64) {
        if let Entry::Occupied(mut open) = self.open.entry(day) {
            open.get_mut().remove(&id);
            if open.get().is_empty() {
                open.remove();
            }
        }
    }
}
