//! Requests of the persons concerned: their receipt, their deadlines, their letters, their end. Each line of what the law
//! asks has a test that names it.
use crate::imports::{bring, line};
use harness::{Gate, Setup};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::fs;
use std::process::Output;

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a command that is answered no, or is wrong, says.
pub(crate) fn refused(gate: &Gate, args: &[&str], code: i32) -> String {
    let output = gate.octroi(args);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "octroi {}: {said}", args.join(" "));
    said
}

pub(crate) fn listed(gate: &Gate, args: &[&str]) -> Vec<Value> {
    json(&gate.say(&[args, &["--json"]].concat())).as_array().expect("a list").clone()
}

/// Today in the zone of the gates under test.
pub(crate) fn today() -> Date {
    let zone = TimeZone::get("Europe/Paris").expect("the zones are built in");
    Timestamp::now().to_zoned_datetime(zone).date()
}

/// A day so many days ago.
pub(crate) fn days_ago(days: i64) -> String {
    today().saturating_sub(days.days()).to_string()
}

/// A letter, as its page reads; the same is beside it as PDF.
pub(crate) fn letter(gate: &Gate, name: &str) -> String {
    let pdf = fs::read(gate.path(&format!("letters/{name}.pdf"))).expect("a letter to send");
    assert!(pdf.starts_with(b"%PDF-"), "{name}");
    let page = fs::read_to_string(gate.path(&format!("letters/{name}.html"))).expect("a letter to read");
    page.replace("&nbsp;", " ").replace("&#8239;", " ").replace(['\u{a0}', '\u{202f}'], " ")
}

/// A register of sealed days in which a.martin made `count` visits, one a day, the last three days ago.
pub(crate) fn register(count: u64) -> Gate {
    let gate = Setup::new().prepare();
    let lines: String = (3..3 + count).rev().map(|age| line(age, &format!("h{age}.test"), "/")).collect();
    bring(&gate, &lines);
    gate
}

pub(crate) fn open(gate: &Gate, more: &[&str]) -> Value {
    let args = ["requests", "open", "--channel", "mailbox", "--json"];
    json(&gate.say(&[&args[..], more].concat()))
}

#[test]
fn a_request_of_access_from_receipt_to_closing_law_9_register() {
    let gate = register(3);
    let opened = open(&gate, &["--right", "access", "--user", "a.martin", "--who", "Alice Martin", "--out", "letters"]);
    let reference = opened["reference"].as_str().expect("a reference").to_owned();
    assert!(reference.starts_with("DD-") && reference.ends_with("-0001"), "{opened}");
    let receipt = letter(&gate, &format!("{reference}-receipt"));
    for part in
        ["Société Exemple", "Alice Martin", "article 15", "mises de côté", "au plus tard le", reference.as_str()]
    {
        assert!(receipt.contains(part), "at once, dated: {part}: {receipt}");
    }
    assert!(
        receipt.contains("Une pièce d’identité n’est nécessaire qu’à défaut"),
        "who asks is not known yet: {receipt}"
    );
    let close = ["requests", "close", &reference, "--delivery", "in-hand"];
    assert!(refused(&gate, &close, 1).contains("identity"), "who asks is checked first");
    gate.say(&["requests", "identify", &reference, "--how", "papers"]);
    assert!(refused(&gate, &close, 1).contains("papers"), "papers are deleted as soon as checked");
    let today = days_ago(0);
    gate.say(&["requests", "identify", &reference, "--how", "papers", "--papers-deleted", &today]);
    assert!(refused(&gate, &close, 1).contains("bundle"), "access is answered by a bundle");
    for plain in ["mail", "post", "email"] {
        let plain = ["requests", "close", &reference, "--delivery", plain];
        assert!(refused(&gate, &plain, 2).contains("never by plain mail"), "law 9, delivery");
    }
    gate.write("abc.zip", "abc");
    let no = |file: &str| refused(&gate, &[&close[..], &["--bundle", file]].concat(), 1);
    assert!(no("abc.zip").contains("none was made"), "any file is not its bundle");
    let export = ["export", "subject", "a.martin", "--reference", &reference, "--json"];
    gate.say(&[&export[..], &["--out", "first"]].concat());
    let made = json(&gate.say(&[&export[..], &["--out", "second", "--again", "--language", "en"]].concat()));
    let bundle = |folder: &str| format!("{folder}/{reference}.zip");
    assert!(no("abc.zip").contains("is not the bundle"));
    assert!(no(&bundle("first")).contains("is not the bundle"), "another has taken its place");
    assert!(refused(&gate, &close, 1).contains("--bundle"), "what was handed over is shown");
    gate.say(&[&close[..], &["--bundle", &bundle("second"), "--out", "letters"]].concat());
    let shown = json(&gate.say(&["requests", "show", &reference, "--json"]));
    assert_eq!(shown["bundle"], made["sha256"]);
    assert_eq!((&shown["state"], &shown["end"]["delivery"]), (&"answered".into(), &"in-hand".into()), "{shown}");
    assert!(!gate.path(&format!("letters/{reference}-answer.pdf")).exists(), "the bundle has the letter");
    assert!(refused(&gate, &["requests", "extend", &reference, "--reason", "x"], 1).contains("has ended"));
    assert_eq!(listed(&gate, &["requests", "list"]), Vec::<Value>::new());
    assert_eq!(listed(&gate, &["requests", "list", "--all"]).len(), 1);
    let trail = gate.say(&["audit", "--act", "request", "--format", "csv"]);
    assert!(!trail.contains("martin") && !trail.contains("Martin") && trail.contains(&reference), "{trail}");
    gate.say(&["log", "verify"]);
}

