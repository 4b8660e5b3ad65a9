//! The register as its keepers use it: verified, audited, erased by its term, under keys that can be lost or replaced.
use crate::imports::{bring, line};
use harness::{Answer, Curl, Gate, LIMIT, Origin, Setup, wait};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON: {error}\n{text}"))
}

/// What a command answers, in JSON, and its exit code.
fn answered(gate: &Gate, args: &[&str]) -> (Value, Option<i32>) {
    let output = gate.octroi(&[args, &["--json"]].concat());
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!out.is_empty(), "octroi {}: {}\n{err}", args.join(" "), output.status);
    (json(&out), output.status.code())
}

/// What a command that fails says.
fn refused(gate: &Gate, args: &[&str], code: i32) -> String {
    let output = gate.octroi(args);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "octroi {}: {said}", args.join(" "));
    said
}

/// The acts of the trail, by kind, oldest first.
fn acts(gate: &Gate, kind: &str) -> Vec<Value> {
    let (trail, _) = answered(gate, &["audit"]);
    trail.as_array().expect("a list").iter().filter(|act| act["act"] == kind).cloned().collect()
}

/// A register of two sealed days, and the files of these days, oldest first.
fn sealed() -> (Gate, Vec<PathBuf>) {
    let gate = Setup::new().prepare();
    let lines: String = (0..400).map(|n| line(3 + n % 2, &format!("h{n}.test"), "/")).collect();
    bring(&gate, &lines);
    let days = days(&gate);
    assert_eq!(days.len(), 2);
    (gate, days)
}

fn days(gate: &Gate) -> Vec<PathBuf> {
    let entries = fs::read_dir(gate.path("data/register")).expect("a register").flatten().map(|entry| entry.path());
    let mut days: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "sqlite")).collect();
    days.sort();
    days
}

