//! Destinations that the register is never told: those of protected categories, protected persons and guests.
use crate::identity::with_password;
use harness::record::Record;
use harness::{Answer, Authority, Curl, Gate, Origin, Setup};
use serde_json::Value;
use std::path::{Path, PathBuf};

const PASSWORD: &str = "Cheval-Correct-4-Agrafe";

/// Part of the name of every host that must not be told: an unlikely word, so that it can be looked for in every byte.
const MARKER: &str = "temoin-zx81";

/// What the gate under test is told to protect, beside what is shipped. Nothing of it holds the marker: names are in the
/// charter and in the lists anyway, it is visits that are not to be known.
const CHARTER: &str = r#"
version = "essai-1"

[lists.ut1]
format = "ut1"
source = "ut1"

[categories.sante]
label = { fr = "Santé", en = "Health" }
domains = ["doctolib.fr"]

[categories.menaces]
label = { fr = "Sites dangereux", en = "Dangerous sites" }
lists = ["ut1:malware"]

[masking]
users    = ["p.dupont"]
networks = ["127.0.0.9"]
guests   = ["127.0.0.2"]

[[rule]]
id         = "sante"
article    = "3"
action     = "block"
categories = ["sante"]

[[rule]]
id         = "menaces"
action     = "block"
categories = ["menaces"]
"#;

fn host(of: &str) -> String {
    format!("{MARKER}.{of}")
}

/// A gate with the charter above, its protected names on loopback.
fn setup() -> Setup {
    [host("ameli.fr"), host("doctolib.fr"), host("meet.test"), host("evil.test"), host("allowed.test")]
        .iter()
        .fold(Setup::new().charter(CHARTER), |setup, name| setup.host(name, "127.0.0.1"))
        .config("[log]\ndetail = \"url\"")
}

fn prepared(setup: Setup) -> Gate {
    let gate = setup.prepare();
    gate.write("ut1/dating/domains", "meet.test\n");
    gate.write("ut1/malware/domains", "evil.test\n");
    gate
}

fn started(setup: Setup) -> Gate {
    let mut gate = prepared(setup);
    gate.start();
    gate
}

/// What a record says of the destination: host, path, address.
fn destination(record: &Record) -> (Option<&str>, Option<&str>, Option<&str>) {
    (record.host.as_deref(), record.path.as_deref(), record.destination_ip.as_deref())
}

/// The files below the folder that hold the marker.
pub(crate) fn holding_the_marker(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is readable").flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => holding_the_marker(&path),
            path => {
                let bytes = std::fs::read(&path).unwrap_or_default();
                let held = bytes.windows(MARKER.len()).any(|window| window.eq_ignore_ascii_case(MARKER.as_bytes()));
                if held { vec![path] } else { Vec::new() }
            }
        })
        .collect()
}

/// That nothing on the disk or in what the gate printed holds the marker.
fn assert_untold(gate: &Gate) {
    let held = holding_the_marker(&gate.path("data"));
    assert!(held.is_empty(), "{held:?}");
    assert!(!gate.printed().to_lowercase().contains(MARKER), "{}", gate.printed());
}

#[test]
fn a_visit_to_a_protected_name_is_recorded_without_its_destination() {
    let gate = started(setup());
    let origin = Origin::http(|_| Answer::ok("hello"));
    for name in [host("ameli.fr"), host("meet.test")] {
        let brought = Curl::through(&gate).get(&origin.url(&name, &format!("/{MARKER}?q={MARKER}")));
        assert_eq!((brought.status, brought.text().as_str()), (200, "hello"), "{}", brought.complaint);
    }
    let records = gate.log_of(2);
    for record in &records {
        assert_eq!(record.masked.as_deref(), Some("category"), "{record:?}");
        assert_eq!(destination(record), (None, None, None));
        assert_eq!((record.action.as_str(), record.outcome.as_str(), record.status), ("allow", "completed", Some(200)));
        assert_eq!((record.port, record.bytes_received), (origin.port(), 5), "all else is kept");
    }
    assert_untold(&gate);
}

#[test]
fn a_refused_visit_keeps_its_verdict_and_not_its_destination() {
    let gate = started(setup());
    let refused = Curl::through(&gate).get(&format!("http://{}/{MARKER}", host("doctolib.fr")));
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains(MARKER), "who asked may see what was asked");
    let record = &gate.log_of(1)[0];
    assert_eq!((record.masked.as_deref(), destination(record)), (Some("category"), (None, None, None)));
    assert_eq!(
        (record.action.as_str(), record.rule.as_deref(), record.article.as_deref(), record.category.as_deref()),
        ("block", Some("sante"), Some("3"), Some("sante"))
    );
    assert_untold(&gate);
}

