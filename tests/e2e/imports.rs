//! Logs of another proxy: taken into the register under its law, and searched like its own.
use crate::readers;
use harness::{Gate, Setup};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// A line as Squid writes it, of a visit so many days ago.
pub(crate) fn line(days_ago: u64, host: &str, path: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let at = now - days_ago * 86_400;
    format!(
        "{at}.250    200 10.0.0.7 TCP_MISS/200 1024 GET http://{host}{path} a.martin HIER_DIRECT/192.0.2.1 text/html\n"
    )
}

/// Takes a log into the register of a gate that doesn't run; what it says of it.
pub(crate) fn bring(gate: &Gate, log: &str) -> Value {
    gate.write("access.log", log);
    let said = gate.say(&["import", "squid-log", "access.log", "--json"]);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("not JSON: {error}\n{said}"))
}

#[test]
fn a_log_made_through_a_gate_comes_back_as_it_was_and_once() {
    let log = readers::log();
    let gate = Setup::new().prepare();
    let first = bring(&gate, &log);
    assert_eq!(first["kept"], readers::REQUESTS, "{first}\n{log}");
    let again = bring(&gate, &log);
    assert_eq!((&again["kept"], &again["known"]), (&0.into(), &readers::REQUESTS.into()), "{again}");
    let records = gate.log();
    assert_eq!(records.len(), readers::REQUESTS);
    let of = |user: &str| records.iter().filter(|record| record.user.as_deref() == Some(user)).count();
    assert_eq!((of("a.martin"), of("j.petit@exemple.fr"), of("poste d'accueil n° 1")), (4, 1, 2));
    let blocked = records.iter().filter(|record| record.host.as_deref() == Some("blocked.test"));
    assert!(blocked.clone().count() == 3 && blocked.clone().all(|record| record.action == "block"), "{records:?}");
    let trail = gate.say(&["audit", "--act", "import", "--format", "csv"]);
    assert_eq!(trail.lines().count(), 2, "an import that brought nothing is none: {trail}");
    gate.say(&["log", "verify"]);
}

#[test]
fn the_law_of_the_register_holds_for_what_is_imported() {
    let gate = Setup::new().config("[log]\ndetail = \"path\"\nretention_days = 180").prepare();
    let log = [
        line(10, "www.ameli.fr", "/temoin-zx81?q=temoin-zx81"),
        line(10, "www.example.com", "/page?q=temoin-zx81"),
        line(182, "old.example.com", "/"),
    ];
    let said = bring(&gate, &log.concat());
    assert_eq!((&said["kept"], &said["masked"], &said["too_old"]), (&2.into(), &1.into(), &1.into()), "{said}");
    let records = gate.log();
    let masked = records.iter().find(|record| record.masked.is_some()).expect("one is withheld");
    assert_eq!((&masked.host, &masked.path, &masked.destination_ip), (&None, &None, &None));
    let open = records.iter().find(|record| record.masked.is_none()).expect("one is not");
    assert_eq!((open.host.as_deref(), open.path.as_deref()), (Some("www.example.com"), Some("/page")));
    // A query string is not kept, whatever was asked.
    assert_eq!(crate::masking::holding_the_marker(&gate.path("data")), Vec::<std::path::PathBuf>::new());
    let told = gate.say(&["log", "search", "--json", "--purpose", "security", "--reason", "r"]);
    assert!(!told.contains("temoin-zx81"), "{told}");
}

#[test]
fn nothing_is_imported_while_a_gate_runs() {
    let gate = Setup::new().start();
    gate.write("access.log", line(1, "www.example.com", "/"));
    let output = gate.octroi(&["import", "squid-log", "access.log"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("a gate keeps the register"), "{said}");
}
