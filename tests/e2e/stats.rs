//! Figures about nobody: `log stats` and `report`, and that nothing about fewer than five people can be had from them.
use crate::imports::bring;
use crate::scopes::{desk_of, done, no};
use harness::{Gate, Setup};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use std::fs;

/// The Sunday of the last week that has ended and that no month cuts.
pub(crate) fn sunday() -> Date {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let sunday = today - (i64::from(today.weekday().to_monday_zero_offset()) + 1).days();
    if (sunday - 6.days()).month() == sunday.month() { sunday } else { sunday - 7.days() }
}

/// A line of Squid's log: a visit, so many days before that Sunday, by that account; refused ones had been turned back.
pub(crate) fn visit(days: i64, user: &str, host: &str, refused: bool) -> String {
    let noon = (sunday() - days.days()).at(12, 0, 0, 0);
    visit_at(TimeZone::UTC.to_timestamp(noon).expect("an instant"), user, host, refused)
}

fn visit_at(at: Timestamp, user: &str, host: &str, refused: bool) -> String {
    let at = at.as_second();
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
fn today_does_not_count_yet_and_addresses_are_people() {
    let gate = Setup::new().config("time_zone = \"UTC\"").prepare();
    let mut log = String::new();
    for address in 2..8 {
        let at = |line: String| line.replace("10.0.0.7", &format!("127.0.0.{address}"));
        log += &at(visit(2, "-", "www.shared.test", false));
        log += &at(visit_at(Timestamp::now(), "-", "www.today.test", false));
    }
    assert_eq!(bring(&gate, &log)["kept"], 12);
    let told = gate.say(&["log", "stats", "--json"]);
    let said = json(&told);
    assert_eq!((&said["total"]["exchanges"], names(&said["services"])), (&6.into(), vec!["shared.test"]), "{said}");
}

/// Weeks are whole: whatever days are asked for, nothing is learnt of one of them by subtracting, of weeks and months either.
#[test]
fn no_two_periods_differ_by_what_one_person_did() {
    let gate = Setup::new().config("time_zone = \"UTC\"").prepare();
    let mut log = String::new();
    for user in users(0, 5) {
        log += &visit(3, &user, "www.shared.test", false);
        log += &visit(10, &user, "www.shared.test", false);
    }
    for minute in 0..7 {
        let line = visit(1, "temoin-zx81-0", "www.shared.test", false);
        log += &line.replacen(".250", &format!(".{minute:03}"), 1);
    }
    // Two people alone, in a week of their own.
    for user in users(0, 2) {
        log += &visit(17, &user, "www.shared.test", false);
    }
    assert_eq!(bring(&gate, &log)["kept"], 19);
    let day = |days: i64| (sunday() - days.days()).to_string();
    let shared = |from: i64, to: i64| {
        let output = gate.octroi(&["log", "stats", "--from", &day(from), "--to", &day(to), "--json"]);
        let said = json(&String::from_utf8_lossy(&output.stdout));
        let week = format!("these are of {} to {}", said["from"], said["to"]).replace('"', "");
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(why.contains(&week), (from, to) != (6, 0) && (from, to) != (13, 0), "{why}");
        said["services"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| row["exchanges"].as_u64().expect("a number"))
            .sum::<u64>()
    };
    for (from, to) in [(6, 0), (3, 0), (3, 1), (3, 2), (1, 1), (2, 0)] {
        assert_eq!(shared(from, to), 12, "{from} {to}");
    }
    for (from, to) in [(13, 0), (10, 2), (7, 1)] {
        assert_eq!(shared(from, to), 17, "{from} {to}");
    }
    // The week of two people adds nothing, and that is said.
    let output = gate.octroi(&["log", "stats", "--from", &day(20), "--json"]);
    let (said, why) = (json(&String::from_utf8_lossy(&output.stdout)), String::from_utf8_lossy(&output.stderr));
    assert_eq!(said["total"]["exchanges"], 17, "{said}");
    assert!(
        said["withheld"].as_array().is_some_and(|weeks| !weeks.is_empty()) && why.contains("fewer than 5"),
        "{why}"
    );
}

#[test]
fn once_roles_are_given_figures_are_for_who_has_one_that_may() {
    let accounts: [(&str, &[&str]); 5] = [
        ("j.petit", &["auditor"]),
        ("s.stats", &["statistics"]),
        ("c.charte", &["policy"]),
        ("a.martin", &["investigator"]),
        ("p.dupont", &["approver"]),
    ];
    let gate = desk_of(Setup::new(), &accounts);
    let hosts = ["www.shared.test", "www.other.test"];
    let visits = users(0, 6).into_iter().flat_map(|user| hosts.map(|host| visit(2, &user, host, false)));
    bring(&gate, &visits.collect::<String>());
    let month = sunday().strftime("%Y-%m").to_string();
    gate.write("draft.toml", "title = \"Projet\"\nversion = \"1\"\ndefault = \"block\"\n");
    let (stats, report) = (["log", "stats"], ["report", "--month", &month]);
    let replay = ["replay", "--charter", "draft.toml"];
    for args in [&stats[..], &report, &replay] {
        let output = gate.octroi(args);
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && output.stdout.is_empty() && why.contains("--as ACCOUNT"), "{why}");
        assert!(no(&gate, "a.martin", args).contains("takes the role"), "{args:?}");
        assert!(done(&gate, "c.charte", args).contains(" to "), "{args:?}");
    }
    done(&gate, "s.stats", &stats);
    done(&gate, "p.dupont", &report);
    assert!(no(&gate, "s.stats", &replay).contains("takes the role policy"));
    let noted = done(&gate, "j.petit", &["audit", "--act", "stats", "--json"]);
    assert!(noted.contains("s.stats") && noted.contains("c.charte"), "{noted}");
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
