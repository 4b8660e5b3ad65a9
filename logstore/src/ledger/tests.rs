//! Ledgers: written, read, erased, cut, touched.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use proptest::prelude::*;

struct World {
    dir: tempfile::TempDir,
    keys: Keys,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("register")).unwrap();
        let keys = Keys::open(&dir.path().join("keys"), &dir.path().join("register")).unwrap();
        World { dir, keys }
    }

    fn register(&self) -> PathBuf {
        self.dir.path().join("register")
    }

    fn open(&self) -> OpenLedger<'_> {
        OpenLedger::open(&self.register(), &self.keys, Ledger::Requests).unwrap()
    }

    fn said(&self) -> Vec<(u64, String)> {
        let entries = read::<String>(&self.register(), &self.keys, Ledger::Requests).unwrap();
        entries.into_iter().map(|entry| (entry.number, entry.what)).collect()
    }

    fn wrong(&self) -> Vec<(u64, String)> {
        let text = chain::text(&Ledger::Requests.file(&self.register())).unwrap();
        check(&text, Ledger::Requests, &self.keys, &self.keys.public())
    }
}

#[test]
fn what_is_added_is_read_back_and_nothing_of_it_is_in_the_clear() {
    let world = World::new();
    assert_eq!(world.said(), []);
    let mut ledger = world.open();
    assert_eq!(ledger.add("l.moreau", &"asks for a copy".to_owned()).unwrap(), 1);
    assert_eq!(ledger.add("l.moreau", &"was answered".to_owned()).unwrap(), 2);
    drop(ledger);
    assert_eq!(world.said(), [(1, "asks for a copy".to_owned()), (2, "was answered".to_owned())]);
    let entries = read::<String>(&world.register(), &world.keys, Ledger::Requests).unwrap();
    assert!(entries[0].at <= entries[1].at && entries[0].who == "l.moreau");
    let text = std::fs::read_to_string(Ledger::Requests.file(&world.register())).unwrap();
    assert!(!text.contains("moreau") && !text.contains("copy"), "{text}");
    assert_eq!(world.wrong(), []);
}

#[test]
fn an_erased_entry_is_gone_and_the_others_stay() {
    let world = World::new();
    let mut ledger = world.open();
    for what in ["a", "b", "c"] {
        ledger.add("x", &what.to_owned()).unwrap();
    }
    let file = Ledger::Requests.file(&world.register());
    let key = |number: u64| {
        let keys = std::fs::read_dir(world.dir.path().join("keys/ledgers")).unwrap();
        let names = keys.map(|key| key.unwrap().file_name().into_string().unwrap());
        names.into_iter().any(|name| name.starts_with(&format!("requests.{number}.")))
    };
    ledger.erase(&[2], "five years are over").unwrap();
    drop(ledger);
    assert_eq!(world.said(), [(1, "a".to_owned()), (3, "c".to_owned())]);
    assert!(key(1) && !key(2) && key(3));
    assert_eq!(chain::check(&chain::text(&file).unwrap(), "requests", &world.keys.public()), Ok(4));
    assert_eq!(world.wrong(), []);
}

#[test]
fn an_erasure_that_was_cut_is_ended_when_the_ledger_is_opened() {
    let world = World::new();
    let mut ledger = world.open();
    ledger.add("x", &"a".to_owned()).unwrap();
    let kept = world.dir.path().join("kept");
    let folder = world.dir.path().join("keys/ledgers");
    let key = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&key, &kept).unwrap();
    ledger.erase(&[1], "asked for").unwrap();
    drop(ledger);
    std::fs::copy(&kept, &key).unwrap();
    assert!(world.wrong()[0].1.contains("copies of it open"));
    drop(world.open());
    assert!(!key.exists() && world.wrong().is_empty());
}

#[test]
fn a_key_that_is_lost_or_an_entry_that_is_moved_is_said_and_nothing_is_read_past_it() {
    let world = World::new();
    let mut ledger = world.open();
    ledger.add("x", &"a".to_owned()).unwrap();
    drop(ledger);
    let key = std::fs::read_dir(world.dir.path().join("keys/ledgers")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(key).unwrap();
    let error = read::<String>(&world.register(), &world.keys, Ledger::Requests).unwrap_err().to_string();
    assert!(error.contains("requests.jsonl, entry 1: "), "{error}");
    assert_eq!(world.wrong()[0].0, 1);
}

#[test]
fn a_touched_ledger_is_not_read() {
    let world = World::new();
    let mut ledger = world.open();
    ledger.add("x", &"a".to_owned()).unwrap();
    ledger.add("x", &"b".to_owned()).unwrap();
    drop(ledger);
    let file = Ledger::Requests.file(&world.register());
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.split_inclusive('\n').skip(1).collect::<String>()).unwrap();
    let error = read::<String>(&world.register(), &world.keys, Ledger::Requests).unwrap_err().to_string();
    assert!(error.contains("entry 1 is missing"), "{error}");
}

