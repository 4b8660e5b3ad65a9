//! Carries records from the register to one receiver: what waits, what is lost, what is tried again.

use super::Counts;
use crate::outbound::Backoff;
use logstore::Record;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Records that may wait for a receiver, beside those that the register holds for its followers.
const WAITING: usize = 8192;
/// Records handed over at once.
const BATCH: usize = 128;
/// The first pause after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest; also how long a receiver has to hold out for the next failure to be its first.
const LONGEST: Duration = Duration::from_secs(60);

/// A record and its number among all that were to be carried: one that is lost leaves its number unused.
pub(super) type Numbered = (u64, Arc<Record>);

/// Somebody who takes records.
pub(super) trait Destination: Send + 'static {
    /// Makes ready to deliver.
    fn open(&mut self) -> impl Future<Output = Result<(), String>> + Send;
    /// Hands records over. After a failure it is opened again, and they are delivered again.
    fn deliver(&mut self, records: &[Numbered]) -> impl Future<Output = Result<(), String>> + Send;
    /// Returns when it takes nothing more, and says why. Dropping it loses nothing.
    fn closed(&mut self) -> impl Future<Output = String> + Send;
    /// Nothing more comes.
    fn finish(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

/// The way to one receiver.
pub(super) struct Courier {
    /// What the receiver is called in the operational log.
    name: String,
    records: Receiver<Arc<Record>>,
    /// The register has gone.
    ended: bool,
    waiting: VecDeque<Numbered>,
    /// The number of the next that comes.
    next: u64,
    counts: Arc<Counts>,
    /// Records lost before the outage at hand; `None` when there is none.
    outage: Option<u64>,
    /// Cancelled when what is waiting is the last.
    last: CancellationToken,
}

impl Courier {
    pub(super) fn new(
        name: String,
        records: Receiver<Arc<Record>>,
        counts: Arc<Counts>,
        last: CancellationToken,
    ) -> Courier {
        Courier { name, records, ended: false, waiting: VecDeque::new(), next: 0, counts, outage: None, last }
    }

    /// Carries until there is nothing left to carry, or until it is cut short.
    pub(super) async fn run(mut self, mut to: impl Destination, cut: CancellationToken) {
        // Cut, it stops where it waits; what it could not hand over is counted below.
        cut.run_until_cancelled(self.carry(&mut to)).await;
        self.gather();
        let left = self.waiting.len() as u64;
        self.counts.connected.store(false, Ordering::Relaxed);
        if left > 0 {
            self.counts.lost.fetch_add(left, Ordering::Relaxed);
            tracing::warn!(to = self.name, lost = left, "stopped before these records were forwarded");
        }
    }

    async fn carry(&mut self, to: &mut impl Destination) {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        loop {
            let why = match to.open().await {
                Err(why) => why,
                Ok(()) => {
                    self.counts.connected.store(true, Ordering::Relaxed);
                    let since = Instant::now();
                    let served = self.serve(to).await;
                    self.counts.connected.store(false, Ordering::Relaxed);
                    if since.elapsed() >= LONGEST {
                        backoff.reset();
                    }
                    match served {
                        Ok(()) => return,
                        Err(why) => why,
                    }
                }
            };
            self.out(&why);
            if self.last.is_cancelled() || self.ended {
                return;
            }
            self.wait_out(backoff.pause()).await;
        }
    }

    /// Hands over whatever comes; returns when nothing more does, or fails when the receiver does.
    async fn serve(&mut self, to: &mut impl Destination) -> Result<(), String> {
        loop {
            self.gather();
            if self.waiting.is_empty() {
                self.back();
                if self.ended || self.last.is_cancelled() {
                    return to.finish().await;
                }
                let last = self.last.clone();
                tokio::select! {
                    biased;
                    why = to.closed() => return Err(why),
                    () = self.more() => {}
                    () = last.cancelled() => {}
                }
                continue;
            }
            let count = self.waiting.len().min(BATCH);
            let batch = self.waiting.make_contiguous().get(..count).unwrap_or_default();
            to.deliver(batch).await?;
            self.waiting.drain(..count);
            self.counts.sent.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// Pauses before the next attempt. Records come meanwhile, and the oldest give way to them.
    async fn wait_out(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        let last = self.last.clone();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = last.cancelled() => return,
                () = self.more(), if !self.ended => self.gather(),
            }
        }
    }

    /// Waits for one record more, or for the end of the register. Cancel safety: dropping it loses nothing.
    async fn more(&mut self) {
        match self.records.recv().await {
            Ok(record) => self.keep(record),
            Err(RecvError::Lagged(lost)) => self.skip(lost),
            Err(RecvError::Closed) => self.ended = true,
        }
    }

    /// Takes the records that are there.
    fn gather(&mut self) {
        loop {
            match self.records.try_recv() {
                Ok(record) => self.keep(record),
                Err(TryRecvError::Lagged(lost)) => self.skip(lost),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Closed) => return self.ended = true,
            }
        }
    }

    fn keep(&mut self, record: Arc<Record>) {
        self.waiting.push_back((self.next, record));
        self.next += 1;
        if self.waiting.len() > WAITING {
            self.waiting.pop_front();
            self.lose(1);
        }
    }

    /// The register did not hold them any longer.
    fn skip(&mut self, lost: u64) {
        self.next += lost;
        self.lose(lost);
    }

    fn lose(&mut self, count: u64) {
        self.out("it takes fewer records than there are");
        self.counts.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// Says once that the receiver does not take what it should.
    fn out(&mut self, why: &str) {
        if self.outage.is_none() {
            self.outage = Some(self.counts.lost.load(Ordering::Relaxed));
            tracing::warn!(to = self.name, why, "records are not forwarded; the oldest are lost when too many wait");
        }
    }

    /// Says once that it does again, and what was lost meanwhile.
    fn back(&mut self) {
        let Some(before) = self.outage.take() else { return };
        match self.counts.lost.load(Ordering::Relaxed) - before {
            0 => tracing::info!(to = self.name, "records are forwarded again; none was lost"),
            lost => tracing::warn!(to = self.name, lost, "records are forwarded again; the register has what was lost"),
        }
    }
}
