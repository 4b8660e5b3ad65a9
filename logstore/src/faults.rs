//! Faults: the register killed, filled, torn, robbed and lied to; what it owed is there afterwards.
//!
//! A test that kills starts this test binary again as a child (`child`), which plays a part from `script` on a clock of
//! its own and writes down what it was promised; the parent compares every field of it with what it finds.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

mod bundle;
mod clock;
mod disk;
mod full;
mod holds;
mod large;
mod lost;
mod midnight;
mod names;
mod points;
mod purge;
mod random;
mod readonly;
mod script;
mod torn;

use crate::clock::Clock;
use crate::day::Day;
use crate::writer::Tuning;
use crate::{
    Action, Auth, Durability, Entry, Keys, OwedRecord, Record, Recovery, Register, Search, Settings, StartError,
    Verdict, search, verify,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-11-23T00:00:00Z.
pub(crate) const MIDNIGHT: i64 = 1_795_392_000_000_000;
/// The term of the registers here, in days.
pub(crate) const TERM: u16 = 2;
/// Nothing here takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// What a child is told.
const PART: &str = "OCTROI_FAULTS";

/// How often to do what is done at random: a hundred times as often when asked.
pub(crate) fn is_long() -> bool {
    #[expect(clippy::disallowed_methods, reason = "`tests/run --long` says how much is tried")]
    std::env::var_os("OCTROI_LONG").is_some()
}

/// A register and its keys in a folder, on a clock that a test moves.
pub(crate) struct World {
    pub(crate) dir: PathBuf,
    pub(crate) clock: &'static AtomicI64,
    pub(crate) tuning: Tuning,
    _kept: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) fn new(now: i64) -> World {
        let dir = tempfile::tempdir().unwrap();
        World { _kept: Some(dir), ..World::at(PathBuf::new(), now) }.rooted()
    }

    fn rooted(mut self) -> World {
        self.dir = self._kept.as_ref().unwrap().path().to_path_buf();
        self
    }

    /// One that stands there already.
    pub(crate) fn at(dir: PathBuf, now: i64) -> World {
        let clock: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(now)));
        let tuning = Tuning {
            segment_bytes: 16 << 10,
            backlog: 100_000,
            young: Duration::from_millis(1),
            tick: Duration::from_millis(1),
            retry: Duration::from_millis(1),
            seal_after: Duration::from_secs(2 * 3600),
            seal_again: Duration::from_millis(5),
            clock: Clock::moved_by(clock),
        };
        World { dir, clock, tuning, _kept: None }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            dir: self.register(),
            keys: self.disk().join("keys"),
            node: "gate".into(),
            durability: Durability::Process,
        }
    }

    pub(crate) fn register(&self) -> PathBuf {
        self.disk().join("register")
    }

    /// Where the register and its keys are: a disk of its own, if there is one.
    pub(crate) fn disk(&self) -> PathBuf {
        let disk = self.dir.join("disk");
        if disk.exists() { disk } else { self.dir.clone() }
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::open(&self.disk().join("keys"), &self.register()).unwrap()
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub(crate) fn today(&self) -> Day {
        Day::of(self.now())
    }

    /// Moves the clock, and writes down where to.
    pub(crate) fn set(&self, now: i64) {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(self.dir.join("clock"));
        file.unwrap().write_all(format!("{now}\n").as_bytes()).unwrap();
        self.clock.store(now, Ordering::SeqCst);
    }

    pub(crate) async fn start(&self) -> Register {
        self.try_start().await.unwrap().0
    }

    pub(crate) async fn try_start(&self) -> Result<(Register, Recovery), StartError> {
        let began = Instant::now();
        loop {
            match Register::start_tuned(self.settings(), self.tuning).await {
                // One that was dropped a moment ago is still letting go.
                Err(StartError::Held(_)) if began.elapsed() < LIMIT => tokio::task::yield_now().await,
                started => {
                    let keys = self.keys();
                    if started.is_ok() {
                        crate::announce(&self.register(), &keys, TERM).unwrap();
                    }
                    return started;
                }
            }
        }
    }

    pub(crate) async fn all(&self) -> Vec<Record> {
        search(&self.register(), &self.keys(), &Search::default()).await.unwrap()
    }

    /// Every record with the day it is filed under.
    pub(crate) async fn filed(&self) -> Vec<(Day, Record)> {
        let keys = self.keys();
        let mut filed = Vec::new();
        for day in Day::all(&self.register()).unwrap() {
            let query = Search::default();
            let rows = crate::search::search_day(&day.file(&self.register()), day, &keys, &query).await.unwrap();
            filed.extend(rows.0.into_iter().map(|record| (day, record)));
        }
        filed
    }

    pub(crate) async fn findings(&self) -> Vec<crate::Finding> {
        let keys = self.keys();
        verify(&self.register(), &keys, &keys.public(), |_| {}).await.unwrap().findings
    }

    /// That everything holds, that nothing is left of what was begun and cut, that all that is over is sealed and all that
    /// is due is gone.
    pub(crate) async fn holds(&self) {
        self.holds_so_far().await;
        let seals = crate::seal::seals(&self.register(), &self.keys().public()).unwrap();
        for day in Day::all(&self.register()).unwrap() {
            let over = Day::of(self.now() - 2 * HOUR);
            assert!(seals.contains_key(&day.to_string()) || day >= over, "{day} is over and not sealed");
            assert!(day.after(i64::from(TERM)) >= self.today(), "{day} is due and there");
        }
    }

    /// That everything holds, and that nothing is left of what was begun and cut.
    pub(crate) async fn holds_so_far(&self) {
        assert_eq!(self.findings().await, []);
        let register = self.register();
        let known =
            ["audit.jsonl", "certificates.jsonl", "journal", "ledgers", "seal.pub", "seals.jsonl", "terms.jsonl"];
        for name in names(&register) {
            let is_day = Day::all(&register).unwrap().iter().any(|day| name.starts_with(&format!("{day}.sqlite")));
            // What is in it is for the tests of holds to say.
            assert!(is_day || known.contains(&name.as_str()) || name == "holds", "{name} is left over");
        }
        let days = Day::all(&register).unwrap();
        let mut seen = BTreeSet::new();
        for (day, name) in self.keys().all().unwrap() {
            assert!(seen.insert(day), "{day} has several keys");
            let idle = day >= self.today().after(-i64::from(TERM) - 1);
            assert!(days.contains(&day) || idle, "the key {name:?} of {day} is left alone");
        }
        for name in names(&self.disk().join("keys")) {
            assert!(
                ["days", "first-form", "heads", "ledgers", "lock", "master", "seal.key", "seal.pub"]
                    .contains(&name.as_str()),
                "{name} is left over"
            );
        }
        for name in names(&self.disk().join("keys/days")) {
            assert_eq!(name.len(), "2026-11-23.0123456789abcdef".len(), "{name} is left over");
        }
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Has filing look at the clock until it has nothing more to do by it, and the keeper do what it was given.
pub(crate) async fn settle_down(register: &Register) {
    for _ in 0..5 {
        register.flush().await.unwrap();
    }
    let began = Instant::now();
    while register.seal_trouble().is_some() {
        assert!(began.elapsed() < LIMIT, "{:?}", register.seal_trouble());
        tokio::task::yield_now().await;
    }
    // The keeper does one thing after the other.
    register.purge("PME".into()).await.unwrap();
}

pub(crate) fn entry(opened_at: i64, host: &str, number: u64) -> Entry {
    let word = |words: &[&'static str]| words[(number % words.len() as u64) as usize];
    Entry {
        opened_at,
        user: Some(word(&["p.dupont", "a.martin", "z.zola"]).into()).filter(|_| !number.is_multiple_of(7)),
        auth: Auth::ALL[(number % 4) as usize],
        client_ip: [10, 0, (number >> 8) as u8, number as u8].into(),
        method: word(&["GET", "POST", "CONNECT"]).into(),
        scheme: word(&["http", "https"]),
        host: Some(host.into()),
        port: (number % 65_536) as u16,
        path: Some(format!("/{number}").into()).filter(|_| number.is_multiple_of(3)),
        masked: None,
        verdict: Verdict {
            action: Action::ALL[(number % 4) as usize],
            rule: Some(word(&["r1", "r2"]).into()).filter(|_| number.is_multiple_of(2)),
            article: Some("3".into()).filter(|_| number.is_multiple_of(5)),
            category: Some("jeux".into()).filter(|_| number.is_multiple_of(3)),
            charter: word(&["c1", "c2"]).into(),
        },
    }
}

/// What a record opened with this entry says of it.
pub(crate) fn as_opened(id: i64, entry: &Entry) -> Record {
    crate::row::Row::opened(id, "gate".into(), entry).record()
}

/// Fields that an ending gives or may change.
const ENDING: [&str; 10] = [
    "closed_at",
    "tls_name",
    "destination_ip",
    "status",
    "bytes_sent",
    "bytes_received",
    "outcome",
    "id",
    "opened_at",
    "node",
];

/// What a child was promised: its exchanges by host.
#[derive(Debug, Default)]
pub(crate) struct Said {
    exchanges: BTreeMap<String, Exchange>,
    /// The latest instant it said.
    pub(crate) clock: i64,
    pub(crate) last_id: i64,
}

#[derive(Debug)]
struct Exchange {
    opened: Value,
    opened_at: i64,
    task: u64,
    /// How it would end, and whether that is sure.
    ending: Option<(Value, bool)>,
}

impl Said {
    /// Reads on in what was written down; whole lines only. Identifiers rise from one to the next of a task.
    pub(crate) fn read(&mut self, dir: &Path) {
        let before = self.last_id;
        let text = std::fs::read_to_string(dir.join("said")).unwrap_or_default();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: Value = serde_json::from_str(line).unwrap();
            self.clock = self.clock.max(line["now"].as_i64().unwrap());
            let task = line["task"].as_u64().unwrap();
            if let Some(opened) = line.get("opened") {
                let id = opened["id"].as_i64().unwrap();
                assert!(id > before, "identifier {id} after {before}");
                self.last_id = self.last_id.max(id);
                // What ended before this was opened is committed with it.
                for before in self.exchanges.values_mut().filter(|exchange| exchange.task == task) {
                    before.ending = before.ending.take().map(|(ending, _)| (ending, true));
                }
                let host = opened["host"].as_str().unwrap().to_owned();
                let exchange =
                    Exchange { opened: opened.clone(), opened_at: line["at"].as_i64().unwrap(), task, ending: None };
                assert!(self.exchanges.insert(host, exchange).is_none());
            } else if let Some(ending) = line.get("ending") {
                let host = ending["host"].as_str().unwrap();
                self.exchanges.get_mut(host).unwrap().ending = Some((ending.clone(), false));
            }
        }
        // Another child's tasks are others, though they have the same numbers.
        self.exchanges.values_mut().for_each(|exchange| exchange.task = u64::MAX);
        std::fs::write(dir.join("said"), "").unwrap();
        let clock = std::fs::read_to_string(dir.join("clock")).unwrap_or_default();
        let last = clock.split_inclusive('\n').rfind(|line| line.ends_with('\n'));
        self.clock = self.clock.max(last.map_or(0, |line| line.trim().parse().unwrap()));
    }

    /// Compares what was promised with what is there. What is due at `today` must be gone.
    pub(crate) async fn check(&mut self, world: &World) {
        let mut chapters: BTreeMap<String, Vec<(Day, Record)>> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for (day, record) in world.filed().await {
            assert!(ids.insert(record.id), "record {} is there twice", record.id);
            chapters.entry(record.host.clone().unwrap()).or_default().push((day, record));
        }
        let kept = world.today().after(-i64::from(TERM));
        for (host, exchange) in &self.exchanges {
            let found = chapters.remove(host).unwrap_or_default();
            let begun = Day::of(exchange.opened_at);
            assert!(begun < kept || !found.is_empty(), "{host} is lost: {exchange:?}");
            exchange.check(begun < kept, found);
        }
        // What was opened and not acknowledged may be there.
        self.exchanges.retain(|_, exchange| Day::of(exchange.opened_at) >= kept);
    }
}

impl Exchange {
    /// Its chapters: each as it was said, one for each day, the bytes of all together those that were counted.
    fn check(&self, begun_is_purged: bool, mut found: Vec<(Day, Record)>) {
        found.sort_by_key(|(_, record)| record.id);
        let count = found.len();
        for (place, (day, record)) in found.iter().enumerate() {
            let value = serde_json::to_value(record).unwrap();
            let sure = self.ending.as_ref().is_some_and(|(_, sure)| *sure);
            for (name, said) in self.opened.as_object().unwrap().iter().filter(|(n, _)| !ENDING.contains(&n.as_str())) {
                assert_eq!(&value[name], said, "{name} of {record:?}");
            }
            assert_eq!(*day, Day::of(record.opened_at), "{record:?} is filed under {day}");
            if place == 0 && !begun_is_purged {
                assert_eq!(record.opened_at, self.opened_at);
                assert_eq!(record.id, self.opened["id"].as_i64().unwrap());
            } else {
                assert_eq!(record.opened_at, day.begins(), "a chapter begins at midnight");
            }
            let outcome = value["outcome"].as_str().unwrap_or_else(|| panic!("{record:?} is open"));
            assert!(record.closed_at.unwrap() >= record.opened_at);
            if place + 1 < count {
                assert_eq!(outcome, "continued");
                assert_eq!(record.closed_at, Some(found[place + 1].1.opened_at));
                assert_eq!(found[place + 1].0, day.after(1));
            } else if let Some((ending, _)) = self.ending.as_ref().filter(|(_, sure)| *sure || outcome != "interrupted")
            {
                for name in ["outcome", "status", "destination_ip", "tls_name"] {
                    assert_eq!(value[name], ending[name], "{name} of {record:?}, sure: {sure}");
                }
                let sum = |bytes: fn(&Record) -> u64| found.iter().map(|(_, record)| bytes(record)).sum::<u64>();
                if !begun_is_purged {
                    assert_eq!(json!(sum(|record| record.bytes_sent)), ending["bytes_sent"], "{found:?}");
                    assert_eq!(json!(sum(|record| record.bytes_received)), ending["bytes_received"], "{found:?}");
                }
            } else {
                assert_eq!(outcome, "interrupted", "{record:?}");
            }
        }
    }
}

/// Starts a child that plays a part; where, when and what are in `part`.
pub(crate) fn start_child(part: &Value, limit: Option<u64>) -> Child {
    let mut command = Command::new("bash");
    let limit = limit.map_or("unlimited".to_owned(), |blocks| blocks.to_string());
    command.args(["-c", "trap '' XFSZ; ulimit -S -f \"$0\"; exec \"$@\"", &limit]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "faults::child", "--nocapture", "--test-threads=1"]).env(PART, part.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Not a test by itself: what a child does.
#[tokio::test]
async fn child() {
    #[expect(clippy::disallowed_methods, reason = "the variable tells a child what it is for")]
    if let Ok(part) = std::env::var(PART) {
        script::play(&serde_json::from_str(&part).unwrap()).await;
    }
}

/// A client that opens and settles records and writes down what it is promised.
pub(crate) struct Client<'w> {
    pub(crate) world: &'w World,
    pub(crate) register: Register,
    pub(crate) task: u64,
    pub(crate) number: u64,
}

/// An exchange under way, and what was counted of it.
pub(crate) struct Going {
    owed: OwedRecord,
    opened: Record,
}

impl Client<'_> {
    fn say(&self, what: &str, record: &Record) {
        let line = json!({ "task": self.task, "now": self.world.now(), "at": record.opened_at, what: record });
        let said = std::fs::OpenOptions::new().append(true).create(true).open(self.world.dir.join("said"));
        // One write, so that lines stay whole.
        said.unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub(crate) async fn open(&mut self) -> Going {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&mut self) -> Result<Going, crate::Unwritable> {
        self.number += 1;
        let host = format!("h{}-{}-{}.example", std::process::id(), self.task, self.number);
        let entry = entry(self.world.now(), &host, self.number);
        let mut owed = self.register.open(entry.clone()).await?;
        let mut opened = as_opened(owed.id(), &entry);
        self.say("opened", &opened);
        if self.number.is_multiple_of(2) {
            owed.went_to([192, 0, 2, self.number as u8].into());
            opened.destination_ip = Some([192, 0, 2, self.number as u8].into());
        }
        Ok(Going { owed, opened })
    }

    pub(crate) fn count(&self, going: &mut Going, bytes: u64) {
        going.owed.sent(bytes);
        going.owed.received(3 * bytes);
        going.opened.bytes_sent += bytes;
        going.opened.bytes_received += 3 * bytes;
    }

    pub(crate) fn settle(&self, mut going: Going) {
        going.owed.answered(200);
        going.opened.status = Some(200);
        going.opened.outcome = Some(crate::Outcome::Completed);
        self.say("ending", &going.opened);
        going.owed.settle(crate::Outcome::Completed);
    }

    pub(crate) async fn page(&mut self) {
        let mut going = self.open().await;
        self.count(&mut going, self.number * 7);
        self.settle(going);
    }
}
