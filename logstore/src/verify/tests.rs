//! Every kind of tampering, by somebody who has the keys: the first record or seal that doesn't hold is named.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::dayfile::open::OpenDay;
use crate::dayfile::sealed::Draft;
use crate::record::{Action, Auth, Entry, Outcome, Verdict};
use crate::row::Row;
use crate::seal::{seal_again, seal_day};
use crate::{Durability, Search, search};
use std::collections::HashSet;
use std::path::PathBuf;

const DAY: i64 = 86_400_000_000;

pub(crate) fn row(id: i64, at: i64) -> Row {
    let entry = Entry {
        opened_at: at,
        user: Some(["a.martin", "p.dupont", "z.zola"][(id % 3) as usize].into()),
        auth: Auth::Basic,
        client_ip: [10, 0, 0, (id % 200) as u8].into(),
        method: "CONNECT".into(),
        scheme: "https",
        host: Some(format!("h{}.example", id % 17).into()),
        port: 443,
        path: None,
        masked: None,
        verdict: Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "c".into() },
    };
    let mut row = Row::opened(id, "gate".into(), &entry);
    row.closed_at = Some(at + 1000);
    row.outcome = Some(Outcome::Completed);
    row.status = Some(200);
    row
}

/// Days of forty records, a checkpoint every ten; sealed, but for the last.
struct Registered {
    dir: tempfile::TempDir,
    keys: Keys,
}

impl Registered {
    async fn new(days: i64) -> Registered {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("register")).unwrap();
        let keys = Keys::open(&dir.path().join("keys"), &dir.path().join("register")).unwrap();
        let registered = Registered { dir, keys };
        for number in 0..days {
            let day = Day::of(number * DAY);
            let mut open = registered.open(day).await;
            for part in 0..4 {
                let first = number * 40 + part * 10;
                let rows: Vec<Row> = (first + 1..first + 11).map(|id| row(id, number * DAY + id * 1000)).collect();
                open.file(&rows).await.unwrap();
                open.checkpoint(&registered.keys).await.unwrap();
            }
            open.close().await.unwrap();
            if number < days - 1 {
                seal_day(&registered.register(), day, "gate", &registered.keys).await.unwrap().unwrap();
            }
        }
        registered
    }

    fn register(&self) -> PathBuf {
        self.dir.path().join("register")
    }

    async fn open(&self, day: Day) -> OpenDay {
        match OpenDay::open(&self.register(), day, Durability::Process, &self.keys).await {
            Ok(open) => open,
            Err(_) => panic!("not opened"),
        }
    }

    async fn verify(&self) -> Report {
        verify(&self.register(), &self.keys, &self.keys.public(), |_| {}).await.unwrap()
    }

    async fn first(&self) -> (String, String) {
        let finding = self.verify().await.findings.into_iter().next().expect("something doesn't hold");
        (finding.what, finding.why)
    }

    /// Writes a sealed day again as somebody with all keys but the signing one would: records changed by `change`, which
    /// also says where each stands, the seal left as it is. `honest`: with the beginnings of leaves that then fit.
    async fn forge(&self, number: i64, honest: bool, change: impl Fn(&mut Vec<(Row, u64)>)) {
        let day = Day::of(number * DAY);
        let file = day.file(&self.register());
        let mut reader = Reader::open(&file, day, &self.keys).await.unwrap();
        let mut rows = Vec::new();
        let mut old = BTreeMap::new();
        for key in reader.block_keys().await.unwrap() {
            let block = reader.block_at(key).await.unwrap();
            let (whole, proofs) = (block.whole().unwrap(), block.proofs().unwrap());
            for (place, proof) in proofs.iter().enumerate() {
                rows.push((whole.rows().unwrap().row(place).unwrap(), proof.place));
                old.insert(whole.id(place), *proof);
            }
        }
        change(&mut rows);
        let lines = reader.checkpoints().await.unwrap();
        let users: Vec<Option<String>> = reader.users().await.unwrap();
        let key = self.keys.day(day, &reader.key.as_ref().unwrap().name).unwrap();
        let draft = file.with_extension("forged");
        let mut forged = Draft::begin(draft, day, &key).await.unwrap();
        let proofs: Vec<crate::columns::Proof> = rows
            .iter()
            .map(|(row, place)| {
                let text = crate::columns::write(&[row], &[], flate2::Compression::none(), || ());
                let block = Block::read(text).unwrap();
                let mut form = Vec::new();
                block.whole().unwrap().canonical(0, &mut form);
                let leaf = canonical::leaf(&key.salts, row.id, &form);
                let check =
                    if honest { [leaf[0], leaf[1]] } else { old.get(&row.id).map_or([0, 0], |proof| proof.check) };
                crate::columns::Proof { place: *place, check }
            })
            .collect();
        forged.block(&key, (0, 2), &rows.iter().map(|(row, _)| row).collect::<Vec<_>>(), &proofs).await.unwrap();
        forged.users(&key, &users.iter().map(Option::as_deref).collect::<Vec<_>>()).await.unwrap();
        forged.checkpoints(&lines).await.unwrap();
        for name in ["records", "first_id", "last_id", "first_opened", "last_opened", "seal"] {
            forged.set(name, reader.meta(name).unwrap()).await.unwrap();
        }
        reader.close().await.unwrap();
        let draft = forged.finish().await.unwrap();
        crate::dayfile::sealed::put_in_place(&draft, &file).unwrap();
    }

    fn seals(&self) -> Vec<String> {
        chain::text(&seal::chain_file(&self.register())).unwrap().lines().map(str::to_owned).collect()
    }

    fn write_seals(&self, lines: &[String]) {
        std::fs::write(
            seal::chain_file(&self.register()),
            lines.iter().map(|line| format!("{line}\n")).collect::<String>(),
        )
        .unwrap();
    }
}

