//! The journal: where a record is owed before anything passes.
//!
//! Callers append to a buffer in memory and go on; one thread takes what has gathered, writes it with one call, and
//! wakes those whose opening is in it. While it writes, the next lot gathers: the busier, the fewer writes a record.
//! What was committed is handed to `filing`, which deletes the segments it no longer needs.
//!
//! An ending alone does not make the thread write at once: it waits [`LINGER`] for company, since nobody waits for it.

pub(crate) mod frame;
pub(crate) mod segment;

use crate::day::Day;
use crate::filing::{Desk, Finish, Flush};
use crate::keys::Keys;
use crate::owed::Live;
use crate::record::Entry;
use crate::writer::Tuning;
use crate::{Durability, Unwritable, clock};
use segment::Segment;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How long an ending waits for others to be written with.
const LINGER: Duration = Duration::from_millis(2);
/// What is written to try it: as much as a busy moment's records, so that success means something.
const TRIAL: usize = 4096;

/// The journal's side that callers see.
pub(crate) struct Journal {
    gathering: Mutex<Gathering>,
    bell: Condvar,
    desk: Arc<Desk>,
    tuning: Tuning,
}

/// What has gathered since the thread last took.
struct Gathering {
    next_id: i64,
    openings: Vec<u8>,
    opened: Vec<Arc<Live>>,
    endings: Vec<u8>,
    settled: Vec<Arc<Live>>,
    flushes: Vec<Flush>,
    finish: Option<Finish>,
    turn_over: bool,
    thread: Thread,
    trouble: Option<Trouble>,
    closed: bool,
}

/// What the thread is doing: whether it must be woken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// It will look again by itself.
    Busy,
    /// It waits for a while; only an opening is worth waking it.
    Lingering,
    /// It waits for anything.
    Asleep,
}

/// The journal cannot be written.
#[derive(Clone)]
pub(crate) struct Trouble {
    /// UTC µs.
    pub(crate) since: i64,
    pub(crate) why: Arc<str>,
    /// Openings are refused until then; then the disk is tried again, even if nobody asks.
    retry_at: Instant,
}

impl Journal {
    pub(crate) fn new(next_id: i64, desk: Arc<Desk>, tuning: Tuning) -> Journal {
        let gathering = Gathering {
            next_id,
            openings: Vec::new(),
            opened: Vec::new(),
            endings: Vec::new(),
            settled: Vec::new(),
            flushes: Vec::new(),
            finish: None,
            turn_over: false,
            thread: Thread::Busy,
            trouble: None,
            closed: false,
        };
        Journal { gathering: Mutex::new(gathering), bell: Condvar::new(), desk, tuning }
    }

    /// Now, by the register's clock.
    pub(crate) fn now(&self) -> i64 {
        self.tuning.clock.now()
    }

    /// Has a segment be begun for the day that begins, though nothing be written: the old one's key dies with its day.
    pub(crate) fn turn_over(&self) {
        let mut gathering = self.lock();
        if !gathering.closed {
            gathering.turn_over = true;
            self.wake(gathering, Thread::Lingering);
        }
    }

    /// Ends the records that are open when a day begins, and opens their next in it, in one write.
    pub(crate) fn turn(&self, open: impl Iterator<Item = Arc<Live>>, day: Day) {
        let mut gathering = self.lock();
        if gathering.closed {
            return;
        }
        for live in open {
            let Some(next) = live.turn(gathering.next_id, day) else { continue };
            let Some(ending) = live.ending() else { continue };
            frame::settled(&mut gathering.endings, live.id, live.entry.opened_at, ending);
            gathering.settled.push(live);
            gathering.next_id += 1;
            frame::opened(&mut gathering.openings, next.id, &next.entry);
            gathering.opened.push(next);
            self.desk.backlog.fetch_add(1, Ordering::Relaxed);
        }
        self.wake(gathering, Thread::Lingering);
    }

    /// Owes a record; `waker` is woken when its fate is known. The thread hears of it by [`Journal::ring`].
    pub(crate) fn owe(&self, entry: Entry, waker: Waker) -> Result<Arc<Live>, Unwritable> {
        if self.is_behind() {
            return Err(Unwritable { why: self.desk.why_behind() });
        }
        let mut gathering = self.lock();
        if gathering.closed {
            return Err(Unwritable { why: "the register is closed".into() });
        }
        if let Some(trouble) = &gathering.trouble
            && Instant::now() < trouble.retry_at
        {
            return Err(Unwritable { why: trouble.why.clone() });
        }
        let id = gathering.next_id;
        gathering.next_id += 1;
        frame::opened(&mut gathering.openings, id, &entry);
        let day = Day::of(entry.opened_at).max(self.desk.first_open_day());
        let live = Arc::new(Live::new(id, day, entry, waker));
        gathering.opened.push(live.clone());
        self.desk.backlog.fetch_add(1, Ordering::Relaxed);
        Ok(live)
    }

