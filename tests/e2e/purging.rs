//! Days past their term: erased with their keys, attested, and never brought back; the term as the law has it.
use crate::imports::{bring, line};
use crate::masking::holding_the_marker;
use harness::{Gate, LIMIT, Setup, wait};
use serde_json::Value;
use std::fs;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
}

fn setup() -> Setup {
    Setup::new().config("[log]\nretention_days = 365")
}

/// Changes the retention that the configuration announces.
fn announce(gate: &Gate, days: u16) {
    let text = fs::read_to_string(gate.path("octroi.toml")).expect("it is ours");
    let lines = text.lines().map(|line| match line.starts_with("retention_days") {
        true => format!("retention_days = {days}\n"),
        false => format!("{line}\n"),
    });
    gate.write("octroi.toml", lines.collect::<String>());
}

/// How many keys of days there are.
fn keys(gate: &Gate) -> usize {
    fs::read_dir(gate.path("data.keys/days")).expect("keys").count()
}

fn certificates(gate: &Gate) -> Vec<Value> {
    json(&gate.say(&["log", "certificates", "--json"])).as_array().expect("a list").clone()
}

#[test]
fn what_is_due_goes_with_its_key_and_a_certificate_and_never_comes_back() {
    let mut gate = setup().prepare();
    // What keeps no clock is believed when the register was written on the days before.
    let ages = [200, 120, 60, 20, 5, 4, 3, 2];
    bring(&gate, &ages.map(|age| line(age, &format!("temoin-zx81-{age}.test"), "/")).concat());
    // One for each day, and today's.
    assert_eq!(keys(&gate), ages.len() + 1);
    gate.start();
    assert_eq!(gate.log().len(), ages.len());
    let said = gate.octroi(&["log", "purge"]);
    assert!(said.status.success() && String::from_utf8_lossy(&said.stderr).contains("nothing is due"), "{said:?}");
    let none = gate.octroi(&["log", "certificates"]);
    assert!(none.status.success() && none.stdout.is_empty(), "none yet, which is no fault");
    assert!(String::from_utf8_lossy(&none.stderr).contains("no certificate"));

    // By a gate that runs, when asked.
    announce(&gate, 150);
    gate.say(&["reload"]);
    let purged = json(&gate.say(&["log", "purge", "--json"]));
    let days = purged["certificate"]["days"].as_array().expect("days");
    assert_eq!((days.len(), &days[0]["records"], &days[0]["term_days"]), (1, &1.into(), &150.into()), "{purged}");
    assert_eq!(purged["certificate"]["organisation"], "Société Exemple");
    gate.terminate();
    gate.wait();

    // Without a gate.
    announce(&gate, 90);
    let said = gate.say(&["log", "purge"]);
    assert!(said.contains("term 90 days") && said.contains("1 record"), "{said}");

    // By a start, before anything is served.
    announce(&gate, 30);
    gate.start();
    assert_eq!(gate.log().len(), 5);
    for gone in ["temoin-zx81-200.test", "temoin-zx81-120.test", "temoin-zx81-60.test"] {
        assert_eq!(gate.log_search(&["--host", gone]), []);
    }
    assert_eq!(certificates(&gate).len(), 3);
    let days = fs::read_dir(gate.path("data/register")).expect("a register").flatten();
    let days = days.filter(|entry| entry.path().extension().is_some_and(|end| end == "sqlite")).count();
    // Today's has a key before it has a file, and in the last half hour of a day so has tomorrow's.
    assert!(days >= 2 && keys(&gate) >= 2 && keys(&gate) <= days + 2, "{days} days, {} keys", keys(&gate));
    gate.say(&["log", "verify"]);
    let trail = gate.say(&["audit", "--act", "purge"]);
    assert_eq!(trail.lines().count(), 4, "{trail}");
    let incidents = gate.octroi(&["audit", "--act", "incident"]);
    assert_eq!(
        incidents.status.code(),
        Some(1),
        "shortened is not late: {}",
        String::from_utf8_lossy(&incidents.stdout)
    );

    // A longer term brings nothing back, and does not reach what was recorded under the shorter one.
    announce(&gate, 365);
    gate.say(&["reload"]);
    assert_eq!(gate.log().len(), 5);
    gate.say(&["log", "verify"]);
    let told = gate.say(&["doctor"]);
    assert!(told.contains("la durée annoncée alors, 30 jours"), "{told}");
    let terms = gate.say(&["audit", "--act", "retention", "--format", "csv"]);
    assert_eq!(terms.lines().count(), 6, "each term announced: {terms}");
}

#[test]
fn nothing_that_was_erased_is_on_the_disk_in_the_clear() {
    let mut gate = setup().prepare();
    let others: String = (2..6).rev().map(|age| line(age, "other.test", "/")).collect();
    bring(&gate, &[line(100, "temoin-zx81.test", "/"), others].concat());
    announce(&gate, 30);
    gate.start();
    assert_eq!(gate.log().len(), 4);
    gate.terminate();
    gate.wait();
    assert_eq!(holding_the_marker(&gate.path("data")), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_term_beyond_a_year_is_refused_without_a_reason_and_said_with_one() {
    for (days, said) in [("0", "retention_days"), ("1096", "retention_days"), ("400", "no reason is written")] {
        let gate = Setup::new().config(&format!("[log]\nretention_days = {days}")).prepare();
        let ended = gate.run_to_its_end();
        assert!(ended.code == Some(2) && ended.printed.contains(said), "{days}: {}", ended.printed);
    }
    let long = "[log]\nretention_days = 400\nretention_reason = \"plainte en cours, dossier 12\"";
    let gate = Setup::new().config(long).start();
    // What it printed is read by a thread of ours, in its own time.
    wait::until("the note of the start", LIMIT, || gate.printed().contains("dossier 12").then_some(()));
    for shown in [gate.say(&["status"]), gate.page("/readyz").text()] {
        assert!(shown.contains("dossier 12"), "{shown}");
    }
    assert!(gate.say(&["doctor"]).contains("dossier 12"));
    let gate = Setup::new().config("[log]\nretention_days = 90").start();
    wait::until("the warning of the start", LIMIT, || gate.printed().contains("six months").then_some(()));
    assert!(gate.say(&["doctor"]).contains("soit moins que la fourchette de six mois à un an recommandée par la CNIL"));
}

#[test]
fn a_term_that_the_file_has_and_the_gate_has_not_is_said() {
    let gate = setup().start();
    let purge = || String::from_utf8_lossy(&gate.octroi(&["log", "purge"]).stderr).into_owned();
    assert!(!purge().contains("the file says"), "both have the same");
    announce(&gate, 90);
    let said = purge();
    assert!(said.contains("announced: 365 days; the file says 90: `octroi reload`"), "{said}");
    assert!(!said.contains("six months"), "warnings are for whoever looks at the configuration: {said}");
    let reload = gate.octroi(&["reload"]);
    assert!(String::from_utf8_lossy(&reload.stderr).contains("six months"), "such as a reload");
    assert!(!purge().contains("the file says"));
}
