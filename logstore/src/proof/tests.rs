//! Proofs: what any search finds is shown once and proved, and nothing that was changed is.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::dayfile::open::OpenDay;
use crate::faults::{DAY, MIDNIGHT, entry};
use crate::row::Row;
use crate::seal::{seal_again, seal_day};
use crate::{Durability, HostFilter, Outcome, Record};
use std::collections::HashSet;
use std::path::PathBuf;

pub(crate) struct Kept {
    _dir: tempfile::TempDir,
    pub(crate) register: PathBuf,
    pub(crate) keys: Keys,
}

fn row(id: i64, at: i64) -> Row {
    let mut row = Row::opened(id, "gate".into(), &entry(at, &format!("h{}.example", id % 40), id as u64));
    (row.closed_at, row.outcome) = (Some(at + 7), Some(Outcome::Completed));
    row
}

async fn file(register: &Path, keys: &Keys, day: i64, rows: &[Row]) {
    let day = Day::of(MIDNIGHT).after(day);
    let Ok(mut open) = OpenDay::open(register, day, Durability::Process, keys).await else { panic!("not opened") };
    for part in rows.chunks(500) {
        open.file(part).await.unwrap();
    }
    open.close().await.unwrap();
}

/// A sealed day of several blocks; one sealed anew, for records that were erased and one that was added; one open.
async fn register() -> Kept {
    register_of([9000, 300, 60]).await
}

/// The same with so many records in each.
pub(crate) async fn register_of(counts: [i64; 3]) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let register = dir.path().join("register");
    std::fs::create_dir(&register).unwrap();
    let keys = Keys::open(&dir.path().join("keys"), &register).unwrap();
    for (day, count) in (0..).zip(counts) {
        let rows: Vec<Row> =
            (0..count).map(|n| row(day * 10_000 + n + 1, MIDNIGHT + day * DAY + n * 13 % 77)).collect();
        file(&register, &keys, day, &rows).await;
        if day < 2 {
            seal_day(&register, Day::of(MIDNIGHT).after(day), "gate", &keys).await.unwrap().unwrap();
        }
    }
    let erase = HashSet::from([1, counts[1] / 2, counts[1]].map(|number| 10_000 + number));
    let added = vec![row(30_000, MIDNIGHT + DAY + 5)];
    let day = Day::of(MIDNIGHT).after(1);
    seal_again(&register, day, "gate", &keys, &erase, added, "objection").await.unwrap();
    Kept { _dir: dir, register, keys }
}

impl Kept {
    pub(crate) async fn visited(&self, searches: &[Search]) -> Vec<ProvenDay> {
        let mut days = Vec::new();
        let visit = visit_proven(&self.register, &self.keys, searches, |day| {
            days.push(day);
            ControlFlow::Continue(())
        });
        assert!(visit.await.unwrap().is_empty());
        days
    }

    async fn naive(&self, searches: &[Search]) -> Vec<Record> {
        let all = crate::search(&self.register, &self.keys, &Search::default()).await.unwrap();
        all.into_iter().filter(|record| searches.iter().any(|search| search.covers(record))).collect()
    }
}

pub(crate) fn user(name: &str) -> Search {
    Search { user: Some(name.into()), ..Search::default() }
}

/// Proves a day again from what is told of it.
fn again(day: &ProvenDay) -> Result<ProvenDay, String> {
    ProvenDay::prove(day.seal.as_ref().unwrap(), &day.proof(), day.records.clone())
}

#[tokio::test]
async fn what_any_search_finds_is_shown_once_and_proved() {
    let kept = register().await;
    let host = |name: &str| Some(HostFilter::Exactly(name.into()));
    let first_day = Search { to: Some(MIDNIGHT + 40), ..user("a.martin") };
    for searches in [
        vec![user("p.dupont")],
        vec![user("p.dupont"), Search { host: host("h7.example"), ..Search::default() }, first_day],
        vec![Search { id: Some(10_002), ..Search::default() }],
        vec![Search { client: Some("10.0.1.0/24".parse().unwrap()), ..Search::default() }, user("nobody")],
        vec![Search::default()],
        vec![user("nobody")],
        vec![],
    ] {
        let days = kept.visited(&searches).await;
        let shown: Vec<Record> = days.iter().flat_map(|day| &day.records).map(|found| found.record.clone()).collect();
        assert_eq!(shown, kept.naive(&searches).await, "{searches:?}");
        for day in &days {
            let sealed = day.day != "2026-11-25";
            assert_eq!(day.seal.is_some(), sealed);
            assert!(day.records.iter().all(|found| found.spot.is_some() == sealed));
            match sealed {
                true => assert_eq!(again(day).unwrap(), *day),
                false => {
                    assert_eq!(day.proof(), DayProof { day: day.day.clone(), seal: None, blocks: None, places: None })
                }
            }
        }
    }
}

#[tokio::test]
async fn one_persons_day_has_a_small_proof() {
    let kept = register().await;
    let day = kept.visited(&[user("z.zola")]).await.swap_remove(0);
    let proof = day.proof().blocks.unwrap();
    assert!(day.records.len() > 2000 && proof.each.len() <= 2, "{proof:?}");
    let hashes = proof.hashes.len() + proof.each.iter().map(|block| block.hashes.len()).sum::<usize>();
    assert!(hashes < 40, "{hashes} hashes prove neighbours");
}

