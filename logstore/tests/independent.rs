//! What a third party can prove without this program: `tests/verify.py` and the steps of `docs/RECORDS.md` hold a register
//! that nobody touched, and find what `verify` finds in one that somebody did.
#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use hmac::{Hmac, KeyInit, Mac};
use logstore::audit::{self, Act};
use logstore::bundle::{Bundle, Encryption, Head, Kind, Options};
use logstore::{Action, Auth, Durability, Entry, Importer, Keys, Outcome, Record, Register, Search, Settings, Verdict};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Debian's: it finds the packages that `tests/run` installs, which another that comes first may not.
const PYTHON: &str = "/usr/bin/python3";
/// 2026-03-02T00:00:00Z.
const MARCH: i64 = 1_772_409_600_000_000;
const DAY: i64 = 86_400_000_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn settings(dir: &Path) -> Settings {
    Settings { dir: dir.join("register"), keys: dir.join("keys"), node: "gate".into(), durability: Durability::Process }
}

/// Records that differ in everything that can be awkward to prove.
fn record(number: i64) -> Record {
    let at = MARCH + number % 3 * DAY + number * 1_000_003;
    let masked = (number % 7 == 0).then(|| ["guest", "person", "category"][(number / 7 % 3) as usize].to_owned());
    let seen = |text: String| Some(text).filter(|_| masked.is_none());
    Record {
        id: 0,
        node: ["squid", "tor\u{1f512}i"][usize::from(number % 5 == 0)].into(),
        opened_at: at,
        closed_at: Some(at + number % 4 * 70_000_000),
        user: [None, Some("p.dupont"), Some("zoé.d'été"), Some("MARTIN\\a"), Some("")][(number % 5) as usize]
            .map(str::to_owned),
        auth: Auth::ALL[(number % 4) as usize],
        client_ip: match number % 3 {
            0 => "2001:db8::1".parse().unwrap(),
            1 => "::ffff:10.0.0.7".parse().unwrap(),
            _ => [10, 0, (number / 200) as u8, (number % 200) as u8].into(),
        },
        method: "GET".into(),
        scheme: "http".into(),
        host: seen(format!("h{}.example", number % 200)),
        port: (number * 13 % 65_536) as u16,
        tls_name: seen("xn--caf-dma.example".to_owned()).filter(|_| number % 11 == 0),
        path: seen(format!("/\u{2028}\u{85}\r\n\"{}", "é".repeat((number % 90) as usize))).filter(|_| number % 9 == 0),
        destination_ip: (masked.is_none() && number % 2 == 0).then(|| "2001:db8::80".parse().unwrap()),
        masked,
        status: (number % 6 != 0).then_some(200),
        bytes_sent: [0, 1, 127, 128, u64::MAX][(number % 5) as usize],
        bytes_received: (number * number) as u64,
        action: Action::ALL[(number % 4) as usize],
        outcome: Some(Outcome::ALL[(number % 6) as usize]),
        rule: (number % 8 == 0).then(|| "jeux \u{200b}d’argent".to_owned()),
        article: (number % 8 == 0).then(|| "=cmd|' /C calc'!A0".to_owned()),
        category: (number % 8 == 0).then(String::new),
        charter: "import".into(),
    }
}

async fn import(dir: &Path, numbers: std::ops::Range<i64>) {
    let mut importer = Importer::begin(&settings(dir)).await.unwrap();
    for day in 0..3 {
        let records: Vec<Record> = numbers.clone().filter(|number| number % 3 == day).map(record).collect();
        assert_eq!(importer.take(records.clone()).await.unwrap().filed, records.len() as u64);
    }
    importer.finish().await.unwrap();
}

