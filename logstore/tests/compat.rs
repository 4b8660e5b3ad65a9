//! Registers that earlier versions of this program wrote stay readable: `compat/1` holds day files of the first form and a
//! journal in the clear, both as a crash left them, `compat/2` days sealed, sealed anew and open, with a hidden journal.
//!
//! `records.jsonl` beside each is what their day files hold, read by other means. The files are as they were written by the
//! versions that wrote them, and are never made again; a version to come brings a folder of its own.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use logstore::{Durability, Keys, Outcome, PublicKey, Record, Register, Report, Search, Settings};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The SHA-256 over the names and contents of all files of a folder. One that was made again is another.
const WRITTEN: [(&str, &str); 2] = [
    ("1", "22642c011591d1c60c1f50d73f511e9d73f6af91531ea70a4001f5ca4c9760c4"),
    ("2", "6783b0bad69a0fa32e1136c6fc363c2536f72091791f2560322109d7a3c2e61d"),
];

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(version)
}

/// A copy to work on.
struct Kept {
    dir: tempfile::TempDir,
    version: &'static str,
}

impl Kept {
    fn of(version: &'static str) -> Kept {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files(&folder(version), "") {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, bytes).unwrap();
        }
        Kept { dir, version }
    }

    fn settings(&self) -> Settings {
        let (dir, keys) = (self.dir.path().join("register"), self.dir.path().join("keys"));
        Settings { dir, keys, node: "octroi-1".into(), durability: Durability::Process }
    }

    fn keys(&self) -> Keys {
        let Settings { dir, keys, .. } = self.settings();
        Keys::open(&keys, &dir).unwrap()
    }

    /// Every record as JSON, by its identifier.
    async fn found(&self) -> BTreeMap<i64, String> {
        let found = logstore::search(&self.settings().dir, &self.keys(), &Search::default()).await.unwrap();
        let line = |record: &Record| (record.id, serde_json::to_string(record).unwrap());
        found.iter().map(line).collect()
    }

    /// What the day files are known to hold.
    fn expected(&self) -> BTreeMap<i64, String> {
        let lines = fs::read_to_string(folder(self.version).join("records.jsonl")).unwrap();
        let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_i64().unwrap();
        lines.lines().map(|line| (id(line), line.to_owned())).collect()
    }

    async fn verified(&self, public: &PublicKey) -> Report {
        logstore::verify(&self.settings().dir, &self.keys(), public, |_| {}).await.unwrap()
    }

    /// Starts a register on it, until so many days are sealed.
    async fn run(&self, seals: usize) -> logstore::Recovery {
        let (register, recovery) = Register::start(self.settings()).await.unwrap();
        let chain = self.settings().dir.join("seals.jsonl");
        while fs::read_to_string(&chain).unwrap_or_default().lines().count() < seals {
            assert_eq!(register.seal_trouble(), None);
            // Filing looks at the clock when it has done something, else once a minute.
            register.flush().await.unwrap();
        }
        assert_eq!(register.finish().await, 0);
        recovery
    }
}

/// The files of a folder and of those in it, by name.
fn files(folder: &Path, before: &str) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{before}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            all.extend(files(&entry.path(), &format!("{name}/")));
        } else {
            all.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    all
}

#[test]
fn old_files_are_as_they_were_written() {
    for (version, written) in WRITTEN {
        let mut hash = Sha256::new();
        for (name, bytes) in files(&folder(version), "") {
            hash.update(format!("{name} {}\n", bytes.len()));
            hash.update(bytes);
        }
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, written, "compat/{version} was made again: files of old versions are only ever added");
    }
}

