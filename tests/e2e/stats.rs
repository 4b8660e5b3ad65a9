//! Figures about nobody: `log stats` and `report`, and that nothing about fewer than five people can be had from them.
use crate::imports::bring;
use harness::{Answer, Curl, Gate, Origin, Setup};
use serde_json::Value;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// A line of Squid's log: a visit so many days ago by that account; refused ones had been turned back.
pub(crate) fn visit(days_ago: u64, user: &str, host: &str, refused: bool) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let at = now - days_ago * 86_400;
    let (result, way) =
        if refused { ("TCP_DENIED/403", "HIER_NONE/-") } else { ("TCP_MISS/200", "HIER_DIRECT/192.0.2.1") };
    format!("{at}.250    200 10.0.0.7 {result} 1000 GET http://{host}/ {user} {way} text/html\n")
}

pub(crate) fn users(from: u32, to: u32) -> Vec<String> {
    (from..to).map(|number| format!("temoin-zx81-{number}")).collect()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
}

/// A register of some visits: six people at two hosts, two of them at a third.
fn setup() -> Gate {
    let gate = Setup::new().config("time_zone = \"UTC\"").prepare();
    let mut log = String::new();
    for user in users(0, 6) {
        log += &visit(3, &user, "www.shared.test", false).repeat(10);
        log += &visit(2, &user, "other.test", false).repeat(4);
        log += &visit(2, &user, "www.ameli.fr", false);
    }
    for user in users(0, 2) {
        log += &visit(2, &user, "temoin-zx81-rare.test", true);
    }
    // Lines that are alike are one.
    let mut serial = 0;
    let log: String = log
        .lines()
        .map(|line| {
            serial += 1;
            format!("{}\n", line.replacen(".250", &format!(".{serial:03}"), 1))
        })
        .collect();
    assert_eq!(bring(&gate, &log)["kept"], 92);
    gate
}

fn exchanges(rows: &Value) -> u64 {
    let rows = rows.as_array().expect("rows");
    rows.iter().map(|row| row["exchanges"].as_u64().expect("a number")).sum()
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect()
}

#[test]
fn figures_add_up_and_name_nobody_and_nothing_that_few_asked_for() {
    let gate = setup();
    let (text, told) = (gate.say(&["log", "stats"]), gate.say(&["log", "stats", "--json"]));
    let said = json(&told);
    assert_eq!((&said["total"]["exchanges"], &said["threshold"]), (&92.into(), &5.into()), "{said}");
    assert_eq!(said["total"]["bytes_received"], 92_000);
    for table in ["days", "actions", "outcomes", "categories", "rules", "articles"] {
        assert_eq!(exchanges(&said[table]), 92, "{table}: {said}");
    }
    assert_eq!(exchanges(&said["services"]) + exchanges(&said["masked"]), 92, "{said}");
    // Two people were turned back: by how many can be seen nowhere, since what was let through is not told apart from it.
    assert_eq!(said["actions"].as_array().map(Vec::len), Some(1), "{said}");
    assert_eq!((said["actions"][0]["others"].as_bool(), names(&said["actions"]).len()), (Some(true), 0));
    assert!(names(&said["services"]).contains(&"shared.test"), "{said}");
    assert_eq!(names(&said["days"]).len(), 2, "{said}");
    for answer in [&text, &told] {
        assert!(!answer.contains("temoin-zx81") && !answer.contains("10.0.0.7"), "{answer}");
    }
    let noted = gate.say(&["audit", "--act", "stats", "--format", "csv"]);
    assert_eq!(noted.lines().count(), 3, "each look is noted: {noted}");
}

#[test]
fn what_fewer_than_five_people_did_is_not_shown_at_all() {
    let gate = Setup::new().config("time_zone = \"UTC\"").prepare();
    let log: String = users(0, 4).iter().map(|user| visit(2, user, "www.shared.test", false)).collect();
    bring(&gate, &log);
    for args in [&["log", "stats"][..], &["log", "stats", "--json"], &["report", "--month", &month(&gate), "--json"]] {
        let output = gate.octroi(args);
        let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}{why}");
        assert!(why.contains("fewer than 5 people") && !said.contains("shared.test"), "{args:?}: {said}{why}");
        if args.contains(&"--json") {
            let said = json(&said);
            assert!(said["total"].is_null() && said["days"].as_array().is_some_and(Vec::is_empty), "{said}");
        }
    }
}

/// The month of the oldest record.
fn month(gate: &Gate) -> String {
    let opened = gate.log().iter().map(|record| record.opened_at.clone()).min().expect("a record");
    opened[..7].to_owned()
}