#[test]
fn refusals_of_the_gate_itself_withhold_too() {
    let gate = started(setup().config("[destinations]\nconnect_ports = [443]\nallow_private = []"));
    let (port, address) = (format!("{}:8443", host("ameli.fr")), format!("{}:443", host("ameli.fr")));
    for (authority, status) in [(&port, 403), (&address, 403)] {
        assert_eq!(gate.client().connect_to(authority).expect("an answer").status(), status, "{authority}");
    }
    let records = gate.log_of(2);
    let rules: Vec<_> = records.iter().filter_map(|record| record.rule.as_deref()).collect();
    assert_eq!(rules.iter().filter(|rule| rule.starts_with("gate:")).count(), 2, "{rules:?}");
    assert!(rules.contains(&"gate:port") && rules.contains(&"gate:address"), "{rules:?}");
    for record in &records {
        assert_eq!((record.masked.as_deref(), destination(record)), (Some("category"), (None, None, None)));
    }
    assert_untold(&gate);
}

#[test]
fn a_protected_person_is_known_to_have_been_somewhere() {
    let mut gate = prepared(setup().config("[identity]\nmethods = [\"basic\"]"));
    for name in ["a.martin", "p.dupont"] {
        assert!(with_password(&gate, &["user", "add", name, "--password-stdin"], PASSWORD).status.success());
    }
    gate.start();
    let origin = Origin::http(|_| Answer::ok("hello"));
    let (unlisted, protected) = (host("allowed.test"), host("ameli.fr"));
    for name in [&unlisted, &protected] {
        let url = origin.url(name, "/");
        assert_eq!(Curl::through(&gate).as_user("P.Dupont", PASSWORD).get(&url).status, 200);
    }
    let records = gate.log_of(2);
    for record in &records {
        assert_eq!((record.user.as_deref(), record.auth.as_str()), (Some("p.dupont"), "basic"));
        assert_eq!((record.masked.as_deref(), destination(record)), (Some("person"), (None, None, None)));
    }
    assert_untold(&gate);

    // Anybody else's visit to the same place is told.
    assert_eq!(Curl::through(&gate).as_user("a.martin", PASSWORD).get(&origin.url(&unlisted, "/x")).status, 200);
    gate.log_of(3);
    let record = &gate.log_search(&["--user", "a.martin"])[0];
    assert_eq!((record.masked.as_deref(), record.place()), (None, format!("{unlisted}/x")));
    assert_eq!(record.destination_ip.as_deref(), Some("127.0.0.1"));
}

#[test]
fn machines_of_protected_persons_and_guests_are_known_by_their_network() {
    let gate = started(setup());
    let origin = Origin::http(|_| Answer::ok("hello"));
    // Of several reasons the guest's comes first, then the person's.
    for (client, name, masked) in [
        ("127.0.0.9", "allowed.test", "person"),
        ("127.0.0.9", "ameli.fr", "person"),
        ("127.0.0.2", "allowed.test", "guest"),
        ("127.0.0.2", "ameli.fr", "guest"),
    ] {
        let brought = Curl::through(&gate).args(["--interface", client]).get(&origin.url(&host(name), "/"));
        assert_eq!(brought.status, 200, "{}", brought.complaint);
        let records = gate.log();
        let record = records.iter().max_by_key(|record| record.id).expect("a record");
        assert_eq!((record.client_ip.as_str(), record.masked.as_deref()), (client, Some(masked)), "{name}");
    }
    assert!(gate.log_of(4).iter().all(|record| destination(record) == (None, None, None)));
    assert_untold(&gate);
}

#[test]
fn malware_is_never_masked_whoever_asks() {
    let gate = started(setup());
    for client in ["127.0.0.1", "127.0.0.2", "127.0.0.9"] {
        let url = format!("http://{}/payload", host("evil.test"));
        assert_eq!(Curl::through(&gate).args(["--interface", client]).get(&url).status, 403);
    }
    let records = gate.log_of(3);
    for record in &records {
        assert_eq!((record.masked.as_deref(), record.place()), (None, format!("{}/payload", host("evil.test"))));
        assert_eq!(record.category.as_deref(), Some("menaces"));
    }
}

#[test]
fn the_marker_would_be_found() {
    // In whatever form the register keeps its files: what the other tests look for, they would see.
    let gate = prepared(setup());
    gate.write("data/register/days/any.db", format!("\0\u{1}{}\0", host("ameli.fr").to_uppercase()));
    assert_eq!(holding_the_marker(&gate.path("data")), [gate.path("data/register/days/any.db")]);
}

#[test]
fn a_tunnel_to_a_protected_name_is_withheld() {
    let gate = started(setup());
    let authority = Authority::new();
    let name = host("ameli.fr");
    let origin = Origin::https(&authority, &[&name], |_| Answer::ok("inside"));
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("{name}:{}", origin.port())).expect("an answer").status(), 200);
    let mut tls = client.tls(authority.client(), &name).expect("TLS");
    assert_eq!(tls.get(&name, "/").expect("an answer").text(), "inside");
    drop(tls);
    let record = &gate.log_of(1)[0];
    assert_eq!((record.masked.as_deref(), destination(record)), (Some("category"), (None, None, None)));
    assert!(record.bytes_sent > 0 && record.bytes_received > 0, "{record:?}");
    assert_untold(&gate);
}

