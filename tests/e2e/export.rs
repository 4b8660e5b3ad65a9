//! Bundles: a request for access answered (`law.md` 9), and proved. Each line of what the law asks has a test that names it.
use crate::identity::with_password;
use crate::imports::{bring, line};
use harness::{Gate, Setup, binary};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
}

/// What a command that is answered no, or is wrong, says.
pub(crate) fn refused(gate: &Gate, args: &[&str], code: i32) -> String {
    let output = gate.octroi(args);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "octroi {}: {said}", args.join(" "));
    said
}

/// A visit of somebody, so many days ago.
pub(crate) fn visit(user: &str, client: &str, days: u64, host: &str) -> String {
    line(days, host, "/").replace("a.martin", user).replace("10.0.0.7", client)
}

/// Sealed days of two persons, one of them under two spellings, and of an address without a name.
pub(crate) fn register() -> Gate {
    let gate = Setup::new().prepare();
    let log = [
        visit("a.martin", "10.0.0.7", 9, "old.test"),
        visit("p.dupont", "10.0.0.8", 9, "private.test"),
        visit("A.MARTIN", "10.0.0.7", 5, "upper.test"),
        visit("-", "10.0.0.9", 5, "nameless.test"),
        visit("a.martin", "10.0.0.7", 3, "www.ameli.fr"),
        visit("a.martin", "10.0.0.8", 2, "last.test"),
        visit("p.dupont", "10.0.0.8", 2, "last.test"),
    ];
    bring(&gate, &log.concat());
    gate
}

/// Makes the bundle of a.martin; what is said of it.
fn subject(gate: &Gate, more: &[&str]) -> Value {
    let args = ["export", "subject", "a.martin", "--reference", "DD-1", "--out", "out", "--json"];
    json(&gate.say(&[&args, more].concat()))
}

fn bundle(gate: &Gate) -> PathBuf {
    gate.path("out/DD-1.zip")
}

