//! Filing: what the journal has committed is put into the day files, in batches, by a thread of its own.
//!
//! A record that is settled when it is filed is written once. One that is still open after [`Tuning::young`] is filed
//! open, so that a search sees it, and settled when it ends. Filing twice changes nothing. Once everything that a
//! journal segment holds is filed, open or settled, the segment is deleted: from then on the day file knows the record,
//! and recovery finds what is open there.

use crate::day::Day;
use crate::dayfile::{DayError, DayFile};
use crate::journal::segment::{self, Segment};
use crate::owed::Live;
use crate::writer::Tuning;
use crate::{Durability, Record, Unwritable, clock};
use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, oneshot};

/// Records handed over that make filing begin at once.
const PLENTY: usize = 4096;
/// Rows of a transaction.
const TRANSACTION: usize = 4096;
/// Records a follower may be behind before it loses the oldest.
const FOLLOWED: usize = 8192;
/// How long a day file that nothing is filed in stays open.
const IDLE: Duration = Duration::from_secs(60);

/// Somebody waits until all handed over so far is filed.
pub(crate) struct Flush(pub(crate) oneshot::Sender<Result<(), Unwritable>>);

impl Flush {
    pub(crate) fn refuse(self, why: Arc<str>) {
        // Whoever stopped waiting does not care.
        let _ = self.0.send(Err(Unwritable { why }));
    }
}

/// Somebody waits until the register is finished; how many records could not be filed. `None`: nobody waits.
pub(crate) struct Finish(pub(crate) Option<oneshot::Sender<u64>>);

/// Where the journal lays down what is to be filed.
pub(crate) struct Desk {
    inbox: Mutex<Inbox>,
    bell: Condvar,
    /// Records opened that no day file knows yet.
    pub(crate) backlog: AtomicUsize,
    trouble: Mutex<Option<Behind>>,
    /// Records that have been filed settled, for whoever follows.
    feed: broadcast::Sender<Arc<Record>>,
}

/// Filing does not succeed.
#[derive(Clone)]
pub(crate) struct Behind {
    /// UTC µs.
    pub(crate) since: i64,
    pub(crate) why: Arc<str>,
}

#[derive(Default)]
struct Inbox {
    handed: Vec<Handed>,
    flushes: Vec<Flush>,
    finish: Option<(u64, i64, Finish)>,
    records: usize,
    /// File now, whatever the clock says.
    urgent: bool,
    /// Filing waits for something to be handed over.
    asleep: bool,
    /// Filing has ended; nothing handed over would be taken.
    stopped: bool,
}

