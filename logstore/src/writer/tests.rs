//! The register as its caller sees it, and what it keeps when things go wrong.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::record::{Action, Auth, Outcome, Record, Verdict};
use crate::{Search, search, settle_leftovers};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::AtomicI64;

const NOON: i64 = 1_795_435_200_000_000;
const DAY: i64 = 86_400_000_000;

/// Nothing is filed unless a test asks, nothing grows old.
const STILL: Tuning = Tuning {
    segment_bytes: 8 << 20,
    backlog: 1000,
    young: Duration::from_secs(3600),
    tick: Duration::from_secs(3600),
    retry: Duration::from_millis(1),
    seal_after: Duration::from_secs(7200),
    seal_again: Duration::from_millis(1),
    clock: Clock::moved_by(&AT_NOON),
};
static AT_NOON: AtomicI64 = AtomicI64::new(NOON);

fn settings(dir: &Path) -> Settings {
    Settings {
        dir: dir.join("register"),
        keys: dir.join("keys"),
        node: "gate-1".into(),
        durability: Durability::Process,
    }
}

async fn start(dir: &Path, tuning: Tuning) -> (Register, Recovery) {
    Register::start_tuned(settings(dir), tuning).await.unwrap()
}

fn verdict() -> Verdict {
    Verdict {
        action: Action::Allow,
        rule: Some("default".into()),
        article: None,
        category: None,
        charter: "2026-11 abcdef".into(),
    }
}

fn entry(opened_at: i64, host: &str) -> Entry {
    Entry {
        opened_at,
        user: Some("p.dupont".into()),
        auth: Auth::Basic,
        client_ip: [10, 0, 0, 12].into(),
        method: "GET".into(),
        scheme: "http",
        host: Some(host.into()),
        port: 80,
        path: None,
        masked: None,
        verdict: verdict(),
    }
}

fn keys(dir: &Path) -> Keys {
    Keys::open(&settings(dir).keys, &settings(dir).dir).unwrap()
}

async fn all(dir: &Path) -> Vec<Record> {
    search(&dir.join("register"), &keys(dir), &Search::default()).await.unwrap()
}

fn outcomes(records: &[Record]) -> Vec<Option<Outcome>> {
    records.iter().map(|record| record.outcome).collect()
}

/// What a crash at this instant would leave: the files as they are.
fn crash(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(dir, copy.path());
    copy
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_folder(&entry.path(), &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            // The index of the write-ahead log is memory of a process that is gone.
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn segments(dir: &Path) -> Vec<u64> {
    segment::list(&segment::folder(&settings(dir).dir)).unwrap()
}

#[tokio::test]
async fn every_field_of_a_record_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (register, recovery) = start(dir.path(), STILL).await;
    assert_eq!(recovery, Recovery::default());
    let mut owed = register.open(Entry { path: Some("/a".into()), ..entry(NOON, "a.example") }).await.unwrap();
    owed.went_to("::ffff:192.0.2.1".parse().unwrap());
    owed.answered(403);
    let second = Verdict {
        action: Action::Block,
        rule: Some("r".into()),
        article: Some("3".into()),
        category: Some("jeux".into()),
        charter: "2026-12".into(),
    };
    owed.decided_again(second, Some("b.example"));
    owed.sent(10);
    owed.received(u64::from(u32::MAX));
    owed.sent(1);
    let id = owed.id();
    owed.settle(Outcome::Refused);
    register.flush().await.unwrap();
    let records = all(dir.path()).await;
    let closed_at = records[0].closed_at;
    assert!(closed_at.unwrap() >= NOON);
    let expected = Record {
        id,
        node: "gate-1".into(),
        opened_at: NOON,
        closed_at,
        user: Some("p.dupont".into()),
        auth: Auth::Basic,
        client_ip: [10, 0, 0, 12].into(),
        method: "GET".into(),
        scheme: "http".into(),
        host: Some("a.example".into()),
        port: 80,
        tls_name: Some("b.example".into()),
        masked: None,
        path: Some("/a".into()),
        destination_ip: Some([192, 0, 2, 1].into()),
        status: Some(403),
        bytes_sent: 11,
        bytes_received: u64::from(u32::MAX),
        action: Action::Block,
        outcome: Some(Outcome::Refused),
        rule: Some("r".into()),
        article: Some("3".into()),
        category: Some("jeux".into()),
        charter: "2026-12".into(),
    };
    assert_eq!(records, [expected]);
}

#[tokio::test]
async fn a_record_that_goes_on_can_be_found_and_is_settled_later() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    let owed = register.open(entry(NOON, "a.example")).await.unwrap();
    owed.received(5);
    register.flush().await.unwrap();
    let open = all(dir.path()).await;
    assert_eq!((open[0].outcome, open[0].closed_at, open[0].bytes_received), (None, None, 5));
    owed.received(6);
    owed.settle(Outcome::Completed);
    register.flush().await.unwrap();
    let settled = all(dir.path()).await;
    assert_eq!((settled.len(), settled[0].outcome, settled[0].bytes_received), (1, Some(Outcome::Completed), 11));
    assert_eq!(register.backlog().records, 0);
}

