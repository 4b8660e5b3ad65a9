//! Bundles: what is put in is proved again, what is changed or forged is named, and nothing stands under a name before it is whole.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use super::*;
use crate::cipher::{hex, sha256};
use crate::proof::tests::{Kept, register_of, user};
use crate::{Finding, Keys, ProvenDay, PublicKey, Search};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use zip::ZipArchive;
use zip::write::SimpleFileOptions;

pub(crate) fn head() -> Head {
    Head {
        kind: Kind::Subject,
        reference: "DA-2026-7".into(),
        organisation: "Autoconcept".into(),
        node: "gate".into(),
        from: Some("2026-11-23T00:00:00Z".into()),
        to: None,
        made_at: "2026-12-01T09:00:00Z".into(),
        program: "octroi 0.1.0".into(),
        statement: BTreeMap::from([("fr".into(), csv_note("fr").into()), ("en".into(), csv_note("en").into())]),
    }
}

pub(crate) fn options(encryption: Encryption) -> Options {
    Options { encryption, zone: TimeZone::get("Europe/Paris").unwrap(), language: "fr".into() }
}

/// A bundle of these days, with a letter and something that was written piece by piece.
fn make(file: &Path, keys: &Keys, days: &[ProvenDay], encryption: Encryption) -> Result<Made, BundleError> {
    let mut bundle = Bundle::begin(file, options(encryption), head(), keys)?;
    bundle.add_file("lettre.html", "text/html", "La lettre", "<p>é</p>".as_bytes())?;
    let mut pieces = bundle.file("statements/1.jsonl", "application/jsonl", "Les déclarations")?;
    pieces.write_all(b"{}\n").unwrap();
    pieces.write_all(b"{}\n").unwrap();
    days.iter().try_for_each(|day| bundle.add_day(day))?;
    bundle.finish()
}

struct World {
    kept: Kept,
    dir: tempfile::TempDir,
}

impl World {
    async fn new(counts: [i64; 3]) -> World {
        World { kept: register_of(counts).await, dir: tempfile::tempdir().unwrap() }
    }

