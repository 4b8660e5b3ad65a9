//! Real processes that are killed, and one whose disk is full: no record of a committed opening is lost.
//!
//! Each test starts this test binary again as a child that does what `child` says; the variable tells it where.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]
#![expect(clippy::disallowed_methods, reason = "the variable tells a child what it is for")]

use logstore::{
    Action, Auth, Durability, Entry, Health, Keys, Outcome, Record, Register, Search, Settings, Verdict, search,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const WHERE: &str = "REGISTER_CRASH_DIR";

fn settings(dir: &Path) -> Settings {
    Settings { dir: dir.join("register"), keys: dir.join("keys"), node: "gate".into(), durability: Durability::Process }
}

async fn all(dir: &Path) -> Vec<Record> {
    let Settings { dir, keys, .. } = settings(dir);
    search(&dir, &Keys::open(&keys, &dir).unwrap(), &Search::default()).await.unwrap()
}

/// Instants of the day on which the tests run: nothing of it is sealed while they do.
fn begin() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64
}

fn entry(number: i64) -> Entry {
    Entry {
        opened_at: begin(),
        user: Some("p.dupont".into()),
        auth: Auth::Address,
        client_ip: [10, 0, 0, 1].into(),
        method: "GET".into(),
        scheme: "http",
        host: Some(format!("h{number}.example").into()),
        port: 80,
        path: None,
        masked: None,
        verdict: Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "c".into() },
    }
}

/// Starts `test` of this binary in a process of its own. `SIGXFSZ` is ignored there, so that a file size limit gives an
/// error, as a full disk does; `blocks` is that limit in KiB.
fn child(test: &str, dir: &Path, blocks: &str) -> Child {
    Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -S -f \"$0\"; exec \"$@\"", blocks])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(WHERE, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The child: eight tasks open and settle records as fast as they can, and say which were opened.
#[tokio::test]
async fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(WHERE) else {
        return;
    };
    let (register, _) = Register::start(settings(dir.as_ref())).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let register = register.clone();
        tasks.spawn(async move {
            let mut tunnel = None;
            for number in 0.. {
                let owed = register.open(entry(task * 1_000_000 + number)).await.unwrap();
                // One write, so that lines stay whole.
                std::io::stdout().write_all(format!("opened {} {number}\n", owed.id()).as_bytes()).unwrap();
                if number % 10 == 0 {
                    // Dropped much later.
                    tunnel = Some(owed);
                } else {
                    owed.settle(Outcome::Completed);
                }
            }
            drop(tunnel);
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn a_killed_process_loses_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut said: BTreeMap<i64, ()> = BTreeMap::new();
    for round in 0..5 {
        let mut child = child("writes_until_it_is_killed", dir.path(), "unlimited");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut opened = 0;
        while opened < 300 * (round + 1) {
            let line = lines.next().unwrap().unwrap();
            let mut words = line.split(' ').skip_while(|word| !word.ends_with("opened")).skip(1);
            if let Some(id) = words.next() {
                said.insert(id.parse().unwrap(), ());
                opened += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died, whole lines only.
        for line in lines.map_while(Result::ok) {
            if let Some((id, number)) = line.strip_prefix("opened ").and_then(|rest| rest.split_once(' '))
                && number.parse::<i64>().is_ok()
            {
                said.insert(id.parse().unwrap(), ());
            }
        }
        logstore::settle_leftovers(&settings(dir.path())).await.unwrap().unwrap();
        let found = all(dir.path()).await;
        let by_id: BTreeMap<i64, _> = found.iter().map(|record| (record.id, record)).collect();
        assert_eq!(by_id.len(), found.len(), "an identifier was given twice");
        for id in said.keys() {
            assert!(by_id.contains_key(id), "record {id} is lost");
        }
        for record in &found {
            assert!(record.outcome.is_some() && record.closed_at.is_some(), "{record:?} is still open");
        }
    }
}

/// The child: fills its disk, waits until it is told that there is room, and goes on.
#[tokio::test]
async fn writes_until_the_disk_is_full() {
    let Some(dir) = std::env::var_os(WHERE) else {
        return;
    };
    let (register, _) = Register::start(settings(dir.as_ref())).await.unwrap();
    let mut owed = Vec::new();
    let mut number = 0;
    let refused = loop {
        match register.open(entry(number)).await {
            Ok(record) => owed.push(record),
            Err(refused) => break refused,
        }
        number += 1;
    };
    assert!(matches!(register.health(), Health::Unwritable { .. }));
    for record in owed.drain(..) {
        record.settle(Outcome::Completed);
    }
    println!("\nfull {number} {refused}");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let record = loop {
        match register.open(entry(number)).await {
            Ok(record) => break record,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(matches!(register.health(), Health::Writable));
    record.settle(Outcome::Completed);
    while register.flush().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(register.finish().await, 0);
}

#[tokio::test]
async fn a_full_disk_stops_openings_and_loses_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = child("writes_until_the_disk_is_full", dir.path(), "256");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (opened, why) = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some((opened, why)) = line.strip_prefix("full ").and_then(|rest| rest.split_once(' ')) {
            break (opened.parse::<usize>().unwrap(), why.to_owned());
        }
    };
    assert!(why.contains(".journal: File too large"), "{why}");
    let room = Command::new("prlimit").args(["--pid", &child.id().to_string(), "--fsize=unlimited"]).status().unwrap();
    assert!(room.success());
    child.stdin.take().unwrap().write_all(b"room\n").unwrap();
    assert!(child.wait().unwrap().success());
    let found = all(dir.path()).await;
    assert_eq!(found.len(), opened + 1);
    assert!(found.iter().all(|record| record.outcome == Some(Outcome::Completed)));
}