#[tokio::test]
async fn a_dropped_record_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    drop(register.open(entry(NOON, "gone")).await.unwrap());
    let owed = register.open(entry(NOON + 1, "fault")).await.unwrap();
    let fault = tokio::spawn(async move {
        let _owed = owed;
        panic!("on purpose");
    });
    assert!(fault.await.unwrap_err().is_panic());
    let owed = register.open(entry(NOON + 2, "shutdown")).await.unwrap();
    register.interrupting();
    drop(owed);
    register.flush().await.unwrap();
    let expected = [Outcome::Abandoned, Outcome::Failed, Outcome::Interrupted].map(Some);
    assert_eq!(outcomes(&all(dir.path()).await), expected);
}

#[tokio::test]
async fn an_opening_that_nobody_waits_for_is_settled_as_abandoned() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    {
        let mut opening = std::pin::pin!(register.open(entry(NOON, "a.example")));
        let polled = poll_fn(|cx| Poll::Ready(opening.as_mut().poll(cx))).await;
        drop(polled);
    }
    register.flush().await.unwrap();
    assert_eq!(outcomes(&all(dir.path()).await), [Some(Outcome::Abandoned)]);
}

#[tokio::test]
async fn what_is_withheld_is_not_written_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    let secret = Entry { masked: Some("person"), path: Some("/secret-path".into()), ..entry(NOON, "secret-host") };
    let mut owed = register.open(secret).await.unwrap();
    owed.went_to([192, 0, 2, 1].into());
    owed.decided_again(verdict(), Some("secret-name"));
    owed.settle(Outcome::Completed);
    register.flush().await.unwrap();
    let record = &all(dir.path()).await[0];
    assert_eq!((&record.host, &record.path, &record.tls_name, record.destination_ip), (&None, &None, &None, None));
    assert_eq!(record.masked.as_deref(), Some("person"));
    for folder in [settings(dir.path()).dir, segment::folder(&settings(dir.path()).dir)] {
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
            let bytes = std::fs::read(&file).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"secret"), "{}", file.display());
        }
    }
}

#[tokio::test]
async fn identifiers_increase_across_restarts_crashes_and_clocks_that_step_back() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    let mut last = 0;
    for step in [0, -3 * DAY, DAY, -DAY] {
        let owed = register.open(entry(NOON + step, "a.example")).await.unwrap();
        assert!(owed.id() > last);
        last = owed.id();
        owed.settle(Outcome::Completed);
    }
    let crashed = crash(dir.path());
    assert_eq!(register.finish().await, 0);
    for dir in [dir.path(), crashed.path()] {
        let (register, _) = start(dir, STILL).await;
        let owed = register.open(entry(NOON, "b.example")).await.unwrap();
        assert!(owed.id() > last);
        owed.settle(Outcome::Completed);
        assert_eq!(register.finish().await, 0);
    }
    // Even without a journal, the day files know.
    std::fs::remove_dir_all(segment::folder(&settings(dir.path()).dir)).unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    assert!(register.open(entry(NOON, "c.example")).await.unwrap().id() > last + 1);
}

#[tokio::test]
async fn finishing_files_all_and_leaves_an_empty_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    register.open(entry(NOON, "a.example")).await.unwrap().settle(Outcome::Completed);
    let stuck = register.open(entry(NOON + 1, "b.example")).await.unwrap();
    assert_eq!(register.clone().finish().await, 0);
    assert_eq!(outcomes(&all(dir.path()).await), [Some(Outcome::Completed), Some(Outcome::Interrupted)]);
    stuck.settle(Outcome::Completed);
    assert!(register.open(entry(NOON, "late")).await.is_err());
    assert!(register.flush().await.is_err());
    assert_eq!(segments(dir.path()).len(), 1);
    let (register, recovery) = start(dir.path(), STILL).await;
    assert_eq!(recovery, Recovery::default());
    assert_eq!(register.finish().await, 0);
    assert_eq!(all(dir.path()).await.len(), 2);
}