    async fn days(&self) -> Vec<ProvenDay> {
        self.kept.visited(&[user("p.dupont")]).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn public(&self) -> PublicKey {
        self.kept.keys.public()
    }

    fn verify(&self, name: &str) -> Result<Report, Finding> {
        verify(&self.file(name), Some(&self.public()), None)
    }

    /// What stands in the folder.
    fn names(&self) -> Vec<String> {
        crate::faults::names(self.dir.path())
    }
}

#[tokio::test]
async fn a_bundle_holds_what_was_given_and_proves_it() {
    let world = World::new([2000, 300, 60]).await;
    let days = world.days().await;
    let made = make(&world.file("a.zip"), &world.kept.keys, &days, Encryption::None).unwrap();
    let bytes = std::fs::read(world.file("a.zip")).unwrap();
    assert_eq!((made.sha256.clone(), made.bytes), (hex(&sha256(&bytes)), bytes.len() as u64));
    let all: u64 = days.iter().map(|day| day.records.len() as u64).sum();
    let open = days[2].records.len() as u64;
    assert_eq!((made.days, made.records, made.proved), (3, all, all - open));
    let report = world.verify("a.zip").unwrap();
    assert_eq!((report.records, report.proved, report.trusted, report.entries), (all, all - open, true, 8));
    assert_eq!((report.bundle, report.sha256), (head(), made.sha256));
    assert!(!verify(&world.file("a.zip"), None, None).unwrap().trusted);
    assert_eq!(std::fs::metadata(world.file("a.zip")).unwrap().permissions().mode() & 0o777, 0o600);
    // Whoever reads it again has the days with their proofs.
    let mut again = Vec::new();
    let shown = read(&world.file("a.zip"), &world.public(), None, |day| {
        again.push(day);
        ControlFlow::Continue(())
    });
    shown.unwrap();
    assert_eq!(again, days);
    // The same input, the same bytes; made of what was read from a bundle too.
    make(&world.file("b.zip"), &world.kept.keys, &again, Encryption::None).unwrap();
    assert!(std::fs::read(world.file("b.zip")).unwrap() == bytes);
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(
        names,
        ["manifest.json", "lettre.html", "statements/1.jsonl", CSV, JSON, PROOFS, SEALS, KEY],
        "an order that is always the same"
    );
    let mut csv = String::new();
    zip.by_name(CSV).unwrap().read_to_string(&mut csv).unwrap();
    assert!(csv.starts_with("id,node,opened_at,opened_at_local,closed_at,user,"), "{csv}");
    assert!(csv.contains(",2026-11-23T00:00:00.000007Z,2026-11-23T01:00:00.000007+01:00,"), "{csv}");
    assert_eq!(world.names(), ["a.zip", "b.zip"]);
}

#[tokio::test]
async fn nothing_found_is_a_bundle_too() {
    let world = World::new([20, 20, 2]).await;
    let made = make(&world.file("none.zip"), &world.kept.keys, &[], Encryption::None).unwrap();
    assert_eq!((made.days, made.records, made.proved), (0, 0, 0));
    assert_eq!(world.verify("none.zip").unwrap().records, 0);
}

#[tokio::test]
async fn a_password_hides_everything_but_the_key() {
    let world = World::new([200, 20, 2]).await;
    let days = world.days().await;
    let hidden = || Encryption::Password("correct horse".into());
    make(&world.file("a.zip"), &world.kept.keys, &days, hidden()).unwrap();
    make(&world.file("b.zip"), &world.kept.keys, &days, hidden()).unwrap();
    let bytes = std::fs::read(world.file("a.zip")).unwrap();
    assert!(bytes != std::fs::read(world.file("b.zip")).unwrap(), "a salt was given twice");
    let public = world.public();
    let checked = |password| verify(&world.file("a.zip"), Some(&public), password);
    assert_eq!(checked(Some("correct horse")).unwrap().days, 3);
    assert_eq!(checked(None).unwrap_err().why, "it is hidden under a password, and none was given");
    assert_eq!(checked(Some("battery staple")).unwrap_err().why, "it is hidden under another password");
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    for entry in 0..zip.len() {
        let raw = zip.by_index_raw(entry).unwrap();
        assert_eq!(raw.encrypted(), raw.name().unwrap() != KEY);
        assert!(!raw.encrypted() || raw.crc32() == 0, "the sum of what is hidden says what it is");
    }
    let empty = make(&world.file("c.zip"), &world.kept.keys, &days, Encryption::Password(String::new()));
    assert_eq!(empty.unwrap_err().to_string(), "the password is empty");
}

#[tokio::test]
async fn a_recipient_decrypts_it_and_proves_it_then() {
    let world = World::new([200, 20, 2]).await;
    let days = world.days().await;
    let identity = age::x25519::Identity::generate();
    let recipient = Encryption::Age(identity.to_public().to_string());
    let made = make(&world.file("a.zip.age"), &world.kept.keys, &days, recipient).unwrap();
    let bytes = std::fs::read(world.file("a.zip.age")).unwrap();
    assert_eq!((made.sha256, made.bytes), (hex(&sha256(&bytes)), bytes.len() as u64));
    assert!(world.verify("a.zip.age").unwrap_err().why.contains("age --decrypt"));
    let decryptor = age::Decryptor::new(bytes.as_slice()).unwrap();
    let mut plain = Vec::new();
    decryptor.decrypt(std::iter::once(&identity as _)).unwrap().read_to_end(&mut plain).unwrap();
    std::fs::write(world.file("a.zip"), &plain).unwrap();
    assert_eq!(world.verify("a.zip").unwrap().days, 3);
    make(&world.file("b.zip"), &world.kept.keys, &days, Encryption::None).unwrap();
    assert!(plain == std::fs::read(world.file("b.zip")).unwrap());
    for wrong in ["", "age1", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1"] {
        let error = make(&world.file("c.zip"), &world.kept.keys, &days, Encryption::Age(wrong.into())).unwrap_err();
        assert!(matches!(error, BundleError::Recipient(_)), "{error}");
    }
    assert_eq!(world.names(), ["a.zip", "a.zip.age", "b.zip"]);
}

#[tokio::test]
async fn a_byte_changed_anywhere_is_found() {
    let world = World::new([4, 6, 4]).await;
    let days = world.days().await;
    let days = &days[..1];
    for (name, encryption, password) in
        [("a.zip", Encryption::None, None), ("b.zip", Encryption::Password("p".into()), Some("p"))]
    {
        make(&world.file(name), &world.kept.keys, days, encryption).unwrap();
        let bytes = std::fs::read(world.file(name)).unwrap();
        let changed = world.file("changed.zip");
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1 << (at % 8);
            std::fs::write(&changed, &other).unwrap();
            assert!(verify(&changed, Some(&world.public()), password).is_err(), "byte {at}");
            assert!(verify(&changed, None, password).is_err(), "byte {at}, under the key in it");
        }
        for length in [0, 1, 21, 22, COMMENT + END, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&changed, &bytes[..length]).unwrap();
            assert!(verify(&changed, Some(&world.public()), password).is_err(), "cut to {length}");
        }
        for (before, behind) in [(&b"x"[..], &b""[..]), (b"", b"x"), (b"PK\x05\x06", b"\0")] {
            std::fs::write(&changed, [before, &bytes, behind].concat()).unwrap();
            assert!(verify(&changed, None, password).is_err(), "something was added");
        }
    }
}

