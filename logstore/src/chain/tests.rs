//! Chains: whatever is done to a line, the first that doesn't hold is named.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    text: String,
}

fn keys(dir: &Path) -> Keys {
    Keys::open(&dir.join("keys"), &dir.join("register")).unwrap()
}

/// Five entries, and the key they are signed with.
fn written(dir: &Path) -> (String, Keys) {
    let keys = keys(dir);
    let file = dir.join("chain.jsonl");
    for text in ["a", "b\"\\\n", "c", "d", "\",\"signature\":\"x"] {
        append(&file, "test", &keys, &Body { text: text.into() }).unwrap();
    }
    (text(&file).unwrap(), keys)
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn what_was_added_holds_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let (text, keys) = written(dir.path());
    assert_eq!(check(&text, "test", &keys.public()), Ok(5));
    let read: Vec<String> =
        entries::<Body>(&text, "test", &keys.public()).into_iter().map(|(_, link)| link.body.text).collect();
    assert_eq!(read, ["a", "b\"\\\n", "c", "d", "\",\"signature\":\"x"]);
    assert_eq!(check("", "test", &keys.public()), Ok(0));
}

#[test]
fn every_kind_of_tampering_is_named_where_it_first_shows() {
    let dir = tempfile::tempdir().unwrap();
    let (text, keys) = written(dir.path());
    let all = lines(&text);
    let broken = |lines: Vec<&str>| check(&format!("{}\n", lines.join("\n")), "test", &keys.public()).unwrap_err();
    let changed = all[1].replace("\"b", "\"B");
    assert_eq!(broken(vec![all[0], &changed, all[2]]).line, 2);
    let removed = broken(vec![all[0], all[2], all[3]]);
    assert_eq!((removed.line, removed.why.as_str()), (2, "entry 2 is missing before it"));
    assert_eq!(broken(vec![all[1], all[2]]).line, 1);
    let twice = broken(vec![all[0], all[1], all[1], all[2]]);
    assert_eq!((twice.line, twice.why.as_str()), (3, "it stands behind its place, or twice"));
    assert_eq!(broken(vec![all[0], all[2], all[1], all[3]]).line, 2);
    assert_eq!(broken(vec![all[0], all[1], "{\"entry\":{}}", all[2]]).line, 4);
    assert_eq!(broken(vec![all[0], all[1], "loose"]).line, 3);
    assert_eq!(check(&text, "other", &keys.public()).unwrap_err().line, 1);
}

#[test]
fn a_line_signed_by_another_key_is_told_as_such() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (text, keys) = written(dir.path());
    let foreign = Keys::open(&other.path().join("keys"), &other.path().join("register")).unwrap();
    let previous = Line::of(lines(&text)[4]).unwrap().hash();
    let forged = sign(&foreign, "test", 6, &previous, &Body { text: "e".into() }).unwrap();
    let broken = check(&format!("{text}{forged}\n"), "test", &keys.public()).unwrap_err();
    assert_eq!(broken.line, 6);
    assert!(broken.why.starts_with("it is signed by another key"), "{}", broken.why);
    assert_eq!(check(&text, "test", &foreign.public()).unwrap_err().line, 1);
}

#[test]
fn a_torn_line_is_covered_by_the_next_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, keys) = written(dir.path());
    let file = dir.path().join("chain.jsonl");
    std::fs::write(&file, format!("{whole}{{\"entry\":{{\"ki")).unwrap();
    append(&file, "test", &keys, &Body { text: "e".into() }).unwrap();
    append(&file, "test", &keys, &Body { text: "f".into() }).unwrap();
    let text = text(&file).unwrap();
    assert_eq!(check(&text, "test", &keys.public()), Ok(7));
    assert_eq!(check(&text.replace("\"ki\n", "\"kI\n"), "test", &keys.public()).unwrap_err().line, 7);
}

