//! The record that is owed: open from the first byte to the last, settled whatever happens.
//!
//! An exchange that goes on at midnight has a record in each day: the old one is settled as continued, the next is opened
//! in the same write of the journal. Whoever owes the record notices nothing; what is counted goes to the chapter that is
//! open.

use crate::day::Day;
use crate::record::{Ending, Entry, Later, Outcome, Verdict};
use crate::row::Row;
use crate::writer::Handle;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

/// A record that is owed: it must be settled. Dropped, it is settled as what happened: `failed` in a panic,
/// `interrupted` once [`Register::interrupting`](crate::Register::interrupting) was called, else `abandoned`.
#[must_use = "a record that is dropped at once says that the client left"]
pub struct OwedRecord {
    handle: Arc<Handle>,
    /// The first chapter.
    live: Arc<Live>,
}

impl OwedRecord {
    pub(crate) fn new(handle: Arc<Handle>, live: Arc<Live>) -> OwedRecord {
        OwedRecord { handle, live }
    }

    /// The record's identifier, shown on pages as the reference: that of the first, when midnight has passed since.
    pub fn id(&self) -> i64 {
        self.live.id
    }

    /// Where the connection really went. Forgotten at once when the destination is masked.
    pub fn went_to(&mut self, address: IpAddr) {
        if self.live.entry.masked.is_none() {
            self.live.exchange.facts().destination_ip = Some(address.to_canonical());
        }
    }

    /// What the client was answered.
    pub fn answered(&self, status: u16) {
        self.live.exchange.status.store(status, Ordering::Relaxed);
    }

    /// A later decision on the same exchange (the name in the ClientHello) takes the place of the first.
    ///
    /// The name is kept when it differs from the host, and not when the destination is masked.
    pub fn decided_again(&self, verdict: Verdict, tls_name: Option<&str>) {
        let entry = &self.live.entry;
        let tls_name = tls_name.filter(|name| entry.masked.is_none() && entry.host.as_deref() != Some(*name));
        self.live.exchange.facts().later = Some(Box::new(Later { verdict, tls_name: tls_name.map(Arc::from) }));
    }

    /// Forgets where the connection went: the destination turned out to be one that is masked.
    pub fn conceal(&mut self) {
        self.live.exchange.facts().concealed = true;
    }

    /// Adds payload bytes client→origin.
    pub fn sent(&self, bytes: u64) {
        self.live.exchange.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds payload bytes origin→client.
    pub fn received(&self, bytes: u64) {
        self.live.exchange.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether any payload has come from the origin.
    pub fn has_received(&self) -> bool {
        self.live.exchange.received.load(Ordering::Relaxed) > 0
    }

    /// Settles it. Never waits: the ending follows the opening into the journal within milliseconds.
    pub fn settle(mut self, outcome: Outcome) {
        self.close(outcome);
    }

    /// Waits for the verdict on the opening.
    pub(crate) fn poll_committed(&self, cx: &mut Context<'_>) -> Poll<Result<(), Arc<str>>> {
        self.live.poll_committed(cx)
    }

    fn close(&mut self, outcome: Outcome) {
        let chapter = std::mem::replace(&mut *self.live.exchange.chapter(), Chapter::Closed);
        let live = match chapter {
            Chapter::First => self.live.clone(),
            Chapter::Later(live) => live,
            Chapter::Closed => return,
        };
        live.end(self.handle.journal().now(), outcome);
        self.handle.journal().settle(&live);
    }
}

impl Drop for OwedRecord {
    fn drop(&mut self) {
        self.close(match () {
            () if std::thread::panicking() => Outcome::Failed,
            () if self.handle.is_interrupting() => Outcome::Interrupted,
            () => Outcome::Abandoned,
        });
    }
}

/// What is known of an exchange besides its entry, over all its chapters.
#[derive(Default)]
struct Exchange {
    sent: AtomicU64,
    received: AtomicU64,
    /// 0 until it is known.
    status: AtomicU16,
    facts: Mutex<Facts>,
    chapter: Mutex<Chapter>,
}

#[derive(Default)]
struct Facts {
    destination_ip: Option<IpAddr>,
    concealed: bool,
    later: Option<Box<Later>>,
}

/// Which of an exchange's records is open.
#[derive(Default)]
enum Chapter {
    #[default]
    First,
    Later(Arc<Live>),
    Closed,
}

impl Exchange {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chapter(&self) -> MutexGuard<'_, Chapter> {
        self.chapter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }
}

/// A record in memory, shared by its owner, the journal and filing.
pub(crate) struct Live {
    pub(crate) id: i64,
    /// The day it is filed under: that of its opening, unless the clock was set back into a day that is sealed.
    day: AtomicI64,
    pub(crate) entry: Entry,
    exchange: Arc<Exchange>,
    /// What earlier chapters have counted.
    before: (u64, u64),
    fate: Mutex<Fate>,
    ending: OnceLock<Ending>,
    /// Whether a day file knows it; only filing looks.
    filed: AtomicBool,
}

/// What became of the opening.
enum Fate {
    /// Not committed yet; whom to wake.
    Waiting(Waker),
    Committed,
    Refused(Arc<str>),
}

impl Live {
    pub(crate) fn new(id: i64, day: Day, entry: Entry, waker: Waker) -> Live {
        let exchange = Arc::default();
        Live::make(id, day, entry, exchange, (0, 0), Fate::Waiting(waker))
    }