    /// Wakes the thread for the openings that have gathered, if it hasn't taken them meanwhile.
    pub(crate) fn ring(&self) {
        let gathering = self.lock();
        if !gathering.opened.is_empty() {
            self.wake(gathering, Thread::Lingering);
        }
    }

    /// Notes that a record has ended.
    pub(crate) fn settle(&self, live: &Arc<Live>) {
        let Some(ending) = live.ending() else { return };
        if live.is_refused() {
            return;
        }
        let mut gathering = self.lock();
        if gathering.closed {
            return;
        }
        frame::settled(&mut gathering.endings, live.id, live.entry.opened_at, ending);
        gathering.settled.push(live.clone());
        self.wake(gathering, Thread::Asleep);
    }

    /// Asks to be told when everything appended so far is filed.
    pub(crate) fn flush(&self, flush: Flush) {
        let mut gathering = self.lock();
        if gathering.closed {
            return flush.refuse("the register is closed".into());
        }
        gathering.flushes.push(flush);
        self.wake(gathering, Thread::Lingering);
    }

    /// Takes nothing more; what has gathered is written, then filing finishes.
    pub(crate) fn close(&self, finish: Finish) {
        let mut gathering = self.lock();
        if !gathering.closed {
            gathering.closed = true;
            gathering.finish = Some(finish);
            self.wake(gathering, Thread::Lingering);
        }
    }

