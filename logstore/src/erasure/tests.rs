//! Erasures carried out: day by day, once it is sealed, and said.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::approvals::Subject;
use crate::hold::{Desk, Ground};
use crate::record::{Action, Auth, Outcome, Record};
use crate::statements::{ErasureGround, Place, Span};
use crate::{Durability, Imported, Importer, search, verify};
use jiff::ToSpan;

const DAY: i64 = 86_400_000_000;
/// 2026-10-01T00:00:00Z.
const OCTOBER: i64 = 1_790_812_800_000_000;

fn settings(dir: &Path) -> Settings {
    let (dir, keys) = (dir.join("register"), dir.join("keys"));
    Settings { dir, keys, node: "gate".into(), durability: Durability::Process }
}

fn record(at: i64, user: &str) -> Record {
    Record {
        id: 0,
        node: "squid".into(),
        opened_at: at,
        closed_at: Some(at + 5),
        user: Some(user.into()),
        auth: Auth::Basic,
        client_ip: [10, 0, 0, 1].into(),
        method: "GET".into(),
        scheme: "http".into(),
        host: Some("a.example".into()),
        port: 80,
        tls_name: None,
        masked: None,
        path: None,
        destination_ip: None,
        status: Some(200),
        bytes_sent: 0,
        bytes_received: 9,
        action: Action::Allow,
        outcome: Some(Outcome::Completed),
        rule: None,
        article: None,
        category: None,
        charter: "import".into(),
    }
}

async fn world(days: &[Vec<Record>]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut importer = Importer::begin(&settings(dir.path())).await.unwrap();
    for day in days {
        importer.take(day.clone()).await.unwrap();
    }
    importer.finish().await.unwrap();
    dir
}

fn decide(dir: &Path, concerns: Concerns) -> u64 {
    let Settings { dir, keys, .. } = settings(dir);
    let keys = Keys::open(&keys, &dir).unwrap();
    let says = Says::Erasure { concerns, ground: ErasureGround::Unlawful, approval: None, recipients: vec![] };
    statements::add(&dir, &keys, "dpo", &Statement { says, text: "t".into(), reference: "r".into(), records: 1 })
        .unwrap()
}

async fn users(dir: &Path) -> Vec<String> {
    let Settings { dir, keys, .. } = settings(dir);
    let found = search(&dir, &Keys::open(&keys, &dir).unwrap(), &Search::default()).await.unwrap();
    found.into_iter().filter_map(|record| record.user).collect()
}

async fn holds_by(dir: &Path) {
    let Settings { dir, keys, .. } = settings(dir);
    let keys = Keys::open(&keys, &dir).unwrap();
    let report = verify(&dir, &keys, &keys.public(), |_| {}).await.unwrap();
    assert_eq!(report.findings, []);
}

#[tokio::test]
async fn a_persons_records_go_from_every_sealed_day_and_nobody_elses_law_10() {
    let day = |n: i64| vec![record(OCTOBER + n * DAY, "P.Dupont"), record(OCTOBER + n * DAY + 1, "a.martin")];
    let dir = world(&[day(0), day(1), day(2)]).await;
    let span = Span { from: Some(OCTOBER), to: Some(OCTOBER + 2 * DAY) };
    let number = decide(dir.path(), Concerns::User("p.dupont".into(), span));
    let erased = erase_pending_offline(&settings(dir.path())).await.unwrap();
    // On the third day a clock that was set back may have filed one; there is none.
    let days = [("2026-10-01", 1), ("2026-10-02", 1), ("2026-10-03", 0)];
    assert_eq!(erased.days, days.map(|(day, count)| (number, day.to_owned(), count)));
    assert_eq!((erased.done, erased.waiting), (vec![number], vec![]));
    assert_eq!(users(dir.path()).await, ["a.martin", "a.martin", "P.Dupont", "a.martin"]);
    holds_by(dir.path()).await;
    assert_eq!(erase_pending_offline(&settings(dir.path())).await.unwrap(), Erased::default(), "it is done once");
    let Settings { dir: register, keys, .. } = settings(dir.path());
    let keys = Keys::open(&keys, &register).unwrap();
    let said = Statements::read(&register, &keys).unwrap();
    assert_eq!(said.erased(number).values().sum::<u64>(), 2);
    assert!(said.pending().is_empty());
    let grounds: Vec<_> =
        seals(&register, &keys.public()).unwrap().into_values().map(|(_, seal)| seal.ground).collect();
    let ground = Some("erasure 1, unlawful: 1 records".to_owned());
    assert_eq!(grounds, [ground.clone(), ground, None], "the seal says why, and names nobody");
}