#[tokio::test]
async fn a_record_left_out_is_neither_told_nor_missed() {
    let kept = register().await;
    for mut day in kept.visited(&[user("p.dupont")]).await.into_iter().take(2) {
        let before = day.records.len();
        day.retain(|record| record.id % 4 != 0);
        assert!(day.records.len() < before && !day.records.is_empty());
        assert_eq!(again(&day).unwrap(), day);
        // Also from what was proved outside of the register.
        let mut other = again(&day).unwrap();
        other.retain(|record| record.id % 5 != 0);
        assert_eq!(again(&other).unwrap(), other);
        assert!(ProvenDay::prove(day.seal.as_ref().unwrap(), &other.proof(), day.records.clone()).is_err());
    }
}

#[tokio::test]
async fn nothing_that_was_changed_is_proved() {
    let kept = register().await;
    for day in kept.visited(&[user("p.dupont")]).await.into_iter().take(2) {
        let fails = |change: &dyn Fn(&mut ProvenDay, &mut DayProof)| {
            let (mut other, mut proof) = (day.clone(), day.proof());
            change(&mut other, &mut proof);
            ProvenDay::prove(other.seal.as_ref().unwrap(), &proof, other.records).unwrap_err()
        };
        let said = fails(&|day, _| day.records[3].record.host = Some("innocent.example".into()));
        assert_eq!(said, "one of its records, or its proof, is not what was sealed");
        fails(&|day, _| day.records[3].record.bytes_sent += 1);
        fails(&|day, _| day.records[3].record.opened_at += 1);
        fails(&|day, _| day.records[3].spot = day.records[4].spot.clone());
        fails(&|day, _| day.records[3].spot = None);
        fails(&|day, _| drop(day.records.pop()));
        fails(&|day, _| day.records.push(day.records[0].clone()));
        fails(&|day, _| day.records[0].spot.as_mut().unwrap().salt.replace_range(..1, "z"));
        fails(&|day, _| day.records[0].spot.as_mut().unwrap().at = At::Place { place: 0 });
        fails(&|_, proof| proof.day = "2026-11-22".into());
        fails(&|_, proof| proof.seal = None);
        fails(&|_, proof| proof.blocks = None);
        fails(&|_, proof| proof.blocks.as_mut().unwrap().size += 70);
        fails(&|_, proof| proof.blocks.as_mut().unwrap().each[0].size += 1);
        fails(&|_, proof| drop(proof.blocks.as_mut().unwrap().hashes.pop()));
        fails(&|_, proof| proof.blocks.as_mut().unwrap().each[0].hashes.push("00".repeat(32)));
        fails(&|_, proof| {
            let each = &mut proof.blocks.as_mut().unwrap().each;
            each.push(each[0].clone());
        });
        fails(&|_, proof| proof.places = Some(TreeProof { size: 9, hashes: vec![] }));
        fails(&|day, _| day.seal = Some(day.seal.as_ref().unwrap().replace("\"blocks\":\"", "\"blocks\":\"0")));
    }
}

#[tokio::test]
async fn a_day_that_an_earlier_version_sealed_is_proved_by_its_places() {
    let dir = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/2");
    crate::writer::copy_for_tests(&old, dir.path());
    let register = dir.path().join("register");
    let keys = Keys::open(&dir.path().join("keys"), &register).unwrap();
    let kept = Kept { _dir: dir, register, keys };
    let all = kept.naive(&[Search::default()]).await;
    let person = all.iter().find_map(|record| record.user.clone()).unwrap();
    let mut sealed = 0;
    for searches in [[user(&person)], [Search::default()]] {
        let days = kept.visited(&searches).await;
        assert_eq!(days.iter().map(|day| day.records.len()).sum::<usize>(), kept.naive(&searches).await.len());
        for day in days.iter().filter(|day| day.seal.is_some()) {
            assert!(day.proof().places.is_some());
            assert_eq!(again(day).unwrap(), *day);
            sealed += 1;
        }
    }
    assert!(sealed >= 3, "{sealed}");
}

#[tokio::test]
async fn a_day_whose_proof_was_changed_is_not_shown_as_proved() {
    let kept = register().await;
    let file = kept.register.join("2026-11-23.sqlite");
    let mut open = crate::dayfile::open_for_tests(&file).await;
    let change = "UPDATE part SET data = zeroblob(length(data)) WHERE name = 'roots'";
    sqlx::raw_sql(change).execute(&mut open).await.unwrap();
    sqlx::Connection::close(open).await.unwrap();
    let mut shown = Vec::new();
    let everything = [Search::default()];
    let missed = visit_proven(&kept.register, &kept.keys, &everything, |day| {
        shown.push(day.day);
        ControlFlow::Continue(())
    });
    let missed: Vec<String> = missed.await.unwrap().iter().map(ToString::to_string).collect();
    assert!(missed.len() == 1 && missed[0].contains("2026-11-23.sqlite: what proves its records"), "{missed:?}");
    assert_eq!(shown, ["2026-11-24", "2026-11-25"]);
}
