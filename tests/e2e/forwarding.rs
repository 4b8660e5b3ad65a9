//! Copies of records for a SIEM and in files: pseudonyms, outages, the end of a gate and its death.
use harness::services::Syslog;
use harness::services::syslog::Taken;
use harness::{Answer, Authority, Curl, Gate, LIMIT, Origin, Setup, wait};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A gate that knows the tester by name and forwards as this section says.
fn setup(section: &str) -> Setup {
    let names = "[identity.address.names]\n\"127.0.0.1\" = \"poste-accueil\"";
    Setup::new().config(&format!("{names}\n[log.forward]\n{section}"))
}

/// The record in a message.
fn record(message: &Taken) -> Value {
    assert_eq!((message.program.as_str(), message.kind.as_str()), ("octroi", "record"));
    serde_json::from_str(&message.text).expect("JSON")
}

/// The records in the files of JSON lines; the last may not be whole yet.
fn lines(gate: &Gate) -> Vec<Value> {
    let listing = fs::read_dir(gate.path("data/forward")).expect("the folder is there");
    let mut files: Vec<_> = listing.map(|file| file.expect("listed").path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).expect("read")).collect();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// What `octroi status --json` says of what leaves the register.
fn outward(gate: &Gate) -> Value {
    let status: Value = serde_json::from_str(&gate.say(&["status", "--json"])).expect("JSON");
    status["outward"].clone()
}

fn until_outward(gate: &Gate, what: &str, reached: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, LIMIT, || Some(outward(gate)).filter(&reached))
}

#[test]
fn a_siem_and_files_get_what_is_recorded_under_pseudonyms() {
    let server = Syslog::start(None);
    let mut gate = setup(&format!("syslog = \"tcp://127.0.0.1:{}\"\njson = true", server.port())).start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    assert_eq!(Curl::through(&gate).get(&origin.url("allowed.test", "/")).status, 200);
    assert_eq!(Curl::through(&gate).get("http://blocked.test/").status, 403);
    let taken: Vec<Value> = server.until(2).iter().map(record).collect();
    let lines_of = |count| wait::until("the lines", LIMIT, || Some(lines(&gate)).filter(|all| all.len() == count));
    assert_eq!(lines_of(2), taken, "the same on both ways");
    for record in &taken {
        let text = record.to_string();
        assert!(!text.contains("poste-accueil") && record["client_ip"] != "127.0.0.1", "{text}");
        assert!(text.contains("\"p-") && text.contains("\"a-") && text.contains("\"pseudonyms\":true"), "{text}");
    }
    let mut hosts: Vec<&Value> = taken.iter().map(|record| &record["host"]).collect();
    hosts.sort_by_key(|host| host.to_string());
    assert_eq!(hosts, ["allowed.test", "blocked.test"]);
    assert_eq!(mode(&gate.path("data/forward")), 0o700);
    for file in fs::read_dir(gate.path("data/forward")).expect("listed") {
        assert_eq!(mode(&file.expect("listed").path()), 0o600);
    }
    // Counted where an administrator looks, and where Prometheus does.
    let counted = serde_json::json!({ "sent": 2, "lost": 0, "connected": true });
    let told =
        until_outward(&gate, "both to be counted", |told| told["syslog"]["sent"] == 2 && told["json"]["sent"] == 2);
    assert_eq!((&told["syslog"], &told["json"], &told["anchors_sent"]), (&counted, &counted, &Value::from(0)));
    assert!(gate.say(&["status"]).contains("to files"));
    let metrics = gate.page("/metrics").text();
    for way in ["syslog", "json"] {
        for sample in ["sent_total 2", "lost_total 0", "connected 1"] {
            let line = format!("\noctroi_forward_{way}_{sample}\n");
            assert!(metrics.contains(&line), "{line} is not in {metrics}");
        }
    }
    // A gate that is stopped at once forwards what it has just recorded.
    let url = origin.url("allowed.test", "/");
    Curl::through(&gate).get_all(&[url.as_str(); 20]);
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
    assert_eq!(server.until(22).len(), 22);
    assert_eq!(lines(&gate).len(), 22);
}