    fn make(id: i64, day: Day, entry: Entry, exchange: Arc<Exchange>, before: (u64, u64), fate: Fate) -> Live {
        Live {
            id,
            day: AtomicI64::new(day.begins()),
            entry,
            exchange,
            before,
            fate: Mutex::new(fate),
            ending: OnceLock::new(),
            filed: AtomicBool::new(false),
        }
    }

    /// Ends this chapter at midnight and opens the next, in the day that begins. `None` when it has ended already.
    ///
    /// The next is never refused: it is part of an exchange that is under way, and filing keeps it until a file takes it.
    pub(crate) fn turn(self: &Arc<Live>, next_id: i64, day: Day) -> Option<Arc<Live>> {
        let mut chapter = self.exchange.chapter();
        let is_current = match &*chapter {
            Chapter::First => true,
            Chapter::Later(live) => Arc::ptr_eq(live, self),
            Chapter::Closed => false,
        };
        if !is_current {
            return None;
        }
        self.end(day.begins(), Outcome::Continued);
        let mut entry = self.entry.clone();
        entry.opened_at = day.begins().max(entry.opened_at);
        if let Some(later) = &self.exchange.facts().later {
            entry.verdict = later.verdict.clone();
        }
        let before = self
            .ending()
            .map_or(self.before, |ending| (self.before.0 + ending.bytes_sent, self.before.1 + ending.bytes_received));
        let next = Arc::new(Live::make(next_id, day, entry, self.exchange.clone(), before, Fate::Committed));
        *chapter = Chapter::Later(next.clone());
        Some(next)
    }

    fn end(&self, at: i64, outcome: Outcome) {
        let (sent, received) = self.counts();
        let facts = self.exchange.facts();
        let ending = Ending {
            closed_at: at.max(self.entry.opened_at),
            destination_ip: facts.destination_ip.filter(|_| !facts.concealed),
            status: Some(self.exchange.status.load(Ordering::Relaxed)).filter(|status| *status > 0),
            bytes_sent: sent,
            bytes_received: received,
            outcome,
            later: facts.later.clone(),
        };
        // Who ends it holds its chapter: nobody else has.
        let _ = self.ending.set(ending);
    }

    /// What this chapter has counted so far.
    fn counts(&self) -> (u64, u64) {
        let (sent, received) = self.exchange.counts();
        (sent.saturating_sub(self.before.0), received.saturating_sub(self.before.1))
    }

    pub(crate) fn day(&self) -> Day {
        Day::of(self.day.load(Ordering::Relaxed))
    }

    /// Files it under another day, its own being sealed.
    pub(crate) fn move_to(&self, day: Day) {
        self.day.store(day.begins(), Ordering::Relaxed);
    }

    pub(crate) fn commit(&self) {
        self.decide(Fate::Committed);
    }

    pub(crate) fn refuse(&self, why: Arc<str>) {
        self.decide(Fate::Refused(why));
    }

    fn decide(&self, fate: Fate) {
        let before = std::mem::replace(&mut *self.fate.lock().unwrap_or_else(PoisonError::into_inner), fate);
        if let Fate::Waiting(waker) = before {
            waker.wake();
        }
    }

    pub(crate) fn is_committed(&self) -> bool {
        matches!(*self.fate.lock().unwrap_or_else(PoisonError::into_inner), Fate::Committed)
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(*self.fate.lock().unwrap_or_else(PoisonError::into_inner), Fate::Refused(_))
    }

    fn poll_committed(&self, cx: &mut Context<'_>) -> Poll<Result<(), Arc<str>>> {
        match &mut *self.fate.lock().unwrap_or_else(PoisonError::into_inner) {
            Fate::Waiting(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            Fate::Committed => Poll::Ready(Ok(())),
            Fate::Refused(why) => Poll::Ready(Err(why.clone())),
        }
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.get()
    }

    pub(crate) fn is_filed(&self) -> bool {
        self.filed.load(Ordering::Relaxed)
    }

    /// Notes that it is filed; whether it was before.
    pub(crate) fn note_filed(&self) -> bool {
        self.filed.swap(true, Ordering::Relaxed)
    }

    /// The record as it is known now; `settled`: with its ending.
    pub(crate) fn row(&self, node: Arc<str>, settled: bool) -> Row {
        let mut row = Row::opened(self.id, node, &self.entry);
        match self.ending.get().filter(|_| settled) {
            Some(ending) => row.settle(ending),
            None => (row.bytes_sent, row.bytes_received) = self.counts(),
        }
        row
    }
}
