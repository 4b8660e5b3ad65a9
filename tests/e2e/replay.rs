//! What a draft of the charter would have changed on past traffic: told in numbers, never by name.
use crate::imports::bring;
use crate::stats::{json, users, visit};
use harness::{Gate, Setup};
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
    let gate = Setup::new().config("time_zone = \"UTC\"").prepare();
    let mut log = String::new();
    for user in users(0, 6) {
        log += &visit(2, &user, "allowed.test", false);
        log += &visit(2, &user, "blocked.test", true);
        log += &visit(2, &user, "other.test", false);
    }
    assert_eq!(bring(&gate, &log)["kept"], 18);
    gate.write("draft.toml", draft("domains = [\"other.test\"]", ""));
    let said = replayed(&gate, &[]);
    for (total, exchanges) in [("same", 6), ("newly_blocked", 6), ("newly_allowed", 6), ("other_rule", 0)] {
        assert_eq!(said[total], exchanges, "{total}: {said}");
    }
    assert_eq!(said["exchanges"], 18, "{said}");
    assert_eq!(hosts(&said), [("newly_blocked", "other.test", 6), ("newly_allowed", "blocked.test", 6)]);
    assert_eq!((&said["rules"][0]["after"], &said["categories"][0]["category"]), (&"projet".into(), &"projet".into()));
    let text = gate.say(&["replay", "--charter", "draft.toml"]);
    assert!(text.contains("newly blocked: other.test") && !text.contains("temoin-zx81"), "{text}");
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
    assert_eq!(json(&String::from_utf8_lossy(&output.stdout))["newly_blocked"], 0);
    let said = replayed(&gate, &["--lists"]);
    assert_eq!(said["newly_blocked"], 6, "{said}");
    assert!(!gate.path("data/lists").exists(), "the gate's own index is not touched");
}

#[test]
fn nobody_and_nothing_that_few_asked_for_is_named_or_counted() {
    let gate = Setup::new().config("time_zone = \"UTC\"").prepare();
    let mut log = String::new();
    for user in users(0, 6) {
        log += &visit(2, &user, "shared.test", false);
        log += &visit(2, &user, "other.test", false);
        log += &visit(2, &user, "www.ameli.fr", false);
    }
    log += &visit(2, &users(0, 1)[0], "temoin-zx81-rare.test", false);
    bring(&gate, &log);
    let rare = "domains = [\"temoin-zx81-rare.test\"]";
    let ask = |text: String| {
        gate.write("draft.toml", text);
        let said = replayed(&gate, &[]);
        let told = gate.say(&["replay", "--charter", "draft.toml"]) + &said.to_string();
        assert!(!told.contains("temoin-zx81") && !told.contains("10.0.0.7"), "{told}");
        said
    };
    let without = ask(draft("domains = [\"absent.test\"]", ""));
    // The one visit stands together with others before any draft is asked: with it and without it the answer is the same.
    let with = ask(draft(rare, ""));
    for figure in ["exchanges", "same", "newly_blocked", "cannot_be_told", "hosts", "rules", "categories"] {
        assert_eq!(with[figure], without[figure], "{figure}: {with}");
    }
    assert_eq!(with["newly_blocked"], 0, "{with}");
    // Rules for some people, whoever they are, find nobody; that is said, once.
    for who in ["users = [\"temoin-zx81-0\"]", "users = [\"temoin-zx81-1\"]", "networks = [\"10.0.0.7/32\"]"] {
        let said = ask(draft("domains = [\"shared.test\"]", "").replace("action =", &format!("{who}\naction =")));
        assert_eq!((&said["newly_blocked"], &said["cannot_be_told"]), (&0.into(), &without["cannot_be_told"]), "{who}");
        assert_eq!(said["for_some"][0], "projet");
        let output = gate.octroi(&["replay", "--charter", "draft.toml"]);
        let why = String::from_utf8_lossy(&output.stderr);
        assert_eq!(why.matches("the rule projet").count(), 1, "{why}");
    }
}

#[test]
fn restricted_records_are_not_replayed_law_10_restriction() {
    let gate = Setup::new().config("time_zone = \"UTC\"").prepare();
    let log: String = users(0, 6).iter().map(|user| visit(2, user, "shared.test", false)).collect();
    bring(&gate, &log);
    gate.write("draft.toml", draft("domains = [\"shared.test\"]", ""));
    assert_eq!(replayed(&gate, &[])["newly_blocked"], 6);
    let restrict = |user: &str| {
        let what = ["restrict", "add", "--user", user, "--ground", "accuracy", "--text", "t", "--reference", "R-1"];
        gate.say(&what);
    };
    restrict("temoin-zx81-0");
    let said = replayed(&gate, &[]);
    assert_eq!((&said["newly_blocked"], &said["restricted"]), (&5.into(), &1.into()), "{said}");
    restrict("temoin-zx81-1");
    let output = gate.octroi(&["replay", "--charter", "draft.toml", "--json"]);
    let said = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!((output.status.code(), &said["exchanges"]), (Some(1), &0.into()), "four are left: {said}");
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
    bring(&gate, &users(0, 6).iter().map(|user| visit(2, user, "www.ameli.fr", false)).collect::<String>());
    gate.write("draft.toml", draft("", ""));
    let output = gate.octroi(&["replay", "--charter", "draft.toml"]);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && why.contains("nothing could be replayed"), "{why}");
}