/// Three sealed days, all sealed anew for an import, one again for an erasure; one that was purged; the days before
/// today, which bear the clock out, yesterday sealed or not; and today.
async fn register(dir: &Path) {
    import(dir, 0..600).await;
    import(dir, 600..609).await;
    let mut importer = Importer::begin(&settings(dir)).await.unwrap();
    for at in [MARCH - 2000 * DAY, now() - 4 * DAY, now() - 3 * DAY, now() - 2 * DAY, now() - DAY] {
        importer.take(vec![Record { opened_at: at, closed_at: Some(at), ..record(1) }]).await.unwrap();
    }
    importer.finish().await.unwrap();
    let Settings { dir: place, keys, .. } = settings(dir);
    let keys = Keys::open(&keys, &place).unwrap();
    let second = Search { from: Some(MARCH + DAY), to: Some(MARCH + 2 * DAY), ..Search::default() };
    let ids: Vec<i64> = logstore::search(&place, &keys, &second).await.unwrap().iter().map(|found| found.id).collect();
    let erased = [ids[0], ids[20], ids[ids.len() - 1]];
    assert_eq!(logstore::erase(&settings(dir), "2026-03-03", &erased, "objection upheld", "dpo").await.unwrap(), 3);
    for who in ["a", "b"] {
        let scope = [("user".to_owned(), "p.dupont".to_owned())].into();
        let (at, purpose, reason) = (String::new(), Some("security".to_owned()), Some("\"\u{2028}".to_owned()));
        let act = Act { at, who: who.into(), act: "search".into(), purpose, reason, scope, count: 1 };
        audit::add(&place, &keys, act).unwrap();
    }
    // The day of 2020 is past this, those of March are not.
    logstore::announce(&place, &keys, 2000).unwrap();
    let (register, _) = Register::start(settings(dir)).await.unwrap();
    assert_eq!(register.purge("Autoconcept".into()).await.unwrap().unwrap().certificate.days.len(), 1);
    for number in 0..40 {
        if number % 20 == 0 {
            register.flush().await.unwrap();
        }
        let owed = register.open(entry(number)).await.unwrap();
        owed.received(number);
        owed.settle(Outcome::Completed);
    }
    assert_eq!(register.finish().await, 0);
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64
}

