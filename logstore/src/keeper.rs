//! The keeper: a thread of its own, at low priority, that seals days that are over and deletes days that are due. One
//! after the other, so that no two ever touch the same day.

use crate::audit::{self, Act};
use crate::cipher::hex;
use crate::clock::Clock;
use crate::day::Day;
use crate::keys::Keys;
use crate::retention::{self, Certificate, PurgeError, Purged};
use crate::seal::{self, Sealed};
use crate::{Settings, StartError, clock, recovery};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{broadcast, oneshot};

/// How much lower than the gate's the keeper's priority is.
const NICE: i32 = 10;

/// What the keeper is given to do.
pub(crate) enum Task {
    /// Seal what is not sealed, up to this day.
    SealThrough {
        /// The last.
        day: Day,
    },
    /// The clock was set.
    ClockStepped {
        /// By how many microseconds.
        step: i64,
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
    pub(crate) fn start(dir: PathBuf, node: Arc<str>, keys: Arc<Keys>, clock: Clock) -> Result<Keeper, StartError> {
        let (tasks, given) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StartError::io(&dir, &error))?;
        let sealed = broadcast::channel(64).0;
        let trouble = Arc::new(Mutex::new(None));
        let stopping = Arc::new(AtomicBool::new(false));
        let at = dir.clone();
        let (sealing, told, stop) = (sealed.clone(), trouble.clone(), stopping.clone());
        let work = Work { dir, node, keys, clock, runtime, sealed: sealing, trouble: told, stopping: stop };
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
}

impl Work {
    fn run(self, given: &Receiver<Option<Task>>) {
        // Of this thread alone, on Linux; where it can't be had, sealing competes as an equal.
        let _ = rustix::process::nice(NICE);
        while let Ok(Some(task)) = given.recv() {
            match task {
                Task::SealThrough { day } => self.seal_through(day),
                Task::ClockStepped { step } => self.note_step(step),
                Task::Purge { organisation, answer } => {
                    // Whoever asked may have stopped waiting; it is done all the same.
                    let _ = answer.send(self.purge(organisation));
                }
            }
        }
    }

    /// Seals the days up to this one, oldest first. One that fails holds up no other, and is tried again every few minutes.
    fn seal_through(&self, last: Day) {
        let days = match Day::all(&self.dir) {
            Ok(days) => days,
            Err(error) => return self.note_trouble(Some(format!("{}: {error}", self.dir.display()))),
        };
        let known = seal::seals(&self.dir).map(|seals| seals.into_keys().collect::<Vec<_>>()).unwrap_or_default();
        let mut trouble = None;
        for day in days.into_iter().filter(|day| *day <= last && !known.contains(&day.to_string())) {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            match self.runtime.block_on(seal::seal_day(&self.dir, day, &self.node, &self.keys)) {
                Ok(None) => {}
                Ok(Some(sealed)) => {
                    tracing::info!(%day, records = sealed.seal.records, "a day was sealed");
                    // Nobody may want it sent out.
                    let _ = self.sealed.send(sealed);
                }
                Err(error) => {
                    tracing::error!(%day, %error, "a day cannot be sealed; it is tried again");
                    trouble = Some(error.to_string());
                }
            }
        }
        self.note_trouble(trouble);
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
    let purged = retention::purge(dir, keys, now, &clock::state(), certificate)?;
    if let Some(purged) = &purged {
        let days: Vec<&str> = purged.certificate.days.iter().map(|day| day.day.as_str()).collect();
        let scope = [("days", days.join(" ")), ("certificate", hex(&purged.hash))];
        note(dir, keys, "purge", Some("retention"), scope, purged.certificate.days.len() as u64);
        for late in &purged.late {
            let reason = "erased more than 48 hours after its time";
            note(dir, keys, "incident", Some(reason), [("day", late.clone()), ("kind", "late purge".into())], 1);
        }
    }
    Ok(purged)
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