#[tokio::test]
async fn the_first_form_is_searched_then_turned_into_todays_and_sealed() {
    let kept = Kept::of("1");
    let expected = kept.expected();
    assert_eq!(kept.found().await, expected);
    let public = kept.keys().public();
    let report = kept.verified(&public).await;
    assert_eq!((report.findings.len(), report.records, report.notes.len()), (0, 0, 2), "{report:?}");

    let recovery = kept.run(2).await;
    assert_eq!((recovery.filed, recovery.interrupted, recovery.torn_bytes, recovery.damaged), (1, 2, 0, 0));
    let report = kept.verified(&public).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.days, report.records, report.notes.len()), (2, 19, 0));

    let found = kept.found().await;
    for (id, line) in expected.iter().filter(|(_, line)| !line.contains("\"outcome\":null")) {
        assert_eq!(&found[id], line);
    }
    // Filed open, settled in the journal, open in the journal.
    let left: Vec<serde_json::Value> = (17..20).map(|id| serde_json::from_str(&found[&id]).unwrap()).collect();
    let said = |field: &str| left.iter().map(|record| record[field].clone()).collect::<Vec<_>>();
    assert_eq!(said("outcome"), ["interrupted", "completed", "interrupted"]);
    assert_eq!(said("host"), ["h8.example", "h9.example", "h10.example"]);
    // 77 bytes were counted when the first was filed open; its opening is in the journal as well, which has counted nothing.
    assert_eq!(said("bytes_sent"), [77, 0, 0]);
    assert_eq!(said("bytes_received"), [0, 5, 0]);
    assert_eq!(said("path"), [serde_json::Value::Null, serde_json::Value::Null, "/é\"\u{2028}'".into()]);
    assert!(said("closed_at").iter().all(|closed| closed.as_str().unwrap() >= "2026-03-02T18:00:00.66"));
    assert_eq!(found.len(), 19);

    let trail = logstore::audit::read(&kept.settings().dir).unwrap();
    assert_eq!((trail.acts[0].who.as_str(), trail.acts[0].count, trail.unreadable.len()), ("root", 2, 0));
    for day in ["2026-03-01", "2026-03-02"] {
        let bytes = fs::read(kept.settings().dir.join(format!("{day}.sqlite"))).unwrap();
        assert!(!bytes.windows(8).any(|part| part == b"p.dupont" || part == b".example"), "{day} is in the clear");
    }
}

#[tokio::test]
async fn the_second_form_is_verified_searched_and_gone_on_with() {
    let kept = Kept::of("2");
    let expected = kept.expected();
    assert_eq!(kept.found().await, expected);
    let public = PublicKey::of_pem(&fs::read_to_string(folder("2").join("keys/seal.pub")).unwrap()).unwrap();
    let report = kept.verified(&public).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.days, report.records, report.open_records, report.notes.len()), (2, 17, 0, 0));

    let recovery = kept.run(5).await;
    assert_eq!((recovery.filed, recovery.interrupted, recovery.torn_bytes, recovery.damaged), (1, 2, 0, 0));
    let report = kept.verified(&public).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.days, report.records), (3, 28));
    let found = kept.found().await;
    for (id, line) in expected.iter().filter(|(_, line)| !line.contains("\"outcome\":null")) {
        assert_eq!(&found[id], line);
    }
    // 28 records, of which one was erased.
    assert_eq!(found.len(), 27);
    let interrupted = Search { id: Some(26), ..Search::default() };
    let interrupted = logstore::search(&kept.settings().dir, &kept.keys(), &interrupted).await.unwrap();
    assert_eq!((interrupted[0].outcome, interrupted[0].bytes_sent), (Some(Outcome::Interrupted), 77));
}

#[tokio::test]
async fn a_form_that_is_not_known_is_refused_and_left() {
    let kept = Kept::of("1");
    let file = kept.settings().dir.join("2026-03-02.sqlite");
    // `PRAGMA user_version`, in the database's header.
    let mut bytes = fs::read(&file).unwrap();
    bytes[60..64].copy_from_slice(&9_u32.to_be_bytes());
    fs::write(&file, &bytes).unwrap();
    let refused = Register::start(kept.settings()).await.err().unwrap().to_string();
    assert!(refused.contains("version 9") && refused.contains("2026-03-02"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), bytes);
}