#[tokio::test]
async fn what_was_erased_is_counted_also_when_a_crash_kept_it_from_being_said() {
    let dir =
        world(&[vec![record(OCTOBER, "p.dupont"), record(OCTOBER + 1, "p.dupont"), record(OCTOBER + 2, "b")]]).await;
    let span = Span { from: Some(OCTOBER), to: Some(OCTOBER + DAY) };
    let number = decide(dir.path(), Concerns::User("p.dupont".into(), span));
    let Settings { dir: register, keys, .. } = settings(dir.path());
    let ids: HashSet<i64> = [1, 2].into();
    let opened = Keys::open(&keys, &register).unwrap();
    let day = Day::of(OCTOBER);
    let ground = |count| format!("erasure {number}, unlawful: {count} records");
    assert_eq!(erase_of(&register, day, "gate", &opened, ids, &ground, "dpo").await.unwrap(), 2);
    drop(opened);
    let erased = erase_pending_offline(&settings(dir.path())).await.unwrap();
    assert_eq!(erased.days, [(number, "2026-10-01".to_owned(), 2)]);
    holds_by(dir.path()).await;
}

#[tokio::test]
async fn a_day_that_is_not_sealed_waits_and_its_records_are_restricted_meanwhile() {
    let now = clock::now();
    let dir = world(&[vec![record(now, "p.dupont")]]).await;
    let Settings { dir: register, keys, .. } = settings(dir.path());
    let opened = Keys::open(&keys, &register).unwrap();
    let found = search(&register, &opened, &Search::default()).await.unwrap();
    let place = Place { day: Day::of(now).to_string(), id: found[0].id };
    let number = decide(dir.path(), Concerns::Records(vec![place.clone()]));
    let erased = erase_pending_offline(&settings(dir.path())).await.unwrap();
    assert_eq!((erased.days, erased.done, erased.waiting), (vec![], vec![], vec![(number, place.day)]));
    assert_eq!(Statements::read(&register, &opened).unwrap().restricts(&found[0]), Some(number));
}

#[tokio::test]
async fn what_is_held_is_erased_only_when_the_hold_is_over_law_5() {
    let dir = world(&[vec![record(OCTOBER, "p.dupont"), record(OCTOBER + 1, "a.martin")]]).await;
    let Settings { dir: register, keys, .. } = settings(dir.path());
    let keys = Keys::open(&keys, &register).unwrap();
    let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date();
    let terms = Terms {
        ground: Ground::Incident { incident: "2026-12".into() },
        about: vec![Subject::User("p.dupont".into())],
        from: OCTOBER,
        to: OCTOBER + DAY,
        review: today.saturating_add(1.month()),
        until: today.saturating_add(2.months()),
        reason: "an intrusion found late".into(),
    };
    let hold = Desk::open(&register, &keys).unwrap().add("dpo", terms, None).unwrap();
    let span = Span { from: Some(OCTOBER), to: Some(OCTOBER + DAY) };
    let number = decide(dir.path(), Concerns::User("p.dupont".into(), span));
    let other = decide(dir.path(), Concerns::User("a.martin".into(), span));
    let erased = erase_pending_offline(&settings(dir.path())).await.unwrap();
    assert_eq!((erased.done, erased.waiting), (vec![other], vec![(number, "2026-10-01".into())]));
    assert_eq!(users(dir.path()).await, ["p.dupont"]);
    Desk::open(&register, &keys).unwrap().release(hold, "dpo", "over", None).unwrap();
    assert_eq!(erase_pending_offline(&settings(dir.path())).await.unwrap().done, [number]);
    assert_eq!(users(dir.path()).await, Vec::<String>::new());
    holds_by(dir.path()).await;
}

async fn import(dir: &Path, days: &[Vec<Record>]) -> Vec<[u64; 3]> {
    let mut importer = Importer::begin(&settings(dir)).await.unwrap();
    let mut imported = Vec::new();
    for day in days {
        let Imported { filed, known, erased } = importer.take(day.clone()).await.unwrap();
        imported.push([filed, known, erased]);
    }
    importer.finish().await.unwrap();
    imported
}

