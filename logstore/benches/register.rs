//! What a record costs: throughput and processor time of opened + settled + filed, and the wait of an opening.
//!
//! `taskset -c 1 cargo bench -p logstore` measures on one core, journal, filing and SQLite included. An argument names
//! the folder to write in; without one, the system's temporary folder.

use logstore::{Action, Auth, Durability, Entry, Keys, Outcome, Register, Search, Settings, Verdict, search};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const RECORDS: usize = 300_000;
const TASKS: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let root =
        root.map_or_else(std::env::temp_dir, PathBuf::from).join(format!("register-bench-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    for durability in [Durability::Process, Durability::Power] {
        println!("{durability:?}");
        let dir = root.join(format!("{durability:?}"));
        runtime.block_on(throughput(&dir, durability))?;
        runtime.block_on(tunnels(&dir.join("tunnels"), durability))?;
        runtime.block_on(latency(&dir.join("latency"), durability))?;
    }
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

/// 32 tasks, each opening and settling as fast as it can.
async fn throughput(dir: &Path, durability: Durability) -> Result<(), Box<dyn std::error::Error>> {
    let count = if durability == Durability::Power { RECORDS / 4 } else { RECORDS };
    let entries = Arc::new(Entries::new());
    let (register, _) = start(dir, durability).await?;
    let (cpu, began) = (cpu_time()?, Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (register, entries) = (register.clone(), entries.clone());
        tasks.spawn(async move {
            for number in 0..count / TASKS {
                while register.backlog().records > 100_000 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let mut owed = register.open(entries.get(task + number * TASKS)).await?;
                owed.went_to([192, 0, 2, 1].into());
                owed.answered(200);
                owed.received(20_000);
                owed.settle(Outcome::Completed);
            }
            Ok::<_, logstore::Unwritable>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    register.flush().await?;
    report("opened, settled, filed", count, began.elapsed(), cpu_time()? - cpu);
    register.finish().await;
    let bytes: u64 = day_files(dir)?.iter().map(|file| file.metadata().map_or(0, |file| file.len())).sum();
    println!("  {:28} {:>8.0} bytes a record", "day file", bytes as f64 / count as f64);
    for (what, query) in [
        ("search: a person's day", Search { user: Some("user07".into()), ..Search::default() }),
        ("search: an identifier", Search { id: Some(1000), ..Search::default() }),
    ] {
        let began = Instant::now();
        let found = search(dir, &Keys::open(&dir.join("keys"), dir)?, &query).await?.len();
        println!("  {what:28} {:>8.1} ms, {found} of {count} records", began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Records that are filed open first, as tunnels are.
async fn tunnels(dir: &Path, durability: Durability) -> Result<(), Box<dyn std::error::Error>> {
    const COUNT: usize = 20_000;
    let entries = Entries::new();
    let (register, _) = start(dir, durability).await?;
    let (cpu, began) = (cpu_time()?, Instant::now());
    let mut open = Vec::with_capacity(COUNT);
    for lot in 0..COUNT / TASKS {
        let mut openings = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let (register, entry) = (register.clone(), entries.get(lot * TASKS + task));
            openings.spawn(async move { register.open(entry).await });
        }
        while let Some(owed) = openings.join_next().await {
            open.push(owed??);
        }
    }
    register.flush().await?;
    open.into_iter().for_each(|owed| owed.settle(Outcome::Completed));
    register.flush().await?;
    report("the same, filed open first", COUNT, began.elapsed(), cpu_time()? - cpu);
    register.finish().await;
    Ok(())
}

/// The wait of an opening at 5 000 a second.
async fn latency(dir: &Path, durability: Durability) -> Result<(), Box<dyn std::error::Error>> {
    let entries = Entries::new();
    let (register, _) = start(dir, durability).await?;
    let (cpu, began) = (cpu_time()?, Instant::now());
    let mut waits = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    for lot in 0..3000 {
        ticks.tick().await;
        let mut openings = tokio::task::JoinSet::new();
        for number in 0..5 {
            let (register, entry) = (register.clone(), entries.get(lot * 5 + number));
            openings.spawn(async move {
                let began = Instant::now();
                let owed = register.open(entry).await;
                (began.elapsed(), owed.map(|owed| owed.settle(Outcome::Completed)))
            });
        }
        while let Some(opened) = openings.join_next().await {
            let (wait, opened) = opened?;
            opened?;
            waits.push(wait);
        }
    }
    register.flush().await?;
    report("at 5 000 a second", waits.len(), began.elapsed(), cpu_time()? - cpu);
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize];
    println!("  {:28} p50 {:?}, p99 {:?}, p99.9 {:?}", "wait of an opening", at(0.5), at(0.99), at(0.999));
    register.finish().await;
    Ok(())
}

async fn start(dir: &Path, durability: Durability) -> Result<(Register, logstore::Recovery), logstore::StartError> {
    let (dir, keys) = (dir.to_path_buf(), dir.join("keys"));
    Register::start(Settings { dir, keys, node: "gate".into(), durability }).await
}

fn report(what: &str, count: usize, wall: Duration, cpu: Duration) {
    let (rate, each) = (count as f64 / wall.as_secs_f64(), cpu.as_secs_f64() * 1e6 / count as f64);
    println!("  {what:28} {rate:>8.0} records/s, {each:.2} µs of processor a record");
}

fn day_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let files: std::io::Result<Vec<_>> = dir.read_dir()?.map(|file| file.map(|file| file.path())).collect();
    Ok(files?.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "sqlite")).collect())
}

/// Processor time of this process, all threads, from the scheduler's own count.
fn cpu_time() -> std::io::Result<Duration> {
    let mut nanos = 0;
    for thread in Path::new("/proc/self/task").read_dir()? {
        let stat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += stat.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

/// Records as a company makes them: 83 people, 2 000 hosts, one charter.
struct Entries {
    users: Vec<Arc<str>>,
    hosts: Vec<String>,
    method: Arc<str>,
    verdict: Verdict,
}

impl Entries {
    fn new() -> Entries {
        Entries {
            users: (0..83).map(|user| format!("user{user:02}").into()).collect(),
            hosts: (0..2000).map(|host| format!("www.service-{host}.example")).collect(),
            method: "CONNECT".into(),
            verdict: Verdict {
                action: Action::Allow,
                rule: Some("default".into()),
                article: None,
                category: None,
                charter: "2026-11 3f2a9c41".into(),
            },
        }
    }

    fn get(&self, number: usize) -> Entry {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Entry {
            opened_at: now.as_micros() as i64,
            user: Some(self.users[number * 7 % self.users.len()].clone()),
            auth: Auth::Negotiate,
            client_ip: [10, 0, (number % 3) as u8, (number % 83) as u8].into(),
            method: self.method.clone(),
            scheme: "https",
            host: Some(self.hosts[number * number % self.hosts.len()].as_str().into()),
            port: 443,
            path: None,
            masked: None,
            verdict: self.verdict.clone(),
        }
    }
}