fn day_of(file: &Path) -> String {
    file.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// The keys of days, by name.
fn keys(gate: &Gate) -> Vec<String> {
    let entries = fs::read_dir(gate.path("data.keys/days")).expect("keys").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_register_that_nobody_touched_holds_with_a_gate_and_without() {
    let (mut gate, _) = sealed();
    let (before, code) = answered(&gate, &["log", "verify"]);
    assert_eq!((&before["holds"], code), (&Value::Bool(true), Some(0)), "{before}");
    assert_eq!((&before["days"], &before["records"]), (&2.into(), &400.into()), "{before}");
    gate.start();
    let origin = Origin::http(|_| Answer::ok(""));
    Curl::through(&gate).get(&origin.url("allowed.test", "/"));
    let (running, code) = answered(&gate, &["log", "verify"]);
    assert_eq!((&running["holds"], code), (&Value::Bool(true), Some(0)), "{running}");
    assert!(running["entries"].as_u64() > before["entries"].as_u64(), "the gate's start is an act: {running}");
    assert!(gate.say(&["log", "verify"]).contains("holds"), "in words too");
    assert_eq!(acts(&gate, "verify").len(), 3, "each is part of the trail");
}

#[test]
fn a_byte_changed_in_a_day_file_is_found_and_its_day_named() {
    let (gate, days) = sealed();
    let whole = fs::read(&days[0]).expect("a day file");
    // Where nothing stands, nothing can be changed: what is taken is in the middle of the longest stretch of bytes, which
    // is the records.
    let mut longest = (0, 0);
    let mut from = 0;
    for (at, pair) in whole.windows(4).enumerate() {
        if pair.iter().all(|byte| *byte == 0) {
            from = at + 1;
        } else if at - from > longest.1 - longest.0 {
            longest = (from, at);
        }
    }
    let at = (longest.0 + longest.1) / 2;
    let mut changed = whole.clone();
    changed[at] ^= 0x10;
    fs::write(&days[0], &changed).expect("the file is writable");
    let (report, code) = answered(&gate, &["log", "verify"]);
    assert_eq!((&report["holds"], code), (&Value::Bool(false), Some(1)), "{report}");
    let first = report["findings"][0]["what"].as_str().expect("a finding");
    assert!(first.starts_with(&day_of(&days[0])), "{report}");
    let said = refused(&gate, &["log", "verify"], 1);
    assert!(said.contains("DOES NOT HOLD") && said.contains(&day_of(&days[0])), "{said}");
    assert_eq!(acts(&gate, "verify")[0]["scope"]["holds"], "no");
    fs::write(&days[0], &whole).expect("the file is writable");
    gate.say(&["log", "verify"]);
}

#[test]
fn a_register_is_verified_against_the_key_that_is_trusted() {
    let (gate, _) = sealed();
    fs::copy(gate.path("data.keys/seal.pub"), gate.path("trusted.pem")).expect("a public key");
    gate.say(&["log", "verify", "--public-key", "trusted.pem"]);
    let (other, _) = sealed();
    fs::copy(other.path("data.keys/seal.pub"), gate.path("other.pem")).expect("a public key");
    let said = refused(&gate, &["log", "verify", "--public-key", "other.pem"], 1);
    assert!(said.contains("seals.jsonl, line 1") && said.contains("another key"), "{said}");
    gate.write("no.pem", "-----BEGIN NOTHING-----\n");
    assert!(refused(&gate, &["log", "verify", "--public-key", "no.pem"], 2).contains("no.pem is no public key"));
    assert!(refused(&gate, &["log", "verify", "--public-key", "gone.pem"], 2).contains("gone.pem cannot be read"));
}

#[test]
fn without_a_register_there_is_nothing_to_verify() {
    let gate = Setup::new().prepare();
    for args in [&["log", "verify"][..], &["audit"], &["log", "rekey"]] {
        assert!(refused(&gate, args, 2).contains("there is no register"), "{args:?}");
    }
    gate.say(&["log", "purge"]);
    gate.say(&["doctor"]);
    assert!(!gate.path("data").exists() && !gate.path("data.keys").exists(), "to look is to make nothing");
}

#[test]
fn the_trail_tells_every_act() {
    let mut gate = Setup::new().start();
    Curl::through(&gate).get("http://blocked.test/");
    gate.log_of(1);
    refused(&gate, &["log", "search", "--purpose", "rights", "--reason", "curiosity"], 2);
    gate.say(&["log", "verify"]);
    gate.kill();
    gate.start();
    gate.terminate();
    gate.wait();
    let search = acts(&gate, "search").pop().expect("the search is there");
    assert_eq!((&search["purpose"], &search["reason"]), (&"security".into(), &"test".into()), "{search}");
    assert!(search["who"].as_str().is_some_and(|who| !who.is_empty()) && search["count"] == 1, "{search}");
    let refusal = &acts(&gate, "search refused")[0];
    assert_eq!((&refusal["purpose"], &refusal["reason"]), (&"rights".into(), &"curiosity".into()));
    let start = &acts(&gate, "start")[0];
    assert!(start["scope"]["clock"].as_str().is_some_and(|clock| clock.contains("synchronised")), "{start}");
    assert!(start["scope"]["version"].is_string(), "{start}");
    let counts = ["start", "stop", "verify", "retention"].map(|kind| acts(&gate, kind).len());
    assert_eq!(counts, [2, 1, 1, 1]);
    assert_eq!(acts(&gate, "audit").len(), 1, "readings of one account on one day are one line");
    let table = gate.say(&["audit", "--act", "search refused"]);
    assert!(table.contains("curiosity") && !table.contains("verify") && table.contains("holds"), "{table}");
    let csv = gate.say(&["audit", "--format", "csv", "--from", "2000-01-01"]);
    assert!(csv.starts_with("line,when,who,act,") && csv.contains(",search,"), "{csv}");
    assert!(refused(&gate, &["audit", "--to", "2000-01-01"], 1).contains("nothing found"));
}

#[test]
fn a_look_under_pseudonyms_leaves_its_act_or_does_not_take_place() {
    let gate = Setup::new().start();
    Curl::through(&gate).get("http://blocked.test/");
    let record = gate.log_of(1).pop().expect("a record");
    let id = record.id.to_string();
    let (shown, _) = answered(&gate, &["log", "search", "--id", &id]);
    let client = shown[0]["client_ip"].as_str().expect("a pseudonym");
    answered(&gate, &["log", "search", "--client", client]);
    refused(&gate, &["log", "search", "--host", "nowhere.test", "--limit", "7"], 1);
    let searches: Vec<Value> = acts(&gate, "search").into_iter().filter(|act| act["purpose"].is_null()).collect();
    let said: Vec<(&Value, u64)> =
        searches.iter().map(|act| (&act["scope"], act["count"].as_u64().expect("a number"))).collect();
    let [by_id, by_client, by_host] = [
        serde_json::json!({ "id": id, "limit": "100" }),
        serde_json::json!({ "client": client, "limit": "100" }),
        serde_json::json!({ "host": "nowhere.test", "limit": "7" }),
    ];
    assert_eq!(said, [(&by_id, 1), (&by_client, 1), (&by_host, 0)]);
    assert!(searches.iter().all(|act| act["reason"].is_null()), "{searches:?}");
    // Where the trail was, nothing can be written.
    let (trail, aside) = (gate.path("data/register/audit.jsonl"), gate.path("aside"));
    fs::rename(&trail, &aside).expect("it was there");
    fs::create_dir(&trail).expect("the folder is writable");
    for args in [&["log", "search"][..], &["log", "search", "--id", &id], &["log", "tail"]] {
        let said = refused(&gate, args, 2);
        assert!(said.contains("nothing is shown, because the audit trail cannot be written"), "{args:?}: {said}");
        assert!(!said.contains("blocked.test") && !said.contains("following"), "{args:?}: {said}");
    }
    fs::remove_dir(&trail).expect("it is empty");
    fs::rename(&aside, &trail).expect("put back");
    gate.say(&["log", "search"]);
}

#[test]
fn a_line_of_the_trail_that_was_changed_is_marked() {
    let mut gate = Setup::new().start();
    gate.log();
    gate.terminate();
    gate.wait();
    let file = gate.path("data/register/audit.jsonl");
    let trail = fs::read_to_string(&file).expect("a trail");
    fs::write(&file, trail.replacen("\"reason\":\"test\"", "\"reason\":\"none\"", 1)).expect("the file is writable");
    let said = refused(&gate, &["audit"], 1);
    assert!(said.contains("BROKEN") && said.contains("was changed") && said.contains("does not hold"), "{said}");
    let (lines, _) = answered(&gate, &["audit"]);
    let broken = |act: &&Value| act["broken"].is_string();
    let lines: Vec<&Value> = lines.as_array().expect("a list").iter().filter(broken).collect();
    assert_eq!((&lines[0]["act"], &lines[0]["reason"]), (&"search".into(), &"none".into()));
    assert!(refused(&gate, &["doctor"], 1).contains("audit.jsonl"));
}

#[test]
fn another_master_key_opens_every_day_and_the_old_one_none() {
    let (mut gate, days) = sealed();
    gate.start();
    Curl::through(&gate).get("http://blocked.test/");
    assert_eq!(gate.log_of(401).len(), 401);
    let old = fs::read(gate.path("data.keys/master")).expect("a master key");
    let name = answered(&gate, &["status"]).0["register"]["master"].clone();
    let (replaced, code) = answered(&gate, &["log", "rekey"]);
    assert_eq!((code, &replaced["before"]), (Some(0), &name), "{replaced}");
    let days_and_today = u64::try_from(days.len()).expect("few") + 1;
    assert!(replaced["keys"].as_u64() >= Some(days_and_today), "{replaced}");
    Curl::through(&gate).get("http://blocked.test/");
    assert_eq!(gate.log_of(402).len(), 402, "the gate goes on, and old days are read");
    assert_eq!(answered(&gate, &["status"]).0["register"]["master"], replaced["now"]);
    gate.say(&["log", "verify"]);
    assert_eq!(acts(&gate, "rekey")[0]["scope"]["now"], replaced["now"]);
    gate.terminate();
    gate.wait();
    let new = fs::read(gate.path("data.keys/master")).expect("a master key");
    assert_ne!(old, new);
    // A copy of the old key is worth nothing.
    gate.write("data.keys/master", &old);
    assert!(refused(&gate, &["doctor"], 1).contains(&in_french(&day_of(&days[0]))));
    let said = refused(&gate, &["log", "verify"], 1);
    assert!(said.contains("does not open under the master key"), "{said}");
    gate.write("data.keys/master", &new);
    gate.start();
    assert_eq!(gate.log().len(), 402);
}

/// `2026-11-24` as `24/11/2026`.
fn in_french(day: &str) -> String {
    let parts: Vec<&str> = day.rsplit('-').collect();
    parts.join("/")
}

#[test]
fn a_key_that_is_lost_is_said_at_once_and_no_other_is_made() {
    let (mut gate, days) = sealed();
    gate.start();
    gate.terminate();
    gate.wait();
    let master = gate.path("data.keys/master");
    let safe = fs::read(&master).expect("a master key");
    fs::remove_file(&master).expect("it was there");
    let ended = gate.run_to_its_end();
    assert_eq!(ended.code, Some(2), "{}", ended.printed);
    assert!(ended.printed.contains("data.keys/master") && ended.printed.contains("safe copy"), "{}", ended.printed);
    assert!(!master.exists(), "a new key would hide the loss");
    for args in [&["log", "verify"][..], &["log", "search"], &["audit"], &["log", "purge"], &["log", "rekey"]] {
        assert!(refused(&gate, args, 2).contains("data.keys/master"), "{args:?}");
    }
    assert!(refused(&gate, &["doctor"], 1).contains("data.keys/master"));
    gate.write("data.keys/master", &safe);
    // The key of a day: that day alone is lost.
    let (lost, kept) = (day_of(&days[0]), day_of(&days[1]));
    let key = keys(&gate).into_iter().find(|name| name.starts_with(&lost)).expect("a key");
    fs::rename(gate.path("data.keys/days").join(&key), gate.path("key")).expect("it was there");
    let (report, code) = answered(&gate, &["log", "verify"]);
    let findings = report["findings"].as_array().expect("findings");
    assert!(code == Some(1) && findings.len() == 1 && findings[0]["what"] == lost.as_str(), "{report}");
    assert!(findings[0]["why"].as_str().is_some_and(|why| why.contains("the key of")), "{report}");
    let said = refused(&gate, &["doctor"], 1);
    assert!(said.contains(&in_french(&lost)) && !said.contains(&in_french(&kept)), "{said}");
    fs::rename(gate.path("key"), gate.path("data.keys/days").join(&key)).expect("put back");
    gate.say(&["log", "verify"]);
}

#[test]
fn the_doctor_finds_what_is_wrong_in_the_language_of_the_configuration() {
    let mut gate = Setup::new().start();
    gate.log();
    let level = |findings: &Value, of: &str| -> Vec<String> {
        let all = findings[0]["findings"].as_array().expect("findings").iter();
        all.filter(|finding| finding["level"] == of).map(|finding| finding["what"].to_string()).collect()
    };
    let (good, code) = answered(&gate, &["doctor", "register"]);
    assert_eq!((code, level(&good, "bad")), (Some(0), vec![]), "{good}");
    assert!(level(&good, "good").iter().any(|what| what.contains("tient le registre")), "{good}");
    gate.terminate();
    gate.wait();
    use std::os::unix::fs::PermissionsExt;
    let open = |path: &str, mode: u32| {
        fs::set_permissions(gate.path(path), fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    open("data.keys/master", 0o644);
    let said = refused(&gate, &["doctor"], 1);
    assert!(said.contains("mauvais") && said.contains("data.keys/master est ouvert"), "{said}");
    open("data.keys/master", 0o600);
    gate.write("data/register/journal/0000000000000001.damaged", "");
    gate.write("data/register/2026-01-01.sealing", "");
    let english = format!("locale = \"en\"\n{}", fs::read_to_string(gate.path("octroi.toml")).expect("ours"));
    gate.write("octroi.toml", english);
    let (findings, code) = answered(&gate, &["doctor"]);
    let warnings = level(&findings, "warning").join("\n");
    assert_eq!(code, Some(0), "{findings}");
    for told in ["put aside as damaged", "a draft was left", "beside the data"] {
        assert!(warnings.contains(told), "{told}: {findings}");
    }
    assert!(level(&findings, "good").iter().any(|what| what.contains("nobody holds")), "{findings}");
    assert!(findings[0]["findings"][0]["do"].is_string(), "and what to do: {findings}");
}

#[test]
fn a_register_that_is_held_starts_no_second_writer() {
    let gate = Setup::new().prepare();
    let mut importer = gate.command(&["import", "squid-log", "-"]);
    let mut importer = importer.stdin(std::process::Stdio::piped()).spawn().expect("started");
    let mut input = importer.stdin.take().expect("a pipe");
    input.write_all(line(2, "first.test", "/").repeat(100).as_bytes()).expect("it reads");
    wait::until("the importer to hold the register", LIMIT, || {
        let said = gate.octroi(&["doctor"]).stdout;
        String::from_utf8_lossy(&said).contains("tient le registre").then_some(())
    });
    let ended = gate.run_to_its_end();
    assert_eq!(ended.code, Some(2), "{}", ended.printed);
    assert!(ended.printed.contains("kept by another process"), "{}", ended.printed);
    assert!(refused(&gate, &["log", "purge"], 2).contains("kept by another process"));
    drop(input);
    importer.wait().expect("it ends with its input");
}
