//! Whom an answer to a request for access is about, and what looks are told in it: what was wrong once, each by its name.
use crate::export::{day, entry, hosts, json, refused, said, visit, words};
use crate::imports::bring;
use crate::requests::days_ago;
use harness::{Gate, Setup};
use serde_json::Value;
use std::fs;

fn gate(lines: &[String]) -> Gate {
    let gate = Setup::new().config("[log]\nretention_days = 365").prepare();
    bring(&gate, &lines.concat());
    gate
}

fn answer(gate: &Gate, who: &str, reference: &str, more: &[&str]) -> Value {
    let args = ["export", "subject", who, "--reference", reference, "--out", "out", "--json"];
    json(&gate.say(&[&args, more].concat()))
}

/// An entry of a bundle in `out`.
fn of(gate: &Gate, reference: &str, name: &str) -> String {
    entry(&gate.path(&format!("out/{reference}.zip")), name)
}

fn looks(gate: &Gate, reference: &str) -> Vec<(String, String)> {
    let looks = json(&of(gate, reference, "looks.json"));
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    looks.as_array().expect("a list").iter().map(|look| (word(&look["purpose"]), word(&look["role"]))).collect()
}

#[test]
fn looks_by_a_pseudonym_with_names_open_are_told_c_579_21() {
    let gate = gate(&[visit("a.martin", "10.0.0.7", 3, "a.test"), visit("p.dupont", "10.0.0.8", 3, "b.test")]);
    let all = json(&gate.say(&["log", "search", "--json"]));
    let records = all.as_array().expect("a list");
    for host in ["a.test", "b.test"] {
        let one = records.iter().find(|record| record["host"] == host).expect("imported");
        let user = one["user"].as_str().expect("a pseudonym");
        let named = gate.say(&["log", "search", "--user", user, "--purpose", "security", "--reason", "r", "--json"]);
        assert!(named.contains("a.martin") || host == "b.test", "{named}");
    }
    answer(&gate, "a.martin", "DD-1", &[]);
    assert_eq!(
        looks(&gate, "DD-1"),
        [("security".to_owned(), "investigator".to_owned())],
        "and not the one at another"
    );
}

#[test]
fn a_nameless_line_of_an_address_where_another_was_seen_that_day_is_withheld_art_15_4() {
    let gate = gate(&[
        visit("-", "10.0.0.9", 6, "own.test"),
        visit("-", "10.0.0.9", 5, "shared.test"),
        visit("p.dupont", "10.0.0.9", 5, "other.test"),
    ]);
    gate.say(&["user", "link", "a.martin", "--address", "10.0.0.9"]);
    let told = answer(&gate, "a.martin", "DD-1", &[]);
    assert_eq!((&told["records"], &told["withheld"]), (&1.into(), &1.into()), "{told}");
    assert_eq!(hosts(&of(&gate, "DD-1", "records.json")), ["own.test"]);
    gate.say(&["export", "verify", "out/DD-1.zip"]);
}

#[test]
fn a_request_without_an_account_answers_the_first_person_it_was_answered_for_and_nobody_else() {
    let gate = gate(&[visit("a.martin", "10.0.0.7", 3, "a.test"), visit("p.dupont", "10.0.0.8", 3, "b.test")]);
    let open = ["requests", "open", "--right", "access", "--who", "x", "--channel", "mailbox", "--identity", "mailbox"];
    gate.say(&[&open[..], &["--reference", "R-9", "--out", "letters"]].concat());
    answer(&gate, "a.martin", "R-9", &[]);
    fs::rename(gate.path("out"), gate.path("first")).expect("moved");
    let other = ["export", "subject", "p.dupont", "--reference", "R-9", "--out", "out", "--again"];
    assert!(refused(&gate, &other, 1).contains("another person's"));
    assert!(!gate.path("out/R-9.zip").exists());
    answer(&gate, "a.martin", "R-9", &["--again"]);
}