#[test]
fn today_counts_while_the_gate_runs_and_addresses_are_people() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let ask = |address: u8, host: &str| {
        let from = format!("127.0.0.{address}");
        Curl::through(&gate).args(["--interface", &from]).get(&origin.url(host, "/"))
    };
    for address in 2..8 {
        assert_eq!(ask(address, "allowed.test").status, 200);
        assert_eq!(ask(address, "blocked.test").status, 403);
    }
    assert_eq!(ask(2, "other.test").status, 200);
    gate.log_of(13);
    let said = json(&gate.say(&["log", "stats", "--json"]));
    assert_eq!(said["total"]["exchanges"], 13, "{said}");
    let blocked = said["actions"].as_array().expect("rows").iter().find(|row| row["name"] == "block").expect("a row");
    assert_eq!((&blocked["exchanges"], &blocked["blocked"]), (&6.into(), &6.into()));
    assert_eq!(names(&said["rules"]), ["interdits"]);
    assert_eq!((names(&said["categories"]), names(&said["articles"])), (vec!["interdit"], vec!["3"]));
    // What one of them alone asked for takes the other service that was let through with it.
    assert_eq!(names(&said["services"]), ["blocked.test"], "{said}");
}

#[test]
fn a_report_is_of_a_month_that_has_begun() {
    let gate = setup();
    let told = gate.say(&["report", "--month", &month(&gate), "--json"]);
    let said = json(&told);
    assert_eq!(said["organisation"], "Société Exemple");
    for events in ["break_glass", "holes", "late_purges"] {
        assert!(said[events].as_array().is_some_and(Vec::is_empty), "{events}: {said}");
    }
    let text = gate.say(&["report", "--month", &month(&gate)]);
    assert!(text.contains("Société Exemple") && text.contains("holes in the register: 0"), "{text}");
    assert!(!told.contains("temoin-zx81") && !text.contains("temoin-zx81"), "{told}{text}");
    assert_eq!(gate.say(&["audit", "--act", "report", "--format", "csv"]).lines().count(), 3);
    let month = month(&gate);
    gate.say(&["report", "--month", &month, "--out", "reports"]);
    let page = fs::read_to_string(gate.path(&format!("reports/rapport-{month}.html"))).expect("a page");
    assert!(
        page.contains("shared.test") && page.contains("Société Exemple") && !page.contains("temoin-zx81"),
        "{page}"
    );
    let pdf = || fs::read(gate.path(&format!("reports/rapport-{month}.pdf"))).expect("a PDF");
    let first = pdf();
    assert!(first.starts_with(b"%PDF-"));
    gate.say(&["report", "--month", &month, "--out", "reports"]);
    assert!(first == pdf(), "the same figures give the same bytes");
    assert_eq!(fs::read_dir(gate.path("reports")).expect("listed").count(), 2, "nothing else is left");
    let output = gate.octroi(&["report", "--month", &month, "--out", "octroi.toml"]);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && why.contains("octroi.toml"), "{why}");
}

#[test]
fn wrong_days_and_months_are_told_and_an_empty_register_says_no() {
    let gate = Setup::new().prepare();
    for (args, said) in [
        (&["log", "stats", "--from", "2026-05-02", "--to", "2026-05-01"][..], "--from is later than --to"),
        (&["log", "stats", "--from", "9999-01-01"], "still to come"),
        (&["log", "stats", "--to", "hier"], "this is not a day"),
        (&["log", "stats", "--from", "2026-05-02T12:00"], "whole days"),
        (&["report", "--month", "9999-01"], "still to come"),
        (&["report", "--month", "2026-13"], "this is not a month"),
        (&["report", "--month", "mai"], "this is not a month"),
        (&["replay", "--charter", "charter.toml", "--from", "2026-05-02", "--to", "2026-05-01"], "later than"),
        (&["replay", "--charter", "absent.toml"], "absent.toml"),
    ] {
        let output = gate.octroi(args);
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {why}");
        assert!(why.contains(said) && output.stdout.is_empty(), "{args:?}: {why}");
    }
    for args in [&["log", "stats", "--json"][..], &["report"], &["replay", "--charter", "charter.toml"]] {
        let output = gate.octroi(args);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && why.contains("no register"), "{args:?}: {why}");
        assert!(!gate.path("data/register").exists(), "{args:?} made one");
    }
    // Days that the register never had, or has no more.
    bring(&gate, &visit(2, "a.martin", "www.shared.test", false));
    let output = gate.octroi(&["log", "stats", "--from", "2001-01-01", "--to", "2001-12-31"]);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && why.contains("nothing found"), "{why}");
}
