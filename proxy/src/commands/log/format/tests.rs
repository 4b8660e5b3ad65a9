//! The four forms over one tunnel and one refused request.

use super::*;
use logstore::pseudonym::Pseudonyms;
use logstore::{Action, Auth};

fn tunnel() -> Record {
    Record {
        id: 7,
        node: "gate1".to_owned(),
        opened_at: 1_795_459_500_123_456,
        closed_at: Some(1_795_459_501_623_456),
        user: Some("p.dupont".to_owned()),
        auth: Auth::Basic,
        client_ip: "10.0.0.12".parse().expect("an address"),
        method: "CONNECT".to_owned(),
        scheme: "https".to_owned(),
        host: Some("a.test".to_owned()),
        port: 443,
        tls_name: None,
        masked: None,
        path: None,
        destination_ip: Some("192.0.2.7".parse().expect("an address")),
        status: Some(200),
        bytes_sent: 10,
        bytes_received: 20,
        action: Action::Allow,
        outcome: Some(Outcome::Completed),
        rule: None,
        article: None,
        category: None,
        charter: "1@abc".to_owned(),
    }
}

fn refused() -> Record {
    Record {
        id: 8,
        user: Some("poste \"accueil\", 2".to_owned()),
        method: "GET".to_owned(),
        scheme: "http".to_owned(),
        port: 8080,
        path: Some("/=x".to_owned()),
        destination_ip: None,
        status: Some(403),
        action: Action::Block,
        outcome: Some(Outcome::Refused),
        rule: Some("jeux".to_owned()),
        ..tunnel()
    }
}

fn open() -> Vec<Shown> {
    [tunnel(), refused()].map(|record| Shown::new(record, None)).into()
}

#[test]
fn json_has_every_field_of_the_register_one_record_a_line() {
    let text = json(&open());
    assert_eq!(text.lines().count(), 4, "{text}");
    let records: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let Value::Object(mut stored) = serde_json::to_value(tunnel()).expect("written") else { unreachable!() };
    stored.insert("pseudonyms".to_owned(), false.into());
    assert_eq!(records[0], Value::Object(stored));
    assert_eq!(json(&[]), "[]\n");
}

#[test]
fn squid_has_ten_columns_whatever_a_name_holds() {
    let text = squid(&open());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "1795459501.623   1500 10.0.0.12 TCP_TUNNEL/200 20 CONNECT a.test:443 p.dupont HIER_DIRECT/192.0.2.7 -"
    );
    assert_eq!(
        lines[1],
        "1795459501.623   1500 10.0.0.12 TCP_DENIED/403 20 GET http://a.test:8080/=x poste%20\"accueil\",%202 HIER_NONE/- -"
    );
    assert!(lines.iter().all(|line| line.split_ascii_whitespace().count() == 10));
}

#[test]
fn csv_quotes_and_runs_nothing() {
    let text = csv(&open());
    assert!(text.starts_with("id,node,opened_at,"));
    assert!(text.contains(",\"poste \"\"accueil\"\", 2\","), "{text}");
    assert_eq!(cell(&"=cmd()".into()), "'=cmd()");
    assert_eq!(cell(&Value::Null), "");
}

#[test]
fn the_table_is_in_local_time() {
    let zone = TimeZone::get("Europe/Paris").expect("a zone");
    let text = table(&open(), &zone);
    assert!(text.contains("+01:00  ") && text.contains("2026-11-23 "), "{text}");
    assert!(text.contains("CONNECT a.test:443") && text.contains("block"), "{text}");
    assert_eq!(table(&[], &zone), "");
}

#[test]
fn pseudonyms_leave_no_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let pseudonyms = Pseudonyms::open(&dir.path().join("keys/pseudonyms")).expect("made");
    let all = [Shown::new(tunnel(), Some(&pseudonyms))];
    let zone = TimeZone::UTC;
    for text in [json(&all), csv(&all), squid(&all), table(&all, &zone)] {
        assert!(!text.contains("dupont") && !text.contains("10.0.0.12"), "{text}");
        assert!(text.contains("p-") && text.contains("a-"), "{text}");
    }
}