#[test]
fn nothing_of_a_request_is_on_the_disk_in_the_clear() {
    let gate = register(1);
    open(&gate, &["--right", "access", "--who", "temoin-zx81", "--user", "temoin-zx81", "--out", "letters"]);
    let found = crate::masking::holding_the_marker(&gate.path("data"));
    assert_eq!(found, Vec::<std::path::PathBuf>::new());
}

#[test]
fn due_dates_reminders_and_what_is_overdue_law_9_deadline() {
    let mut gate = register(1);
    for (reference, age) in [("new", 0), ("soon", 20), ("late", 40)] {
        open(&gate, &["--right", "objection", "--who", "x", "--reference", reference, "--received", &days_ago(age)]);
    }
    let output = gate.octroi(&["requests", "list", "--json"]);
    assert_eq!(output.status.code(), Some(1), "one is overdue: the answer is no");
    let listed = json(&String::from_utf8_lossy(&output.stdout));
    let states: Vec<&str> = listed.as_array().expect("a list").iter().filter_map(|one| one["state"].as_str()).collect();
    assert_eq!(states, ["overdue", "soon", "open"], "{listed}");
    assert!(said(&output).contains("the request late is overdue"), "{}", said(&output));
    let extend = refused(&gate, &["requests", "extend", "late", "--reason", "holidays"], 1);
    assert!(extend.contains("can no longer be extended"), "only within the first month: {extend}");
    gate.say(&["requests", "extend", "soon", "--reason", "many records", "--out", "letters"]);
    let told = letter(&gate, "soon-extension");
    assert!(told.contains("many records") && told.contains("deux mois"), "{told}");
    assert!(refused(&gate, &["requests", "extend", "soon", "--reason", "x"], 1).contains("only once"));

    // The gate says it at its start, in its status, to the doctor; by the reference alone.
    gate.start();
    harness::wait::until("the note of the start", harness::LIMIT, || {
        gate.printed().contains("request    the request late is overdue").then_some(())
    });
    assert!(gate.say(&["status"]).contains("the request late is overdue"));
    let doctor = refused(&gate, &["doctor", "rights"], 1);
    assert!(doctor.contains("dont 1 en retard"), "{doctor}");
    gate.say(&["requests", "refuse", "late", "--ground", "excessive", "--reason", "the twelfth", "--out", "letters"]);
    let told = letter(&gate, "late-refusal");
    for part in ["excessive", "The twelfth.", "CNIL", "recours juridictionnel"] {
        assert!(told.contains(part), "law 9, refusal: {part}: {told}");
    }
    assert!(!gate.say(&["status"]).contains("the request late"), "the gate is told at once");
    gate.say(&["doctor", "rights"]);
}

#[test]
fn a_clock_that_is_set_back_gives_no_time_law_9_deadline() {
    let gate = register(1);
    open(&gate, &["--right", "access", "--who", "x", "--reference", "late", "--received", &days_ago(40)]);
    let mut command = gate.command(&["requests", "extend", "late", "--reason", "a month ago it was in time"]);
    command.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", "-30d");
    let output = command.output().expect("the binary can be started");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("can no longer be extended"), "{}", said(&output));
}