    /// Why it cannot be written now, if it cannot.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.lock().trouble.clone()
    }

    /// Whether too many records wait to be filed.
    pub(crate) fn is_behind(&self) -> bool {
        self.desk.backlog.load(Ordering::Relaxed) >= self.tuning.backlog
    }

    /// Wakes the thread if it sleeps at least as deep as `depth`. The flag spares the system call when it is busy.
    fn wake(&self, mut gathering: MutexGuard<'_, Gathering>, depth: Thread) {
        let wake = match gathering.thread {
            Thread::Busy => false,
            Thread::Lingering => depth == Thread::Lingering,
            Thread::Asleep => true,
        };
        if wake {
            gathering.thread = Thread::Busy;
            drop(gathering);
            self.bell.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Gathering> {
        // A panic in a few pushes leaves them whole or not done; either can be written.
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
pub(crate) struct Scribe {
    pub(crate) journal: Arc<Journal>,
    pub(crate) folder: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) keys: Arc<Keys>,
    pub(crate) number: u64,
    /// `None` when a fresh one must be begun.
    pub(crate) segment: Option<Segment>,
}

impl Scribe {
    /// Writes until the journal is closed.
    pub(crate) fn run(mut self) {
        // Whatever ends this thread, nobody must wait for it for ever.
        let closing = Closing(self.journal.clone());
        loop {
            let mut lot = self.take();
            let began = Instant::now();
            let written = self.write(&mut lot);
            if !lot.opened.is_empty() {
                self.journal.desk.commits.note(began.elapsed());
            }
            let finish = lot.finish.take();
            self.publish(lot, written);
            if let Some(finish) = finish {
                self.journal.desk.finish(self.number, self.journal.lock().next_id, finish);
                break;
            }
        }
        drop(closing);
    }

    /// Waits until there is something worth writing, and takes it.
    fn take(&self) -> Lot {
        let mut gathering = self.journal.lock();
        let mut linger_until = None;
        loop {
            let awaited = !gathering.opened.is_empty()
                || !gathering.flushes.is_empty()
                || gathering.finish.is_some()
                || gathering.turn_over;
            if awaited {
                break;
            }
            let until = match &gathering.trouble {
                Some(trouble) => Some(trouble.retry_at),
                None if gathering.settled.is_empty() => None,
                None => Some(*linger_until.get_or_insert_with(|| Instant::now() + LINGER)),
            };
            gathering = match until {
                None => {
                    gathering.thread = Thread::Asleep;
                    self.journal.bell.wait(gathering).unwrap_or_else(PoisonError::into_inner)
                }
                Some(until) => {
                    let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                        break;
                    };
                    gathering.thread = Thread::Lingering;
                    let woken = self.journal.bell.wait_timeout(gathering, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        gathering.thread = Thread::Busy;
        Lot {
            next_id: gathering.next_id,
            bytes: std::mem::take(&mut gathering.openings),
            opened: std::mem::take(&mut gathering.opened),
            endings: std::mem::take(&mut gathering.endings),
            settled: std::mem::take(&mut gathering.settled),
            flushes: std::mem::take(&mut gathering.flushes),
            finish: gathering.finish.take(),
            turn_over: std::mem::take(&mut gathering.turn_over),
            in_trouble: gathering.trouble.is_some(),
        }
    }

    fn write(&mut self, lot: &mut Lot) -> Result<(), String> {
        // Openings first: a record may have ended in the lot it was opened in.
        lot.bytes.append(&mut lot.endings);
        if lot.in_trouble && lot.bytes.is_empty() {
            frame::padding(&mut lot.bytes, TRIAL);
        }
        if lot.bytes.is_empty() && !lot.turn_over {
            return Ok(());
        }
        let size = lot.bytes.len() as u64;
        let now = self.journal.now();
        // Also an empty one of another day: its key may be destroyed while it is written.
        let full = |segment: &mut Segment| {
            segment.is_of_another_day(now)
                || segment.is_gone()
                || !segment.is_empty() && segment.len() + size > self.journal.tuning.segment_bytes
        };
        let segment = match self.segment.take_if(|segment| !full(segment)) {
            Some(segment) => self.segment.insert(segment),
            None => {
                // A full segment is given up before the next is made: were it written again after a failure, filing, which
                // goes by the number, would think it done with and delete it under the pen.
                self.segment = None;
                let number = self.number + 1;
                let next = Segment::create(&self.folder, number, lot.next_id, self.durability, &self.keys, now)?;
                self.number += 1;
                self.segment.insert(next)
            }
        };
        if lot.bytes.is_empty() {
            return Ok(());
        }
        let written = segment.append(&lot.bytes);
        if written.is_err() && !segment.cut_back() {
            self.segment = None;
        }
        written
    }

    /// Tells everyone what became of their records.
    fn publish(&self, mut lot: Lot, written: Result<(), String>) {
        let journal = &self.journal;
        match written {
            Ok(()) => {
                if lot.in_trouble {
                    journal.lock().trouble = None;
                    tracing::info!("the register's journal is written again");
                }
                for live in &lot.opened {
                    live.commit();
                }
                let opened = std::mem::take(&mut lot.opened);
                let settled = lot.take_settled();
                journal.desk.hand(self.number, opened, settled, std::mem::take(&mut lot.flushes));
            }
            Err(why) => {
                let why: Arc<str> = why.into();
                let mut gathering = journal.lock();
                let since = gathering.trouble.as_ref().map(|trouble| trouble.since);
                if since.is_none() {
                    tracing::error!(%why, "the register's journal cannot be written: traffic is refused");
                }
                let since = since.unwrap_or_else(clock::now);
                gathering.trouble =
                    Some(Trouble { since, why: why.clone(), retry_at: Instant::now() + journal.tuning.retry });
                drop(gathering);
                // What goes on after midnight can't be refused: filing keeps it too.
                let (going_on, opened): (Vec<_>, Vec<_>) = lot.opened.drain(..).partition(|live| live.is_committed());
                journal.desk.backlog.fetch_sub(opened.len(), Ordering::Relaxed);
                for live in opened {
                    live.refuse(why.clone());
                }
                for flush in lot.flushes.drain(..) {
                    flush.refuse(why.clone());
                }
                // Their openings are committed; filing keeps the endings until the day file takes them.
                let settled = lot.take_settled();
                journal.desk.hand(self.number, going_on, settled, Vec::new());
            }
        }
    }
}

/// What the thread has taken.
struct Lot {
    next_id: i64,
    bytes: Vec<u8>,
    opened: Vec<Arc<Live>>,
    endings: Vec<u8>,
    settled: Vec<Arc<Live>>,
    flushes: Vec<Flush>,
    finish: Option<Finish>,
    turn_over: bool,
    in_trouble: bool,
}

impl Lot {
    /// The records settled, without those that were dropped while waiting and whose opening then failed.
    fn take_settled(&mut self) -> Vec<Arc<Live>> {
        let mut settled = std::mem::take(&mut self.settled);
        settled.retain(|live| !live.is_refused());
        settled
    }
}

impl Drop for Lot {
    fn drop(&mut self) {
        for live in self.opened.drain(..).filter(|live| !live.is_committed()) {
            live.refuse("the register's journal has stopped".into());
        }
    }
}

/// Closes the journal when its thread ends.
struct Closing(Arc<Journal>);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut gathering = self.0.lock();
        gathering.closed = true;
        let opened = std::mem::take(&mut gathering.opened);
        let flushes = std::mem::take(&mut gathering.flushes);
        drop(gathering);
        for live in opened.into_iter().filter(|live| !live.is_committed()) {
            live.refuse("the register's journal has stopped".into());
        }
        for flush in flushes {
            flush.refuse("the register's journal has stopped".into());
        }
    }
}