#[test]
fn names_leave_over_tls_and_with_a_warning() {
    let authority = Authority::new();
    let server = Syslog::start(Some(&authority));
    let section = format!("syslog = \"tls://127.0.0.1:{}\"\nca_file = \"ca.pem\"\nnames = true", server.port());
    let mut gate = setup(&section).prepare();
    gate.write("ca.pem", authority.pem());
    gate.start();
    let warned = gate.printed();
    assert!(warned.contains("Warning") && warned.contains("names = true"), "{warned}");
    Curl::through(&gate).get("http://blocked.test/");
    let record = record(&server.until(1)[0]);
    assert_eq!((&record["user"], &record["client_ip"]), (&"poste-accueil".into(), &"127.0.0.1".into()));
    assert_eq!(record["pseudonyms"], Value::Bool(false));
    assert!(!gate.path("data/forward").exists(), "nobody asked for files");
}

#[test]
fn a_receiver_that_goes_and_comes_back_holds_nobody_up_and_misses_nothing() {
    let mut server = Syslog::start(None);
    let gate = setup(&format!("syslog = \"tcp://127.0.0.1:{}\"", server.port())).start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    Curl::through(&gate).get(&url);
    server.until(1);
    server.stop();
    until_outward(&gate, "the loss to be noticed", |told| told["syslog"]["connected"] == false);
    for _ in 0..10 {
        let brought = Curl::through(&gate).get_all(&[url.as_str(); 10]);
        assert_eq!((brought.status, brought.text()), (200, "hello".repeat(10)));
    }
    assert_eq!(gate.log_of(101).len(), 101, "all are recorded, whoever gets a copy or not");
    server.resume();
    server.until(101);
    let told = until_outward(&gate, "the receiver to be back", |told| told["syslog"]["sent"] == 101);
    assert_eq!((&told["syslog"]["lost"], &told["syslog"]["connected"]), (&Value::from(0), &Value::from(true)));
}

#[test]
fn files_that_cannot_be_written_lose_lines_and_hold_nobody_up() {
    let mut gate = setup("json = true").prepare();
    gate.write("data/forward", "in the way");
    gate.start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url("allowed.test", "/");
    assert_eq!(Curl::through(&gate).get_all(&[url.as_str(); 20]).text(), "hello".repeat(20));
    gate.log_of(20);
    let told = until_outward(&gate, "the lines to be lost", |told| told["json"]["lost"] == 20);
    assert_eq!((&told["json"]["sent"], &told["json"]["connected"]), (&Value::from(0), &Value::from(false)));
    assert_eq!(gate.printed().matches("cannot be written").count(), 1, "said once: {}", gate.printed());
    fs::remove_file(gate.path("data/forward")).expect("deleted");
    Curl::through(&gate).get(&url);
    until_outward(&gate, "the files to be written again", |told| told["json"]["sent"] == 1);
    gate.terminate();
    assert_eq!(gate.wait().code, Some(0));
    assert_eq!((lines(&gate).len(), gate.log().len()), (1, 21));
}

#[test]
fn what_a_gate_was_at_when_it_was_killed_is_forwarded_by_the_next() {
    let server = Syslog::start(None);
    let mut gate = setup(&format!("syslog = \"tcp://127.0.0.1:{}\"\njson = true", server.port())).start();
    let origin = Origin::http(|_| Answer::ok(""));
    let mut tunnel = gate.client();
    let authority = format!("allowed.test:{}", origin.port());
    assert_eq!(tunnel.connect_to(&authority).expect("an answer").status(), 200);
    gate.kill();
    gate.start();
    let of_the_tunnel = |record: &Value| record["method"] == "CONNECT" && record["outcome"] == "interrupted";
    let taken: Vec<Value> = server.until(1).iter().map(record).collect();
    assert!(taken.len() == 1 && of_the_tunnel(&taken[0]), "{taken:#?}");
    assert_eq!(taken[0]["id"], gate.log()[0].id);
    let all = wait::until("the line", LIMIT, || Some(lines(&gate)).filter(|all| all.len() == 1));
    assert_eq!(all, taken);
}