#[tokio::test]
async fn what_nobody_touched_holds() {
    let registered = Registered::new(3).await;
    let report = registered.verify().await;
    assert_eq!(report.findings, []);
    assert_eq!((report.days, report.records, report.open_records, report.checkpoints), (2, 80, 40, 12));
}

#[tokio::test]
async fn a_changed_record_is_named() {
    let registered = Registered::new(3).await;
    registered
        .forge(0, false, |rows| rows.iter_mut().find(|(row, _)| row.id == 23).unwrap().0.host = Some("x".into()))
        .await;
    assert_eq!(registered.first().await.0, "1970-01-01, record 23");
}

#[tokio::test]
async fn a_record_changed_with_care_is_narrowed_down_to_its_minute() {
    let registered = Registered::new(3).await;
    registered.forge(1, true, |rows| rows.iter_mut().find(|(row, _)| row.id == 63).unwrap().0.bytes_sent += 1).await;
    let (what, why) = registered.first().await;
    assert_eq!(what, "1970-01-02, one of the 10 records settled from record 61 to record 70");
    assert!(why.contains("the checkpoint of"), "{why}");
}

#[tokio::test]
async fn a_removed_record_is_named_by_the_one_before() {
    let registered = Registered::new(3).await;
    registered.forge(0, true, |rows| rows.retain(|(row, _)| row.id != 23)).await;
    let (what, why) = registered.first().await;
    assert_eq!((what.as_str(), why.as_str()), ("1970-01-01, the one settled after record 22", "it was removed"));
    let registered = Registered::new(3).await;
    registered.forge(0, true, |rows| rows.retain(|(row, _)| row.id <= 30)).await;
    assert_eq!(registered.first().await.0, "1970-01-01, the one settled after record 30");
}

#[tokio::test]
async fn an_inserted_record_is_named() {
    for place in [11, 40] {
        let registered = Registered::new(3).await;
        registered.forge(0, true, |rows| rows.push((row(9999, 5), place))).await;
        let (what, why) = registered.first().await;
        assert!(what.contains("record"), "{what}");
        assert!(why.starts_with("it was inserted"), "{why}");
    }
}

#[tokio::test]
async fn records_that_changed_places_are_found() {
    let registered = Registered::new(3).await;
    registered
        .forge(0, true, |rows| {
            let at = |id: i64, rows: &[(Row, u64)]| rows.iter().position(|(row, _)| row.id == id).unwrap();
            let (a, b) = (at(12, rows), at(15, rows));
            (rows[a].1, rows[b].1) = (rows[b].1, rows[a].1);
        })
        .await;
    assert_eq!(registered.first().await.0, "1970-01-01, one of the 10 records settled from record 11 to record 20");
}

#[tokio::test]
async fn a_byte_changed_without_the_keys_is_found_in_its_block() {
    let registered = Registered::new(3).await;
    let file = Day::of(0).file(&registered.register());
    let mut database = crate::dayfile::open_for_tests(&file).await;
    sqlx::query("UPDATE block SET data = zeroblob(length(data))").execute(&mut database).await.unwrap();
    sqlx::Connection::close(database).await.unwrap();
    let (what, why) = registered.first().await;
    assert!(what.starts_with("1970-01-01, record 3, or one behind it in its block"), "{what}");
    assert!(why.contains("does not open under its key"), "{why}");
}

