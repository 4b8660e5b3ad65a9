//! Taking records: opened before the first byte, settled after the last.

use crate::cipher::hex;
use crate::clock::Clock;
use crate::day::Day;
use crate::filing::{Clerk, CommitTimes, Desk, Finish, Flush, Shelf, Watch};
use crate::journal::segment::{self, Segment};
use crate::journal::{Journal, Scribe};
use crate::keeper::{Keeper, Task};
use crate::keys::Keys;
use crate::owed::OwedRecord;
use crate::record::{Entry, Record};
use crate::retention::{PurgeError, Purged};
use crate::seal::Sealed;
use crate::{EraseError, Erased, SealError, StartError, Unwritable, crash, recovery};
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process (`kill -9`).
    Process,
    /// Also a power cut.
    Power,
}

/// Where and how the register is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The register's folder; made if need be, for its owner alone.
    pub dir: PathBuf,
    /// The folder of its keys, apart from it; made if need be, for its owner alone.
    pub keys: PathBuf,
    /// Name of this gate.
    pub node: String,
    /// What a commit survives.
    pub durability: Durability,
}

/// What the start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Records settled before the crash and filed only now.
    pub filed: u64,
    /// Records left open by the crash, closed as interrupted.
    pub interrupted: u64,
    /// Bytes of a half-written frame at the end of the journal: an opening nobody was told of, or endings.
    pub torn_bytes: u64,
    /// Places in the journal that cannot be read although a crash does not explain it. Each is reported in the
    /// operational log with its file and offset; the file is put aside as `*.damaged`.
    pub damaged: u64,
}

/// Whether records can be taken.
#[derive(Debug, Clone)]
pub enum Health {
    /// They can.
    Writable,
    /// They can't, since when (UTC µs) and why.
    Unwritable {
        /// Since.
        since: i64,
        /// Why.
        why: Arc<str>,
    },
}

/// Records that are committed to the journal and not yet in a day file.
#[derive(Debug, Clone)]
pub struct Backlog {
    /// How many.
    pub records: usize,
    /// Why filing fails, when it does. Records are still taken, up to a limit.
    pub trouble: Option<Arc<str>>,
}

/// How far things may go. Tests make them small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    /// A segment of the journal is closed before it grows beyond this.
    pub(crate) segment_bytes: u64,
    /// Openings are refused when so many records are not filed.
    pub(crate) backlog: usize,
    /// A record still open after this long is filed open.
    pub(crate) young: Duration,
    /// The time between two filings.
    pub(crate) tick: Duration,
    /// How long to wait after a failed write, of the journal or of a day file.
    pub(crate) retry: Duration,
    /// How long after its end a day is sealed: a clock set back by less finds it still open.
    pub(crate) seal_after: Duration,
    /// How long to wait after a day could not be sealed; twice as long each time, up to an hour.
    pub(crate) seal_again: Duration,
    /// Which day it is.
    pub(crate) clock: Clock,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            segment_bytes: 8 << 20,
            backlog: 200_000,
            young: Duration::from_secs(1),
            tick: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            seal_after: Duration::from_secs(2 * 60 * 60),
            seal_again: Duration::from_secs(60),
            clock: Clock::default(),
        }
    }
}

/// The register of this gate. Cheap to clone.
///
/// Threads of its own do the writing, so that no worker of the caller's runtime ever waits for a disk. They end
/// with [`Register::finish`], or with the last clone and the last owed record; then what was taken is filed too, but
/// nobody can wait for it.
#[derive(Clone)]
pub struct Register {
    handle: Arc<Handle>,
}

impl Register {
    /// Opens the register, recovers what a crash left, starts the writers.
    ///
    /// Fails when another process keeps it, when its folder cannot be written, or when a day file that recovery needs
    /// is broken; nothing is lost by failing. Reads and writes files on the calling thread: call it before serving.
    pub async fn start(settings: Settings) -> Result<(Register, Recovery), StartError> {
        Register::start_tuned(settings, Tuning::default()).await
    }

    pub(crate) async fn start_tuned(settings: Settings, tuning: Tuning) -> Result<(Register, Recovery), StartError> {
        let folder = segment::folder(&settings.dir);
        crate::keys::make_folder(&folder).map_err(|error| StartError::io(&folder, &error))?;
        let lock = recovery::lock(&settings.dir)?;
        let keys = Arc::new(Keys::open(&settings.keys, &settings.dir)?);
        let now = tuning.clock.now();
        let recovered = recovery::recover(&settings, &keys, now).await?;
        crash::point("recovered");
        let segment = recovery::begin_again(&settings, &recovered, &keys, now)?;
        let recovery = recovered.recovery;
        Ok((Register::launch(settings, tuning, keys, recovered, segment, lock)?, recovery))
    }