/// What one write of the journal committed.
struct Handed {
    segment: u64,
    opened: Vec<Arc<Live>>,
    settled: Vec<Arc<Live>>,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk {
            inbox: Mutex::default(),
            bell: Condvar::new(),
            backlog: AtomicUsize::new(0),
            trouble: Mutex::new(None),
            feed: broadcast::channel(FOLLOWED).0,
        }
    }

    /// Hands over what a write to the segment has committed.
    pub(crate) fn hand(&self, segment: u64, opened: Vec<Arc<Live>>, settled: Vec<Arc<Live>>, mut flushes: Vec<Flush>) {
        if opened.is_empty() && settled.is_empty() && flushes.is_empty() {
            return;
        }
        let mut inbox = self.lock();
        if inbox.stopped {
            drop(inbox);
            return flushes.into_iter().for_each(|flush| flush.refuse("filing has stopped".into()));
        }
        inbox.records += settled.len();
        let plenty = inbox.records >= PLENTY && !inbox.urgent;
        let wake = inbox.asleep || plenty || !flushes.is_empty();
        inbox.urgent |= plenty || !flushes.is_empty();
        inbox.flushes.append(&mut flushes);
        inbox.handed.push(Handed { segment, opened, settled });
        inbox.asleep = false;
        drop(inbox);
        if wake {
            self.bell.notify_one();
        }
    }

    /// The journal is closed: `segment` is its last number, `next_id` where identifiers go on.
    pub(crate) fn finish(&self, segment: u64, next_id: i64, finish: Finish) {
        let mut inbox = self.lock();
        if inbox.stopped {
            // Whoever waits learns it by the sender's end.
            return;
        }
        inbox.finish = Some((segment, next_id, finish));
        inbox.urgent = true;
        drop(inbox);
        self.bell.notify_one();
    }

    /// Records as they are filed settled, from now on.
    pub(crate) fn follow(&self) -> broadcast::Receiver<Arc<Record>> {
        self.feed.subscribe()
    }

    /// Why filing fails, if it does.
    pub(crate) fn trouble(&self) -> Option<Behind> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why there are too many records to be filed.
    pub(crate) fn why_behind(&self) -> Arc<str> {
        self.trouble().map_or_else(|| "the day files take records too slowly".into(), |behind| behind.why)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to file. `tick`: not before, unless it is urgent; `due`: then at the latest.
    fn take(&self, tick: Instant, due: Option<Instant>) -> Inbox {
        let mut inbox = self.lock();
        while !inbox.urgent {
            inbox.asleep = inbox.handed.is_empty();
            let until = if inbox.asleep { due.map(|due| due.max(tick)) } else { Some(tick) };
            inbox = match until {
                None => self.bell.wait(inbox).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.bell.wait_timeout(inbox, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        std::mem::take(&mut *inbox)
    }
}

/// Says, when the filing thread ends for whatever reason, that nobody need wait for it.
struct Stopping(Arc<Desk>);

impl Drop for Stopping {
    fn drop(&mut self) {
        let mut inbox = self.0.lock();
        let flushes = std::mem::take(&mut inbox.flushes);
        *inbox = Inbox { stopped: true, ..Inbox::default() };
        drop(inbox);
        // Beyond every limit: openings are refused from now on.
        self.0.backlog.store(usize::MAX / 2, Ordering::Relaxed);
        flushes.into_iter().for_each(|flush| flush.refuse("filing has stopped".into()));
    }
}

/// The filing thread.
pub(crate) struct Clerk {
    pub(crate) desk: Arc<Desk>,
    pub(crate) dir: PathBuf,
    pub(crate) node: String,
    pub(crate) durability: Durability,
    pub(crate) tuning: Tuning,
    /// The register's lock: this thread is the last to touch its files.
    pub(crate) lock: File,
    pub(crate) runtime: Runtime,
    pub(crate) shelf: Shelf,
}

/// What filing has in hand.
#[derive(Default)]
pub(crate) struct Shelf {
    files: BTreeMap<Day, (DayFile, Instant)>,
    /// Records not yet filed whose opening is recent, by the write that committed them.
    young: VecDeque<(Instant, u64, Vec<Arc<Live>>)>,
    /// What is to be written now.
    due: Vec<Due>,
    /// How many records are open in the day files, by day.
    open: BTreeMap<Day, u64>,
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
        Due { day: Day::of(live.entry.opened_at), live, settled }
    }
}

impl Clerk {
    /// Files until the journal is closed.
    pub(crate) fn run(mut self) {
        let _stopping = Stopping(self.desk.clone());
        let mut tick = Instant::now();
        loop {
            let retry = (!self.shelf.due.is_empty()).then(|| Instant::now() + self.tuning.retry);
            let grown = self.shelf.young.front().map(|(at, ..)| *at + self.tuning.young);
            let handed = self.desk.take(tick, [retry, grown].into_iter().flatten().min());
            let everything = !handed.flushes.is_empty() || handed.finish.is_some();
            self.shelf.receive(handed.handed, everything, self.tuning.young);
            let filed = self.file();
            self.report(&filed);
            self.delete_segments();
            for flush in handed.flushes {
                let _ = flush.0.send(filed.clone().map_err(|why| Unwritable { why }));
            }
            if let Some((segment, next_id, finish)) = handed.finish {
                return self.finish(segment, next_id, finish);
            }
            tick = Instant::now() + if filed.is_ok() { self.tuning.tick } else { self.tuning.retry };
        }
    }

    /// Writes what is due, day by day. A day that fails keeps its records and holds up no other.
    fn file(&mut self) -> Result<(), Arc<str>> {
        let mut failure = None;
        let mut failed = Vec::new();
        let mut due = self.shelf.sort_due();
        for day in due.chunk_by(|a, b| a.day == b.day) {
            for part in day.chunks(TRANSACTION) {
                let day = part[0].day;
                if let Err(error) =
                    self.runtime.block_on(self.shelf.file_part(self.desk.as_ref(), &self.node, part, |day| {
                        DayFile::open(&self.dir, day, &self.node, self.durability)
                    }))
                {
                    self.shelf.files.remove(&day);
                    failure = Some(error);
                    failed.extend(part.iter().map(|due| Due::new(due.live.clone(), due.settled)));
                }
            }
        }
        due.clear();
        due.append(&mut failed);
        self.shelf.due = due;
        self.close_idle();
        failure.map_or(Ok(()), |error| Err(error.0.into()))
    }

    /// Says once that filing fails, and once that it works again.
    fn report(&self, filed: &Result<(), Arc<str>>) {
        let mut trouble = self.desk.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (filed, &mut *trouble) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => {
                tracing::info!("the day files are written again");
                *trouble = None;
            }
            (Err(why), Some(behind)) => behind.why = why.clone(),
            (Err(why), None) => {
                tracing::error!(%why, "a day file cannot be written: records wait in the journal");
                *trouble = Some(Behind { since: clock::now(), why: why.clone() });
            }
        }
    }

    fn close_idle(&mut self) {
        let now = Instant::now();
        for (_, (file, _)) in self.shelf.files.extract_if(.., |_, (_, used)| now.duration_since(*used) > IDLE) {
            if let Err(error) = self.runtime.block_on(file.close()) {
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
            let left = Segment::create_finished(&folder, last + 1, next_id)
                .and_then(|()| segment::delete_before(&folder, last + 1).map_err(|error| error.to_string()));
            if let Err(error) = left {
                tracing::warn!(%error, "the journal could not be emptied; the next start will do it");
            }
        }
        drop(self.lock);
        if let Some(answer) = finish.0 {
            let _ = answer.send(unfiled);
        }
    }

    fn close_days(&mut self) -> Result<(), DayError> {
        let shelf = &mut self.shelf;
        self.runtime.block_on(async {
            // Records whose owner is stuck somewhere and will never settle them.
            for day in std::mem::take(&mut shelf.open).into_keys() {
                let (mut file, _) = match shelf.files.remove(&day) {
                    Some(open) => open,
                    None => (DayFile::open(&self.dir, day, &self.node, self.durability).await?, Instant::now()),
                };
                file.interrupt_open(clock::now()).await?;
                file.close().await?;
            }
            for (file, _) in std::mem::take(&mut shelf.files).into_values() {
                file.close().await?;
            }
            Ok(())
        })
    }
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
        while let Some((_, _, opened)) =
            self.young.pop_front_if(|(at, ..)| everything || now.duration_since(*at) >= young)
        {
            // Also those that have ended since, if their ending has not come here: the segment goes with this.
            self.due.extend(opened.into_iter().filter(|live| !live.is_filed()).map(|live| Due::new(live, false)));
        }
    }

    /// Takes what is due in the order of the day files, each record once, its ending preferred.
    fn sort_due(&mut self) -> Vec<Due> {
        let mut due = std::mem::take(&mut self.due);
        due.sort_by_key(|due| (due.day, due.live.id, !due.settled));
        due.dedup_by_key(|due| due.live.id);
        due
    }

    async fn file_part<F: Future<Output = Result<DayFile, DayError>>>(
        &mut self,
        desk: &Desk,
        node: &str,
        part: &[Due],
        open: impl FnOnce(Day) -> F,
    ) -> Result<(), DayError> {
        let day = part[0].day;
        let file = match self.files.entry(day) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(none) => none.insert((open(day).await?, Instant::now())),
        };
        file.0.file(part.iter().map(|due| due.live.row(due.settled))).await?;
        file.1 = Instant::now();
        let mut new = 0;
        for due in part {
            let again = due.live.note_filed();
            new += usize::from(!again);
            match (again, due.settled) {
                (false, false) => *self.open.entry(day).or_default() += 1,
                (true, true) => self.no_longer_open(day),
                _ => {}
            }
        }
        desk.backlog.fetch_sub(new, Ordering::Relaxed);
        if desk.feed.receiver_count() > 0 {
            for due in part.iter().filter(|due| due.settled) {
                // Nobody may be left to hear it.
                let _ = desk.feed.send(Arc::new(due.live.row(true).record(node)));
            }
        }
        Ok(())
    }

    fn no_longer_open(&mut self, day: Day) {
        if let Entry::Occupied(mut open) = self.open.entry(day) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}