#[tokio::test]
async fn what_was_erased_does_not_come_back_by_importing_the_same_log_again_law_10() {
    let one = Record { host: Some("other.example".into()), ..record(OCTOBER + 3, "a.martin") };
    let log = [
        vec![record(OCTOBER, "P.Dupont"), record(OCTOBER + 1, "a.martin"), one.clone()],
        vec![record(OCTOBER + 2 * DAY, "p.dupont"), record(OCTOBER + 3 * DAY - 1, "a.martin")],
    ];
    let dir = world(&log).await;
    let Settings { dir: register, keys, .. } = settings(dir.path());
    let keys = Keys::open(&keys, &register).unwrap();
    let span = Span { from: Some(OCTOBER), to: Some(OCTOBER + 2 * DAY) };
    let of_person = decide(dir.path(), Concerns::User("p.dupont".into(), span));
    let found = search(&register, &keys, &Search::default()).await.unwrap();
    let id = found.iter().find(|record| record.host == one.host).unwrap().id;
    let of_one = decide(dir.path(), Concerns::Records(vec![Place { day: "2026-10-01".into(), id }]));
    assert_eq!(erase_pending_offline(&settings(dir.path())).await.unwrap().done, [of_person, of_one]);
    let before = users(dir.path()).await;
    for _ in 0..2 {
        // What came after the time that was erased is the person's still.
        assert_eq!(import(dir.path(), &log).await, [[0, 1, 2], [0, 2, 0]]);
    }
    // Nor does it come with a log that the register never had.
    let late = [vec![record(OCTOBER + DAY, "p.dupont"), record(OCTOBER + DAY, "a.martin")]];
    assert_eq!(import(dir.path(), &late).await, [[1, 0, 1]]);
    assert_eq!(users(dir.path()).await.len(), before.len() + 1);
    holds_by(dir.path()).await;
    // What came back before it was minded is hidden.
    let said = Statements::read(&register, &keys).unwrap();
    let again = Record { id: 99, ..record(OCTOBER, "p.dupont") };
    assert_eq!(said.restricts(&again), Some(of_person));
    assert_eq!(said.restricts(&Record { opened_at: OCTOBER + 2 * DAY, ..again }), None);
}

/// A hold on what `p.dupont` did on the first of October.
fn held(ground: Ground) -> Terms {
    let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date();
    Terms {
        ground,
        about: vec![Subject::User("p.dupont".into())],
        from: OCTOBER,
        to: OCTOBER + DAY,
        review: today.saturating_add(1.month()),
        until: today.saturating_add(2.months()),
        reason: "of the inquiry".into(),
    }
}

#[tokio::test]
async fn a_judicial_hold_does_not_show_through_an_erasure_and_keeps_what_is_erased_law_9() {
    let day = [record(OCTOBER, "p.dupont"), record(OCTOBER + 1, "a.martin"), record(OCTOBER + 2, "p.dupont")];
    let span = Span { from: Some(OCTOBER), to: Some(OCTOBER + DAY) };
    let mut seen = Vec::new();
    for is_held in [false, true] {
        let dir = world(&[day.to_vec()]).await;
        let Settings { dir: register, keys, .. } = settings(dir.path());
        let keys = Keys::open(&keys, &register).unwrap();
        let terms = held(Ground::Judicial { reference: "PV 2026/117".into() });
        let hold = is_held.then(|| Desk::open(&register, &keys).unwrap().add("opj", terms, None).unwrap());
        decide(dir.path(), Concerns::User("P.DUPONT".into(), span));
        let erased = erase_pending_offline(&settings(dir.path())).await.unwrap();
        let report = verify(&register, &keys, &keys.public(), |_| {}).await.unwrap();
        let grounds: Vec<_> =
            seals(&register, &keys.public()).unwrap().into_values().map(|(_, seal)| seal.ground).collect();
        seen.push((erased, users(dir.path()).await, report, grounds));
        let Some(hold) = hold else { continue };
        // Whoever reads under the hold has it all, proved; once, also when the day goes.
        let holds = Holds::read(&register, &keys).unwrap();
        let hold = holds.get(hold).unwrap();
        assert_eq!(hold.extracts.iter().map(|extract| extract.records).sum::<u64>(), 2);
        let mut found = Vec::new();
        let nobody = People::default();
        let missed = crate::hold::visit(&register, &keys, hold, &nobody, |record| {
            found.push(record.opened_at - OCTOBER);
            std::ops::ControlFlow::Continue(())
        });
        assert!(missed.await.unwrap().is_empty());
        assert_eq!(found, [0, 2]);
        // What was put aside is missed when it is gone, and goes with the hold.
        let folder = register.join("holds").join(hold.number.to_string());
        let file = folder.join("2026-10-01.1");
        let bytes = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let report = verify(&register, &keys, &keys.public(), |_| {}).await.unwrap();
        assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
        std::fs::write(&file, bytes).unwrap();
        Desk::open(&register, &keys).unwrap().release(hold.number, "opj", "the inquiry is over", None).unwrap();
        crate::hold::settle(&register, &keys, "PME", "gate").unwrap();
        assert!(!folder.exists());
        holds_by(dir.path()).await;
    }
    let [without, with] = seen.try_into().unwrap();
    assert_eq!((&without.0, &without.1, &without.3), (&with.0, &with.1, &with.3));
    assert_eq!((without.0.done.len(), without.0.waiting.len()), (1, 0));
    assert_eq!((without.2.findings, without.2.held_records), (with.2.findings, with.2.held_records));
}