#[test]
fn the_master_key_is_replaced_under_a_ledger() {
    let world = World::new();
    world.open().add("x", &"a".to_owned()).unwrap();
    world.keys.replace_master().unwrap();
    assert_eq!(world.said(), [(1, "a".to_owned())]);
}

#[test]
fn time_never_runs_back() {
    let world = World::new();
    let mut ledger = world.open();
    ledger.add("x", &"a".to_owned()).unwrap();
    ledger.last_at = clock::now() + 3_600_000_000;
    let ahead = ledger.last_at;
    ledger.add("x", &"b".to_owned()).unwrap();
    drop(ledger);
    assert_eq!(world.open().now(), ahead);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_text_comes_back(texts in proptest::collection::vec(".*", 0..5)) {
        let world = World::new();
        for text in &texts {
            world.open().add(text, text).unwrap();
        }
        let said: Vec<String> = world.said().into_iter().map(|(_, what)| what).collect();
        prop_assert_eq!(said, texts);
    }
}

/// A ledger of three entries; its file, and what is in it.
fn of_three(world: &World) -> (PathBuf, String) {
    for what in ["open", "restricted", "closed"] {
        world.open().add("x", &what.to_owned()).unwrap();
    }
    let file = Ledger::Requests.file(&world.register());
    let text = std::fs::read_to_string(&file).unwrap();
    (file, text)
}

fn refused(world: &World) -> [String; 2] {
    let read = read::<String>(&world.register(), &world.keys, Ledger::Requests).unwrap_err().to_string();
    let opened = OpenLedger::open(&world.register(), &world.keys, Ledger::Requests).err().unwrap().to_string();
    [read, opened]
}

#[test]
fn a_ledger_that_was_deleted_emptied_or_cut_reopens_nothing() {
    let world = World::new();
    let (file, text) = of_three(&world);
    for lines in [Some(2), Some(1), Some(0), None] {
        match lines {
            Some(lines) => std::fs::write(&file, text.split_inclusive('\n').take(lines).collect::<String>()).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        for refused in refused(&world) {
            assert!(refused.contains("requests.jsonl: it is ") && refused.contains("entry 3"), "{refused}");
            assert!(refused.contains("Put its newest copy back"), "{refused}");
        }
    }
    // To refuse makes no new one, and put back it is what it was.
    assert!(!file.exists());
    std::fs::write(&file, text).unwrap();
    assert_eq!(world.said().len(), 3);
}

#[test]
fn a_head_that_a_crash_tore_or_lost_locks_nobody_out_and_the_keys_bear_out_what_it_said() {
    let world = World::new();
    let (file, text) = of_three(&world);
    let head = world.dir.path().join("keys/heads/requests");
    for torn in [&b""[..], b"{\"number\":3,"] {
        std::fs::write(&head, torn).unwrap();
        assert_eq!(world.said().len(), 3);
        world.open();
        std::fs::write(&file, text.split_inclusive('\n').take(1).collect::<String>()).unwrap();
        assert!(refused(&world).iter().all(|refused| refused.contains("entry 3 has a key and is gone")));
        std::fs::remove_file(&file).unwrap();
        assert!(refused(&world).iter().all(|refused| refused.contains("it is gone")));
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(world.open().add("x", &"d".to_owned()).unwrap(), 4);
    assert_eq!(world.keys.head("requests").unwrap().number, 4);
}

#[test]
fn a_crash_before_the_line_of_an_entry_locks_nobody_out() {
    let world = World::new();
    drop(world.open());
    world.keys.make_entry("requests", 1).unwrap();
    assert_eq!(world.said(), []);
    assert_eq!(world.open().add("x", &"a".to_owned()).unwrap(), 1);
    world.keys.make_entry("requests", 2).unwrap();
    assert_eq!(world.said().len(), 1);
    assert_eq!(world.open().add("x", &"b".to_owned()).unwrap(), 2);
    assert_eq!(world.said().len(), 2);
}
