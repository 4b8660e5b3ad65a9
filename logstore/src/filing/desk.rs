//! The desk between the journal and filing: what is committed is laid down here, and taken in lots.

use crate::day::Day;
use crate::owed::Live;
use crate::row::Row;
use crate::{Record, Unwritable, clock};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, oneshot};

/// Records handed over that make filing begin at once.
const PLENTY: usize = 4096;
/// Records a follower may be behind before it loses the oldest.
pub(crate) const FOLLOWED: usize = 8192;

/// Somebody waits until all handed over so far is filed.
pub(crate) struct Flush(pub(crate) oneshot::Sender<Result<(), Unwritable>>);

impl Flush {
    pub(super) fn answer(self, filed: Result<(), Unwritable>) {
        let _ = self.0.send(filed);
    }

    pub(crate) fn refuse(self, why: Arc<str>) {
        // Whoever stopped waiting does not care.
        let _ = self.0.send(Err(Unwritable { why }));
    }
}

/// Somebody waits until the register is finished; how many records could not be filed. `None`: nobody waits.
pub(crate) struct Finish(pub(crate) Option<oneshot::Sender<u64>>);

impl Finish {
    pub(super) fn answer(self, unfiled: u64) {
        if let Some(answer) = self.0 {
            let _ = answer.send(unfiled);
        }
    }
}

/// Where the journal lays down what is to be filed.
pub(crate) struct Desk {
    inbox: Mutex<Inbox>,
    bell: Condvar,
    /// Records opened that no day file knows yet.
    pub(crate) backlog: AtomicUsize,
    trouble: Mutex<Option<Behind>>,
    /// Records that have been filed settled, for whoever follows.
    feed: broadcast::Sender<Arc<Record>>,
    /// Those that recovery filed, until somebody is told of them.
    recovered: Mutex<VecDeque<Arc<Record>>>,
    /// How long commits took.
    pub(crate) commits: Commits,
    /// The instant from which days may still be filed in: those before are sealed, or being sealed.
    first_open: AtomicI64,
}

/// Filing does not succeed.
#[derive(Clone)]
pub(crate) struct Behind {
    /// UTC µs.
    pub(crate) since: i64,
    pub(crate) why: Arc<str>,
}

#[derive(Default)]
pub(super) struct Inbox {
    pub(super) handed: Vec<Handed>,
    pub(super) flushes: Vec<Flush>,
    pub(super) finish: Option<(u64, i64, Finish)>,
    records: usize,
    /// File now, whatever the clock says.
    urgent: bool,
    /// Filing waits for something to be handed over.
    asleep: bool,
    /// Filing has ended; nothing handed over would be taken.
    stopped: bool,
}

/// What one write of the journal committed.
pub(super) struct Handed {
    pub(super) segment: u64,
    pub(super) opened: Vec<Arc<Live>>,
    pub(super) settled: Vec<Arc<Live>>,
}

impl Desk {
    pub(crate) fn new(recovered: VecDeque<Arc<Record>>) -> Desk {
        Desk {
            inbox: Mutex::default(),
            bell: Condvar::new(),
            backlog: AtomicUsize::new(0),
            trouble: Mutex::new(None),
            feed: broadcast::channel(FOLLOWED).0,
            recovered: Mutex::new(recovered),
            commits: Commits::default(),
            first_open: AtomicI64::new(i64::MIN),
        }
    }

    /// Hands over what a write to the segment has committed.
    pub(crate) fn hand(&self, segment: u64, opened: Vec<Arc<Live>>, settled: Vec<Arc<Live>>, mut flushes: Vec<Flush>) {
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

    /// Tells followers of those among these rows that are settled.
    pub(super) fn publish(&self, rows: &[Row]) {
        if self.feed.receiver_count() > 0 {
            for row in rows.iter().filter(|row| row.outcome.is_some()) {
                // Nobody may be left to hear it.
                let _ = self.feed.send(Arc::new(row.record()));
            }
        }
    }

    /// Tells followers of what recovery filed, once; without any it is forgotten.
    pub(crate) fn publish_recovered(&self) {
        let recovered = std::mem::take(&mut *self.recovered.lock().unwrap_or_else(PoisonError::into_inner));
        for record in recovered {
            let _ = self.feed.send(record);
        }
    }

    /// The first day that is not sealed.
    pub(crate) fn first_open_day(&self) -> Day {
        Day::of(self.first_open.load(Ordering::Relaxed))
    }

    /// From now on nothing is filed in this day or one before it.
    pub(crate) fn close_through(&self, day: Day) {
        self.first_open.fetch_max(day.after(1).begins(), Ordering::Relaxed);
    }

    /// Notes whether filing succeeds; says once that it fails, and once that it works again.
    pub(super) fn report(&self, filed: &Result<(), Arc<str>>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
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
    pub(super) fn take(&self, tick: Instant, due: Option<Instant>) -> Inbox {
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
pub(super) struct Stopping(pub(super) Arc<Desk>);

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

/// How long the journal's writes with openings took: what an opening waits for at least.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    buckets: [AtomicU64; COMMIT_BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

/// Upper bounds of the classes commits are counted in, in microseconds.
pub const COMMIT_BOUNDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 250_000, 1_000_000];

/// How long commits took since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitTimes {
    /// How many took at most as long as the bound of that place in [`COMMIT_BOUNDS`], those of lower bounds included.
    pub within: [u64; COMMIT_BOUNDS.len()],
    /// How many there were.
    pub count: u64,
    /// All together, in microseconds.
    pub micros: u64,
}

impl Commits {
    pub(crate) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(place) = COMMIT_BOUNDS.iter().position(|bound| micros <= *bound) {
            self.buckets[place].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> CommitTimes {
        let mut times = CommitTimes {
            count: self.count.load(Ordering::Relaxed),
            micros: self.micros.load(Ordering::Relaxed),
            ..CommitTimes::default()
        };
        let mut so_far = 0;
        for (within, bucket) in times.within.iter_mut().zip(&self.buckets) {
            so_far += bucket.load(Ordering::Relaxed);
            *within = so_far;
        }
        times
    }
}