/// One of today, which is not sealed while the test runs.
fn entry(number: u64) -> Entry {
    Entry {
        opened_at: now(),
        user: Some("p.dupont".into()),
        auth: Auth::Address,
        client_ip: [10, 0, 0, 1].into(),
        method: "CONNECT".into(),
        scheme: "https",
        host: Some(format!("h{number}.example").into()),
        port: 443,
        path: None,
        masked: number.is_multiple_of(5).then_some("person"),
        verdict: Verdict { action: Action::Allow, rule: None, article: None, category: None, charter: "c".into() },
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

fn python(script: &str, dir: &Path, more: &[&str]) -> Output {
    let Settings { dir, keys, .. } = settings(dir);
    let script = root().join("tests").join(script);
    let run = Command::new(PYTHON).arg("-B").arg(script).arg(dir).arg(keys).args(more).output();
    run.unwrap_or_else(|error| panic!("{PYTHON}: {error}: tests/run installs it"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What `verify` finds, and what it counts: records of sealed days and of open ones, entries of its chains.
async fn verified(dir: &Path) -> (Vec<String>, u64) {
    let Settings { dir, keys, .. } = settings(dir);
    let public = logstore::PublicKey::of_pem(&fs::read_to_string(dir.join("seal.pub")).unwrap()).unwrap();
    let report = logstore::verify(&dir, &Keys::open(&keys, &dir).unwrap(), &public, |_| {}).await.unwrap();
    let findings = report.findings.iter().map(|found| format!("{}: {}", found.what, found.why)).collect();
    (findings, report.records + report.open_records)
}

#[tokio::test]
async fn python_and_the_program_agree_on_what_holds() {
    let dir = tempfile::tempdir().unwrap();
    register(dir.path()).await;
    let cases = python("tamper.py", dir.path(), &[]);
    assert!(cases.status.success(), "{}", text(&cases.stderr));
    let cases = text(&cases.stdout);
    let mut disagreements = Vec::new();
    for (number, case) in cases.lines().enumerate() {
        let copied = dir.path().join(format!("case-{number}"));
        fs::create_dir(&copied).unwrap();
        copy(&dir.path().join("register"), &copied.join("register"));
        copy(&dir.path().join("keys"), &copied.join("keys"));
        let tampered = python("tamper.py", &copied, &[case]);
        assert!(tampered.status.success(), "{case}: {}", text(&tampered.stderr));
        let (findings, records) = verified(&copied).await;
        let proved = python("verify.py", &copied, &[]);
        let (said, why) = (text(&proved.stdout), text(&proved.stderr));
        println!("{case}\n    {:?}\n    {said}{why}", findings.first());
        let agreed = if case == "nothing" {
            // 609 imported, 3 of them erased and still counted; one of each of the days before, 40 of today.
            findings.is_empty() && records == 653 && said.starts_with("8 days, 653 records, ")
        } else {
            !findings.is_empty() && proved.status.code() == Some(1) && !why.contains("Traceback")
        };
        if !agreed {
            let why = why.lines().last().unwrap_or_default();
            disagreements.push(format!("{case}: {findings:?} against {said}{why}"));
        }
    }
    assert!(cases.lines().count() > 25, "{cases}");
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

#[tokio::test]
async fn a_register_under_another_key_than_the_trusted_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("a"), dir.path().join("b"));
    for dir in [&ours, &theirs] {
        fs::create_dir(dir).unwrap();
        import(dir, 0..9).await;
    }
    for (trusted, holds) in [(&ours, true), (&theirs, false)] {
        let pem = trusted.join("keys/seal.pub");
        let proved = python("verify.py", &ours, &[pem.to_str().unwrap()]);
        assert_eq!(proved.status.success(), holds, "{}{}", text(&proved.stdout), text(&proved.stderr));
    }
}

/// `docs/RECORDS.md`.
fn document() -> String {
    fs::read_to_string(root().join("docs/RECORDS.md")).unwrap()
}

#[tokio::test]
async fn one_seal_is_checked_with_the_commands_of_the_document() {
    let dir = tempfile::tempdir().unwrap();
    import(dir.path(), 0..9).await;
    let document = document();
    let (_, block) = document.split_once("   ```sh\n").unwrap();
    let commands = block.split_once("   ```\n").unwrap().0.replace("/tmp/", "$SCRATCH/");
    let run = || {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &commands]);
        bash.env("REGISTER", dir.path().join("register")).env("TRUSTED", dir.path().join("keys/seal.pub"));
        bash.env("SCRATCH", dir.path()).output().unwrap()
    };
    let checked = run();
    let said = text(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", text(&checked.stderr));
    let seals = dir.path().join("register/seals.jsonl");
    let lines = fs::read_to_string(&seals).unwrap();
    let (_, hash) = said.split_once("Signature Verified Successfully\n").unwrap();
    let previous = format!("\"previous\":\"{}\"", &hash[..64]);
    assert!(lines.lines().nth(1).unwrap().contains(&previous), "{said} against {lines}");
    fs::write(&seals, lines.replacen("\"records\":3", "\"records\":4", 1)).unwrap();
    assert!(!run().status.success(), "a changed seal was taken for a good one");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn the_worked_example_of_the_document_is_right() {
    let document = document();
    let record = document.lines().find(|line| line.starts_with("{\"id\":4711,")).unwrap();
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    let mut form = Vec::new();
    for field in logstore::fields::fields() {
        let text = match &record[&field.name] {
            serde_json::Value::Null => {
                form.push(0);
                continue;
            }
            serde_json::Value::String(instant) if field.name.ends_with("_at") => {
                instant.parse::<jiff::Timestamp>().unwrap().as_microsecond().to_string()
            }
            serde_json::Value::String(text) => text.clone(),
            number => number.to_string(),
        };
        form.push(u8::try_from(text.len() + 1).unwrap());
        form.extend(text.bytes());
    }
    assert!(document.contains(&format!("has these {} bytes", form.len())));
    let (_, behind) = document.split_once("bytes:\n\n```text\n").unwrap();
    assert_eq!(behind.split_once("```").unwrap().0.replace('\n', ""), hex(&form));
    let key: Vec<u8> = (0..32).collect();
    let leaves = hmac(&key, b"octroi leaves 2026-11-23");
    let salt = hmac(&leaves, &4711_i64.to_be_bytes())[..16].to_vec();
    let leaf = Sha256::digest([&[0], salt.as_slice(), form.as_slice()].concat());
    for (what, bytes) in [("key of leaves ", leaves.as_slice()), ("salt          ", &salt), ("leaf          ", &leaf)] {
        assert!(document.contains(&format!("\n{what} {}\n", hex(bytes))), "{what} {}", hex(bytes));
    }
    assert!(document.contains(&format!("day key `{}`", hex(&key))));
}

fn script(name: &str, arguments: &[&str]) -> Output {
    let run = Command::new(PYTHON).arg("-B").arg(root().join("tests").join(name)).args(arguments).output();
    run.unwrap_or_else(|error| panic!("{PYTHON}: {error}: tests/run installs it"))
}

/// A bundle of what three accounts did, in sealed days and today.
async fn bundle(dir: &Path, name: &str, encryption: Encryption) -> PathBuf {
    let Settings { dir: place, keys, .. } = settings(dir);
    let (keys, file) = (Keys::open(&keys, &place).unwrap(), dir.join(name));
    let head = Head {
        kind: Kind::Requisition,
        reference: "PV 2026/12".into(),
        organisation: "Autoconcept".into(),
        node: "gate".into(),
        from: None,
        to: None,
        made_at: "2026-12-01T09:00:00Z".into(),
        program: "octroi".into(),
        statement: BTreeMap::new(),
    };
    let options = Options { encryption, zone: jiff::tz::TimeZone::get("Europe/Paris").unwrap(), language: "en".into() };
    let mut bundle = Bundle::begin(&file, options, head, &keys).unwrap();
    bundle.add_file("inventory.txt", "text/plain", "Inventory", b"one\n").unwrap();
    let accounts = ["p.dupont", "zo\u{e9}.d'\u{e9}t\u{e9}", ""]
        .map(|user| Search { user: Some(user.into()), ..Search::default() });
    let visit = logstore::visit_proven(&place, &keys, &accounts, |day| {
        bundle.add_day(&day).unwrap();
        ControlFlow::Continue(())
    });
    assert!(visit.await.unwrap().is_empty());
    // Three of five accounts, less what was erased of them; 40 of today and one of yesterday, which may be sealed or not.
    let made = bundle.finish().unwrap();
    assert!(made.records > 390 && (40..=41).contains(&(made.records - made.proved)) && made.days == 8, "{made:?}");
    file
}

#[tokio::test]
async fn a_bundle_is_proved_without_the_program_and_both_agree_on_what_is_forged() {
    let dir = tempfile::tempdir().unwrap();
    register(dir.path()).await;
    let (keys, trusted) = (dir.path().join("keys"), dir.path().join("keys/seal.pub"));
    let (keys, trusted) = (keys.to_str().unwrap(), trusted.to_str().unwrap());
    let public = logstore::PublicKey::of_pem(&fs::read_to_string(trusted).unwrap()).unwrap();
    let hidden = bundle(dir.path(), "hidden.zip", Encryption::Password("zoé 12".into())).await;
    let hidden = hidden.to_str().unwrap();
    let proved = script("verify_bundle.py", &[hidden, trusted, "--password", "zoé 12"]);
    assert!(proved.status.success(), "{}", text(&proved.stderr));
    for password in [&["--password", "zoe 12"][..], &[]] {
        let refused = script("verify_bundle.py", &[&[hidden, trusted], password].concat());
        assert!(!refused.status.success() && text(&refused.stderr).contains("password"), "{}", text(&refused.stderr));
    }
    let whole = fs::read(bundle(dir.path(), "whole.zip", Encryption::None).await).unwrap();
    let file = dir.path().join("case.zip");
    let name = file.to_str().unwrap();
    let cases = text(&script("tamper_bundle.py", &[keys]).stdout);
    assert!(cases.lines().count() > 12, "{cases}");
    for case in cases.lines() {
        fs::write(&file, &whole).unwrap();
        let tampered = script("tamper_bundle.py", &[keys, name, case]);
        assert!(tampered.status.success(), "{case}: {}", text(&tampered.stderr));
        let (found, proved) =
            (logstore::bundle::verify(&file, Some(&public), None), script("verify_bundle.py", &[name, trusted]));
        let why = text(&proved.stderr);
        println!("{case}\n    {found:?}\n    {}{why}", text(&proved.stdout));
        assert_eq!(found.is_ok(), case == "nothing", "{case}: {found:?}");
        assert_eq!(proved.status.code(), Some(i32::from(case != "nothing")), "{case}: {why}");
        assert!(!why.contains("Traceback"), "{case}: {why}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 20) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&file, changed).unwrap();
        assert_eq!(script("verify_bundle.py", &[name, trusted]).status.code(), Some(1), "byte {at}");
    }
}

#[test]
fn the_verifier_stays_short() {
    let lines = fs::read_to_string(root().join("tests/verify.py")).unwrap();
    assert!(lines.lines().filter(|line| !line.is_empty()).count() <= 70, "whoever is to trust it must read it");
}