/// The entries of a bundle, to be changed and put together again by somebody who has a key.
fn entries(file: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(File::open(file).unwrap()).unwrap();
    let mut all = Vec::new();
    for entry in 0..zip.len() {
        let mut entry = zip.by_index(entry).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        all.push((entry.name().unwrap().into_owned(), bytes));
    }
    all
}

/// Puts a bundle together and signs it, with a manifest that fits unless it is told to be left.
fn forge(file: &Path, mut entries: Vec<(String, Vec<u8>)>, keys: &Keys, fit: bool) {
    let mut manifest: Manifest = serde_json::from_slice(&entries[0].1).unwrap();
    manifest.key = keys.public().fingerprint();
    if fit {
        let listed = entries[1..].iter().map(|(name, bytes)| Listed {
            name: name.clone(),
            media_type: String::new(),
            what: String::new(),
            bytes: bytes.len() as u64,
            sha256: hex(&sha256(bytes)),
        });
        manifest.entries = listed.collect();
    }
    entries[0].1 = serde_json::to_vec(&manifest).unwrap();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in &entries {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.set_raw_comment(vec![b' '; COMMENT].into()).unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    bytes.truncate(bytes.len() - COMMENT);
    let key = keys.public().fingerprint();
    let signature = keys.signer().sign(signed(&key, &hex(&sha256(&bytes))).as_bytes());
    bytes.extend_from_slice(comment(&key, &signature).as_bytes());
    std::fs::write(file, bytes).unwrap();
}

type Change<'c> = &'c dyn Fn(&mut Vec<(String, Vec<u8>)>);

#[tokio::test]
async fn what_whoever_has_the_key_changed_is_named() {
    let world = World::new([40, 30, 4]).await;
    make(&world.file("a.zip"), &world.kept.keys, &world.days().await, Encryption::None).unwrap();
    let whole = entries(&world.file("a.zip"));
    let replace = |entries: &mut Vec<(String, Vec<u8>)>, name: &str, from: &str, to: &str| {
        let entry = entries.iter_mut().find(|(known, _)| known == name).unwrap();
        let text = String::from_utf8(entry.1.clone()).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        entry.1 = text.replacen(from, to, 1).into_bytes();
    };
    let cases: [(&str, &str, Change<'_>); 16] = [
        ("2026-11-23", "not what was sealed", &|all| {
            replace(all, JSON, "\"status\":null", "\"status\":200");
            let csv = all.iter_mut().find(|(name, _)| name == CSV).unwrap();
            let text = String::from_utf8(csv.1.clone()).unwrap();
            let mut lines: Vec<String> = text.split_inclusive("\r\n").map(str::to_owned).collect();
            let mut cells: Vec<&str> = lines[1].split(',').collect();
            cells[16] = "200";
            lines[1] = cells.join(",");
            csv.1 = lines.concat().into_bytes();
        }),
        ("records.csv, record ", "not what records.json says", &|all| replace(all, CSV, "p.dupont", "a.martin")),
        ("records.csv, record ", "not what records.json says", &|all| {
            replace(all, JSON, "\"status\":null", "\"status\":200")
        }),
        ("records.json, record ", "not written as we write it", &|all| replace(all, JSON, "\"id\":", "\"id\": ")),
        ("records.json", "cannot be read", &|all| replace(all, JSON, "\"auth\":", "\"outh\":")),
        ("records.json, record ", "its local time is another instant", &|all| replace(all, JSON, "+01:00", "+02:00")),
        ("records.json", "a comma is missing", &|all| replace(all, JSON, "},\n", "}\n")),
        ("records.json", "more in it", &|all| replace(all, JSON, "\n]\n", "\n]\n ")),
        ("records.csv", "more in it", &|all| all[3].1.push(b' ')),
        ("the seal of 2026-11-23", "its signature does not fit", &|all| {
            replace(all, SEALS, "\"records\":4", "\"records\":5")
        }),
        ("2026-11-23", "its seal is another day's", &|all| {
            let seals = String::from_utf8(all[6].1.clone()).unwrap();
            let second = seals.lines().nth(1).unwrap();
            all[6].1 = format!("{second}\n{second}\n").into_bytes();
        }),
        ("proofs.jsonl", "cannot be read", &|all| replace(all, PROOFS, "\"day\":", "\"dai\":")),
        ("record ", "nothing proves its day", &|all| {
            let proofs = String::from_utf8(all[5].1.clone()).unwrap();
            all[5].1 = proofs.split_inclusive('\n').take(2).collect::<String>().into_bytes();
        }),
        ("manifest.json", "it counts", &|all| replace(all, MANIFEST, "\"records\": ", "\"records\": 1")),
        ("\"../../etc/cron.d/x\"", "no entry of a bundle has such a name", &|all| {
            all.insert(1, ("../../etc/cron.d/x".into(), b"x".to_vec()))
        }),
        ("record", "its day is sealed and it has no proof", &|all| {
            let entry = all.iter_mut().find(|(name, _)| name == JSON).unwrap();
            let text = String::from_utf8(entry.1.clone()).unwrap();
            let (before, rest) = text.split_once("\"proof\":{").unwrap();
            let (_, behind) = rest.split_once('}').unwrap();
            entry.1 = format!("{before}\"proof\":null{behind}").into_bytes();
        }),
    ];
    for (number, (what, why, change)) in cases.iter().enumerate() {
        let mut all = whole.clone();
        change(&mut all);
        forge(&world.file("forged.zip"), all, &world.kept.keys, true);
        let found = world.verify("forged.zip").expect_err(&format!("case {number}"));
        assert!(found.what.starts_with(what) && found.why.contains(why), "case {number}: {found:?}");
    }
    // Not listed, not there, another than listed, twice as long as listed.
    let mut all = whole.clone();
    all.push(("more.txt".into(), b"more".to_vec()));
    forge(&world.file("forged.zip"), all, &world.kept.keys, false);
    assert!(world.verify("forged.zip").unwrap_err().why.contains("does not list the entries"));
    for bytes in [&b"<p>another</p>"[..], &[b'x'; 5 << 20], b""] {
        let mut all = whole.clone();
        all[1].1 = bytes.to_vec();
        forge(&world.file("forged.zip"), all, &world.kept.keys, false);
        assert_eq!(world.verify("forged.zip").unwrap_err().why, "it is not what the manifest says of it");
    }
    // As it was: the forger's own hand is no hindrance, but to whoever trusts another key.
    forge(&world.file("forged.zip"), whole.clone(), &world.kept.keys, true);
    world.verify("forged.zip").unwrap();
    let other = register_of([4, 4, 1]).await.keys;
    let mut all = whole;
    all.last_mut().unwrap().1 = other.public().pem().into_bytes();
    forge(&world.file("forged.zip"), all, &other, true);
    assert!(world.verify("forged.zip").unwrap_err().why.contains("signed by another key"));
    let found = verify(&world.file("forged.zip"), None, None).unwrap_err();
    assert!(found.what.starts_with("the seal of"), "{found:?}");
}

#[tokio::test]
async fn a_bomb_is_not_swallowed() {
    let world = World::new([6, 6, 2]).await;
    make(&world.file("a.zip"), &world.kept.keys, &world.days().await, Encryption::None).unwrap();
    for (name, why) in [(MANIFEST, "longer than any"), (KEY, "longer than any")] {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (known, bytes) in entries(&world.file("a.zip")) {
            zip.start_file(&known, SimpleFileOptions::default()).unwrap();
            match known == name {
                true => (0..64).for_each(|_| zip.write_all(&[b' '; 1 << 20]).unwrap()),
                false => zip.write_all(&bytes).unwrap(),
            }
        }
        zip.set_raw_comment(vec![b' '; COMMENT].into()).unwrap();
        let mut bytes = zip.finish().unwrap().into_inner();
        bytes.truncate(bytes.len() - COMMENT);
        let key = world.public().fingerprint();
        let signature = world.kept.keys.signer().sign(signed(&key, &hex(&sha256(&bytes))).as_bytes());
        bytes.extend_from_slice(comment(&key, &signature).as_bytes());
        std::fs::write(world.file("bomb.zip"), bytes).unwrap();
        let found = world.verify("bomb.zip").unwrap_err();
        assert!(found.what == name && found.why.contains(why), "{found:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_and_one_that_leads_away_refused() {
    let world = World::new([6, 6, 2]).await;
    let (days, keys) = (world.days().await, &world.kept.keys);
    std::fs::write(world.file("a.zip"), "before").unwrap();
    assert!(matches!(make(&world.file("a.zip"), keys, &days, Encryption::None), Err(BundleError::Exists(_))));
    std::os::unix::fs::symlink("nowhere", world.file("b.zip")).unwrap();
    assert!(matches!(make(&world.file("b.zip"), keys, &days, Encryption::None), Err(BundleError::Exists(_))));
    // Taken while it is written.
    let mut bundle = Bundle::begin(&world.file("c.zip"), options(Encryption::None), head(), keys).unwrap();
    let busy = Bundle::begin(&world.file("c.zip"), options(Encryption::None), head(), keys).err().unwrap();
    assert!(matches!(busy, BundleError::Busy(_)), "{busy}");
    std::fs::write(world.file("c.zip"), "meanwhile").unwrap();
    for name in [
        "",
        "/etc/passwd",
        "../a",
        "a/../b",
        "a//b",
        ".a",
        "a\\b",
        "a\nb",
        "é",
        "MANIFEST.json",
        "records.csv",
        "x ",
        &"a".repeat(201),
    ] {
        let error = bundle.add_file(name, "text/plain", "", b"").unwrap_err();
        assert!(matches!(&error, BundleError::Name(said) if said == name), "{name}: {error}");
    }
    bundle.add_file("a.txt", "text/plain", "", b"").unwrap();
    assert!(matches!(bundle.add_file("A.TXT", "text/plain", "", b""), Err(BundleError::Name(_))));
    bundle.add_day(&days[1]).unwrap();
    assert_eq!(bundle.add_day(&days[0]).unwrap_err().to_string(), "2026-11-23 comes behind a later day");
    assert!(matches!(bundle.finish(), Err(BundleError::Exists(_))));
    for (name, text) in [("a.zip", "before"), ("c.zip", "meanwhile")] {
        assert_eq!(std::fs::read_to_string(world.file(name)).unwrap(), text);
    }
    // One that is not ended leaves nothing, nor does one that cannot begin.
    drop(Bundle::begin(&world.file("d.zip"), options(Encryption::None), head(), keys).unwrap());
    let nowhere = Bundle::begin(&world.file("no/d.zip"), options(Encryption::None), head(), keys).err().unwrap();
    assert!(nowhere.to_string().contains("/no: "), "{nowhere}");
    assert_eq!(world.names(), ["a.zip", "b.zip", "c.zip"]);
}

#[tokio::test]
async fn no_cell_is_a_formula() {
    let mut days = register_of([6, 6, 2]).await.visited(&[Search::default()]).await;
    let mut record = days.swap_remove(0).records.swap_remove(0).record;
    for (text, cell) in [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "\"'\r=1\""),
        ("a,b", "\"a,b\""),
        ("\"", "\"\"\"\""),
        ("=\"a\"", "\"'=\"\"a\"\"\""),
        ("o'brien", "o'brien"),
        ("\u{202e}é", "\u{202e}é"),
        ("", ""),
    ] {
        record.path = Some(text.into());
        let line = String::from_utf8(records::csv(&record, "here")).unwrap();
        let port = format!(",{},,,", record.port);
        let (_, rest) = line.split_once(&port).unwrap_or_else(|| panic!("{line}"));
        assert!(rest.starts_with(&format!("{cell},")), "{text:?}: {line}");
    }
}

/// A proof is over all fields of a record.
#[test]
fn every_field_goes_into_every_bundle() {
    for kind in [Kind::Subject, Kind::Requisition, Kind::Hold] {
        assert_eq!(not_exported(kind), None);
    }
}
