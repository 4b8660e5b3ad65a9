//! Records from elsewhere and records that go.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::{Action, Auth, Durability, Outcome, Search, search, verify};
use std::path::Path;

const DAY: i64 = 86_400_000_000;
/// 2026-10-01T00:00:00Z.
const OCTOBER: i64 = 1_790_812_800_000_000;

fn settings(dir: &Path) -> Settings {
    let (dir, keys) = (dir.join("register"), dir.join("keys"));
    Settings { dir, keys, node: "gate".into(), durability: Durability::Process }
}

fn record(at: i64, host: &str) -> Record {
    Record {
        id: 0,
        node: "squid".into(),
        opened_at: at,
        closed_at: Some(at + 5),
        user: Some("p.dupont".into()),
        auth: Auth::Basic,
        client_ip: [10, 0, 0, 1].into(),
        method: "GET".into(),
        scheme: "http".into(),
        host: Some(host.into()),
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

async fn import(dir: &Path, days: &[Vec<Record>]) -> Vec<Imported> {
    let mut importer = Importer::begin(&settings(dir)).await.unwrap();
    let mut imported = Vec::new();
    for day in days {
        imported.push(importer.take(day.clone()).await.unwrap());
    }
    importer.finish().await.unwrap();
    imported
}

async fn all(dir: &Path) -> Vec<Record> {
    let Settings { dir, keys, .. } = settings(dir);
    search(&dir, &Keys::open(&keys, &dir).unwrap(), &Search::default()).await.unwrap()
}

async fn holds(dir: &Path) -> u64 {
    let Settings { dir, keys, .. } = settings(dir);
    let keys = Keys::open(&keys, &dir).unwrap();
    let report = verify(&dir, &keys, &keys.public(), |_| {}).await.unwrap();
    assert_eq!(report.findings, []);
    report.records
}

#[tokio::test]
async fn imported_days_are_sealed_and_importing_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let days = vec![
        vec![record(OCTOBER, "a.example"), record(OCTOBER + 1, "b.example"), record(OCTOBER + 1, "b.example")],
        vec![record(OCTOBER + DAY, "c.example")],
    ];
    let first = import(dir.path(), &days).await;
    assert_eq!(first, [Imported { filed: 3, known: 0, erased: 0 }, Imported { filed: 1, known: 0, erased: 0 }]);
    assert_eq!(holds(dir.path()).await, 4);
    let before = all(dir.path()).await;
    let again = import(dir.path(), &days).await;
    assert_eq!(again, [Imported { filed: 0, known: 3, erased: 0 }, Imported { filed: 0, known: 1, erased: 0 }]);
    assert_eq!(all(dir.path()).await, before);
    // One more of what was there twice is one more.
    let more = import(dir.path(), &[vec![record(OCTOBER + 1, "b.example"); 3]]).await;
    assert_eq!(more, [Imported { filed: 1, known: 2, erased: 0 }]);
    assert_eq!(holds(dir.path()).await, 5);
    let ids: BTreeSet<i64> = all(dir.path()).await.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), 5, "an identifier was given twice");
}

#[tokio::test]
async fn the_same_day_may_come_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let part = vec![record(OCTOBER, "a.example")];
    assert_eq!(import(dir.path(), &[part.clone(), part.clone()]).await.iter().map(|one| one.filed).sum::<u64>(), 2);
    assert_eq!(holds(dir.path()).await, 2);
}

#[tokio::test]
async fn a_register_that_a_gate_keeps_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (register, _) = crate::Register::start(settings(dir.path())).await.unwrap();
    assert!(matches!(Importer::begin(&settings(dir.path())).await, Err(StartError::Held(_))));
    let refused = crate::erase(&settings(dir.path()), "2026-10-01", &[1], "ground", "root").await;
    assert!(matches!(refused, Err(crate::EraseError::Start(StartError::Held(_)))));
    assert_eq!(register.finish().await, 0);
}

#[tokio::test]
async fn what_is_erased_is_nowhere_and_what_stays_is_proved() {
    let dir = tempfile::tempdir().unwrap();
    import(dir.path(), &[vec![record(OCTOBER, "marker.example"), record(OCTOBER + 1, "b.example")]]).await;
    let id = all(dir.path()).await[0].id;
    assert_eq!(crate::erase(&settings(dir.path()), "2026-10-01", &[id, 999], "unlawful", "dpo").await.unwrap(), 1);
    assert_eq!(
        all(dir.path()).await.iter().map(|record| record.host.as_deref()).collect::<Vec<_>>(),
        [Some("b.example")]
    );
    assert_eq!(holds(dir.path()).await, 2);
    assert_eq!(crate::erase(&settings(dir.path()), "2026-10-01", &[id], "unlawful", "dpo").await.unwrap(), 0);
    let trail = crate::audit::read(&settings(dir.path()).dir).unwrap();
    let acts: Vec<(&str, &str, u64)> =
        trail.acts.iter().map(|act| (act.act.as_str(), act.who.as_str(), act.count)).collect();
    assert_eq!(acts, [("seal", "octroi", 2), ("seal", "octroi", 2), ("erase", "dpo", 1)]);
    for wrong in ["2026-10-02", "yesterday"] {
        assert!(crate::erase(&settings(dir.path()), wrong, &[id], "g", "dpo").await.is_err());
    }
}