#[tokio::test]
async fn seals_removed_reordered_changed_or_cut_off_are_named() {
    let registered = Registered::new(4).await;
    let lines = registered.seals();
    registered.write_seals(&[lines[0].clone(), lines[2].clone()]);
    assert_eq!(
        registered.first().await,
        ("seals.jsonl, line 2 (1970-01-03)".into(), "entry 2 is missing before it".into())
    );
    registered.write_seals(&[lines[1].clone(), lines[0].clone(), lines[2].clone()]);
    assert!(registered.first().await.0.starts_with("seals.jsonl, line 1"));
    registered.write_seals(&[lines[0].clone(), lines[1].replace("\"records\":40", "\"records\":41"), lines[2].clone()]);
    let (what, why) = registered.first().await;
    assert_eq!(
        (what.as_str(), why.as_str()),
        ("seals.jsonl, line 2 (1970-01-02)", "it was changed: its signature does not fit")
    );
    registered.write_seals(&lines[..2]);
    let cut = ("seals.jsonl".into(), "it is cut off, or an older copy: entry 3 was added to it and is gone".into());
    assert_eq!(registered.first().await, cut);
    // Day, seal and what the keys know of it: the audit trail still knows.
    std::fs::remove_file(Day::of(2 * DAY).file(&registered.register())).unwrap();
    std::fs::remove_dir_all(registered.keys.dir().join("heads")).unwrap();
    let cut = ("seal of 1970-01-03".into(), "the audit trail knows it, and the chain of seals has it no more".into());
    assert_eq!(registered.first().await, cut);
    // The trail cut too: the day's own file knows.
    let registered = Registered::new(4).await;
    registered.write_seals(&registered.seals()[..2]);
    let trail = chain::text(&audit::file(&registered.register())).unwrap();
    let kept: String = trail.lines().take(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(audit::file(&registered.register()), kept).unwrap();
    std::fs::remove_dir_all(registered.keys.dir().join("heads")).unwrap();
    let day = ("1970-01-03".into(), "its file is sealed, and its seal is not in the chain".into());
    assert_eq!(registered.first().await, day);
}

#[tokio::test]
async fn a_seal_by_another_key_and_a_day_from_elsewhere_are_named() {
    let (registered, other) = (Registered::new(3).await, Registered::new(3).await);
    registered.write_seals(&other.seals());
    let (what, why) = registered.first().await;
    assert_eq!(what, "seals.jsonl, line 1 (1970-01-01)");
    assert!(why.starts_with("it is signed by another key"), "{why}");
    let registered = Registered::new(3).await;
    std::fs::copy(Day::of(0).file(&other.register()), Day::of(0).file(&registered.register())).unwrap();
    assert!(registered.first().await.1.contains("the key of 1970-01-01 is not there"));
}

#[tokio::test]
async fn a_day_that_is_gone_without_a_certificate_is_named() {
    let registered = Registered::new(3).await;
    std::fs::remove_file(Day::of(DAY).file(&registered.register())).unwrap();
    let (what, why) = registered.first().await;
    assert_eq!(what, "1970-01-02");
    assert!(why.contains("no certificate"), "{why}");
}

#[tokio::test]
async fn an_open_day_is_proved_as_far_as_its_checkpoints_go() {
    let registered = Registered::new(1).await;
    let file = Day::of(0).file(&registered.register());
    let mut database = crate::dayfile::open_for_tests(&file).await;
    sqlx::query("DELETE FROM batch WHERE number = 4").execute(&mut database).await.unwrap();
    let (what, why) = registered.first().await;
    assert_eq!(what, "1970-01-01, its end");
    assert!(why.contains("counts 40 records, there are 30"), "{why}");
    sqlx::query("DELETE FROM batch WHERE number = 1").execute(&mut database).await.unwrap();
    sqlx::Connection::close(database).await.unwrap();
    assert_eq!(registered.first().await.0, "1970-01-01, one of the 10 records settled from record 11 to record 20");
}

#[tokio::test]
async fn an_erased_record_leaves_its_leaf_and_its_day_is_sealed_anew() {
    let registered = Registered::new(3).await;
    let (dir, keys) = (registered.register(), &registered.keys);
    let before = keys.names_of(Day::of(0)).unwrap();
    let sealed =
        seal_again(&dir, Day::of(0), "gate", keys, &HashSet::from([23]), Vec::new(), "objection upheld").await.unwrap();
    assert_eq!((sealed.seal.records, sealed.seal.ground.as_deref()), (40, Some("objection upheld")));
    assert!(sealed.seal.replaces.is_some());
    assert_eq!(registered.verify().await.findings, []);
    let found = search(&dir, keys, &Search { id: Some(23), ..Search::default() }).await.unwrap();
    assert_eq!(found, []);
    let after = keys.names_of(Day::of(0)).unwrap();
    assert!(after.len() == 1 && after != before, "the old key is destroyed");
    // Again, and its trace stays.
    seal_again(&dir, Day::of(0), "gate", keys, &HashSet::from([24]), Vec::new(), "g").await.unwrap();
    let report = registered.verify().await;
    assert_eq!((report.findings, report.records), (vec![], 80));
    assert_eq!(search(&dir, keys, &Search::default()).await.unwrap().len(), 118);
}

#[tokio::test]
async fn records_can_be_added_to_a_sealed_day_which_says_so() {
    let registered = Registered::new(2).await;
    let (dir, keys) = (registered.register(), &registered.keys);
    let added: Vec<Row> = (1000..1005).map(|id| row(id, id * 1000)).collect();
    let sealed = seal_again(&dir, Day::of(0), "gate", keys, &HashSet::new(), added, "import").await.unwrap();
    assert_eq!((sealed.seal.records, sealed.seal.last_id), (45, 1004));
    assert_eq!(registered.verify().await.findings, []);
    assert_eq!(search(&dir, keys, &Search { id: Some(1003), ..Search::default() }).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_day_with_an_open_record_is_not_sealed() {
    let registered = Registered::new(1).await;
    let mut open = registered.open(Day::of(0)).await;
    open.file(&[Row { outcome: None, closed_at: None, ..row(41, 41_000) }]).await.unwrap();
    open.close().await.unwrap();
    let error = seal_day(&registered.register(), Day::of(0), "gate", &registered.keys).await.unwrap_err().to_string();
    assert!(error.ends_with("record 41 is still open"), "{error}");
    assert!(!Day::of(0).file(&registered.register()).with_extension("sealing").exists());
}

#[tokio::test]
async fn what_stands_in_the_clear_beside_the_records_is_held_to_them() {
    for (sql, what) in [
        ("UPDATE block SET user = 5, last_user = 5", "1970-01-01, the block that begins with record 3"),
        ("UPDATE block SET last_user = 1", "1970-01-01, the block that begins with record 3"),
        ("UPDATE block SET opened_at = opened_at + 1", "1970-01-01, the block that begins with record 3"),
        ("UPDATE block SET id = 4", "1970-01-01, the block that begins with record 4"),
        ("UPDATE meta SET value = '2' WHERE key = 'first_id'", "1970-01-01"),
        ("UPDATE meta SET value = '39' WHERE key = 'last_id'", "1970-01-01"),
        ("UPDATE meta SET value = '1' WHERE key = 'last_opened'", "1970-01-01"),
    ] {
        let registered = Registered::new(2).await;
        let mut database = crate::dayfile::open_for_tests(&Day::of(0).file(&registered.register())).await;
        sqlx::query(sql).execute(&mut database).await.unwrap();
        sqlx::Connection::close(database).await.unwrap();
        let (found, why) = registered.first().await;
        assert_eq!(found, what, "{sql}");
        assert!(why.contains("by which a search finds them"), "{why}");
    }
}

#[tokio::test]
async fn a_schema_with_something_added_is_not_read() {
    for sql in [
        "CREATE TRIGGER late AFTER INSERT ON batch BEGIN DELETE FROM batch WHERE number = new.number; END",
        "CREATE VIEW people AS SELECT user FROM block",
        "CREATE TABLE more (what TEXT)",
        "CREATE UNIQUE INDEX once ON block (last_user)",
    ] {
        let registered = Registered::new(1).await;
        let file = Day::of(0).file(&registered.register());
        let mut database = crate::dayfile::open_for_tests(&file).await;
        sqlx::query(sql).execute(&mut database).await.unwrap();
        sqlx::Connection::close(database).await.unwrap();
        let (found, why) = registered.first().await;
        assert!(found.contains("1970-01-01"), "{sql}: {found}");
        assert!(why.contains("its schema holds"), "{sql}: {why}");
        let read = crate::search(&registered.register(), &registered.keys, &crate::Search::default()).await;
        assert!(read.unwrap_err().to_string().contains("its schema holds"), "{sql}");
    }
}