#[test]
fn lines_from_before_the_chain_are_covered_by_its_first_entry() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path());
    let file = dir.path().join("chain.jsonl");
    std::fs::write(&file, "{\"who\":\"a\"}\n{\"who\":\"b\"}\n").unwrap();
    append(&file, "test", &keys, &Body { text: "c".into() }).unwrap();
    append(&file, "test", &keys, &Body { text: "d".into() }).unwrap();
    let text = text(&file).unwrap();
    assert_eq!(check(&text, "test", &keys.public()), Ok(2));
    assert_eq!(check(&text.replace("\"b\"", "\"x\""), "test", &keys.public()).unwrap_err().line, 3);
}

#[test]
fn several_processes_add_to_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path());
    let file = dir.path().join("chain.jsonl");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    append(&file, "test", &keys, &Body { text: "x".into() }).unwrap();
                }
            });
        }
    });
    assert_eq!(check(&text(&file).unwrap(), "test", &keys.public()), Ok(40));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_byte_can_be_changed_unseen(at in any::<prop::sample::Index>(), flip in 1_u8..128) {
        let dir = tempfile::tempdir().unwrap();
        let (text, keys) = written(dir.path());
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len() - 1);
        bytes[at] ^= flip;
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert!(check(&changed, "test", &keys.public()).is_err(), "{changed}");
    }

    #[test]
    fn no_text_is_too_strange_to_be_checked(text in "(\\{\"entry\":|\\PC|\n|\",\"signature\":\"|\"\\}){0,20}") {
        let dir = tempfile::tempdir().unwrap();
        let _ = check(&text, "test", &keys(dir.path()).public());
    }
}

#[test]
fn a_line_is_a_line_to_every_reader() {
    let dir = tempfile::tempdir().unwrap();
    let (text, keys) = written(dir.path());
    let forged = "{\"entry\":{\"kind\":\"test\",\"number\":6,\"previous\":\"\",\"key\":\"\",\"text\":\"x\"},\"signature\":\"AAAA\"}";
    for end in ["\n", "\r\n", "\r", "\u{85}\n"] {
        let with = format!("{text}{forged}{end}");
        assert_eq!(entries::<Body>(&with, "test", &keys.public()).len(), 5, "{end:?}");
        assert_eq!(check(&with, "test", &keys.public()).unwrap_err().line, 6, "{end:?}");
        assert!(check(&format!("{forged}{end}"), "test", &keys.public()).is_err(), "{end:?}");
    }
}

#[test]
fn what_is_cut_off_the_end_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (text, keys) = written(dir.path());
    assert_eq!(check_head(&text, keys.head("test").as_ref()), Ok(()));
    let cut: String = text.lines().take(4).map(|line| format!("{line}\n")).collect();
    for cut in [cut.as_str(), ""] {
        assert_eq!(check(cut, "test", &keys.public()).map_err(|broken| broken.why), Ok(cut.lines().count() as u64));
        assert!(check_head(cut, keys.head("test").as_ref()).unwrap_err().contains("entry 5"));
    }
}

#[test]
fn what_was_cut_off_is_missed_for_ever_however_much_is_added_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, keys) = written(dir.path());
    let file = dir.path().join("chain.jsonl");
    for kept in [0, 3] {
        std::fs::write(&file, whole.split_inclusive('\n').take(kept).collect::<String>()).unwrap();
        for _ in 0..7 {
            append(&file, "test", &keys, &Body { text: "e".into() }).unwrap();
            let head = keys.head("test");
            assert!(check_head(&text(&file).unwrap(), head.as_ref()).unwrap_err().contains("entry 5"));
        }
    }
    // A head that a crash left behind is no such thing.
    std::fs::write(&file, &whole).unwrap();
    let third = Line::of(lines(&whole)[2]).unwrap().hash();
    keys.note_head("test", &Head { number: 3, hash: hex(&third), day: None });
    append(&file, "test", &keys, &Body { text: "e".into() }).unwrap();
    assert_eq!(keys.head("test").map(|head| head.number), Some(6));
}
