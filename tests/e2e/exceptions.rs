//! Temporary exceptions: for whom, on what, until when; in force at once, over at once; who may, and what they never do.
use crate::export::{entry, json};
use crate::identity::{PASSWORD, with_password};
use crate::scopes::{done, no};
use harness::{Answer, Curl, Gate, Origin, Setup};
use serde_json::Value;

const CHARTER: &str = r#"
title = "Charte d'essai"
version = "exceptions"
[categories.jeux]
label = { fr = "Jeux", en = "Games" }
domains = ["blocked.test", "other.test"]
[groups.communication]
users = ["p.dupont"]
[[rule]]
id = "jeux"
article = "3"
action = "block"
categories = ["jeux"]
"#;

fn with_accounts(setup: Setup) -> Gate {
    let setup = setup.charter(CHARTER).config("[identity]\nmethods = [\"basic\"]");
    let mut gate = setup.prepare();
    for name in ["a.martin", "p.dupont"] {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    gate.start();
    gate
}

fn add(gate: &Gate, more: &[&str]) -> Value {
    json(&gate.say(&[&["exception", "add", "--reason", "formation du 25", "--json"], more].concat()))
}

fn refused(gate: &Gate, more: &[&str]) -> String {
    let output = gate.octroi(&[&["exception", "add", "--reason", "essai"], more].concat());
    assert_eq!(output.status.code(), Some(2), "{more:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_exception_is_in_force_at_once_and_over_at_once() {
    let gate = with_accounts(Setup::new());
    let origin = Origin::http(|_| Answer::ok("a game"));
    let (url, other) = (origin.url("blocked.test", "/"), origin.url("other.test", "/"));
    let status = |name: &str, url: &str| Curl::through(&gate).as_user(name, PASSWORD).get(url).status;
    assert_eq!(status("a.martin", &url), 403);
    let told = add(&gate, &["--user", "a.martin", "--host", "blocked.test", "--for", "4h"]);
    assert_eq!(told["in_force"], Value::Bool(true));
    let number = told["number"].to_string();
    assert_eq!((status("a.martin", &url), status("a.martin", &other), status("p.dupont", &url)), (200, 403, 403));

    let explained = json(&gate.say(&["explain", &url, "--user", "a.martin", "--json"]));
    let named = format!("exception:{number}");
    assert_eq!((&explained["action"], &explained["rule"]), (&"allow".into(), &named.as_str().into()));
    assert_eq!(explained["evidence"], format!("{named} host blocked.test from rule jeux"));
    assert_eq!(explained["article"], "3");
    let records = gate.log();
    let spared = records.iter().find(|r| r.action == "allow").expect("a record");
    assert_eq!((spared.rule.as_deref(), spared.category.as_deref()), (Some(named.as_str()), Some("jeux")));

    let listed = gate.say(&["exception", "list"]);
    assert!(
        listed.contains("a.martin") && listed.contains("host blocked.test") && listed.contains("formation"),
        "{listed}"
    );
    gate.say(&["exception", "revoke", &number, "--reason", "formation finie"]);
    assert_eq!(status("a.martin", &url), 403);
    assert!(!gate.say(&["exception", "list"]).contains("a.martin"));
    assert!(gate.say(&["exception", "list", "--all"]).contains("revoked"));
    let again = gate.octroi(&["exception", "revoke", &number, "--reason", "encore"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    // The ledger and the trail are in nobody's clear.
    let kept = ["data/register/ledgers/exceptions.jsonl", "data/register/audit.jsonl"];
    for file in kept {
        let text = std::fs::read_to_string(gate.path(file)).expect("there is one");
        assert!(!text.contains("blocked.test") && !text.contains("formation"), "{file}: {text}");
    }
    gate.say(&["log", "verify"]);
}

#[test]
fn for_a_group_for_everybody_on_a_category_a_rule_or_an_address() {
    let gate = with_accounts(Setup::new());
    let origin = Origin::http(|_| Answer::ok("a game"));
    let (url, other) = (origin.url("blocked.test", "/rules/1"), origin.url("other.test", "/"));
    let status = |name: &str, url: &str| Curl::through(&gate).as_user(name, PASSWORD).get(url).status;
    let over = |told: &Value| drop(gate.say(&["exception", "revoke", &told["number"].to_string(), "--reason", "fini"]));

    let group = add(&gate, &["--group", "communication", "--category", "jeux", "--for", "1d"]);
    assert_eq!((status("p.dupont", &other), status("a.martin", &other)), (200, 403));
    over(&group);
    let all = add(&gate, &["--all", "--rule", "jeux", "--for", "30m"]);
    assert_eq!((status("p.dupont", &other), status("a.martin", &url)), (200, 200));
    over(&all);
    let address = add(&gate, &["--all", "--url", "http://blocked.test/rules", "--for", "30m"]);
    assert_eq!((status("a.martin", &url), status("a.martin", &origin.url("blocked.test", "/play"))), (200, 403));
    over(&address);
    assert_eq!(status("a.martin", &url), 403);
}

#[test]
fn what_cannot_be_granted_is_said() {
    let gate = with_accounts(Setup::new());
    let hosts = ["--all", "--host", "blocked.test"];
    for (more, why) in [
        ([&hosts[..], &["--for", "32d"]].concat(), "31 days"),
        ([&hosts[..], &["--until", "2020-01-01"]].concat(), "over before it begins"),
        ([&hosts[..], &["--for", "soon"]].concat(), "30m, 4h or 2d"),
        (vec!["--all", "--host", "deux mots", "--for", "1h"], "--host"),
        (vec!["--all", "--url", "https://blocked.test/a", "--for", "1h"], "sees the host alone"),
        (vec!["--all", "--category", "jeu", "--for", "1h"], "no such category"),
        (vec!["--all", "--rule", "jeu", "--for", "1h"], "no such rule"),
        (vec!["--group", "com", "--host", "blocked.test", "--for", "1h"], "no such group"),
        (vec!["--all", "--user", "a.martin", "--host", "blocked.test", "--for", "1h"], "cannot be used with"),
        (vec!["--host", "blocked.test", "--for", "1h"], "required"),
        (vec!["--all", "--for", "1h"], "required"),
        (hosts.to_vec(), "required"),
    ] {
        let said = refused(&gate, &more);
        assert!(said.contains(why), "{more:?}: {said}");
    }
    let empty = gate.octroi(&["exception", "add", "--all", "--host", "blocked.test", "--for", "1h", "--reason", " "]);
    assert_eq!(empty.status.code(), Some(2));
    assert_eq!(gate.octroi(&["exception", "revoke", "9", "--reason", "x"]).status.code(), Some(1));
}

#[test]
fn the_clock_ends_it_and_a_restart_does_not() {
    let mut gate = Setup::new().charter(CHARTER).prepare();
    let origin = Origin::http(|_| Answer::ok("a game"));
    let url = origin.url("blocked.test", "/");
    gate.start();
    add(&gate, &["--all", "--host", "blocked.test", "--for", "2h"]);
    assert_eq!(Curl::through(&gate).get(&url).status, 200);
    let later = |gate: &mut Gate, clock: &str| {
        gate.terminate();
        assert_eq!(gate.wait().code, Some(0));
        gate.start_at(clock);
    };
    later(&mut gate, "+1h");
    assert_eq!(Curl::through(&gate).get(&url).status, 200);
    later(&mut gate, "+3h");
    assert_eq!(Curl::through(&gate).get(&url).status, 403);
}

#[test]
fn nothing_is_unmasked_and_no_protected_address_reached() {
    let masked = format!("{CHARTER}\n[masking]\ncategories = [\"jeux\"]\n");
    // The loopback network, which tests open, is shut again.
    let gate = Setup::new().charter(&masked).config("[destinations]\nallow_private = []").start();
    let origin = Origin::http(|_| Answer::ok("a game"));
    add(&gate, &["--all", "--host", "blocked.test", "--for", "2h"]);
    let shown = Curl::through(&gate).get(&origin.url("blocked.test", "/"));
    assert_eq!((shown.status, shown.field("proxy-status")), (403, Some("octroi; error=destination_ip_prohibited")));
    assert_eq!(origin.connections(), 0);
    let record = gate.log_of(1).remove(0);
    assert_eq!((record.masked.as_deref(), record.host), (Some("category"), None));
    assert_eq!((record.action.as_str(), record.rule.as_deref()), ("block", Some("gate:address")));
}

#[test]
fn it_is_for_who_edits_the_charter_and_for_somebody_else_law_8() {
    let setup = Setup::new().charter(CHARTER);
    let roles: [(&str, &[&str]); 3] =
        [("o.operator", &["operator"]), ("a.martin", &["policy"]), ("p.dupont", &["approver"])];
    let gate = crate::scopes::desk_of(setup, &roles);
    let on = ["exception", "add", "--reason", "r", "--host", "blocked.test", "--for", "1h"];
    let of = |whom: &[&'static str]| [&on[..], whom].concat();
    assert!(no(&gate, "o.operator", &of(&["--all"])).contains("it takes the role policy"));
    assert!(no(&gate, "a.martin", &of(&["--user", "A.Martin"])).contains("to themselves"));
    done(&gate, "a.martin", &of(&["--user", "j.petit"]));
    assert!(no(&gate, "p.dupont", &["exception", "list"]).contains("it takes the role"));
    assert!(done(&gate, "a.martin", &["exception", "list"]).contains("j.petit"));
    let unnamed = gate.octroi(&of(&["--all"]));
    assert_eq!(unnamed.status.code(), Some(1), "an account of one's own: {unnamed:?}");
}

#[test]
fn the_answer_to_a_request_for_access_tells_exceptions_and_acknowledgements_law_9() {
    let charter = format!(
        "{CHARTER}\n[[rule]]\nid = \"reseaux\"\narticle = \"4\"\naction = \"warn\"\ndomains = [\"allowed.test\"]\n"
    );
    let mut gate = Setup::new().charter(&charter).config("[identity]\nmethods = [\"basic\"]").prepare();
    for name in ["a.martin", "p.dupont"] {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    gate.start();
    let origin = Origin::http(|_| Answer::ok("a site"));
    let curl = || Curl::through(&gate).as_user("a.martin", PASSWORD);
    let page = curl().get(&origin.url("allowed.test", "/")).text();
    let (_, action) = page.split_once("action=\"").expect("a form");
    let action = action.split('"').next().expect("a value");
    assert_eq!(curl().args(["--request", "POST", "--data", ""]).get(action).status, 303);
    add(&gate, &["--user", "a.martin", "--host", "blocked.test", "--for", "4h"]);
    add(&gate, &["--user", "p.dupont", "--host", "other.test", "--for", "4h"]);
    gate.say(&["export", "subject", "a.martin", "--reference", "DD-1", "--out", "out"]);
    let bundle = gate.path("out/DD-1.zip");
    let other = json(&entry(&bundle, "other.json"));
    let read = &other["acknowledgements"]["entries"];
    assert_eq!(read.as_array().map(Vec::len), Some(1), "{other}");
    assert_eq!((&read[0]["rule"], &read[0]["article"]), (&"reseaux".into(), &"4".into()));
    let granted = &other["exceptions"]["entries"];
    assert_eq!(granted.as_array().map(Vec::len), Some(1), "nobody else's: {other}");
    assert_eq!((&granted[0]["name"], &granted[0]["reason"]), (&"blocked.test".into(), &Value::Null));
    let report = entry(&bundle, "report.html");
    assert!(report.contains("blocked.test") && report.contains("Avertissement lu"), "{report}");
}
