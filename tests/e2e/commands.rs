//! The commands, against a gate that runs or not.
use harness::{Answer, Curl, Origin, Setup, record, setup};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
}

#[test]
fn check_says_yes_no_or_that_the_files_are_wrong() {
    let gate = Setup::new().prepare();
    gate.say(&["check"]);
    gate.write(
        "charter.toml",
        format!("{}\n[[expect]]\nurl = \"http://blocked.test/\"\naction = \"allow\"\n", setup::CHARTER),
    );
    assert_eq!(gate.octroi(&["check"]).status.code(), Some(1), "an expectation fails");
    gate.write("charter.toml", "title = ");
    assert_eq!(gate.octroi(&["check"]).status.code(), Some(2), "no TOML");
    assert!(!gate.path("data").exists(), "to check is not to start");
}

#[test]
fn the_built_in_charter_passes_its_own_expectations() {
    let gate = Setup::new().built_in_charter().prepare();
    gate.say(&["check"]);
}

#[test]
fn explain_states_every_field() {
    let gate = Setup::new().prepare();
    let said = json(&gate.say(&["explain", "--json", "blocked.test"]));
    let fields =
        ["action", "rule", "article", "category", "evidence", "user", "groups", "schedule", "withheld", "charter"];
    for field in fields {
        assert!(said.get(field).is_some(), "{field} is missing: {said}");
    }
    assert_eq!((&said["action"], &said["rule"], &said["user"]), (&"block".into(), &"interdits".into(), &Value::Null));
    assert!(gate.say(&["explain", "blocked.test"]).contains("interdits"), "in words too");
}

#[test]
fn every_record_states_every_field() {
    let gate = Setup::new().start();
    Curl::through(&gate).get("http://blocked.test/");
    gate.log_of(1);
    let shown = json(&gate.say(&["log", "search", "--json"]));
    let names: Vec<&String> = shown[0].as_object().expect("a record is an object").keys().collect();
    for field in record::FIELDS {
        assert!(names.iter().any(|name| *name == field), "{field} is missing: {names:?}");
    }
}

#[test]
fn searches_narrow_by_who_where_and_when() {
    let gate = Setup::new().start();
    let origin = Origin::http(|_| Answer::ok(""));
    Curl::through(&gate).get(&origin.url("allowed.test", "/"));
    Curl::through(&gate).get("http://blocked.test/");
    let all = gate.log_of(2);
    assert_eq!(gate.log_search(&["--host", "blocked.test"]), [all[1].clone()]);
    assert_eq!(gate.log_search(&["--from", &all[1].opened_at]), [all[1].clone()]);
    assert_eq!(gate.log_search(&["--to", "2000-01-01T00:00:00Z"]), []);
    assert_eq!(gate.log_search(&["--client", "127.0.0.1"]).len(), 2);
    assert_eq!(gate.log_search(&["--client", "10.0.0.1"]), []);
    let csv = gate.say(&["log", "search", "--format", "csv"]);
    assert!(csv.lines().count() == 3 && csv.lines().next().is_some_and(|line| line.contains("opened_at")), "{csv}");
    let squid = gate.say(&["log", "search", "--format", "squid"]);
    assert!(squid.contains("TCP_MISS/200") && squid.contains("TCP_DENIED/403"), "{squid}");
}

#[test]
fn status_speaks_of_the_running_gate() {
    let mut gate = Setup::new().prepare();
    assert_eq!(gate.octroi(&["status"]).status.code(), Some(1), "none runs");
    gate.start();
    assert!(json(&gate.say(&["status", "--json"])).is_object());
    assert!(!gate.say(&["status"]).is_empty());
}

#[test]
fn what_is_no_command_is_a_usage_error() {
    let gate = Setup::new().prepare();
    for args in [&["fly"][..], &["explain"], &["log", "search", "--limit", "many"], &["lists"]] {
        assert_eq!(gate.octroi(args).status.code(), Some(2), "{args:?}");
    }
}

/// The commands of a document's shell blocks that call the gate.
pub(crate) fn commands_of(document: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut in_shell = false;
    for line in document.lines() {
        if let Some(language) = line.strip_prefix("```") {
            in_shell = language == "sh";
        } else if let Some(rest) = line.strip_prefix("octroi ").filter(|_| in_shell) {
            commands.push(words(rest));
        }
    }
    commands
}

/// The words of a line of shell, to its comment; what stands between double quotes is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, piece) in line.split('"').enumerate() {
        if place % 2 == 1 {
            words.push(piece.to_owned());
            continue;
        }
        let (piece, is_over) = piece.split_once('#').map_or((piece, false), |(piece, _)| (piece, true));
        words.extend(piece.split_whitespace().map(str::to_owned));
        if is_over {
            break;
        }
    }
    words
}

#[test]
fn the_commands_of_the_readme_are_understood() {
    let readme = include_str!("../../README.md");
    let commands = commands_of(readme);
    assert!(commands.len() >= 3, "{commands:?}: this rule looks at nothing");
    let gate = Setup::new().prepare();
    for command in commands {
        // With --help nothing is done, and every word before it must be understood.
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        assert_eq!(gate.octroi(&words).status.code(), Some(0), "octroi {}", command.join(" "));
    }
}