    /// Starts the threads on a journal that is ready.
    fn launch(
        settings: Settings,
        tuning: Tuning,
        keys: Arc<Keys>,
        mut recovered: recovery::Recovered,
        segment: Segment,
        lock: std::fs::File,
    ) -> Result<Register, StartError> {
        let Settings { dir, durability, .. } = settings;
        let failed = |error: std::io::Error| StartError::io(&dir, &error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let node: Arc<str> = settings.node.into();
        let desk = Arc::new(Desk::new(std::mem::take(&mut recovered.settled)));
        let now = tuning.clock.now();
        let over = Day::of(now.saturating_sub(i64::try_from(tuning.seal_after.as_micros()).unwrap_or(i64::MAX)));
        // Not further than there are days: the clock may be years ahead, and be set right.
        let days = Day::all(&dir).map_err(failed)?;
        let given = days.into_iter().rfind(|day| *day < over);
        if let Some(given) = given {
            desk.close_through(given);
        }
        let journal = Arc::new(Journal::new(recovered.next_id, desk.clone(), tuning));
        let keeper = Keeper::start(dir.clone(), node.clone(), keys.clone(), tuning)?;
        keeper.give(Task::TakeUp { sealed: recovered.sealed });
        if let Some(day) = given {
            keeper.give(Task::SealThrough { day });
        }
        let clerk = Clerk {
            desk: desk.clone(),
            journal: journal.clone(),
            keeper: keeper.clone(),
            keys: keys.clone(),
            dir: dir.clone(),
            node,
            durability,
            tuning,
            lock,
            runtime,
            shelf: Shelf::default(),
            watch: Watch::begin(now, given),
        };
        let scribe = Scribe {
            journal: journal.clone(),
            folder: segment::folder(&dir),
            durability,
            keys: keys.clone(),
            number: recovered.last_segment + 1,
            segment: Some(segment),
        };
        let thread = |name: &str| std::thread::Builder::new().name(name.into());
        thread("register-filing").spawn(|| clerk.run()).map_err(failed)?;
        let handle = Handle { journal, desk, keeper, keys, dir: dir.clone(), interrupting: AtomicBool::new(false) };
        let register = Register { handle: Arc::new(handle) };
        thread("register-journal").spawn(|| scribe.run()).map_err(failed)?;
        Ok(register)
    }

    /// Owes a record: when this returns, the record is committed.
    ///
    /// Fails when the journal cannot be written, or when too many records wait to be filed; the disk is tried again
    /// every second, by itself.
    ///
    /// Cancel safety: dropped while waiting, the record is settled as abandoned.
    pub async fn open(&self, mut entry: Entry) -> Result<OwedRecord, Unwritable> {
        if entry.masked.is_some() {
            // Nothing that is withheld reaches a file, whatever the caller left in.
            entry.host = None;
            entry.path = None;
        }
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let live = self.handle.journal.owe(entry, waker)?;
        let owed = OwedRecord::new(self.handle.clone(), live);
        // Whoever else has something to open now does so before the thread is woken: they are written together, and one
        // wake-up, which costs more than a record, serves them all.
        tokio::task::yield_now().await;
        self.handle.journal.ring();
        match poll_fn(|cx| owed.poll_committed(cx)).await {
            Ok(()) => Ok(owed),
            Err(why) => Err(Unwritable { why }),
        }
    }

    /// Whether records can be taken now.
    pub fn health(&self) -> Health {
        if let Some(trouble) = self.handle.journal.trouble() {
            return Health::Unwritable { since: trouble.since, why: trouble.why };
        }
        if self.handle.journal.is_behind() {
            let since = self.handle.desk.trouble().map_or_else(crate::clock::now, |behind| behind.since);
            return Health::Unwritable { since, why: self.handle.desk.why_behind() };
        }
        Health::Writable
    }

    /// What waits to be filed.
    pub fn backlog(&self) -> Backlog {
        let desk = &self.handle.desk;
        Backlog { records: desk.backlog.load(Ordering::Relaxed), trouble: desk.trouble().map(|behind| behind.why) }
    }

    /// Returns when everything taken so far can be found by a search.
    ///
    /// Cancel safety: dropping it only stops waiting.
    pub async fn flush(&self) -> Result<(), Unwritable> {
        let (done, filed) = oneshot::channel();
        self.handle.journal.flush(Flush(done));
        filed.await.unwrap_or_else(|_| Err(Unwritable { why: "the register has stopped".into() }))
    }

    /// Records as they are filed settled, from now on: at least once each, within a second or so of their end.
    ///
    /// A follower that falls behind loses the oldest (`RecvError::Lagged` says how many); the register never waits.
    pub fn follow(&self) -> broadcast::Receiver<Arc<Record>> {
        self.handle.desk.follow()
    }

    /// Tells those who follow now of the records that recovery filed at the start: those that were settled or open when
    /// the process before died, the newest 8192 of them. To be called once, when everybody follows who is to hear of them.
    pub fn tell_recovered(&self) {
        self.handle.desk.publish_recovered();
    }

    /// Seals of days as they are made, from now on.
    pub fn sealed(&self) -> broadcast::Receiver<Sealed> {
        self.handle.keeper.sealed()
    }

    /// The seals in force of the days that are there or were, by the time they were made. Nothing is checked. Blocks on
    /// the file system.
    pub fn seals(&self) -> Result<Vec<Sealed>, SealError> {
        let seals = crate::seal::seals(&self.handle.dir, &self.handle.keys.public())?.into_values();
        let mut seals: Vec<_> = seals.map(|(hash, seal)| Sealed { seal, hash: hex(&hash) }).collect();
        seals.sort_by(|a, b| a.seal.sealed_at.cmp(&b.seal.sealed_at));
        Ok(seals)
    }

    /// The keys of the register.
    pub fn keys(&self) -> &Keys {
        &self.handle.keys
    }

    /// Where it is.
    pub fn dir(&self) -> &std::path::Path {
        &self.handle.dir
    }

    /// How long commits took since the start.
    pub fn commit_times(&self) -> CommitTimes {
        self.handle.desk.commits.read()
    }

    /// Why a day that is over cannot be sealed, when one can't.
    pub fn seal_trouble(&self) -> Option<String> {
        self.handle.keeper.trouble()
    }

    /// Destroys the days that are due, by the terms announced ([`announce`](crate::announce)), and attests it in the name
    /// of `organisation`. `None` when nothing is due.
    ///
    /// Cancel safety: dropped while waiting, it is done all the same.
    pub async fn purge(&self, organisation: String) -> Result<Option<Purged>, PurgeError> {
        let (answer, purged) = oneshot::channel();
        self.handle.keeper.give(Task::Purge { organisation, answer });
        purged.await.unwrap_or(Err(PurgeError::Stopped))
    }

    /// Carries out the erasures that were decided, as far as their days are sealed.
    ///
    /// Cancel safety: dropped while waiting, it is done all the same.
    pub async fn erase_pending(&self) -> Result<Erased, EraseError> {
        let (answer, erased) = oneshot::channel();
        self.handle.keeper.give(Task::Erase { answer });
        erased.await.unwrap_or(Err(EraseError::Stopped))
    }

    /// From now on, records dropped are settled as interrupted: the gate is shutting down.
    pub fn interrupting(&self) {
        self.handle.interrupting.store(true, Ordering::Relaxed);
    }

    /// Files everything and stops. Returns how many records could not be filed (they stay in the journal).
    ///
    /// Records still owed somewhere are closed as interrupted; their owners' later word is not heard.
    pub async fn finish(self) -> u64 {
        let (done, finished) = oneshot::channel();
        self.handle.journal.close(Finish(Some(done)));
        // Without an answer the threads died of a fault. The journal keeps what they had not filed, at least one record.
        finished.await.unwrap_or(1)
    }
}

/// What the clones of a register and the records it is owed share.
pub(crate) struct Handle {
    journal: Arc<Journal>,
    desk: Arc<Desk>,
    keeper: Keeper,
    keys: Arc<Keys>,
    dir: PathBuf,
    interrupting: AtomicBool,
}

impl Handle {
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn is_interrupting(&self) -> bool {
        self.interrupting.load(Ordering::Relaxed)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.journal.close(Finish(None));
    }
}

#[cfg(test)]
pub(crate) use tests::copy_folder as copy_for_tests;

#[cfg(test)]
#[path = "writer/tests.rs"]
mod tests;