/// An entry of a bundle, by a program of others'.
pub(crate) fn entry(bundle: &PathBuf, name: &str) -> String {
    let output = Command::new("unzip").arg("-p").arg(bundle).arg(name).output().expect("tests/run installs unzip");
    assert!(output.status.success(), "{name}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn names(bundle: &PathBuf) -> Vec<String> {
    let output = Command::new("unzip").arg("-Z1").arg(bundle).output().expect("tests/run installs unzip");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A page as it reads.
pub(crate) fn words(page: &str) -> String {
    page.replace("&nbsp;", " ").replace("&#8239;", " ").replace(['\u{a0}', '\u{202f}'], " ").replace("&#39;", "'")
}

pub(crate) fn hosts(records: &str) -> Vec<String> {
    let records = json(records);
    let records = records.as_array().expect("a list");
    records.iter().map(|record| record["host"].as_str().unwrap_or("masked").to_owned()).collect()
}

#[test]
fn an_answer_has_every_line_of_law_9_and_nobody_else_in_it() {
    let gate = register();
    gate.octroi(&["log", "search", "--user", "a.martin", "--purpose", "security", "--reason", "incident 12, p.dupont"]);
    let told = subject(&gate, &[]);
    assert_eq!((&told["records"], &told["proved"], &told["found"]), (&4.into(), &4.into(), &true.into()), "{told}");
    let bundle = bundle(&gate);
    for (name, what) in [
        ("letter.pdf", "form: readable, PDF"),
        ("letter.html", "form: readable, HTML"),
        ("report.pdf", "15(1), 15(3)"),
        ("report.html", "15(1), 15(3)"),
        ("records.csv", "15(3), a copy: machine-readable"),
        ("records.json", "15(3), a copy: machine-readable"),
        ("statements.json", "15(3): statements"),
        ("account.json", "15(3): accounts"),
        ("acts.json", "15(3): admin actions"),
        ("other.json", "15(3): acknowledgements, exceptions, sessions, cached groups"),
        ("looks.json", "C-579/21"),
        ("method-fr.txt", "7: method statement"),
        ("method-en.txt", "7: method statement"),
        ("verify-fr.txt", "7: verification without our software"),
        ("verify-en.txt", "7: verification without our software"),
        ("manifest.json", "7: hashes"),
        ("proofs.jsonl", "7: seal proofs"),
        ("seals.jsonl", "7: seal proofs"),
        ("key.pem", "7: the public key"),
    ] {
        assert!(names(&bundle).iter().any(|known| known == name), "{name}: {what}");
    }
    let report = words(&entry(&bundle, "report.html"));
    for (article, heading) in [
        ("15(1)", "Confirmation du traitement"),
        ("(a)", "Finalités et base juridique"),
        ("(b)", "Catégories de données"),
        ("(c)", "Destinataires"),
        ("(d)", "Durée de conservation"),
        ("(e)", "Droits de rectification, d’effacement, de limitation et d’opposition"),
        ("(f)", "Réclamation auprès de la CNIL"),
        ("(f)", "3 place de Fontenoy, TSA 80715, 75334 Paris Cedex 07"),
        ("(g)", "Source des données"),
        ("(h)", "Décision automatisée"),
        ("15(3)", "Copie des données"),
        ("C-579/21", "Consultations de vos données"),
        ("–", "Glossaire"),
        ("–", "Vérification"),
        ("–", "informatique@exemple.test"),
        ("–", "DD-1"),
        ("(e), portability", "Portabilité"),
        ("summary", "Connexions par mois"),
        ("(b), masked", "santé"),
    ] {
        assert!(report.contains(heading), "{article}: {heading}");
    }
    assert_eq!(hosts(&entry(&bundle, "records.json")), ["old.test", "upper.test", "masked", "last.test"]);
    let csv = entry(&bundle, "records.csv");
    assert!(
        csv.lines().next().is_some_and(|header| header.contains("opened_at,opened_at_local,")),
        "UTC plus local time"
    );
    // Others: neither who was beside them, nor who looked, nor the reason, which names one.
    let everything: String =
        names(&bundle).iter().filter(|name| !name.ends_with(".pdf")).map(|name| entry(&bundle, name)).collect();
    for hidden in ["p.dupont", "private.test", "nameless.test", "10.0.0.9", "incident 12", "$argon2"] {
        assert!(!everything.contains(hidden), "{hidden}");
    }
    let looks = json(&entry(&bundle, "looks.json"));
    let look = &looks[0];
    assert_eq!((&look["purpose"], &look["role"]), (&"security".into(), &"investigator".into()), "{looks}");
    assert_eq!(look.as_object().map(|look| look.len()), Some(3), "date, purpose, role: {looks}");
    for (kind, nothing) in json(&entry(&bundle, "other.json")).as_object().expect("kinds") {
        assert_eq!(nothing["entries"], Value::Array(Vec::new()), "{kind}");
        assert!(nothing["why_fr"].is_string() && nothing["why_en"].is_string(), "{kind}");
    }
    let holds = gate.say(&["export", "verify", "out/DD-1.zip"]);
    assert!(holds.contains("holds") && holds.contains("4 records of 4 days"), "{holds}");
    let trail = gate.say(&["audit", "--act", "export", "--format", "json"]);
    let act = &json(&trail)[0];
    assert_eq!((&act["purpose"], &act["scope"]["reference"]), (&"rights".into(), &"DD-1".into()), "{trail}");
}

#[test]
fn nothing_found_is_a_proper_answer_law_9() {
    let gate = register();
    for (name, reference, language, words_of_it) in [
        ("nobody", "DD-2", "fr", "nous ne détenons aucune donnée vous concernant"),
        ("=cmd|' /C calc'!A0", "DD-3", "en", "we hold no data about you"),
        ("\"quoted\"/../slashed", "DD-4", "fr", "nous ne détenons aucune donnée"),
    ] {
        let output =
            gate.octroi(&["export", "subject", name, "--reference", reference, "--out", "out", "--lang", language]);
        assert!(output.status.success(), "{}", said(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was found"), "{}", said(&output));
        let bundle = gate.path(&format!("out/{reference}.zip"));
        assert!(words(&entry(&bundle, "letter.html")).contains(words_of_it), "{name}");
        gate.say(&["export", "verify", &format!("out/{reference}.zip")]);
    }
    let files = fs::read_dir(gate.path("out")).expect("made").count();
    assert_eq!(files, 3, "no name of a person stands in a file name");
}

#[test]
fn names_dates_and_references_that_cannot_be_are_refused_before_anything_is_made() {
    let gate = register();
    let base = |name: &str, reference: &str, more: &[&str], code| {
        let args = ["export", "subject", name, "--reference", reference, "--out", "out"];
        refused(&gate, &[&args, more].concat(), code)
    };
    assert!(base(&"x".repeat(300), "DD-1", &[], 2).contains("300 characters"));
    assert!(base("a\u{202e}nitram", "DD-1", &[], 2).contains("U+202E"));
    assert!(base("", "DD-1", &[], 2).contains("empty"));
    for wrong in ["../DD", "DD 1", "", "-x", "é", &"x".repeat(65)] {
        let args = format!("--reference={wrong}");
        let told = refused(&gate, &["export", "subject", "a.martin", &args, "--out", "out"], 2);
        assert!(told.contains("no reference"), "{told}");
    }
    assert!(base("a.martin", "DD-1", &["--from", "2026-11-02", "--to", "2026-11-01"], 2).contains("--from is later"));
    assert!(base("a.martin", "DD-1", &["--to", "2001-01-01"], 2).contains("kept for 365 days"));
    assert!(base("a.martin", "DD-1", &["--from", "2999-01-01"], 2).contains("later than the day of the answer"));
    assert!(base("a.martin", "DD-1", &["--date", "2999-01-01"], 2).contains("has not come"));
    assert!(base("a.martin", "DD-1", &["--from", "tomorrow"], 2).contains("not a time"));
    gate.write("short.password", "short");
    assert!(base("a.martin", "DD-1", &["--password-file", "short.password"], 2).contains("12 characters at least"));
    assert!(!bundle(&gate).exists());
    subject(&gate, &[]);
    fs::rename(gate.path("out"), gate.path("before")).expect("moved");
    assert!(base("a.martin", "DD-1", &[], 1).contains("the reference DD-1 is used"));
    subject(&gate, &["--again"]);
    assert!(base("a.martin", "DD-1", &["--again"], 2).contains("there is a file of that name"));
}

#[test]
fn a_request_is_answered_once_and_restricted_records_are_in_it_with_their_statements_law_9_and_10() {
    let gate = register();
    for (reference, right, user) in
        [("DD-1", "access", "a.martin"), ("DD-2", "access", "p.dupont"), ("DD-3", "rectification", "a.martin")]
    {
        let request =
            ["requests", "open", "--right", right, "--user", user, "--channel", "mailbox", "--identity", "mailbox"];
        gate.say(&[&request[..], &["--reference", reference, "--out", "letters"]].concat());
    }
    let own = ["--user", "a.martin", "--ground", "claim", "--text", "Needed for a claim.", "--reference", "DD-3"];
    gate.say(&[&["restrict", "add"], &own[..]].concat());
    // What answers somebody else may name them.
    let others =
        ["--user", "a.martin", "--from", &day(6), "--to", &day(1), "--text", "Was p.dupont.", "--reference", "DD-2"];
    // Then thought to be theirs, which was a mistake.
    gate.say(&["user", "link", "p.dupont", "--account", "a.martin"]);
    gate.say(&[&["rectify"], &others[..]].concat());
    gate.say(&["user", "unlink", "p.dupont", "--account", "a.martin"]);
    let of = |reference: &'static str| ["export", "subject", "a.martin", "--reference", reference, "--out", "out"];
    assert!(refused(&gate, &of("DD-2"), 1).contains("another person's"));
    assert!(refused(&gate, &of("DD-3"), 1).contains("one of rectification, not of access"));
    let told = subject(&gate, &[]);
    assert_eq!(told["records"], 4, "restricted for others, not for the person: {told}");
    let statements = entry(&bundle(&gate), "statements.json");
    assert!(statements.contains("Needed for a claim.") && !statements.contains("p.dupont"), "{statements}");
    assert!(statements.contains("other persons"), "that something is withheld is told: {statements}");
    let shown = json(&gate.say(&["requests", "show", "DD-1", "--json"]));
    assert_eq!(shown["bundle"], told["sha256"], "{shown}");
    assert!(refused(&gate, &of("DD-1"), 1).contains("is used"));
    gate.say(&["requests", "close", "DD-1", "--delivery", "encrypted", "--bundle", "out/DD-1.zip"]);
    assert!(refused(&gate, &[&of("DD-1")[..], &["--again"]].concat(), 1).contains("has ended"));
}

#[test]
fn former_names_count_in_their_time_and_lines_of_shared_addresses_are_counted_and_withheld() {
    let gate = register();
    gate.say(&["user", "link", "j.petit", "--account", "a.martin"]);
    gate.say(&["user", "link", "j.petit", "--address", "10.0.0.9"]);
    let told = subject(&gate, &[]);
    assert_eq!((&told["records"], &told["withheld"]), (&5.into(), &0.into()), "{told}");
    let report = words(&entry(&bundle(&gate), "report.html"));
    assert!(report.contains("j.petit") && report.contains("10.0.0.9"), "what was searched for is told");
    gate.say(&["user", "link", "p.dupont", "--address", "10.0.0.9"]);
    fs::remove_dir_all(gate.path("out")).expect("ours");
    let told = subject(&gate, &["--again"]);
    assert_eq!((&told["records"], &told["withheld"]), (&4.into(), &1.into()), "{told}");
    assert!(words(&entry(&bundle(&gate), "letter.html")).contains("1 ligne relative à des adresses"));
    gate.say(&["user", "unlink", "j.petit", "--account", "a.martin", "--to", "2026-01-01"]);
    gate.say(&["user", "link", "user7", "--account", "a.martin", "--from", "2026-01-02"]);
    let args = ["export", "subject", "a.martin", "--reference", "DD-9", "--out", "out"];
    let told = refused(&gate, &args, 1);
    assert!(told.contains("more than one person: j.petit, user7"), "{told}");
}

#[test]
fn the_same_input_gives_the_same_bytes_and_a_requisition_leaves_no_trace_in_them_law_9_never_shown() {
    let gate = register();
    let day = gate.say(&["audit", "--format", "json"]);
    let day = &json(&day)[0]["at"].as_str().expect("an instant")[..10].to_owned();
    subject(&gate, &["--date", day]);
    let first = fs::read(bundle(&gate)).expect("made");
    fs::rename(gate.path("out"), gate.path("first")).expect("moved");
    subject(&gate, &["--date", day, "--again"]);
    assert!(first == fs::read(bundle(&gate)).expect("made"), "the same again");
    fs::rename(gate.path("out"), gate.path("second")).expect("moved");
    let (from, to) = (self::day(20), self::day(0));
    let answered = requisition(&gate, "RQ-1", &["--user", "a.martin", "--from", &from, "--to", &to]);
    assert_eq!(answered["records"], 4, "{answered}");
    subject(&gate, &["--date", day, "--again"]);
    assert!(first == fs::read(bundle(&gate)).expect("made"), "with a requisition in between");
}

#[test]
fn a_bundle_changed_by_one_byte_anywhere_is_found_and_named() {
    let gate = register();
    subject(&gate, &[]);
    let whole = fs::read(bundle(&gate)).expect("made");
    for part in 0..24 {
        let mut changed = whole.clone();
        let at = (whole.len() - 1) * part / 23;
        changed[at] ^= 1;
        gate.write("changed.zip", &changed);
        let told = refused(&gate, &["export", "verify", "changed.zip"], 1);
        assert!(told.contains("does not hold"), "byte {at}: {told}");
    }
    gate.write("cut.zip", &whole[..whole.len() / 2]);
    assert!(refused(&gate, &["export", "verify", "cut.zip"], 1).contains("does not hold"));
    gate.write("empty.zip", "");
    refused(&gate, &["export", "verify", "empty.zip"], 1);
    refused(&gate, &["export", "verify", "none.zip"], 2);
    refused(&gate, &["export", "verify", "."], 2);
    gate.write("no.pem", "nothing");
    refused(&gate, &["export", "verify", "out/DD-1.zip", "--public-key", "no.pem"], 2);
    let trusted = gate.say(&["export", "verify", "out/DD-1.zip", "--public-key", "data.keys/seal.pub", "--json"]);
    assert_eq!(json(&trusted)["trusted"], true, "{trusted}");
    // Offline, and without a configuration.
    let alone =
        Command::new(binary::octroi()).args(["export", "verify", "out/DD-1.zip"]).current_dir(gate.folder()).output();
    assert!(alone.is_ok_and(|output| output.status.success()));
    let other = Setup::new().prepare();
    bring(&other, &visit("x", "10.0.0.7", 3, "x.test"));
    let key = other.path("data.keys/seal.pub");
    let told = refused(&gate, &["export", "verify", "out/DD-1.zip", "--public-key", &key.display().to_string()], 1);
    assert!(told.contains("another key"), "{told}");
}

#[test]
fn the_steps_of_verification_work_as_they_are_told_without_our_software_law_7() {
    let gate = register();
    subject(&gate, &[]);
    for language in ["fr", "en"] {
        let told = entry(&bundle(&gate), &format!("verify-{language}.txt"));
        let steps: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        assert!(steps.len() > 4, "{told}");
        // Debian's, which has the module it takes.
        let script = format!("set -e\n{}", steps.join("\n")).replace("\npython3 ", "\n/usr/bin/python3 ");
        let done = Command::new("sh").arg("-c").arg(script).current_dir(gate.path("out")).output().expect("a shell");
        assert!(said(&done).contains("Signature Verified Successfully"), "{}", said(&done));
        assert!(said(&done).contains("all hold"), "by the program in it: {}", said(&done));
        assert!(!told.contains("macOS"), "its head and its openssl are others: {told}");
    }
}

#[test]
fn a_password_hides_the_bundle_and_proves_it_when_it_is_given() {
    let gate = register();
    gate.write("bundle.password", "agrafe-cheval-correct\n");
    subject(&gate, &["--password-file", "bundle.password"]);
    let whole = fs::read(bundle(&gate)).expect("made");
    assert!(!whole.windows(8).any(|bytes| bytes == b"old.test"));
    let told = refused(&gate, &["export", "verify", "out/DD-1.zip"], 1);
    assert!(told.contains("under a password"), "{told}");
    gate.say(&["export", "verify", "out/DD-1.zip", "--password-file", "bundle.password"]);
    let wrong = with_password(&gate, &["export", "verify", "out/DD-1.zip", "--password-stdin"], "another-password");
    assert!(wrong.status.code() == Some(1) && said(&wrong).contains("wrong password"), "{}", said(&wrong));
    assert!(!said(&wrong).contains("does not hold"), "nothing is forged: {}", said(&wrong));
}

#[test]
fn a_disk_that_fills_leaves_nothing_under_the_final_name_and_the_request_open() {
    let gate = register();
    let args = ["export", "subject", "a.martin", "--reference", "DD-1", "--out", "out"];
    let command = gate.command(&args);
    let mut full = Command::new("sh");
    full.args(["-c", "ulimit -f 24; exec env --ignore-signal=XFSZ \"$@\"", "sh"]);
    full.arg(command.get_program()).args(command.get_args()).current_dir(gate.folder());
    let output = full.output().expect("a shell");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(fs::read_dir(gate.path("out")).expect("made").count(), 0, "nothing half-made");
    subject(&gate, &[]);
    gate.say(&["export", "verify", "out/DD-1.zip"]);
}

#[test]
fn what_a_hold_has_kept_past_its_day_is_in_the_answer_and_nothing_tells_of_a_judicial_one_law_9_d() {
    let gate = Setup::new().config("[log]\nretention_days = 365").prepare();
    let log = [
        visit("a.martin", "10.0.0.7", 200, "held.test"),
        visit("a.martin", "10.0.0.7", 199, "secret.test"),
        visit("a.martin", "10.0.0.7", 4, "new.test"),
        visit("p.dupont", "10.0.0.8", 3, "new.test"),
        visit("p.dupont", "10.0.0.8", 2, "new.test"),
        visit("p.dupont", "10.0.0.8", 1, "new.test"),
    ];
    bring(&gate, &log.concat());
    let hold = |ground: [&str; 4], ago: u64| {
        let (from, to) = (day(ago + 1), day(ago));
        let (review, until) = (day_to_come(60), day_to_come(200));
        let of = ["--user", "a.martin", "--from", &from, "--to", &to, "--review", &review, "--until", &until];
        gate.say(&[&["hold", "add", "--reason", "an intrusion found late"], &ground[..], &of].concat());
    };
    hold(["--ground", "incident", "--incident", "2026-12"], 200);
    hold(["--ground", "judicial", "--reference", "RQ-1"], 199);
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it is ours");
    gate.write("octroi.toml", text.replace("retention_days = 365", "retention_days = 150"));
    gate.say(&["log", "purge"]);
    let told = subject(&gate, &[]);
    assert_eq!((&told["records"], &told["proved"]), (&2.into(), &2.into()), "{told}");
    assert_eq!(hosts(&entry(&bundle(&gate), "records.json")), ["held.test", "new.test"]);
    gate.say(&["export", "verify", "out/DD-1.zip"]);
    let report = words(&entry(&bundle(&gate), "report.html"));
    assert!(report.contains("analyse d’un incident de sécurité"), "the ground is told, and until when");
    assert!(!report.contains("RQ-1") && !report.contains("secret.test"));
    // The authority gets what was kept, for whatever reason.
    let (from, to) = (day(201), day(1));
    let got = requisition(&gate, "RQ-1", &["--user", "a.martin", "--from", &from, "--to", &to]);
    assert_eq!((&got["records"], &got["proved"]), (&3.into(), &3.into()), "{got}");
}

/// The day so many days from now, in UTC.
fn day_to_come(days: u64) -> String {
    let output = Command::new("date").args(["-u", "-d", &format!("+{days} days"), "+%Y-%m-%d"]).output();
    String::from_utf8_lossy(&output.expect("coreutils").stdout).trim().to_owned()
}

/// Makes the bundle of a requisition; what is said of it.
pub(crate) fn requisition(gate: &Gate, reference: &str, more: &[&str]) -> Value {
    json(&gate.say(&[&ordered(reference)[..], more, &["--json"]].concat()))
}

/// The words of a requisition of the last 30 days, but for its scope.
pub(crate) fn ordered(reference: &str) -> [&str; 10] {
    [
        "export",
        "requisition",
        "--reference",
        reference,
        "--authority",
        "Tribunal judiciaire de Lyon",
        "--article",
        "cpp-77-1-1",
        "--out",
        "rq",
    ]
}

/// The day so many days ago, in UTC.
pub(crate) fn day(ago: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let output = Command::new("date").args(["-u", "-d", &format!("@{}", now - ago * 86_400), "+%Y-%m-%d"]).output();
    String::from_utf8_lossy(&output.expect("coreutils").stdout).trim().to_owned()
}