#[test]
fn a_protected_name_in_the_client_hello_does_not_come_after_another() {
    let gate = started(setup());
    let authority = Authority::new();
    let passes = host("ameli.fr");
    let origin = Origin::https(&authority, &[&passes], |_| Answer::ok("inside"));
    let to = format!("allowed.test:{}", origin.port());
    let mut client = gate.client();
    assert_eq!(client.connect_to(&to).expect("an answer").status(), 200);
    let mut tls = client.tls(authority.client(), &passes).expect("TLS");
    assert_eq!(tls.get(&passes, "/").expect("an answer").text(), "inside");
    drop(tls);
    gate.log_of(1);
    // Refused, the verdict says by which rule and category, and the name stays out all the same.
    let refused = host("doctolib.fr");
    let mut client = gate.client();
    assert_eq!(client.connect_to(&to).expect("an answer").status(), 200);
    assert!(client.tls(authority.client(), &refused).and_then(|mut tls| tls.get(&refused, "/")).is_err());

    let mut records = gate.log_of(2);
    records.sort_by_key(|record| record.id);
    for record in &records {
        assert_eq!(record.host.as_deref(), Some("allowed.test"));
    }
    assert_eq!((records[1].action.as_str(), records[1].category.as_deref()), ("block", Some("sante")));
    let shown: Value = serde_json::from_str(&gate.say(&[
        "log",
        "search",
        "--format",
        "json",
        "--purpose",
        "security",
        "--reason",
        "test",
    ]))
    .expect("records");
    let names: Vec<&Value> = shown.as_array().expect("a list").iter().map(|record| &record["tls_name"]).collect();
    assert_eq!(names, [&Value::Null, &Value::Null]);
    assert_untold(&gate);
}

#[test]
fn another_name_in_the_client_hello_is_told_unless_it_is_protected() {
    let gate = started(setup());
    let authority = Authority::new();
    let other = host("allowed.test");
    let origin = Origin::https(&authority, &[&other], |_| Answer::ok("inside"));
    let mut client = gate.client();
    assert_eq!(client.connect_to(&format!("allowed.test:{}", origin.port())).expect("an answer").status(), 200);
    let mut tls = client.tls(authority.client(), &other).expect("TLS");
    assert_eq!(tls.get(&other, "/").expect("an answer").text(), "inside");
    drop(tls);
    gate.log_of(1);
    let shown = gate.say(&["log", "search", "--json", "--purpose", "security", "--reason", "test"]);
    let shown: Value = serde_json::from_str(&shown).expect("records");
    assert_eq!(shown[0]["tls_name"], Value::String(other));
}

#[test]
fn nothing_of_a_withheld_destination_is_on_the_disk_after_a_crash_either() {
    let mut gate = started(setup());
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = origin.url(&host("ameli.fr"), &format!("/{MARKER}"));
    for _ in 0..20 {
        assert_eq!(Curl::through(&gate).get(&url).status, 200);
    }
    // The journal holds what was not filed yet.
    gate.kill();
    assert!(holding_the_marker(&gate.path("data")).is_empty());
    let records = gate.log();
    assert_eq!(records.len(), 20);
    assert!(records.iter().all(|record| record.masked.as_deref() == Some("category") && record.host.is_none()));
    assert!(holding_the_marker(&gate.path("data")).is_empty(), "nor is it after it was filed");
}

#[test]
fn explain_says_what_the_register_withholds() {
    let gate = prepared(setup());
    let withheld = |args: &[&str]| {
        let said: Value = serde_json::from_str(&gate.say(&[&["explain", "--json"], args].concat())).expect("JSON");
        said["withheld"].as_str().map(str::to_owned)
    };
    let is = |why: &str| Some(why.to_owned());
    assert_eq!(withheld(&["https://www.ameli.fr/"]), is("category"));
    assert_eq!(withheld(&["https://www.ameli.fr:25/"]), is("category"), "refused by the gate itself");
    assert_eq!(withheld(&["http://meet.test/"]), is("category"));
    assert_eq!(withheld(&["http://allowed.test/"]), None);
    assert_eq!(withheld(&["http://allowed.test/", "--user", "p.dupont"]), is("person"));
    assert_eq!(withheld(&["http://allowed.test/", "--client", "127.0.0.2"]), is("guest"));
    assert_eq!(withheld(&["http://evil.test/", "--user", "p.dupont"]), None);
    assert!(gate.say(&["explain", "www.ameli.fr"]).contains("withheld"), "in words too");
    assert!(!gate.say(&["explain", "allowed.test"]).contains("withheld"));
    assert!(gate.say(&["lists", "lookup", "www.ameli.fr"]).contains("built in, protected health"));
}