#[tokio::test]
async fn a_crash_loses_nothing_and_recovering_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    register.open(entry(NOON, "filed")).await.unwrap().settle(Outcome::Completed);
    let tunnel = register.open(entry(NOON + 1, "tunnel")).await.unwrap();
    register.flush().await.unwrap();
    register.open(entry(NOON + 2, "settled")).await.unwrap().settle(Outcome::Refused);
    let _open = register.open(entry(NOON + 3, "open")).await.unwrap();
    let crashed = crash(dir.path());

    // A crash during recovery: everything is filed, the journal still there.
    let recovered = crate::recovery::recover(&settings(crashed.path()), &keys(crashed.path()), NOON).await.unwrap();
    assert_eq!((recovered.recovery.filed, recovered.recovery.interrupted), (1, 2));
    let first = all(crashed.path()).await;
    let expected = [Outcome::Completed, Outcome::Interrupted, Outcome::Refused, Outcome::Interrupted].map(Some);
    assert_eq!(outcomes(&first), expected);
    assert!(first.iter().all(|record| record.closed_at.unwrap() >= record.opened_at));

    assert_eq!(settle_leftovers(&settings(crashed.path())).await.unwrap(), Some(Recovery::default()));
    assert_eq!(all(crashed.path()).await, first);
    assert_eq!(segments(crashed.path()).len(), 1);
    drop(tunnel);
}

#[tokio::test]
async fn a_tunnel_pins_no_segment_and_its_ending_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    // A segment for each write.
    let (register, _) = start(dir.path(), Tuning { segment_bytes: 1, ..STILL }).await;
    let tunnel = register.open(entry(NOON, "tunnel")).await.unwrap();
    for step in 1..5 {
        register.open(entry(NOON + step, "page")).await.unwrap().settle(Outcome::Completed);
    }
    register.flush().await.unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
    tunnel.received(9);
    tunnel.settle(Outcome::Completed);
    // What is committed after it has it before it.
    register.open(entry(NOON + 9, "page")).await.unwrap().settle(Outcome::Completed);
    let crashed = crash(dir.path());
    settle_leftovers(&settings(crashed.path())).await.unwrap().unwrap();
    let records = all(crashed.path()).await;
    assert_eq!((records[0].outcome, records[0].bytes_received), (Some(Outcome::Completed), 9));
    assert_eq!(records.len(), 6);
}

#[tokio::test]
async fn a_damaged_place_costs_its_records_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    for step in 0..3 {
        register.open(entry(NOON + step, "a.example")).await.unwrap().settle(Outcome::Completed);
    }
    // The last write holds this opening and the ending of the third record.
    let _last = register.open(entry(NOON + 3, "a.example")).await.unwrap();
    let crashed = crash(dir.path());
    let folder = segment::folder(&settings(crashed.path()).dir);
    let path = folder.join("0000000000000001.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[56 + 12 + 3] ^= 1;
    bytes.truncate(bytes.len() - 1);
    std::fs::write(&path, bytes).unwrap();
    let (register, recovery) = start(crashed.path(), STILL).await;
    assert_eq!(recovery.damaged, 1);
    assert!(recovery.torn_bytes > 0);
    let left: Vec<_> = all(crashed.path()).await.iter().map(|record| (record.id, record.outcome)).collect();
    let (completed, interrupted) = (Some(Outcome::Completed), Some(Outcome::Interrupted));
    assert_eq!(left, [(2, completed), (3, interrupted)]);
    assert!(folder.join("0000000000000001.damaged").exists());
    assert_eq!(register.finish().await, 0);
}

#[tokio::test]
async fn one_process_keeps_a_register() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(settle_leftovers(&settings(dir.path())).await.unwrap(), Some(Recovery::default()));
    assert!(!settings(dir.path()).dir.exists());
    let (register, _) = start(dir.path(), STILL).await;
    assert!(matches!(Register::start(settings(dir.path())).await, Err(StartError::Held(_))));
    assert_eq!(settle_leftovers(&settings(dir.path())).await.unwrap(), None);
    assert_eq!(register.finish().await, 0);
    assert!(settle_leftovers(&settings(dir.path())).await.unwrap().is_some());
}

#[tokio::test]
async fn openings_are_refused_when_filing_falls_behind_and_taken_again_after() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), Tuning { backlog: 2, ..STILL }).await;
    for step in 0..2 {
        register.open(entry(NOON + step, "a.example")).await.unwrap().settle(Outcome::Completed);
    }
    assert!(register.open(entry(NOON, "b.example")).await.is_err());
    assert!(matches!(register.health(), Health::Unwritable { .. }));
    register.flush().await.unwrap();
    assert!(matches!(register.health(), Health::Writable));
    register.open(entry(NOON, "b.example")).await.unwrap().settle(Outcome::Completed);
}

