//! The keeper: a thread of its own, at low priority, that seals days that are over and deletes days that are due. One
//! after the other, so that no two ever touch the same day.

use crate::audit::{self, Act};
use crate::cipher::hex;
use crate::clock::Clock;
use crate::day::Day;
use crate::keys::Keys;
use crate::retention::{self, Certificate, PurgeError, Purged};
use crate::seal::{self, Sealed};
use crate::writer::Tuning;
use crate::{EraseError, Erased, Settings, StartError, clock, erasure, recovery};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, oneshot};

/// How much lower than the gate's the keeper's priority is.
const NICE: i32 = 10;
/// How long to wait at most before a day is tried again that could not be sealed.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What the keeper is given to do.
pub(crate) enum Task {
    /// Seal what is not sealed, up to this day.
    SealThrough {
        /// The last.
        day: Day,
    },
    /// What a crash cut: seals that the chain has been given since, a purge that was begun.
    TakeUp {
        /// The seals.
        sealed: Vec<Sealed>,
    },
    /// A day file lost its name while it was written.
    DayLost {
        /// Which.
        day: Day,
    },
    /// See whether every day that is sealed is still there.
    Look,
    /// The clock was set.
    ClockStepped {
        /// By how many microseconds.
        step: i64,
    },
    /// Carry out the erasures that were decided.
    Erase {
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Erased, EraseError>>,
    },
    /// Delete what is due.
    Purge {
        /// Whom it is done for, as certificates name it.
        organisation: String,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Option<Purged>, PurgeError>>,
    },
}

/// The keeper, as others see it.
#[derive(Clone)]
pub(crate) struct Keeper {
    tasks: Sender<Option<Task>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    sealed: broadcast::Sender<Sealed>,
    trouble: Arc<Mutex<Option<String>>>,
    /// The register stops: days that wait to be sealed wait for the next start.
    stopping: Arc<AtomicBool>,
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(dir: PathBuf, node: Arc<str>, keys: Arc<Keys>, tuning: Tuning) -> Result<Keeper, StartError> {
        let (tasks, given) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StartError::io(&dir, &error))?;
        let sealed = broadcast::channel(64).0;
        let trouble = Arc::new(Mutex::new(None));
        let stopping = Arc::new(AtomicBool::new(false));
        let at = dir.clone();
        let work = Work {
            dir,
            node,
            keys,
            clock: tuning.clock,
            runtime,
            sealed: sealed.clone(),
            trouble: trouble.clone(),
            stopping: stopping.clone(),
            patience: tuning.seal_again,
            again: None,
            missing: BTreeSet::new(),
        };
        let thread = std::thread::Builder::new().name("register-keeper".into());
        let thread = thread.spawn(move || work.run(&given)).map_err(|error| StartError::io(&at, &error))?;
        Ok(Keeper { tasks, thread: Arc::new(Mutex::new(Some(thread))), sealed, trouble, stopping })
    }

    /// Gives it something to do, after what it was given before.
    pub(crate) fn give(&self, task: Task) {
        // A keeper that has ended is past doing anything.
        let _ = self.tasks.send(Some(task));
    }

    /// Ends it, when it has done what it is doing.
    pub(crate) fn finish(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let _ = self.tasks.send(None);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }

    /// Seals as they are made.
    pub(crate) fn sealed(&self) -> broadcast::Receiver<Sealed> {
        self.sealed.subscribe()
    }

    /// Why a day cannot be sealed, when one can't.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Work {
    dir: PathBuf,
    node: Arc<str>,
    keys: Arc<Keys>,
    clock: Clock,
    runtime: tokio::runtime::Runtime,
    sealed: broadcast::Sender<Sealed>,
    trouble: Arc<Mutex<Option<String>>>,
    stopping: Arc<AtomicBool>,
    /// How long to wait after a day could not be sealed.
    patience: Duration,
    /// Up to which day it is tried again, when, and how long to wait after that.
    again: Option<(Day, Instant, Duration)>,
    /// Sealed days whose files are gone and about which it was said.
    missing: BTreeSet<String>,
}