#[test]
fn what_is_no_request_is_refused_and_says_why_law_9_register() {
    let gate = register(1);
    let base = ["requests", "open", "--right", "access", "--channel", "mailbox"];
    let with = |more: &[&str], code| refused(&gate, &[&base[..], more].concat(), code);
    open(&gate, &["--right", "access", "--who", "x", "--reference", "once"]);
    assert!(with(&["--who", "y", "--reference", "once"], 1).contains("is used"), "a reference used twice");
    for wrong in ["a/b", "../x", "\u{202e}x", "=cmd|' /C calc'!A0"] {
        assert!(with(&["--who", "x", "--reference", wrong], 2).contains("is no reference"), "{wrong}");
    }
    assert!(with(&["--who", &"x".repeat(300)], 2).contains("300 characters; 200 at most"));
    assert!(with(&["--who", "a\u{202e}b"], 2).contains("U+202E"), "what turns the line around it is not taken");
    assert!(with(&["--who", "x", "--received", &days_ago(-2)], 1).contains("has not come"));
    assert!(with(&["--who", "x", "--received", "2026-02-30"], 2).contains("2026-02-30"));
    assert!(with(&["--who", "x", "--received", "2001-01-01"], 1).contains("longer ago"));
    assert!(with(&[], 2).contains("--who"));
    for good in ["=cmd|' /C calc'!A0", "\"O'Brien\" / fils", "nobody.known"] {
        let opened = open(&gate, &["--right", "access", "--who", good]);
        assert_eq!(opened["who"], good, "a request is one whoever asks: also when nothing is recorded of them");
    }
    for (user, known) in [("a.martn", false), ("A.Martin", true)] {
        let opened = gate.octroi(&[&base[..], &["--user", user]].concat());
        assert_eq!(!said(&opened).contains("ever bore the name"), known, "a slip of the pen is said: {user}");
    }
    let list = gate.say(&["requests", "list"]);
    assert!(list.contains("=cmd|' /C calc'!A0"), "{list}");
    assert!(refused(&gate, &["requests", "show", "gone"], 1).contains("no request has the reference"));
}

#[test]
fn portability_is_answered_not_applicable_and_why_law_10_portability() {
    let gate = register(1);
    for (language, words) in [("fr", "ne s’y applique pas"), ("en", "does not apply")] {
        let asked = ["--right", "portability", "--who", "x", "--identity", "session", "--reference", language];
        open(&gate, &[&asked[..], &["--language", language, "--out", "letters"]].concat());
        gate.say(&["requests", "close", language, "--delivery", "in-hand", "--out", "letters"]);
        let told = letter(&gate, &format!("{language}-answer"));
        assert!(
            told.contains(words) && (told.contains("intérêt légitime") || told.contains("legitimate interest")),
            "{told}"
        );
    }
}

#[test]
fn what_would_be_purged_before_the_answer_is_taken_out_at_receipt_law_9_extraction() {
    let config = "[log]\nretention_days = 30";
    let mut gate = Setup::new().config(config).prepare();
    let of = |user: &str, age: u64, host: &str| line(age, host, "/").replace("a.martin", user);
    // A clock that nothing keeps is believed when the register was written on the days before.
    let others = [5, 4, 3].map(|age| of("p.dupont", age, "other.test")).concat();
    let log = [of("a.martin", 29, "temoin-zx81.test"), of("p.dupont", 29, "other.test"), others];
    bring(&gate, &(log.concat() + &of("a.martin", 2, "late.test")));
    // What people are told of how long records are kept is noted when a gate starts.
    gate.start();
    gate.terminate();
    gate.wait();
    let args = ["requests", "open", "--right", "access", "--who", "Alice Martin", "--user", "A.Martin"];
    let output = gate.octroi(&[&args[..], &["--channel", "c", "--reference", "R-1", "--identity", "known"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("2 records of 2 days"), "theirs only: {}", said(&output));
    let folder = gate.path("data/register/extracts");
    let files = || fs::read_dir(&folder).map_or(0, |files| files.count());
    assert_eq!(files(), 1);
    assert_eq!(crate::masking::holding_the_marker(&gate.path("data")), Vec::<std::path::PathBuf>::new());
    let shown = json(&gate.say(&["requests", "show", "R-1", "--json"]));
    assert_eq!(shown["extracts"][0]["records"], 2, "{shown}");
    gate.say(&["log", "verify"]);

    // Two days later the day is gone: the purge did not wait.
    let purged = {
        let mut command = gate.command(&["log", "purge"]);
        command.env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1").env("FAKETIME", "+2d");
        command.output().expect("the binary can be started")
    };
    assert!(purged.status.success(), "{}", said(&purged));
    assert_eq!(gate.log().len(), 4, "{}", said(&purged));
    assert_eq!(files(), 1, "what was taken out stays");

    gate.say(&["export", "subject", "a.martin", "--reference", "R-1", "--out", "out"]);
    gate.say(&["requests", "close", "R-1", "--delivery", "in-hand", "--bundle", "out/R-1.zip"]);
    gate.start();
    assert_eq!(files(), 1, "kept for thirty days after the answer");
    gate.terminate();
    gate.wait();
}
