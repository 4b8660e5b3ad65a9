//! What a draft of the charter would have changed on past traffic: told in numbers, never by name.
use crate::imports::bring;
use crate::stats::{json, users, visit};
use harness::{Answer, Curl, Gate, Origin, Setup};
use serde_json::Value;
use std::fs;

/// A charter that refuses these names, by a list in a folder beside it if there is one.
fn draft(names: &str, lists: &str) -> String {
    format!(
        "title = \"Projet\"\nversion = \"projet-1\"\ndefault = \"allow\"\n{lists}\n\
         [categories.projet]\nlabel = {{ fr = \"Projet\", en = \"Draft\" }}\n{names}\n\
         [[rule]]\nid = \"projet\"\narticle = \"4\"\naction = \"block\"\ncategories = [\"projet\"]\n\
         reason = {{ fr = \"non\", en = \"no\" }}\n"
    )
}

fn replayed(gate: &Gate, args: &[&str]) -> Value {
    let args: Vec<&str> = ["replay", "--charter", "draft.toml", "--json"].iter().chain(args).copied().collect();
    json(&gate.say(&args))
}

fn hosts(said: &Value) -> Vec<(&str, &str, u64)> {
    let rows = said["hosts"].as_array().expect("rows").iter();
    rows.map(|row| {
        let change = row["change"].as_str().expect("a word");
        (change, row["host"].as_str().unwrap_or("*"), row["exchanges"].as_u64().expect("a number"))
    })
    .collect()
}

#[test]
fn a_draft_is_tried_on_what_passed_and_changes_nothing() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let ask = |address: u8, host: &str| {
        let from = format!("127.0.0.{address}");
        Curl::through(&gate).args(["--interface", &from]).get(&origin.url(host, "/"))
    };
    for address in 2..8 {
        ask(address, "allowed.test");
        ask(address, "blocked.test");
        ask(address, "other.test");
    }
    gate.log_of(18);
    gate.write("draft.toml", draft("domains = [\"other.test\"]", ""));
    let said = replayed(&gate, &[]);
    for (total, exchanges) in [("same", 6), ("newly_blocked", 6), ("newly_allowed", 6), ("other_rule", 0)] {
        assert_eq!(said[total]["exchanges"], exchanges, "{total}: {said}");
    }
    assert_eq!((&said["exchanges"], &said["newly_blocked"]["persons"]), (&18.into(), &6.into()), "{said}");
    assert_eq!(hosts(&said), [("newly_blocked", "other.test", 6), ("newly_allowed", "blocked.test", 6)]);
    assert_eq!((&said["rules"][0]["after"], &said["rules"][1]["before"]), (&"projet".into(), &"interdits".into()));
    assert_eq!(
        (&said["categories"][0]["category"], &said["categories"][1]["category"]),
        (&"projet".into(), &"interdit".into())
    );
    let text = gate.say(&["replay", "--charter", "draft.toml"]);
    assert!(text.contains("newly blocked: other.test") && !text.contains("127.0.0."), "{text}");
    assert_eq!(ask(2, "other.test").status, 200, "the charter in force is as it was");
    let noted = gate.say(&["audit", "--act", "replay", "--json"]);
    assert!(noted.contains("projet-1@") && !noted.contains("other.test"), "{noted}");
    assert_eq!(json(&noted).as_array().map(Vec::len), Some(2), "{noted}");
}

#[test]
fn the_draft_of_a_list_is_compiled_for_the_replay_alone() {
    let gate = Setup::new().prepare();
    let log: String = users(0, 6).iter().map(|user| visit(2, user, "www.listed.test", false)).collect();
    bring(&gate, &log);
    gate.write(
        "draft.toml",
        draft("lists = [\"essai\"]", "[lists.essai]\nformat = \"domains\"\nsource = \"lists/essai\""),
    );
    gate.write("lists/essai", "listed.test\n");
    // Without --lists the draft has the lists in force, which hold nothing of it.
    let output = gate.octroi(&["replay", "--charter", "draft.toml", "--json"]);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(why.contains("`essai`, which no list holds"), "{why}");
    assert_eq!(json(&String::from_utf8_lossy(&output.stdout))["newly_blocked"]["exchanges"], 0);
    let said = replayed(&gate, &["--lists"]);
    assert_eq!(said["newly_blocked"]["exchanges"], 6, "{said}");
    assert!(!gate.path("data/lists").exists(), "the gate's own index is not touched");
}

#[test]
fn nobody_and_nothing_that_few_asked_for_is_named() {
    let gate = Setup::new().prepare();
    let mut log = String::new();
    for user in users(0, 6) {
        log += &visit(2, &user, "shared.test", false);
        log += &visit(3, &user, "www.ameli.fr", false);
    }
    log += &visit(2, &users(0, 1)[0], "temoin-zx81-rare.test", false);
    bring(&gate, &log);
    gate.write("draft.toml", draft("domains = [\"shared.test\", \"temoin-zx81-rare.test\"]", ""));
    let said = replayed(&gate, &[]);
    assert_eq!(hosts(&said), [("newly_blocked", "*", 7)], "{said}");
    assert_eq!(said["cannot_be_told"]["masked"], 6, "{said}");
    // A rule for one person would say what that person asked for.
    let named = draft("domains = [\"shared.test\"]", "").replace("action =", "users = [\"temoin-zx81-0\"]\naction =");
    gate.write("draft.toml", named);
    let said = replayed(&gate, &[]);
    assert_eq!((&said["newly_blocked"]["exchanges"], &said["cannot_be_told"]["few"]), (&0.into(), &1.into()), "{said}");
    let text = gate.say(&["replay", "--charter", "draft.toml"]) + &said.to_string();
    assert!(!text.contains("temoin-zx81") && !text.contains("10.0.0.7"), "{text}");
}

#[test]
fn a_draft_that_is_none_is_told_where_it_is_wrong() {
    let gate = Setup::new().prepare();
    bring(&gate, &visit(2, "a.martin", "www.shared.test", false));
    gate.write("draft.toml", draft("", "").replace("\"block\"", "\"blok\""));
    let output = gate.octroi(&["replay", "--charter", "draft.toml"]);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && why.contains("draft.toml:") && why.contains("blok"), "{why}");
    // Everything that was recorded is masked: nothing can be told.
    fs::remove_dir_all(gate.path("data")).expect("removed");
    fs::remove_dir_all(gate.path("data.keys")).expect("removed");
    bring(&gate, &visit(2, "a.martin", "www.ameli.fr", false));
    gate.write("draft.toml", draft("", ""));
    let output = gate.octroi(&["replay", "--charter", "draft.toml"]);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && why.contains("nothing could be replayed"), "{why}");
}