impl Work {
    fn run(mut self, given: &Receiver<Option<Task>>) {
        // Of this thread alone, on Linux; where it can't be had, sealing competes as an equal.
        let _ = rustix::process::nice(NICE);
        loop {
            let task = match self.again {
                None => given.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some((_, at, _)) => given.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let task = match (task, self.again) {
                (Ok(Some(task)), _) => task,
                (Err(RecvTimeoutError::Timeout), Some((day, ..))) => Task::SealThrough { day },
                _ => return,
            };
            match task {
                Task::SealThrough { day } => self.seal_through(day),
                Task::TakeUp { sealed } => self.take_up(sealed),
                Task::DayLost { day } => {
                    let reason = "the day file was deleted or replaced while it was written; it was put back";
                    self.act("incident", Some(reason), [("day", day.to_string()), ("kind", "lost file".into())], 1);
                }
                Task::Look => self.look(),
                Task::ClockStepped { step } => self.note_step(step),
                Task::Erase { answer } => {
                    let erased = erasure::erase_pending(&self.dir, &self.node, &self.keys, self.clock.now());
                    let _ = answer.send(self.runtime.block_on(erased));
                }
                Task::Purge { organisation, answer } => {
                    // Whoever asked may have stopped waiting; it is done all the same.
                    let _ = answer.send(self.purge(organisation));
                }
            }
        }
    }

    /// Seals the days up to this one, oldest first. One that fails holds up no other, and is tried again: after a while,
    /// when the next is due, at the next start.
    fn seal_through(&mut self, last: Day) {
        let days = match Day::all(&self.dir) {
            Ok(days) => days,
            Err(error) => return self.note_trouble(Some(format!("{}: {error}", self.dir.display()))),
        };
        let known = seal::seals(&self.dir, &self.keys.public())
            .map(|seals| seals.into_keys().collect::<Vec<_>>())
            .unwrap_or_default();
        let mut trouble = None;
        for day in days.into_iter().filter(|day| *day <= last && !known.contains(&day.to_string())) {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            match self.runtime.block_on(seal::seal_day(&self.dir, day, &self.node, &self.keys)) {
                Ok(None) => {}
                Ok(Some(sealed)) => self.tell(sealed),
                Err(error) => {
                    tracing::error!(%day, %error, "a day cannot be sealed; it is tried again");
                    trouble = Some(error.to_string());
                }
            }
        }
        self.again = trouble.as_ref().map(|_| {
            let wait = self.again.map_or(self.patience, |(.., wait)| (wait * 2).min(LONGEST));
            (last, Instant::now() + wait, wait)
        });
        self.note_trouble(trouble);
    }

    /// Tells whoever sends seals out.
    fn tell(&self, sealed: Sealed) {
        tracing::info!(day = %sealed.seal.day, records = sealed.seal.records, "a day was sealed");
        // Nobody may want it.
        let _ = self.sealed.send(sealed);
    }

    fn take_up(&self, sealed: Vec<Sealed>) {
        for sealed in sealed {
            let scope = [("day", sealed.seal.day.clone()), ("seal", sealed.hash.clone())];
            self.act("seal", sealed.seal.ground.as_deref(), scope, sealed.seal.records);
            self.tell(sealed);
        }
        let (purged, failed) = retention::take_up(&self.dir, &self.keys);
        purged.iter().for_each(|purged| note_purge(&self.dir, &self.keys, purged));
        if let Some(error) = failed {
            tracing::error!(%error, "a purge that was cut cannot be taken up; the next one does");
        }
    }

    /// Says of each sealed day whose file is gone, and that no certificate speaks of, that it is.
    fn look(&mut self) {
        let (Ok(seals), Ok(days)) = (seal::seals(&self.dir, &self.keys.public()), Day::all(&self.dir)) else { return };
        let Ok(erased) = retention::erased(&self.dir, &self.keys.public(), i64::MIN) else { return };
        let gone = |day: &String| Day::parse(day).is_some_and(|day| !days.contains(&day) && !erased(day));
        let missing: BTreeSet<String> = seals.into_keys().filter(gone).collect();
        for day in missing.difference(&self.missing) {
            tracing::error!(day, "a sealed day is gone: its file was deleted, and not by the register");
            let reason = "the file of a sealed day was deleted, and not by the register";
            self.act("incident", Some(reason), [("day", day.clone()), ("kind", "lost file".into())], 1);
        }
        self.missing = missing;
    }

    fn purge(&self, organisation: String) -> Result<Option<Purged>, PurgeError> {
        purge(&self.dir, &self.keys, &self.node, self.clock.now(), organisation)
    }

    fn note_step(&self, step: i64) {
        self.act("clock step", None, [("microseconds", step.to_string()), ("now", clock::rfc3339(clock::now()))], 0);
    }

    fn act<const N: usize>(&self, act: &str, reason: Option<&str>, scope: [(&str, String); N], count: u64) {
        note(&self.dir, &self.keys, act, reason, scope, count);
    }

    fn note_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Destroys the days that are due of a register that no gate keeps at present, as [`Register::purge`] does on one that
/// runs. `None` when nothing is due. Blocks on the file system.
///
/// [`Register::purge`]: crate::Register::purge
pub fn purge_offline(settings: &Settings, organisation: String) -> Result<Option<Purged>, PurgeError> {
    let _lock = recovery::lock(&settings.dir)?;
    let keys = Keys::open(&settings.keys, &settings.dir)?;
    purge(&settings.dir, &keys, &settings.node, clock::now(), organisation)
}

/// Destroys what is due, and notes it.
fn purge(dir: &Path, keys: &Keys, node: &str, now: i64, organisation: String) -> Result<Option<Purged>, PurgeError> {
    let certificate = Certificate { organisation, node: node.to_owned(), ..Certificate::default() };
    let (purged, failed) = retention::purge(dir, keys, now, &clock::state(), certificate);
    purged.iter().for_each(|purged| note_purge(dir, keys, purged));
    failed.map_or(Ok(purged), Err)
}

fn note_purge(dir: &Path, keys: &Keys, purged: &Purged) {
    let days: Vec<&str> = purged.certificate.days.iter().map(|day| day.day.as_str()).collect();
    let scope = [("days", days.join(" ")), ("certificate", hex(&purged.hash))];
    note(dir, keys, "purge", Some("retention"), scope, purged.certificate.days.len() as u64);
    for late in &purged.late {
        let reason = "erased more than 48 hours after its time";
        note(dir, keys, "incident", Some(reason), [("day", late.clone()), ("kind", "late purge".into())], 1);
    }
}

fn note<const N: usize>(
    dir: &Path,
    keys: &Keys,
    act: &str,
    reason: Option<&str>,
    scope: [(&str, String); N],
    count: u64,
) {
    let act = Act {
        at: String::new(),
        who: "octroi".into(),
        act: act.into(),
        purpose: None,
        reason: reason.map(str::to_owned),
        scope: scope.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        count,
    };
    if let Err(error) = audit::add(dir, keys, act) {
        tracing::error!(%error, "the audit trail cannot be written");
    }
}