#[tokio::test]
async fn a_full_disk_refuses_openings_by_name_and_the_register_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let folder = segment::folder(&settings.dir);
    crate::keys::make_folder(&folder).unwrap();
    let keys = Arc::new(keys(dir.path()));
    let full = Segment::on(OpenOptions::new().write(true).open("/dev/full").unwrap(), &folder, 1, &keys, NOON);
    let lock = recovery::lock(&settings.dir).unwrap();
    // Long enough that the refusals are seen before the next trial.
    let tuning = Tuning { retry: Duration::from_millis(300), ..STILL };
    let recovered = recovery::Recovered {
        recovery: Recovery::default(),
        next_id: 1,
        last_segment: 0,
        settled: Default::default(),
        sealed: Vec::new(),
    };
    let register = Register::launch(settings, tuning, keys, recovered, full, lock).unwrap();
    let refused = register.open(entry(NOON, "a.example")).await.err().unwrap();
    assert!(refused.why.ends_with("0000000000000001.journal: No space left on device (os error 28)"), "{refused}");
    assert!(matches!(register.health(), Health::Unwritable { .. }));
    assert!(register.flush().await.is_err() || matches!(register.health(), Health::Writable));
    let owed = loop {
        match register.open(entry(NOON, "b.example")).await {
            Ok(owed) => break owed,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    owed.settle(Outcome::Completed);
    assert!(matches!(register.health(), Health::Writable));
    register.flush().await.unwrap();
    let hosts: Vec<_> = all(dir.path()).await.into_iter().map(|record| record.host).collect();
    assert_eq!(hosts, [Some("b.example".to_owned())]);
}

/// A full segment was written on after its successor could not be made, and deleted by filing as done with.
#[tokio::test]
async fn a_segment_that_cannot_be_made_costs_nothing_that_comes_after() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), Tuning { segment_bytes: 600, ..STILL }).await;
    let next = segments(dir.path()).last().unwrap() + 1;
    let in_the_way = segment::folder(&settings(dir.path()).dir).join(format!("{next:016}.journal"));
    std::fs::create_dir(&in_the_way).unwrap();
    let mut kept = Vec::new();
    let long = "a".repeat(200);
    let refused = loop {
        match register.open(entry(NOON, &long)).await {
            Ok(owed) => kept.push(owed),
            Err(refused) => break refused,
        }
    };
    assert!(refused.why.contains(&format!("{next:016}")), "{refused}");
    // Short enough for what was left of the full segment, again and again.
    let mut later = None;
    std::fs::remove_dir(&in_the_way).unwrap();
    while later.is_none() {
        later = register.open(entry(NOON, "b")).await.ok();
    }
    register.flush().await.unwrap();
    let last = register.open(entry(NOON, "c")).await.unwrap();
    let copy = crash(dir.path());
    let (register, _) = start(copy.path(), STILL).await;
    register.flush().await.unwrap();
    let hosts: Vec<_> = all(copy.path()).await.into_iter().filter_map(|record| record.host).collect();
    assert_eq!(hosts.len(), kept.len() + 2, "{hosts:?}");
    assert!(hosts.contains(&"b".to_owned()) && hosts.contains(&"c".to_owned()));
    drop(last);
}

#[tokio::test]
async fn a_day_file_that_takes_nothing_is_tried_again_and_holds_up_no_other_day() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    let blocked = settings(dir.path()).dir.join("2026-11-23.sqlite");
    std::fs::create_dir(&blocked).unwrap();
    register.open(entry(NOON, "blocked")).await.unwrap().settle(Outcome::Completed);
    register.open(entry(NOON + DAY, "free")).await.unwrap().settle(Outcome::Completed);
    let refused = register.flush().await.err().unwrap();
    assert!(refused.why.contains("2026-11-23.sqlite"), "{refused}");
    assert_eq!(register.backlog().records, 1);
    assert!(register.backlog().trouble.is_some());
    std::fs::remove_dir(&blocked).unwrap();
    register.flush().await.unwrap();
    assert!(register.backlog().trouble.is_none());
    let hosts: Vec<_> = all(dir.path()).await.into_iter().filter_map(|record| record.host).collect();
    assert_eq!(hosts, ["blocked", "free"]);
}

#[tokio::test]
async fn what_is_lost_by_nobody_is_filed_when_the_last_handle_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = start(dir.path(), STILL).await;
    register.open(entry(NOON, "a.example")).await.unwrap().settle(Outcome::Completed);
    drop(register);
    // The lock is free when the threads have ended.
    let register = loop {
        match Register::start_tuned(settings(dir.path()), STILL).await {
            Ok((register, _)) => break register,
            Err(StartError::Held(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(outcomes(&all(dir.path()).await), [Some(Outcome::Completed)]);
    assert_eq!(register.finish().await, 0);
}

mod following;