#[test]
fn an_answer_bears_no_day_before_it_was_asked_for_nor_before_the_one_it_replaces() {
    let gate = gate(&[visit("a.martin", "10.0.0.7", 3, "a.test")]);
    let made = |reference: &str, date: &str| {
        let args =
            ["export", "subject", "a.martin", "--reference", reference, "--out", "out", "--again", "--date", date];
        refused(&gate, &args, 2)
    };
    assert!(made("DD-1", "2020-01-01").contains("more than 31 days ago"), "nothing was found is not signed for then");
    let received = days_ago(9);
    let open = ["requests", "open", "--right", "access", "--user", "a.martin", "--channel", "mailbox", "--reference"];
    gate.say(&[&open[..], &["R-1", "--received", &received, "--identity", "mailbox", "--out", "letters"]].concat());
    assert!(made("R-1", &days_ago(10)).contains("received later"));
    answer(&gate, "a.martin", "R-1", &["--date", &days_ago(1)]);
    let hash = json(&gate.say(&["requests", "show", "R-1", "--json"]))["bundle"].clone();
    fs::rename(gate.path("out"), gate.path("first")).expect("moved");
    assert!(made("R-1", &days_ago(2)).contains("does not take its place"));
    assert_eq!(json(&gate.say(&["requests", "show", "R-1", "--json"]))["bundle"], hash);
}

#[test]
fn the_copy_of_an_answer_is_to_be_deleted_by_a_day_and_that_is_told_while_it_is_there_law_9() {
    let gate = gate(&[visit("a.martin", "10.0.0.7", 3, "a.test")]);
    let open = ["requests", "open", "--right", "access", "--user", "a.martin", "--channel", "mailbox", "--reference"];
    gate.say(&[&open[..], &["R-1", "--identity", "mailbox", "--out", "letters"]].concat());
    fs::create_dir_all(gate.path("out")).expect("ours");
    gate.write("out/.octroi-0123456789abcdef.draft", "what a crash left");
    let told = answer(&gate, "a.martin", "R-1", &[]);
    let left: Vec<_> = fs::read_dir(gate.path("out")).expect("made").flatten().map(|file| file.file_name()).collect();
    assert_eq!(left, ["R-1.zip"], "what a crash left of another is gone");
    assert!(!said(&gate.octroi(&["requests", "list"])).contains("to be deleted"), "not before it is answered");
    let close = ["requests", "close", "R-1", "--delivery", "in-hand", "--bundle", "out/R-1.zip", "--out", "letters"];
    let closed = said(&gate.octroi(&close));
    let until = jiff::ToSpan::days(30_i64);
    let until = crate::requests::today().saturating_add(until).to_string();
    assert!(closed.contains(&format!("to be deleted by {until}")) && closed.contains("out/R-1.zip"), "{closed} {told}");
    assert!(said(&gate.octroi(&["requests", "list"])).contains("R-1: the copy of its answer is to be deleted"));
    fs::remove_file(gate.path("out/R-1.zip")).expect("there");
    assert!(!said(&gate.octroi(&["requests", "list"])).contains("to be deleted"));
}

