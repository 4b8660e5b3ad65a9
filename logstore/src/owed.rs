//! The record that is owed: open from the first byte to the last, settled whatever happens.

use crate::clock;
use crate::record::{Ending, Entry, Later, Outcome, Verdict};
use crate::row::Row;
use crate::writer::Handle;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

/// A record that is owed: it must be settled. Dropped, it is settled as what happened: `failed` in a panic,
/// `interrupted` once [`Register::interrupting`](crate::Register::interrupting) was called, else `abandoned`.
#[must_use = "a record that is dropped at once says that the client left"]
pub struct OwedRecord {
    handle: Arc<Handle>,
    live: Arc<Live>,
    destination_ip: Option<IpAddr>,
    /// 0 until it is known.
    status: AtomicU16,
    later: Option<Box<Later>>,
}

impl OwedRecord {
    pub(crate) fn new(handle: Arc<Handle>, live: Arc<Live>) -> OwedRecord {
        OwedRecord { handle, live, destination_ip: None, status: AtomicU16::new(0), later: None }
    }

    /// The record's identifier, shown on pages as the reference.
    pub fn id(&self) -> i64 {
        self.live.id
    }

    /// Where the connection really went. Forgotten at once when the destination is masked.
    pub fn went_to(&mut self, address: IpAddr) {
        self.destination_ip = Some(address.to_canonical()).filter(|_| self.live.entry.masked.is_none());
    }

    /// What the client was answered.
    pub fn answered(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// A later decision on the same exchange (the name in the ClientHello) takes the place of the first.
    ///
    /// The name is kept when it differs from the host, and not when the destination is masked.
    pub fn decided_again(&mut self, verdict: Verdict, tls_name: Option<&str>) {
        let entry = &self.live.entry;
        let tls_name = tls_name.filter(|name| entry.masked.is_none() && entry.host.as_deref() != Some(*name));
        self.later = Some(Box::new(Later { verdict, tls_name: tls_name.map(Arc::from) }));
    }

    /// Adds payload bytes client→origin.
    pub fn sent(&self, bytes: u64) {
        self.live.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds payload bytes origin→client.
    pub fn received(&self, bytes: u64) {
        self.live.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether any payload has come from the origin.
    pub fn has_received(&self) -> bool {
        self.live.received.load(Ordering::Relaxed) > 0
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
        let live = &self.live;
        let ending = Ending {
            closed_at: clock::now().max(live.entry.opened_at),
            destination_ip: self.destination_ip,
            status: Some(self.status.load(Ordering::Relaxed)).filter(|status| *status > 0),
            bytes_sent: live.sent.load(Ordering::Relaxed),
            bytes_received: live.received.load(Ordering::Relaxed),
            outcome,
            later: self.later.take(),
        };
        if live.ending.set(ending).is_ok() {
            self.handle.journal().settle(live);
        }
    }
}

impl Drop for OwedRecord {
    fn drop(&mut self) {
        if self.live.ending.get().is_none() {
            self.close(match () {
                () if std::thread::panicking() => Outcome::Failed,
                () if self.handle.is_interrupting() => Outcome::Interrupted,
                () => Outcome::Abandoned,
            });
        }
    }
}

/// A record in memory, shared by its owner, the journal and filing.
pub(crate) struct Live {
    pub(crate) id: i64,
    pub(crate) entry: Entry,
    sent: AtomicU64,
    received: AtomicU64,
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
    pub(crate) fn new(id: i64, entry: Entry, waker: Waker) -> Live {
        Live {
            id,
            entry,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            fate: Mutex::new(Fate::Waiting(waker)),
            ending: OnceLock::new(),
            filed: AtomicBool::new(false),
        }
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
    pub(crate) fn row(&self, settled: bool) -> Row {
        let mut row = Row::opened(self.id, &self.entry);
        match self.ending.get().filter(|_| settled) {
            Some(ending) => row.settle(ending),
            None => {
                row.bytes_sent = self.sent.load(Ordering::Relaxed);
                row.bytes_received = self.received.load(Ordering::Relaxed);
            }
        }
        row
    }
}
