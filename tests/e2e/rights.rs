//! The other rights of the persons concerned, as statements beside records: rectified, restricted, objected to, erased. Each
//! line of what the law asks has a test that names it.
use crate::export::entry;
use crate::identity::{PASSWORD, with_password};
use crate::imports::{bring, line};
use crate::requests::{days_ago, json, letter, listed, open, refused, register, said};
use harness::{Curl, Gate, Setup};
use serde_json::Value;
use std::process::Output;

fn search(gate: &Gate, more: &[&str]) -> (Vec<Value>, String) {
    let output = gate.octroi(&[&["log", "search", "--json"], more].concat());
    let found = json(&String::from_utf8_lossy(&output.stdout));
    (found.as_array().expect("a list").clone(), String::from_utf8_lossy(&output.stderr).into_owned())
}

const OPEN: [&str; 4] = ["--purpose", "security", "--reason", "test"];

#[test]
fn a_rectification_is_shown_with_its_records_in_every_form_law_10_rectification() {
    let gate = register(3);
    let text = "poste partagé : =cmd|' /C calc'!A0 \"c’était p.dupont\"";
    let said_so = gate.say(&["rectify", "--id", "1", "--id", "2", "--text", text, "--reference", "DD-2026-0001"]);
    assert!(said_so.contains("rectification 1: 2 records"), "{said_so}");
    let (from, to) = (days_ago(4), days_ago(1));
    let period = ["--user", "A.MARTIN", "--from", &from, "--to", &to, "--text", "again", "--reference", "DD-2026-0001"];
    gate.say(&[&["rectify"], &period[..]].concat());
    let (open, _) = search(&gate, &OPEN);
    let texts = |record: &Value| -> Vec<String> {
        let statements = record["statements"].as_array().expect("an array").iter();
        statements.map(|one| one["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(open.iter().map(&texts).collect::<Vec<_>>(), [vec![text], vec![text, "again"], vec!["again"]]);
    assert_eq!(open[0]["statements"][0]["reference"], "DD-2026-0001");
    let (closed, _) = search(&gate, &[]);
    assert_eq!(closed[0]["statements"][0]["kind"], "rectification");
    assert_eq!(closed[0]["statements"][0]["text"], Value::Null, "a text may name somebody: names are closed");
    let table = gate.say(&[&["log", "search"], &OPEN[..]].concat());
    assert!(table.contains("↳ rectification 1, ") && table.contains("c’était p.dupont"), "{table}");
    let csv = gate.say(&[&["log", "search", "--format", "csv"], &OPEN[..]].concat());
    let first = csv.lines().nth(1).expect("a record");
    assert!(csv.lines().next().is_some_and(|line| line.ends_with(",statements")), "{csv}");
    assert!(first.contains("poste partagé") && first.ends_with("\"\"\""), "{first}");
    let squid = gate.say(&[&["log", "search", "--format", "squid"], &OPEN[..]].concat());
    assert!(!squid.contains("rectification"), "that form has no place for it: {squid}");
    gate.say(&["log", "verify"]);
}

#[test]
fn an_answer_says_what_was_done_or_why_not_law_10() {
    let gate = register(2);
    let asked = |right: &str, reference: &str| {
        open(
            &gate,
            &["--right", right, "--who", "x", "--identity", "known", "--reference", reference, "--out", "letters"],
        );
    };
    let close = |reference: &'static str| ["requests", "close", reference, "--delivery", "in-hand", "--out", "letters"];
    asked("rectification", "R-1");
    assert!(refused(&gate, &close("R-1"), 1).contains("nothing was done"), "no answer without an act, or a reason");
    gate.say(&[
        "rectify",
        "--id",
        "1",
        "--text",
        "shared computer",
        "--reference",
        "R-1",
        "--recipient",
        "Infogérance",
    ]);
    gate.say(&["statements", "told", "1", "--recipient", "Infogérance"]);
    gate.say(&close("R-1"));
    let told = letter(&gate, "R-1-answer");
    for part in ["fait droit", "shared computer", "1 enregistrement", "Infogérance"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    asked("rectification", "R-5");
    gate.say(&["rectify", "--id", "1", "--text", "t", "--reference", "R-5", "--recipient", "Infogérance"]);
    gate.say(&close("R-5"));
    let told = letter(&gate, "R-5-answer");
    assert!(told.contains("en seront informés") && !told.contains("communiquées à aucun"), "not told yet: {told}");
    assert!(!told.contains("corrigée pour l’avenir"), "nothing was: {told}");
    asked("rectification", "R-2");
    gate.say(&[&close("R-2")[..], &["--not-done", "the badge readers say otherwise"]].concat());
    let told = letter(&gate, "R-2-answer");
    assert!(told.contains("The badge readers say otherwise.") && told.contains("CNIL"), "{told}");
    asked("objection", "R-3");
    gate.say(&["object", "add", "--user", "a.martin", "--text", "t", "--reference", "R-3"]);
    assert!(refused(&gate, &close("R-3"), 1).contains("waits for its decision"));
    let decide = [
        "object",
        "decide",
        "4",
        "--compelling",
        "--told",
        &days_ago(0),
        "--text",
        "an incident",
        "--reference",
        "R-3",
    ];
    gate.say(&decide);
    gate.say(&close("R-3"));
    assert!(letter(&gate, "R-3-answer").contains("An incident"));
    asked("restriction", "R-4");
    gate.say(&["restrict", "add", "--id", "1", "--ground", "claim", "--text", "t", "--reference", "R-4"]);
    gate.say(&[
        "restrict",
        "notice",
        "6",
        "--on",
        &days_ago(-7),
        "--reason",
        "the claim is settled",
        "--out",
        "letters",
    ]);
    let told = letter(&gate, "R-4-lifting");
    assert!(
        told.contains("sera levée le") && told.contains("The claim is settled"),
        "told before it is lifted: {told}"
    );
    let lift = ["restrict", "lift", "6", "--told", &days_ago(0), "--text", "settled", "--reference", "R-4"];
    assert!(refused(&gate, &lift, 1).contains(&format!("stands until {}", days_ago(-7))), "not before the day it says");
    gate.say(&close("R-4"));
}

#[test]
fn a_statement_about_nothing_is_not_written_law_10() {
    let gate = register(2);
    let said = ["--text", "x", "--reference", "r"];
    let rectify = |more: &[&str], code| refused(&gate, &[&["rectify"], more, &said[..]].concat(), code);
    let (from, to) = (days_ago(30), days_ago(0));
    let period = ["--from", &from, "--to", &to];
    for nobody in ["nobody", "=cmd|' /C calc'!A0", "a'b\"c/d", "ильин"] {
        assert!(rectify(&[&["--user", nobody], &period[..]].concat(), 1).contains("nothing is written"), "{nobody}");
    }
    assert!(rectify(&["--id", "99"], 1).contains("there is no record 99"));
    assert!(rectify(&["--id", "1", "--id", "99"], 1).contains("99"), "all of them, or none");
    assert!(rectify(&["--user", "a.martin", "--from", &to, "--to", &from], 2).contains("later than"));
    assert!(rectify(&["--user", "a.martin", "--from", "2001-01-01", "--to", "2001-12-31"], 1).contains("nothing"));
    assert!(rectify(&["--user", "a.martin"], 2).contains("--from and --to"));
    assert!(rectify(&["--user", "a\u{202e}b", "--from", &from, "--to", &to], 2).contains("U+202E"));
    assert!(rectify(&[&["--user", &"x".repeat(300)], &period[..]].concat(), 2).contains("at most"));
    assert!(rectify(&[], 2).contains("--id"));
    assert!(refused(&gate, &["rectify", "--id", "1", "--text", " ", "--reference", "r"], 2).contains("empty"));
    assert_eq!(listed(&gate, &["statements", "list"]), Vec::<Value>::new());
}

#[test]
fn restricted_records_are_hidden_and_counted_until_the_person_was_told_law_10_restriction() {
    let gate = register(3);
    let said = ["--text", "contests the attribution", "--reference", "DD-2026-0002"];
    let user = ["restrict", "add", "--user", "a.martin", "--ground", "accuracy"];
    assert!(gate.say(&[&user[..], &said].concat()).contains("restriction 1: 3 records"));
    for args in [&[][..], &OPEN] {
        let (found, told) = search(&gate, args);
        assert!(found.is_empty() && told.contains("3 records are restricted"), "{found:?} {told}");
    }
    let (found, told) = search(&gate, &["--id", "1"]);
    assert!(found.is_empty() && told.contains("1 record is restricted"), "by its number as well: {told}");
    let read = json(&gate.say(&["restrict", "read", "1", "--reason", "to answer DD-2026-0002", "--json"]));
    assert_eq!(read.as_array().expect("a list").len(), 3);
    let trail = gate.say(&["audit", "--act", "read restricted", "--format", "csv"]);
    assert!(trail.contains("to answer DD-2026-0002"), "the look is noted: {trail}");
    let lift = ["restrict", "lift", "1", "--text", "it was right", "--reference", "DD-2026-0002"];
    assert!(refused(&gate, &lift, 2).contains("--told"), "only after the person was told (18(3))");
    let future = days_ago(-2);
    assert!(refused(&gate, &[&lift[..], &["--told", &future]].concat(), 2).contains("has not come"));
    gate.say(&[&lift[..], &["--told", &days_ago(0)]].concat());
    let (found, _) = search(&gate, &OPEN);
    let kinds: Vec<&str> =
        found[0]["statements"].as_array().expect("some").iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!((found.len(), kinds), (3, vec!["restriction", "lifted"]));
    assert!(refused(&gate, &["restrict", "read", "1", "--reason", "x"], 1).contains("restricts nothing"));
    let objection = ["restrict", "add", "--user", "a.martin", "--ground", "objection"];
    assert!(refused(&gate, &[&objection[..], &said].concat(), 2).contains("octroi object add"));
}

#[test]
fn recipients_are_listed_to_be_told_and_ticked_off_law_10_notification() {
    let gate = Setup::new().config("[log.forward]\njson = true").prepare();
    bring(&gate, &line(3, "h.test", "/"));
    let rectify = ["rectify", "--id", "1", "--text", "x", "--reference", "r", "--recipient", "the facility manager"];
    let output = gate.octroi(&rectify);
    assert!(output.status.success() && said(&output).contains("to be told"), "{}", said(&output));
    let untold = |gate: &Gate| listed(gate, &["statements", "list"])[0]["untold"].clone();
    assert_eq!(untold(&gate), serde_json::json!(["the facility manager", "log.forward json"]));
    assert!(gate.say(&["doctor", "rights"]).contains("1 déclaration"), "the doctor says so");
    gate.say(&["statements", "told", "1", "--recipient", "the facility manager", "--on", &days_ago(0)]);
    assert_eq!(untold(&gate), serde_json::json!(["log.forward json"]));
    let again = refused(&gate, &["statements", "told", "1", "--recipient", "the facility manager"], 1);
    assert!(again.contains("waits for: log.forward json"), "{again}");
}

/// A gate with accounts that the tests' people use, that asks for them.
fn with_accounts() -> Gate {
    let mut gate = Setup::new().config("[identity]\nmethods = [\"basic\"]").prepare();
    for name in ["a.martin", "p.dupont"] {
        let added = with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD);
        assert!(added.status.success(), "{added:?}");
    }
    gate.start();
    gate
}

#[test]
fn an_objection_restricts_at_once_and_upheld_masks_from_then_on_law_10_objection() {
    let mut gate = with_accounts();
    let visit = |gate: &Gate, who: &str| Curl::through(gate).as_user(who, PASSWORD).get("http://blocked.test/");
    visit(&gate, "a.martin");
    visit(&gate, "p.dupont");
    gate.log_of(2);
    let said = ["--text", "her situation", "--reference", "DD-2026-0003"];
    gate.say(&[&["object", "add", "--user", "a.martin"], &said[..]].concat());
    let (found, told) = search(&gate, &OPEN);
    assert!(found.len() == 1 && told.contains("1 record is restricted"), "at once, while it is looked into: {told}");
    visit(&gate, "a.martin");
    harness::wait::until("what is recorded since is restricted too", harness::LIMIT, || {
        search(&gate, &OPEN).1.contains("2 records are restricted").then_some(())
    });
    let decide = ["object", "decide", "1", "--upheld"];
    assert!(refused(&gate, &[&decide[..], &said].concat(), 2).contains("--told"));
    let today = days_ago(0);
    gate.say(&[&decide[..], &["--told", &today], &said].concat());
    assert!(refused(&gate, &[&decide[..], &["--told", &today], &said].concat(), 1).contains("is over already"));

    let masked = |gate: &Gate| {
        let read = json(&gate.say(&["restrict", "read", "1", "--reason", "test", "--json"]));
        let read = read.as_array().expect("a list").clone();
        read.iter().map(|record| record["masked"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let person = || Some("person".to_owned());
    visit(&gate, "A.Martin");
    harness::wait::until("a masked visit", harness::LIMIT, || (masked(&gate) == [None, None, person()]).then_some(()));
    // A gate that is started again knows it from the ledger.
    gate.terminate();
    gate.wait();
    gate.start();
    visit(&gate, "a.martin");
    visit(&gate, "p.dupont");
    harness::wait::until("another", harness::LIMIT, || {
        (masked(&gate) == [None, None, person(), person()]).then_some(())
    });
    let (found, _) = search(&gate, &OPEN);
    assert!(found.len() == 2 && found.iter().all(|record| record["masked"] == Value::Null), "nobody else: {found:?}");
}

#[test]
fn compelling_grounds_end_the_restriction_of_an_objection_law_10_objection() {
    let gate = register(2);
    let said = ["--text", "a security incident", "--reference", "DD-2026-0004"];
    gate.say(&[&["object", "add", "--user", "a.martin"], &said[..]].concat());
    assert!(search(&gate, &OPEN).0.is_empty());
    let today = days_ago(0);
    gate.say(&[&["object", "decide", "1", "--compelling", "--told", &today], &said[..]].concat());
    assert_eq!(search(&gate, &OPEN).0.len(), 2);
    assert_eq!(listed(&gate, &["object", "list"])[0]["state"], "compelling grounds");
    assert!(refused(&gate, &[&["object", "add", "--id", "1"], &said[..]].concat(), 2).contains("person"));
}

#[test]
fn what_is_erased_is_gone_its_leaf_stays_and_it_is_said_law_10_erasure() {
    let gate = register(3);
    let (from, to) = (days_ago(6), days_ago(4));
    let which = ["erase", "add", "--yes", "--user", "a.martin", "--from", &from, "--to", &to, "--ground", "unlawful"];
    let said = ["--text", "recorded by mistake", "--reference", "DD-2026-0005"];
    let before = json(&gate.say(&["log", "verify", "--json"]));
    gate.say(&[&which[..], &said].concat());
    let (found, told) = search(&gate, &OPEN);
    assert!(found.len() == 1 && !told.contains("restricted"), "{told}");
    let after = json(&gate.say(&["log", "verify", "--json"]));
    assert_eq!((&after["holds"], &after["records"]), (&Value::Bool(true), &before["records"]), "their leaves stay");
    let listed = listed(&gate, &["erase", "list"]);
    assert!(listed[0]["state"].as_str().is_some_and(|state| state.starts_with("done, 2 records")), "{listed:?}");
    assert_eq!(gate.say(&["audit", "--act", "erase", "--format", "csv"]).lines().count(), 3);
    // In the answer to the person: decided, and done, with its day.
    gate.say(&["export", "subject", "a.martin", "--reference", "DD-1", "--out", "out"]);
    let told = json(&entry(&gate.path("out/DD-1.zip"), "statements.json"));
    let kinds: Vec<&str> = told.as_array().expect("a list").iter().filter_map(|one| one["kind"].as_str()).collect();
    assert!(kinds.contains(&"erasure") && kinds.contains(&"erased") && kinds.last() == Some(&"done"), "{told}");
    let erased = told.as_array().expect("a list").iter().filter_map(|one| one["erased"].as_u64()).sum::<u64>();
    assert_eq!(erased, 2, "{told}");
    let tomorrow = days_ago(-2);
    let future = ["erase", "add", "--yes", "--user", "a.martin", "--from", &from, "--to", &tomorrow, "--ground", "law"];
    assert!(refused(&gate, &[&future[..], &said].concat(), 2).contains("cannot be erased"));
}

/// Says a command as the holder of an account.
fn done_as(gate: &Gate, who: &str, args: &[&str]) -> Output {
    with_password(gate, &[args, &["--as", who, "--password-stdin"]].concat(), PASSWORD)
}

/// What a command by an account is refused with.
fn no(gate: &Gate, who: &str, args: &[&str]) -> String {
    let output = done_as(gate, who, args);
    assert_eq!(output.status.code(), Some(1), "octroi {} by {who}: {}", args.join(" "), said(&output));
    said(&output)
}

/// The same, done.
fn yes(gate: &Gate, who: &str, args: &[&str]) -> String {
    let output = done_as(gate, who, args);
    assert!(output.status.success(), "octroi {} by {who}: {}", args.join(" "), said(&output));
    said(&output)
}

/// A register with a rights desk, an investigator, and a second person.
fn with_roles() -> Gate {
    let gate = register(3);
    for (name, role) in [("r.rights", "rights"), ("j.petit", "investigator"), ("p.dupont", "approver")] {
        let added = with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD);
        assert!(added.status.success(), "{}", said(&added));
        gate.say(&["user", "role", name, "--add", role]);
        let signed = with_password(&gate, &["user", "undertake", name, "--password-stdin"], PASSWORD);
        assert!(signed.status.success(), "{}", said(&signed));
    }
    gate
}

#[test]
fn the_rights_desk_alone_does_all_this_and_erasing_takes_a_second_person_law_8_and_10() {
    let gate = with_roles();
    let request = ["requests", "open", "--right", "erasure", "--who", "x", "--channel", "c", "--reference", "R-1"];
    assert!(refused(&gate, &request, 1).contains("--as ACCOUNT"), "no shell is enough");
    assert!(no(&gate, "j.petit", &request).contains("takes the role rights"));
    yes(&gate, "r.rights", &request);
    assert!(no(&gate, "p.dupont", &["requests", "list"]).contains("takes the role rights"));

    let words = ["--text", "recorded by mistake", "--reference", "R-1"];
    let erase = [&["erase", "add", "--yes", "--id", "1", "--ground", "unlawful"], &words[..]].concat();
    assert!(no(&gate, "r.rights", &erase).contains("octroi scope approve"), "it is asked for");
    assert!(no(&gate, "r.rights", &["scope", "approve", "1"]).contains("approver"), "nobody approves their own");
    assert!(no(&gate, "r.rights", &erase).contains("waits"));
    yes(&gate, "p.dupont", &["scope", "approve", "1"]);
    let other = [&["erase", "add", "--yes", "--id", "2", "--ground", "unlawful"], &words[..]].concat();
    assert!(no(&gate, "r.rights", &other).contains("octroi scope approve"), "what was approved, and nothing else");
    yes(&gate, "r.rights", &erase);
    assert!(no(&gate, "r.rights", &erase).contains("there is no record 1"), "once");
    let list = yes(&gate, "r.rights", &["statements", "list", "--json"]);
    assert!(list.contains("\"r.rights\""), "who decided is said: {list}");

    let restrict = [&["restrict", "add", "--user", "a.martin", "--ground", "claim"], &words[..]].concat();
    yes(&gate, "r.rights", &restrict);
    let (from, to) = (days_ago(10), days_ago(0));
    let scope = ["scope", "request", "--purpose", "security", "--reason", "incident", "--user", "a.martin"];
    let asked = yes(&gate, "j.petit", &[&scope[..], &["--from", &from, "--to", &to]].concat());
    let number = asked.split_whitespace().next().expect("a number").to_owned();
    yes(&gate, "p.dupont", &["scope", "approve", &number]);
    let found = no(&gate, "j.petit", &["log", "search", "--purpose", "security", "--reason", "incident"]);
    assert!(found.contains("2 records are restricted"), "hidden from every scope: {found}");
    let list = yes(&gate, "r.rights", &["restrict", "list", "--json"]);
    let list = json(list.lines().take_while(|line| *line != "]").chain(["]"]).collect::<Vec<_>>().join("\n").as_str());
    let restriction = list[0]["number"].to_string();
    let read = ["restrict", "read", &restriction, "--reason", "the person asked me to"];
    assert!(no(&gate, "j.petit", &read).contains("takes the role rights"));
    let today = days_ago(0);
    let consented = [&read[..], &["--consented", &today]].concat();
    assert!(yes(&gate, "j.petit", &consented).contains("2 records read"), "with the person's consent (18(2))");
    gate.say(&["log", "verify"]);
}

#[test]
fn a_running_gate_erases_what_is_sealed_and_says_of_the_rest_when_law_10_erasure() {
    let mut gate = register(2);
    gate.start();
    Curl::through(&gate).get("http://blocked.test/");
    let record = gate.log_of(3).pop().expect("a record of today");
    let said = ["--ground", "not-needed", "--text", "x", "--reference", "DD-2026-0006"];
    gate.say(&[&["erase", "add", "--yes", "--id", "1"], &said[..]].concat());
    assert!(search(&gate, &["--id", "1"]).0.is_empty());
    gate.say(&["log", "verify"]);
    let id = record.id.to_string();
    let output = gate.octroi(&[&["erase", "add", "--yes", "--id", &id], &said[..]].concat());
    assert!(output.status.success() && self::said(&output).contains("once each day is sealed"), "{output:?}");
    let (found, told) = search(&gate, &["--id", &id]);
    assert!(found.is_empty() && told.contains("restricted"), "restricted until then: {told}");
    assert!(refused(&gate, &["erase", "run"], 1).contains("erasure 4"), "it waits");
    assert!(gate.say(&["doctor", "rights"]).contains("attendent que leurs journées soient scellées"));
}

/// A register of three sealed days in which a.martin and p.dupont made a visit each, a day.
fn of_two() -> Gate {
    let gate = Setup::new().prepare();
    let both = |age| {
        let visit = line(age, "h.test", "/");
        format!("{visit}{}", visit.replace("a.martin", "p.dupont"))
    };
    bring(&gate, &[5, 4, 3].map(both).concat());
    gate
}

#[test]
fn nobody_alone_opens_names_for_the_charter_before_its_steps_law_8() {
    let gate = register(1);
    let search = ["log", "search", "--reason", "x", "--purpose"];
    let no = refused(&gate, &[&search[..], &["charter"]].concat(), 1);
    assert!(no.contains("cse_consulted and persons_informed") && !no.contains("a.martin"), "{no}");
    let trail = gate.say(&["audit", "--act", "search refused", "--format", "csv"]);
    assert!(trail.contains("charter"), "that it was asked for is kept: {trail}");
    gate.say(&[&search[..], &["security"]].concat());
}

#[test]
fn how_many_are_restricted_is_counted_whatever_is_shown_law_10_restriction() {
    let gate = of_two();
    let said = ["--ground", "claim", "--text", "x", "--reference", "r"];
    gate.say(&[&["restrict", "add", "--user", "a.martin"], &said[..]].concat());
    for limit in ["1", "2", "100"] {
        let (_, told) = search(&gate, &["--limit", limit]);
        assert!(told.contains("3 records are restricted"), "--limit {limit}: {told}");
    }
}

#[test]
fn a_request_reaches_the_records_of_who_made_it_alone_law_10() {
    let gate = of_two();
    for right in ["rectification", "restriction", "objection", "erasure"] {
        open(
            &gate,
            &["--right", right, "--user", "a.martin", "--identity", "known", "--reference", &format!("{right}-1")],
        );
    }
    let (from, to) = (days_ago(6), days_ago(1));
    let whole = ["--user", "p.dupont", "--from", &from, "--to", &to, "--text", "x"];
    let by_number = ["--id", "1", "--id", "2", "--text", "x"];
    let acts: [(&[&str], &str); 4] = [
        (&["rectify"], "rectification-1"),
        (&["restrict", "add", "--ground", "claim"], "restriction-1"),
        (&["object", "add"], "objection-1"),
        (&["erase", "add", "--yes", "--ground", "unlawful"], "erasure-1"),
    ];
    for (act, reference) in acts {
        for which in [&whole[..], &by_number] {
            if act[0] == "object" && which[0] == "--id" {
                continue;
            }
            let no = refused(&gate, &[act, which, &["--reference", reference]].concat(), 1);
            assert!(no.contains("is another person's"), "{act:?} {which:?}: {no}");
        }
    }
    let (review, until) = (days_ago(-30), days_ago(-60));
    let hold = ["hold", "add", "--ground", "rights", "--reference", "restriction-1", "--reason", "x", "--yes"];
    let days = ["--from", &from, "--to", &to, "--review", &review, "--until", &until];
    let held = |about: &[&str], code| refused(&gate, &[&hold[..], &days, about].concat(), code);
    assert!(held(&["--user", "p.dupont"], 1).contains("is another person's"));
    assert!(held(&["--host", "other.test"], 1).contains("is another person's"), "a host is everybody's");
    assert_eq!(search(&gate, &OPEN).0.len(), 6, "nothing was written");
    let theirs = ["--user", "A.MARTIN", "--from", &from, "--to", &to, "--text", "x", "--reference", "erasure-1"];
    let erase = [&["erase", "add", "--ground", "unlawful"], &theirs[..]].concat();
    let asked = refused(&gate, &erase, 1);
    assert!(asked.contains("this erases 3 records") && asked.contains("--yes"), "said, and asked: {asked}");
    gate.say(&[&erase[..], &["--yes"]].concat());
    assert_eq!(search(&gate, &OPEN).0.len(), 3);
    gate.say(&[&hold[..], &days, &["--user", "a.martin"]].concat());
}