#[test]
fn what_a_hold_keeps_is_told_proved_and_reading_it_is_a_look_law_9_d() {
    let lines = [
        visit("p.dupont", "10.0.0.8", 200, "held.test"),
        visit("a.martin", "10.0.0.7", 200, "other.test"),
        visit("a.martin", "10.0.0.7", 4, "new.test"),
        visit("a.martin", "10.0.0.7", 3, "new.test"),
        visit("a.martin", "10.0.0.7", 2, "new.test"),
        visit("a.martin", "10.0.0.7", 1, "new.test"),
    ];
    let gate = gate(&lines);
    let (from, to, review, until) = (day(201), day(199), days_ago(-60), days_ago(-200));
    let hold = ["hold", "add", "--ground", "incident", "--incident", "INC-12", "--reason", "an intrusion found late"];
    let scope = ["--user", "p.dupont", "--from", &from, "--to", &to, "--review", &review, "--until", &until];
    gate.say(&[&hold[..], &scope].concat());
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it is ours");
    gate.write("octroi.toml", text.replace("retention_days = 365", "retention_days = 150"));
    gate.say(&["log", "purge"]);
    let read = gate.say(&["hold", "records", "1", "--reason", "the analysis", "--json"]);
    assert!(read.contains("held.test"), "{read}");
    let told = answer(&gate, "p.dupont", "DD-1", &[]);
    assert_eq!((&told["records"], &told["proved"]), (&1.into(), &1.into()), "{told}");
    assert_eq!(looks(&gate, "DD-1"), [("incident".to_owned(), "investigator".to_owned())]);
    let report = words(&of(&gate, "DD-1", "report.html"));
    let told = report.matches("analyse d’un incident de sécurité").count();
    assert_eq!(told, 2, "why it is kept beyond its term, and what it was read for: {report}");
    gate.say(&["export", "verify", "out/DD-1.zip"]);
    answer(&gate, "a.martin", "DD-2", &[]);
    assert_eq!(looks(&gate, "DD-2"), []);
}

#[test]
fn who_has_the_data_is_told_as_it_is_configured_and_to_be_completed_otherwise_law_9_c() {
    let gate = gate(&[visit("a.martin", "10.0.0.7", 3, "a.test")]);
    answer(&gate, "a.martin", "DD-1", &[]);
    assert!(words(&of(&gate, "DD-1", "report.html")).contains("[à compléter]"));
    let warned = said(&gate.octroi(&["doctor", "roles"]));
    assert!(warned.contains("[legal] processor = \"none\"") && warned.contains("[legal] transfers"), "{warned}");
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it is ours");
    let stated = "[legal]\nprocessor = \"Exemple SARL, maintenance\"\nhosting = \"own\"\ntransfers = \"none\"\n";
    gate.write("octroi.toml", format!("{text}\n{stated}"));
    answer(&gate, "a.martin", "DD-2", &[]);
    let report = words(&of(&gate, "DD-2", "report.html"));
    assert!(report.contains("Exemple SARL, maintenance") && report.contains("dans les locaux de l’organisation"));
    assert!(!said(&gate.octroi(&["doctor", "roles"])).contains("[legal] processor"));
}

#[test]
fn the_address_heads_letters_and_what_is_missing_is_said_before_anything_is_made_law_9() {
    let gate = gate(&[visit("a.martin", "10.0.0.7", 3, "a.test")]);
    let opened = said(&gate.octroi(&[
        "requests",
        "open",
        "--right",
        "access",
        "--user",
        "a.martin",
        "--channel",
        "mailbox",
        "--reference",
        "DD-1",
        "--out",
        "letters",
    ]));
    assert!(opened.contains("is not stated: `[organisation]` lacks address, dpo\n"), "{opened}");
    let told = said(&gate.octroi(&["export", "subject", "a.martin", "--reference", "DD-1", "--out", "out"]));
    assert!(
        told.contains("`[organisation]` lacks address, dpo; `[legal]` lacks processor, hosting, transfers"),
        "{told}"
    );
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it is ours");
    let address =
        "[organisation]\naddress = \"\"\"\n12 rue de la République\n69002 Lyon\"\"\"\ndpo = \"dpo@exemple.test\"";
    let legal = "[legal]\nprocessor = \"none\"\nhosting = \"own\"\ntransfers = \"none\"\n";
    gate.write("octroi.toml", text.replace("[organisation]", address) + legal);
    let told = said(&gate.octroi(&["export", "subject", "a.martin", "--reference", "DD-2", "--out", "out"]));
    assert!(!told.contains("to be completed"), "{told}");
    let letter = words(&of(&gate, "DD-2", "letter.html"));
    assert!(letter.contains("12 rue de la République") && letter.contains("Lyon, le "), "{letter}");
    let report = words(&of(&gate, "DD-2", "report.html"));
    assert!(report.contains("12 rue de la République, 69002 Lyon") && !report.contains("[à compléter]"), "{report}");
}
